"""Slow readers hold back their own provider and nobody else, and connections do not live for ever."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import pytest

from antiphon.client import InferenceClient
from antiphon.v1 import chat_pb2
from tests.support.callers import BAD, MIB, Running, service
from tests.support.http2 import RawCaller, grpc_message
from tests.support.torrent import Torrent
from tests.support.waiting import status_where

CHAT = "/antiphon.v1.InferenceService/Chat"
LARGE = 64 * 1024 * 1024
STREAMS = 20


def question(model: str) -> bytes:
    turn = chat_pb2.Message(role=chat_pb2.ROLE_USER, parts=[chat_pb2.Part(text="?")])
    return grpc_message(chat_pb2.ChatRequest(model=model, messages=[turn]).SerializeToString())


def environment(upstream: Torrent) -> dict[str, str]:
    return {
        "ANTIPHON__PROVIDERS__A__KIND": "openai",
        "ANTIPHON__PROVIDERS__A__BASE_URL": upstream.url,
        "ANTIPHON__PROVIDERS__A__MODELS": '["torrent"]',
        "ANTIPHON__PROVIDERS__A__ANONYMOUS": "true",
        "ANTIPHON__PROVIDERS__EMBEDDED__KIND": "embedded",
        "ANTIPHON__ROUTES__CHAT__DEPLOYMENTS": '["embedded/demo"]',
        "ANTIPHON__ROUTES__LARGE__DEPLOYMENTS": '["a/torrent"]',
    }


@pytest.fixture
async def upstream() -> AsyncIterator[Torrent]:
    async with Torrent(LARGE) as torrent:
        yield torrent


async def settled(upstream: Torrent, running: Running) -> int:
    """What the provider could send until nothing more was taken, while the service answered others ten times."""
    while True:
        before = upstream.sent
        for _ in range(10):
            await running.well()
        if upstream.open == STREAMS and upstream.sent == before:
            return before


async def test_a_caller_who_reads_nothing_stops_its_provider_and_costs_little_memory(
    tmp_path: Path, upstream: Torrent
) -> None:
    async with service(tmp_path, **environment(upstream)) as running:
        await running.well()
        before = running.forget_peak()
        async with contextlib.AsyncExitStack() as callers:
            # A connection for each stream: one that is full would also keep a place in the pool's line from being shown.
            for _ in range(STREAMS):
                caller = await callers.enter_async_context(RawCaller(running.target, window=65_535))
                await caller.send(await caller.open(CHAT, BAD), question("large"))
            taken = await settled(upstream, running)
            # Most of it waits in the kernel's buffers of the provider's own sockets.
            assert taken < STREAMS * LARGE / 4
            assert running.memory() - before < STREAMS * 3 * MIB
        while upstream.open:  # its end reaches the provider
            upstream.changed.clear()
            await upstream.changed.wait()
        assert upstream.whole == 0


async def test_a_slow_caller_gets_every_character_in_the_end(tmp_path: Path, upstream: Torrent) -> None:
    async with (
        service(tmp_path, **environment(upstream)) as running,
        InferenceClient(running.target, "token-of-bad") as client,
    ):
        stream = client.chat("?", "large")
        count = 0
        async for _ in stream:
            count += 1
            if count == 3:
                for _ in range(20):
                    await running.well()
        assert len(stream.text) == upstream.characters
        assert upstream.whole == 1


async def test_an_old_connection_is_left_for_a_new_one_and_its_streams_finish(tmp_path: Path) -> None:
    environ = {
        "ANTIPHON__SERVICE__CONNECTION_AGE": "1",
        "ANTIPHON__EMBEDDED__CHARACTERS_PER_SECOND": "150",  # some seconds for an answer
    }
    async with service(tmp_path, **environ) as running, RawCaller(running.target) as old:
        async with InferenceClient(running.target, "token-of-good") as client:
            stream = client.chat("hi")
            async for _ in stream:
                pass
            assert stream.finished is not None
            assert await client.status()  # on another connection
        await old.closed.wait()


async def test_a_caller_whose_machine_is_gone_is_noticed_and_its_streams_end(tmp_path: Path, upstream: Torrent) -> None:
    environ = {**environment(upstream), "ANTIPHON__SERVICE__KEEPALIVE": "1"}
    async with (
        service(tmp_path, **environ) as running,
        RawCaller(running.target, deaf=True) as gone,
        RawCaller(running.target) as there,
        InferenceClient(running.target, "token-of-good") as client,
    ):
        for caller in (gone, there):
            await caller.send(await caller.open(CHAT, BAD), question("large"))
        await status_where(client, lambda status: status.live_requests == 2)
        await gone.closed.wait()
        await status_where(client, lambda status: status.live_requests == 1)
        assert not there.closed.is_set()


async def test_a_caller_has_its_streams_at_once_and_no_more_and_each_end_makes_room(
    tmp_path: Path, upstream: Torrent
) -> None:
    environ = {**environment(upstream), "ANTIPHON__SERVICE__CALLERS__BAD__MAX_STREAMS": "3"}
    async with service(tmp_path, **environ) as running, grpc.aio.insecure_channel(running.target) as channel:
        ask = channel.unary_stream(CHAT)
        calls = [ask(question("large")[5:], metadata=tuple(BAD.items())) for _ in range(3)]
        for call in calls:
            await call.read()
        fourth = ask(question("large")[5:], metadata=tuple(BAD.items()))
        assert await fourth.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert "3 streams at once" in str(await fourth.details())
        await running.well()
        calls[0].cancel()
        async with asyncio.timeout(30):
            while not await accepted(ask(question("large")[5:], metadata=tuple(BAD.items()))):
                await running.well()


async def accepted(call: grpc.aio.UnaryStreamCall[bytes, bytes]) -> bool:
    """Whether the service begins to answer, rather than refusing one stream too many."""
    try:
        await call.read()
    except grpc.aio.AioRpcError as error:
        assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        return False
    return True
