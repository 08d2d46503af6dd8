"""Connections: closed before a lease is free, and never reused after a word that nobody asked for."""

import asyncio
import contextlib
import socket
import threading
from collections.abc import AsyncIterator

import pytest

from inference_service.domain import ChatRequest, Delta, Message, Role, TextPart
from inference_service.failures import UpstreamFailure
from inference_service.providers.seam import ChatCall, checked
from tests.support.raw_server import (
    CUT,
    END,
    HOLD,
    STREAM,
    RawServer,
    Step,
    answer,
    chunked,
    provider_of,
    raw_server,
    streamed,
)


@pytest.fixture
async def server() -> AsyncIterator[RawServer]:
    async with raw_server() as server:
        yield server


def call() -> ChatCall:
    return ChatCall(ChatRequest("r", "chat", (Message(Role.USER, (TextPart("hi"),)),)), "m", "secret")


def said(text: str, finish: str = "null") -> bytes:
    return b'data: {"choices":[{"index":0,"delta":{"content":"%s"},"finish_reason":%s}]}\n\n' % (
        text.encode(),
        finish.encode(),
    )


DONE = b"data: [DONE]\n\n"


def whole(text: str) -> bytes:
    body = said(text, '"stop"') + DONE
    return answer(body, kind="text/event-stream")


async def text_of(provider: object) -> str:
    async with contextlib.aclosing(checked(provider.chat(call()))) as events:  # type: ignore[attr-defined]
        return "".join([event.text async for event in events if isinstance(event, Delta)])


async def test_a_connection_is_reused_for_the_next_call(server: RawServer) -> None:
    provider = provider_of("openai", server.url)
    server.answer_with([whole("one")], [whole("two")])
    assert [await text_of(provider), await text_of(provider)] == ["one", "two"]
    assert server.connections == 1
    await provider.close()


@pytest.mark.parametrize(
    ("stray", "at_once"),
    [
        (whole("stray"), True),  # a whole answer: the next caller would read it as its own
        (whole("stray"), False),
        (b"HTTP/1.1 200 OK\r\nContent-", True),
        (b"HTTP/1.1 200 OK\r\nContent-", False),
        (b"\r\n", True),
        (b"{}", False),
    ],
)
async def test_bytes_behind_the_end_never_reach_the_next_caller(server: RawServer, stray: bytes, at_once: bool) -> None:
    provider = provider_of("openai", server.url)
    go = asyncio.Event()
    first: list[Step] = [whole("one"), stray] if at_once else [whole("one"), go, stray]
    server.answer_with(first, [whole("two")], [whole("three")])
    assert await text_of(provider) == "one"
    go.set()
    await server.written.wait()
    assert [await text_of(provider), await text_of(provider)] == ["two", "three"]
    await provider.close()


def blunt_server(go: threading.Event, sent: threading.Event) -> tuple[socket.socket, threading.Thread]:
    """In a thread of its own, so that it goes on while the event loop stands still."""
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        first, _ = listening.accept()
        with first:
            first.recv(65_536)
            first.sendall(whole("one"))
            go.wait(10)
            first.sendall(whole("stray"))
            sent.set()
            second, _ = listening.accept()
            with second:
                second.recv(65_536)
                second.sendall(whole("two"))
                second.recv(65_536)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    return listening, thread


async def test_stray_bytes_that_nobody_has_read_yet_count_too() -> None:
    """They wait in the kernel: the event loop has had no turn since they arrived."""
    go, sent = threading.Event(), threading.Event()
    listening, thread = blunt_server(go, sent)
    provider = provider_of("openai", f"http://127.0.0.1:{listening.getsockname()[1]}")
    assert await text_of(provider) == "one"
    go.set()
    assert sent.wait(10)
    assert await text_of(provider) == "two"
    await provider.close()
    await asyncio.to_thread(thread.join, 10)
    listening.close()


POINTS = {
    "before the head": [HOLD],
    "in the head": [STREAM[:30], HOLD],
    "before the first word": [STREAM, HOLD],
    "between words": [STREAM, chunked(said("one")), HOLD],
    "behind the finish": [STREAM, chunked(said("one") + said("", '"stop"')), HOLD],
}


@pytest.mark.parametrize("point", POINTS)
async def test_cancelled_at_any_point_the_socket_is_closed_when_the_call_is(server: RawServer, point: str) -> None:
    provider = provider_of("openai", server.url)
    server.answer_with(POINTS[point])
    spoke = asyncio.Event()

    async def ask() -> None:
        async with contextlib.aclosing(checked(provider.chat(call()))) as events:
            async for event in events:
                if isinstance(event, Delta):
                    spoke.set()

    task = asyncio.create_task(ask())
    await server.arrived.wait()
    if "words" in point or "behind" in point:
        await spoke.wait()
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    assert not open_transports(provider)
    async with asyncio.timeout(5):
        await server.all_closed.wait()
    await provider.close()


def open_transports(provider: object) -> list[object]:
    """What the client still holds, idle connections aside."""
    connector = provider.http._session.connector  # type: ignore[attr-defined]
    return [one for one in connector._acquired if one.transport is not None]


async def test_closed_in_the_middle_the_socket_is_closed_before_close_returns(server: RawServer) -> None:
    provider = provider_of("openai", server.url)
    server.answer_with([STREAM, chunked(said("one")), HOLD])
    events = checked(provider.chat(call()))
    while not isinstance(await anext(events), Delta):
        pass
    transport = open_transports(provider)[0].transport  # type: ignore[attr-defined]
    held = transport.get_extra_info("socket")
    await events.aclose()
    assert held.fileno() == -1
    await provider.close()


async def test_a_large_question_that_nobody_reads_does_not_keep_its_socket() -> None:
    """What is still to be sent is dropped: the peer may never take it."""
    blocked = asyncio.Event()
    listening = await asyncio.start_server(lambda _reader, _writer: blocked.wait(), "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    provider = provider_of("openai", f"http://127.0.0.1:{port}")
    huge = ChatCall(ChatRequest("r", "chat", (Message(Role.USER, (TextPart("x" * 8_000_000),)),)), "m", "secret")
    events = checked(provider.chat(huge))
    task = asyncio.ensure_future(anext(events))
    while not (held := open_transports(provider) if provider.http._session else []):
        await asyncio.sleep(0.01)
    client = held[0].transport.get_extra_info("socket")  # type: ignore[attr-defined]
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    await events.aclose()
    assert client.fileno() == -1
    blocked.set()
    listening.close()
    await provider.close()


async def test_a_refusal_and_a_cut_leave_no_socket_behind(server: RawServer) -> None:
    provider = provider_of("openai", server.url)
    for steps in (
        [answer(b"{}", "500 Oops")],
        [STREAM, chunked(said("one")), CUT],
        [STREAM, chunked(b"data: {bad"), END],
    ):
        server.answer_with(steps)
        with pytest.raises(UpstreamFailure):
            await text_of(provider)
        assert not open_transports(provider)
    server.answer_with(streamed(said("one", '"stop"'), DONE))
    assert await text_of(provider) == "one"
    await provider.close()
