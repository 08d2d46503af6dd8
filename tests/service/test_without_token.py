"""Health and reflection, which need no token: bounded in messages, streams and time, and complete in what they answer."""

import asyncio
import resource
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import grpc
import pytest
from google.protobuf import descriptor_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2

from antiphon.client import InferenceClient
from inference_service.api import anonymous
from tests.service.test_bad_input import HEALTH, MUCH, REFLECTION
from tests.service.test_door import DEMO
from tests.support.callers import Running, service
from tests.support.http2 import RawCaller, grpc_message
from tests.support.service import serving
from tests.support.waiting import becomes_true

CHECK = "/grpc.health.v1.Health/Check"
SURFACES = (CHECK, HEALTH, REFLECTION)


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Running]:
    async with service(tmp_path) as running:
        await running.well()
        yield running
        await running.well()
        assert not any("Traceback" in line for line in running.process.errors)


async def alive(channel: grpc.aio.Channel) -> bool:
    answer = await health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=30)
    return answer.status == health_pb2.HealthCheckResponse.SERVING


@pytest.mark.parametrize("path", SURFACES)
async def test_forty_messages_of_nineteen_megabytes_do_not_fill_the_memory(running: Running, path: str) -> None:
    before = running.forget_peak()
    message = health_pb2.HealthCheckRequest(service="x" * 19 * 1024 * 1024).SerializeToString()
    async with AsyncExitStack() as stack:
        options = [("grpc.use_local_subchannel_pool", 1), ("grpc.max_send_message_length", -1)]
        channels = [
            await stack.enter_async_context(grpc.aio.insecure_channel(running.target, options=options))
            for _ in range(8)
        ]

        async def send(channel: grpc.aio.Channel) -> grpc.StatusCode:
            try:
                async for _ in channel.unary_stream(path)(message, timeout=60):
                    pass
            except grpc.aio.AioRpcError as error:
                return error.code()
            return grpc.StatusCode.OK

        codes = await asyncio.gather(*(send(channel) for channel in channels for _ in range(5)))
        assert await alive(channels[0])
    # One that dawdles while others wait is ended; the rest are too large.
    assert grpc.StatusCode.RESOURCE_EXHAUSTED in codes
    assert set(codes) <= {grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.OK}
    assert running.memory() - before < MUCH


@pytest.mark.parametrize("path", SURFACES)
async def test_a_message_of_four_kibibytes_is_the_largest(path: str) -> None:
    async with serving(DEMO) as (server, _), grpc.aio.insecure_channel(server.target) as channel:
        fits, large = (b"\x0a" + varint(size) + b"x" * size for size in (4_093, 4_094))
        for message, refused in ((fits, False), (large, True)):
            code = grpc.StatusCode.OK
            try:
                async for _ in channel.stream_stream(path)(iter([message]), timeout=30):
                    break
            except grpc.aio.AioRpcError as error:
                code = error.code()
            assert (code is grpc.StatusCode.RESOURCE_EXHAUSTED) is refused


def varint(value: int) -> bytes:
    return bytes((value & 0x7F | 0x80, value >> 7))


async def test_watches_are_bounded_by_connection_and_in_all(
    running: Running,
) -> None:
    before = running.forget_peak()
    async with AsyncExitStack() as stack:
        for _ in range(20):
            caller = await stack.enter_async_context(RawCaller(running.target))
            for _ in range(600):
                await caller.send(await caller.open(HEALTH), grpc_message(b""))
            while len(caller.ended) < 600 - anonymous.STREAMS_A_CONNECTION:
                await caller.change()
        async with grpc.aio.insecure_channel(running.target) as channel:
            assert await alive(channel)
        assert running.memory() - before < MUCH / 2


async def test_in_all_there_are_only_so_many_streams_and_their_room_comes_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(anonymous, "STREAMS_IN_ALL", 2)
    async with serving(DEMO) as (server, _), grpc.aio.insecure_channel(server.target) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        for _ in range(2):
            watches = [stub.Watch(health_pb2.HealthCheckRequest()) for _ in range(2)]
            for watch in watches:
                assert (await anext(aiter(watch))).status == health_pb2.HealthCheckResponse.SERVING
            with pytest.raises(grpc.aio.AioRpcError, match="without a token at once"):
                await alive(channel)
            for watch in watches:
                watch.cancel()
            await becomes_true(lambda: answers(channel))


async def answers(channel: grpc.aio.Channel) -> bool:
    try:
        return await alive(channel)
    except grpc.aio.AioRpcError:
        return False


@pytest.mark.parametrize("path", SURFACES)
async def test_a_stream_that_says_nothing_is_ended(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(anonymous, "PATIENCE", 0.2)
    async with serving(DEMO) as (server, _), RawCaller(server.target) as caller:
        stream = await caller.open(path)
        while stream not in caller.ended:
            await caller.change()


async def test_dawdlers_on_many_connections_do_not_keep_others_from_asking(running: Running) -> None:
    async with AsyncExitStack() as stack:
        for _ in range(40):
            caller = await stack.enter_async_context(RawCaller(running.target))
            for _ in range(10):
                await caller.open(CHECK)
        async with grpc.aio.insecure_channel(running.target) as channel:
            assert await alive(channel)


async def test_the_service_may_hold_as_many_connections_as_the_machine_allows(running: Running) -> None:
    soft, hard = resource.prlimit(running.process.pid, resource.RLIMIT_NOFILE)
    assert soft == hard


async def test_connections_that_never_speak_give_their_place_back(tmp_path: Path) -> None:
    """They hold every descriptor that the process may have."""
    async with service(tmp_path) as running:
        resource.prlimit(running.process.pid, resource.RLIMIT_NOFILE, (200, 200))
        host, _, port = running.target.rpartition(":")
        silent = [await asyncio.open_connection(host, int(port)) for _ in range(300)]
        async with InferenceClient(running.target, "token-of-good", connect_timeout=45) as client:
            async for _ in client.chat("Are you well?", timeout=50):
                pass
        for _, writer in silent:
            writer.transport.abort()


@pytest.mark.parametrize("version", ["v1", "v1alpha"])
@pytest.mark.parametrize(
    ("symbol", "file"),
    [
        ("antiphon.v1.InferenceService", "inference_service.proto"),
        ("antiphon.v1.InferenceService.Chat", "inference_service.proto"),
        ("antiphon.v1.OperationsService.GetStatus", "operations_service.proto"),
        ("antiphon.v1.ChatRequest", "chat.proto"),
        ("antiphon.v1.ChatRequest.model", "chat.proto"),
        ("antiphon.v1.Part.content", "chat.proto"),
        ("antiphon.v1.Role", "chat.proto"),
        ("antiphon.v1.ROLE_USER", "chat.proto"),
        ("antiphon.v1.FailedAttempts", "errors.proto"),
        ("google.protobuf.Timestamp.seconds", "timestamp.proto"),
        ("grpc.health.v1.Health.Watch", "health.proto"),
        ("grpc.health.v1.HealthCheckResponse.ServingStatus", "health.proto"),
        ("grpc.health.v1.HealthCheckResponse.SERVING", "health.proto"),
        ("antiphon.v1.InferenceService.Nothing", ""),
        ("antiphon.v1.Role.ROLE_USER", ""),
        ("nothing", ""),
        ("", ""),
    ],
)
async def test_reflection_finds_the_file_of_every_symbol(version: str, symbol: str, file: str) -> None:
    async with serving(DEMO) as (server, _), grpc.aio.insecure_channel(server.target) as channel:
        call = channel.stream_stream(f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo")
        request = reflection_pb2.ServerReflectionRequest(file_containing_symbol=symbol)
        answer = reflection_pb2.ServerReflectionResponse.FromString(
            await anext(aiter(call(iter([request.SerializeToString()]))))
        )
        if not file:
            assert answer.error_response.error_code == grpc.StatusCode.NOT_FOUND.value[0]
            return
        files = answer.file_descriptor_response.file_descriptor_proto
        assert descriptor_pb2.FileDescriptorProto.FromString(files[0]).name.endswith(f"/{file}")
