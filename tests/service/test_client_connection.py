"""The client and a service that is not there, goes, stays away, or is exchanged for another."""

import asyncio
import socket
from collections.abc import AsyncIterator

import grpc
import pytest
from google.rpc import error_details_pb2

from antiphon import errors, events
from antiphon.client import InferenceClient
from antiphon.v1 import chat_pb2
from tests.fakes import inference as fake_inference
from tests.fakes.inference import ScriptedInference, answer, collect, delta, info, refuse, started

STATUS = grpc.StatusCode


async def test_a_service_that_is_not_there_is_said_and_found_again_when_it_returns(fake: ScriptedInference) -> None:
    async with InferenceClient(fake.target, connect_timeout=0.3) as client:
        assert await client.ready()
        await fake.stop()
        assert not await client.ready()
        with pytest.raises(errors.ConnectionLost, match=r"cannot be reached: nothing listens on that port") as caught:
            await collect(client.chat("?"))
        assert caught.value.retry_after
        await fake.start()
    async with InferenceClient(fake.target) as client:
        await collect(client.chat("?"))
        await fake.stop()
        await fake.start()
        stream = client.chat("Again, on the same client")
        await collect(stream)
        assert stream.text == "Hello."


async def test_a_service_killed_within_an_answer_interrupts_it(
    fake: ScriptedInference, client: InferenceClient
) -> None:
    async def endless(_: chat_pb2.ChatRequest) -> AsyncIterator[chat_pb2.ChatResponse]:
        yield started()
        yield delta("It was ")
        await asyncio.Event().wait()

    fake.on_chat(endless)

    async def listen() -> None:
        async for event in client.chat("?"):
            if isinstance(event, events.Delta):
                await fake.stop()

    with pytest.raises(errors.Interrupted) as caught:
        await listen()
    assert caught.value.text == "It was "


@pytest.mark.parametrize("details", [(), (info("DRAINING"),)])
async def test_a_service_that_is_being_exchanged_is_asked_again_until_the_new_one_answers(
    fake: ScriptedInference, client: InferenceClient, details: tuple[error_details_pb2.ErrorInfo, ...]
) -> None:
    """More often than gRPC itself tries: a replica that comes back is not known to a client for seconds."""
    refused, answered = refuse(STATUS.UNAVAILABLE, "Socket closed", *details), answer("Here ", "again.")

    def script(request: chat_pb2.ChatRequest) -> AsyncIterator[chat_pb2.ChatResponse]:
        return (refused if len(fake.chats) <= 5 else answered)(request)

    fake.on_chat(script)
    stream = client.chat("?")
    await collect(stream)
    assert stream.text == "Here again."
    assert len({chat.request_id for chat in fake.chats}) == 1


async def test_an_unreachable_service_is_reported_within_the_callers_own_timeout(
    fake: ScriptedInference, client: InferenceClient
) -> None:
    fake.on_chat(refuse(STATUS.UNAVAILABLE, "Socket closed"))
    with pytest.raises(errors.ConnectionLost):
        await collect(client.chat("?"))
    with pytest.raises((errors.DeadlineExceeded, errors.ConnectionLost)):
        await collect(client.chat("?", timeout=0.3))


async def test_an_answer_that_has_begun_is_not_asked_for_again(
    fake: ScriptedInference, client: InferenceClient
) -> None:
    async def cut(_: chat_pb2.ChatRequest) -> AsyncIterator[chat_pb2.ChatResponse]:
        yield started()
        raise fake_inference.Refusal(STATUS.UNAVAILABLE, "Socket closed")

    fake.on_chat(cut)
    with pytest.raises(errors.ConnectionLost):
        await collect(client.chat("?"))
    assert len(fake.chats) == 1


async def test_a_name_that_does_not_exist_is_said() -> None:
    async with InferenceClient("antiphon.invalid:1", connect_timeout=0.5) as client:
        with pytest.raises(errors.ConnectionLost, match=r"antiphon\.invalid"):
            await client.models()


async def test_something_else_on_the_port_is_no_service() -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    try:
        target = f"127.0.0.1:{listener.getsockname()[1]}"
        async with InferenceClient(target, connect_timeout=0.3) as client:
            with pytest.raises(errors.ConnectionLost):
                await client.models()
    finally:
        listener.close()


async def test_a_question_that_is_taken_back_while_the_service_is_away_is_never_asked(fake: ScriptedInference) -> None:
    await fake.stop()
    async with InferenceClient(fake.target, connect_timeout=30) as client:
        stream = client.chat("?")
        asking = asyncio.create_task(collect(stream))
        await asyncio.sleep(0)  # it has begun to connect
        stream.cancel()
        async with asyncio.timeout(10):
            assert await asking == []
        await fake.start()
        await client.models()
    assert fake.chats == []


async def test_a_question_that_is_taken_back_between_two_tries_ends_at_once(fake: ScriptedInference) -> None:
    refused = refuse(STATUS.UNAVAILABLE, "Socket closed")
    tried = asyncio.Event()

    def script(request: chat_pb2.ChatRequest) -> AsyncIterator[chat_pb2.ChatResponse]:
        if len(fake.chats) == 4:  # gRPC itself tries three times
            tried.set()
        return refused(request)

    fake.on_chat(script)
    async with InferenceClient(fake.target, connect_timeout=3_600) as client:
        stream = client.chat("?")
        asking = asyncio.create_task(collect(stream))
        async with asyncio.timeout(30):
            await tried.wait()
            stream.cancel()
            assert await asking == []
