"""Callers without manners: refused with the right status, the service's memory bounded, other callers served as before."""

import asyncio
import gzip
from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from antiphon.client import InferenceClient
from antiphon.v1 import chat_pb2, inference_service_pb2_grpc
from tests.support.callers import BAD, MIB, Running, service
from tests.support.http2 import RawCaller, grpc_message
from tests.support.waiting import status_where

CHAT = "/antiphon.v1.InferenceService/Chat"
REFLECTION = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"
HEALTH = "/grpc.health.v1.Health/Watch"
MUCH = 120 * MIB
"""What any of this may cost at most; the service itself has about 90 MiB. Without bounds each of these costs far more."""


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Running]:
    async with service(tmp_path) as running:
        await running.well()
        yield running
        if running.process.running:
            await running.well()
        else:
            assert await running.process.wait() == 0
        assert not any("Traceback" in line or '"level": "error"' in line for line in running.process.errors)


def question(characters: int = 10) -> bytes:
    part = chat_pb2.Part(text="x" * characters)
    return chat_pb2.ChatRequest(
        model="chat", messages=[chat_pb2.Message(role=chat_pb2.ROLE_USER, parts=[part])]
    ).SerializeToString()


async def refusal(target: str, data: bytes, *, large_metadata: int = 0, **call: object) -> grpc.aio.AioRpcError:
    options = [("grpc.max_send_message_length", -1), ("grpc.absolute_max_metadata_size", 4 * 1024 * 1024)]
    metadata = [*BAD.items(), *([("x-large", "a" * large_metadata)] if large_metadata else [])]
    async with grpc.aio.insecure_channel(target, options=options) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            async for _ in channel.unary_stream(CHAT)(data, metadata=metadata, timeout=60, **call):
                pass
        return caught.value


async def test_ten_thousand_streams_of_a_caller_who_reads_none_leave_memory_and_the_others_alone(
    running: Running,
) -> None:
    before = running.forget_peak()
    async with RawCaller(running.target) as caller:
        for _ in range(10_000):
            await caller.send(await caller.open(CHAT, BAD), grpc_message(question()))
        while len(caller.ended) < 9_900:  # what its limit of 100 does not hold
            await caller.change()
        assert caller.data == 0
        await running.well()
        async with InferenceClient(running.target, "token-of-good") as client:
            assert (await client.status()).live_requests == 100
        error = await refusal(running.target, question())
        assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert "100 streams at once" in str(error.details())
        assert running.memory() - before < MUCH
    async with InferenceClient(running.target, "token-of-good") as client:
        await status_where(client, lambda status: not status.live_requests)  # its room is free again


@pytest.mark.parametrize("path", [REFLECTION, HEALTH, CHAT, "/no.such/Thing"])
async def test_ten_thousand_streams_without_a_token_or_a_word_do_not_matter(running: Running, path: str) -> None:
    before = running.forget_peak()
    async with RawCaller(running.target) as caller:
        for _ in range(10_000):
            await caller.open(path)
        await running.well()
        assert running.memory() - before < MUCH


async def test_watchers_who_read_nothing_delay_neither_other_watchers_nor_the_shutdown(
    running: Running,
) -> None:
    async with RawCaller(running.target) as caller, grpc.aio.insecure_channel(running.target) as channel:
        watch = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest(service="")).__aiter__()
        for _ in range(200):
            await caller.send(await caller.open(HEALTH), grpc_message(b""))
        assert (await anext(watch)).status == health_pb2.HealthCheckResponse.SERVING
        await running.well()
        ending = asyncio.create_task(running.process.end())
        assert (await anext(watch)).status == health_pb2.HealthCheckResponse.NOT_SERVING
        assert await ending == 0


async def test_calls_that_are_taken_back_at_once_do_not_matter(running: Running) -> None:
    before = running.forget_peak()
    async with RawCaller(running.target) as caller:
        for _ in range(10_000):
            if caller.closed.is_set():
                break  # gRPC may show such a caller the door
            stream = await caller.open(CHAT, BAD)
            caller.cancel(stream)
        await running.well()
        assert running.memory() - before < MUCH


async def test_nothing_large_is_taken_in_from_somebody_unknown(running: Running) -> None:
    before = running.forget_peak()
    body = grpc_message(question(19 * 1024 * 1024))[:-10]  # and never its end
    async with RawCaller(running.target) as caller:

        async def send() -> bool:
            return await caller.send(await caller.open(CHAT, {"authorization": "Bearer wrong"}), body, end=False)

        assert not any(await asyncio.gather(*(send() for _ in range(50))))
        assert running.memory() - before < MUCH


async def test_a_compressed_bomb_is_refused_before_it_is_large(running: Running) -> None:
    before = running.forget_peak()
    error = await refusal(running.target, bytes(64 * 1024 * 1024), compression=grpc.Compression.Gzip)
    assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    bomb = grpc_message(gzip.compress(bytes(512 * 1024 * 1024), 6), compressed=True)
    async with RawCaller(running.target) as caller:

        async def throw() -> None:
            stream = await caller.open(CHAT, {**BAD, "grpc-encoding": "gzip"})
            await caller.send(stream, bomb)
            while stream not in caller.ended:
                await caller.change()

        for _ in range(5):
            await asyncio.gather(*(throw() for _ in range(4)))
            await running.well()
    assert running.memory() - before < 2 * MUCH  # four at once, each up to the limit of a request


async def test_the_bodies_of_refused_requests_are_not_kept(running: Running) -> None:
    before = running.forget_peak()
    text = chat_pb2.Part(text="x" * 900_000)
    wrong = chat_pb2.ChatRequest(messages=[chat_pb2.Message(role=chat_pb2.ROLE_USER, parts=[text] * 20)])
    for _ in range(25):
        error = await refusal(running.target, wrong.SerializeToString())
        assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert running.memory() - before < MUCH


async def test_the_requests_that_one_caller_has_running_may_hold_only_so_much(tmp_path: Path) -> None:
    part = chat_pb2.Part(text="x" * 900_000)
    large = chat_pb2.ChatRequest(model="chat", messages=[chat_pb2.Message(role=chat_pb2.ROLE_USER, parts=[part] * 20)])
    data = large.SerializeToString()
    async with service(tmp_path, ANTIPHON__EMBEDDED__CHARACTERS_PER_SECOND="20") as running:
        before = running.forget_peak()
        options = [("grpc.max_send_message_length", -1)]
        async with grpc.aio.insecure_channel(running.target, options=options) as channel:
            calls = [channel.unary_stream(CHAT)(data, metadata=tuple(BAD.items())) for _ in range(30)]
            begun = await asyncio.gather(*(call.read() for call in calls), return_exceptions=True)
            refused = [answer for answer in begun if isinstance(answer, grpc.aio.AioRpcError)]
            assert {error.code() for error in refused} == {grpc.StatusCode.RESOURCE_EXHAUSTED}
            assert "MiB of requests running already" in str(refused[0].details())
            assert len(begun) > len(refused) >= 10
            async with InferenceClient(running.target, "token-of-good") as client:
                assert (await client.status()).ready
            for call in calls:
                call.cancel()
        assert running.memory() - before < 9 * MUCH


async def test_metadata_of_a_megabyte_is_refused(running: Running) -> None:
    before = running.forget_peak()
    for _ in range(20):
        error = await refusal(running.target, question(), large_metadata=1024 * 1024)
        assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert "metadata" in str(error.details())
    assert running.memory() - before < MUCH


async def test_a_wrong_and_a_missing_token_are_distinguished_and_cost_nothing(running: Running) -> None:
    async with grpc.aio.insecure_channel(running.target) as channel:
        stub = inference_service_pb2_grpc.InferenceServiceStub(channel)
        for given, text in (
            ({}, "a token is needed"),
            ({"authorization": "Bearer nonsense"}, "not known"),
            ({"authorization": "Bearer"}, "a token is needed"),
            ({"authorization": "Basic dG9rZW4tb2YtZ29vZA=="}, "a token is needed"),
            ({"authorization": "Bearer token-of-good extra"}, "a token is needed"),
            ({"authorization": "Bearer " + "t" * 7_000}, "not known"),
        ):
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                async for _ in stub.Chat(chat_pb2.ChatRequest(), metadata=tuple(given.items())):
                    pass
            assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED
            assert text in str(caught.value.details())
            assert "nonsense" not in str(caught.value)


async def test_a_caller_who_disconnects_during_the_answer_is_no_error(running: Running) -> None:
    async with RawCaller(running.target) as caller:
        for _ in range(50):
            await caller.send(await caller.open(CHAT, BAD), grpc_message(question()))
        async with InferenceClient(running.target, "token-of-good") as client:
            await status_where(client, lambda status: status.live_requests > 0)
    async with InferenceClient(running.target, "token-of-good") as client:
        await status_where(client, lambda status: not status.live_requests)
