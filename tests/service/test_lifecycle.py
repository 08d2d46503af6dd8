"""Restarts, reloads and crashes of real processes under load: nothing is lost that need not be, and state stays sound."""

import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from antiphon import errors, events
from antiphon.client import InferenceClient
from antiphon.v1 import operations_pb2
from tests.fakes.upstream.server import TEXT, FakeUpstream
from tests.support.load import load
from tests.support.processes import Process, running
from tests.support.recovery import idle
from tests.support.redis import RedisServer, free_port, redis_server
from tests.support.waiting import becomes_true, process_ended

READY = operations_pb2.CREDENTIAL_STATE_READY
KEY = "key-of-a-000000000001"


@pytest.fixture
async def upstream() -> AsyncIterator[FakeUpstream]:
    async with FakeUpstream() as upstream:
        yield upstream


@pytest.fixture
async def redis() -> AsyncIterator[RedisServer]:
    async with redis_server() as made:
        yield made


def environment(upstream: FakeUpstream, model: str = "ok", port: int = 0, **more: str) -> dict[str, str]:
    return {
        "ANTIPHON__SERVICE__PORT": str(port),
        "ANTIPHON__SERVICE__STATUS_PAGE": "false",
        "ANTIPHON__SERVICE__HTTP": "false",
        "ANTIPHON__SERVICE__GRACE": "20",
        "ANTIPHON__PROVIDERS__A__KIND": "openai",
        "ANTIPHON__PROVIDERS__A__BASE_URL": upstream.base("a"),
        "ANTIPHON__PROVIDERS__A__MODELS": f'["{model}"]',
        "ANTIPHON__PROVIDERS__A__CREDENTIALS_ENV": '["A_KEY"]',
        "A_KEY": KEY,
        **more,
    }


async def target_of(service: Process) -> str:
    return (await service.line("ready: ")).split()[1]


async def ready(target: str) -> None:
    """Answers again, whoever asks."""
    async with InferenceClient(target) as client:
        await becomes_true(client.ready, 60)


async def test_a_rolling_restart_of_two_replicas_under_load_loses_no_stream(
    tmp_path: Path, upstream: FakeUpstream
) -> None:
    upstream.pause = 0.005  # about 40 chunks: a stream lasts, so every restart meets running ones
    ports = [free_port(), free_port()]
    places = [environment(upstream, port=port) for port in ports]
    target = "ipv4:" + ",".join(f"127.0.0.1:{port}" for port in ports)
    async with (
        running("inference_service", directory=tmp_path, environ=places[0]) as first,
        running("inference_service", directory=tmp_path, environ=places[1]) as second,
    ):
        for one in (first, second):
            await target_of(one)
        async with load(target, 8, text=TEXT) as callers:
            await callers.more(20)
            assert await first.end() == 0
            await callers.more(20)
            async with running("inference_service", directory=tmp_path, environ=places[0]) as renewed:
                await ready(await target_of(renewed))
                await callers.more(20)
                assert await second.end() == 0
                await callers.more(20)
                async with running("inference_service", directory=tmp_path, environ=places[1]) as other:
                    await ready(await target_of(other))
                    await callers.more(40)
                    callers.end()
                    # They finish on what they began on, before either ends.
                    await callers.more(8)
        assert callers.broken == []
        assert {call.ended for call in upstream.of("a")} == {"answered"}


async def test_watchers_do_not_keep_the_service_from_shutting_down(tmp_path: Path, upstream: FakeUpstream) -> None:
    environ = {**environment(upstream), "ANTIPHON__SERVICE__GRACE": "3600"}
    async with running("inference_service", directory=tmp_path, environ=environ) as service:
        target = await target_of(service)
        async with InferenceClient(target) as client, grpc.aio.insecure_channel(target) as channel:
            status = aiter(client.watch_status())
            await anext(status)
            health = aiter(health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest()))
            assert (await anext(health)).status == health_pb2.HealthCheckResponse.SERVING
            reflection = channel.stream_stream("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo")()
            await reflection.write(b"\x3a\x00")
            assert await reflection.read()
            assert await service.end() == 0


async def test_reloads_under_load_drop_nothing(tmp_path: Path, upstream: FakeUpstream) -> None:
    upstream.pause = 0.002
    file = tmp_path / "antiphon.toml"
    file.write_text("")
    async with running("inference_service", directory=tmp_path, environ=environment(upstream)) as service:
        async with load(await target_of(service), 8, text=TEXT) as callers:
            for number in range(10):
                await callers.more(8)
                broken = number == 5
                file.write_text("[nonsense]\n" if broken else f'[routes.number{number}]\nalias_of = "chat"\n')
                said = len(service.errors)
                os.kill(service.pid, signal.SIGHUP)
                await service.complaint("reloaded", after=said)
                if broken:
                    assert any("nonsense" in line for line in service.errors[said:])
            await callers.more(8)
        assert callers.broken == []
        assert {call.ended for call in upstream.of("a")} == {"answered"}


@pytest.mark.parametrize("deltas", [0, 1, 5])
async def test_a_service_killed_at_any_moment_breaks_only_what_ran_and_comes_back_sound(
    tmp_path: Path, upstream: FakeUpstream, redis: RedisServer, deltas: int
) -> None:
    """One call at a time on the one token: a count in flight that a crash left behind would block it for good."""
    upstream.pause = 0.01
    shared = {
        "ANTIPHON_REDIS_URL": redis.url,
        "ANTIPHON__STATE__LEASE": "1",
        "ANTIPHON__STATE__TIMEOUT": "2",
        "ANTIPHON__PROVIDERS__A__MAX_CONCURRENT": "1",
        "ANTIPHON__ROUTING__TIMEOUTS__SHORT_WAIT": "20",
    }
    environ = environment(upstream, port=free_port(), **shared)
    async with (
        running("inference_service", directory=tmp_path, environ=environ) as service,
        InferenceClient(await target_of(service)) as client,
    ):
        stream = client.chat("hi")
        with pytest.raises(errors.AntiphonError):
            async for event in stream:
                deltas -= isinstance(event, events.Delta)
                if deltas <= 0 and service.running:
                    await service.kill()
        assert TEXT.startswith(stream.text)
        async with running("inference_service", directory=tmp_path, environ=environ) as renewed:
            await target_of(renewed)
            again = client.chat("hi", timeout=30)
            async for _ in again:
                pass
            assert again.text == TEXT
            await idle(client)
            (provider,) = (await client.status()).providers
            assert [credential.state for credential in provider.credentials] == [READY]


async def test_a_worker_that_is_killed_is_replaced_and_none_outlives_the_supervisor(
    tmp_path: Path, upstream: FakeUpstream
) -> None:
    port = free_port()
    door = {"ANTIPHON__SERVICE__HTTP": "true", "ANTIPHON__SERVICE__HTTP_PORT": str(port)}
    environ = environment(upstream, ANTIPHON__SERVICE__WORKERS="2", **door)
    async with running("inference_service", directory=tmp_path, environ=environ) as supervisor:
        target = await target_of(supervisor)
        first = await children(supervisor.pid, 2)
        for pid in first:
            os.kill(pid, signal.SIGKILL)
        second = await children(supervisor.pid, 2, besides=first)
        await ready(target)
        async with load(target, 2, text=TEXT) as callers:
            await callers.more(4)
        for _ in range(4):  # each on a connection of its own, to either worker
            async with aiohttp.request("GET", f"http://127.0.0.1:{port}/v1/models") as response:
                assert response.status == 200
        await supervisor.kill()
        for pid in second:
            await process_ended(pid)


async def children(pid: int, count: int, besides: tuple[int, ...] = ()) -> tuple[int, ...]:
    """The processes that it has started, once there are so many new ones."""

    def current() -> tuple[int, ...]:
        text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
        return tuple(child for child in map(int, text.split()) if child not in besides)

    async def complete() -> bool:
        return len(current()) == count

    await becomes_true(complete, 60)
    return current()
