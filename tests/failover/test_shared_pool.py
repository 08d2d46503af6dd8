"""Several service processes on one Redis are one pool; without Redis each goes on from memory and joins again."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from antiphon import events
from antiphon.client import InferenceClient
from antiphon.v1 import operations_pb2
from inference_service.server import Server
from tests.fakes.upstream.server import TEXT, FakeUpstream
from tests.support.cable import Cable, cable
from tests.support.processes import Process, running
from tests.support.recovery import idle
from tests.support.redis import RedisServer, redis_server
from tests.support.service import QUICK, serving, two_providers
from tests.support.waiting import only_left, own_tasks, status_where

REST = 4  # seconds that a refused token has to rest
ON_ITS_WAY = 1.0  # a call that was sent before the refusal was known may arrive so much later
KEYS = {f"A_KEY{n}": f"key-of-a-{n:012d}" for n in range(1, 5)} | {"B_KEY": "key-of-b-000000000001"}
SHARED, LOST = operations_pb2.STATE_BACKEND_REDIS, operations_pb2.STATE_BACKEND_REDIS_LOST


@pytest.fixture
async def redis() -> AsyncIterator[RedisServer]:
    async with redis_server() as server:
        yield server


class Meter(dict[str, str]):
    """The provider's own books: each token is good for a few calls, then has to rest, and what does not is noted."""

    def __init__(self, quota: int) -> None:
        super().__init__()
        self._quota = quota
        self._used: dict[str, int] = {}
        self._refused: dict[str, float] = {}
        self.served = self.refusals = 0
        self.offences: list[str] = []

    def get(self, token: str, default: str | None = None) -> str | None:  # type: ignore[override]
        if not token.startswith("key-of-a"):
            return default
        now = asyncio.get_running_loop().time()
        since = now - self._refused.get(token, -1_000.0)
        if since >= REST:
            self._refused.pop(token, None)
        elif since > ON_ITS_WAY:
            self.offences.append(f"{token} after {since:.2f} s")
            return f"429:{REST - since:.2f}"
        else:
            return f"429:{REST - since:.2f}"
        self._used[token] = self._used.get(token, 0) + 1
        if self._used[token] > self._quota:
            self._used[token] = 0
            self._refused[token] = now
            self.refusals += 1
            return f"429:{REST}"
        self.served += 1
        return "ok"


def on_disk(folder: Path, config: dict[str, Any]) -> Path:
    """As TOML; JSON's strings, numbers and lists are TOML's too."""

    def tables(name: str, table: dict[str, Any]) -> list[str]:
        own = [f"{key} = {json.dumps(value)}" for key, value in table.items() if not isinstance(value, dict)]
        inner = [
            line
            for key, value in table.items()
            if isinstance(value, dict)
            for line in tables(f"{name}.{key}".strip("."), value)
        ]
        return [f"[{name}]", *own, *inner] if name else [*own, *inner]

    path = folder / "antiphon.toml"
    path.write_text("\n".join(tables("", config)), encoding="utf-8")
    return path


@contextlib.asynccontextmanager
async def services(folder: Path, config: dict[str, Any], redis: RedisServer, count: int) -> AsyncIterator[list[Any]]:
    """(process, client) of each."""
    config["service"] = {"port": 0, "status_page": False, "http": False, "grace": 1}
    on_disk(folder, config)
    environ = {**KEYS, "ANTIPHON_REDIS_URL": redis.url}
    async with contextlib.AsyncExitStack() as stack:
        processes: list[Process] = [
            await stack.enter_async_context(running("antiphon", "serve", directory=folder, environ=environ))
            for _ in range(count)
        ]
        targets = [(await process.line("ready: ")).split()[1] for process in processes]
        clients = [await stack.enter_async_context(InferenceClient(target)) for target in targets]
        yield list(zip(processes, clients, strict=True))


async def whole(client: InferenceClient) -> str:
    stream = client.chat("hi")
    async for _event in stream:
        pass
    assert stream.text == TEXT
    return stream.deployment


async def test_two_processes_under_load_use_no_token_while_it_rests(tmp_path: Path, redis: RedisServer) -> None:
    async with FakeUpstream() as upstream:
        meter = Meter(quota=30)
        upstream.by_token = meter
        config = two_providers(upstream, "ok", "ok")
        async with services(tmp_path, config, redis, 2) as pair:
            until = asyncio.get_running_loop().time() + 2.5 * REST

            async def caller(client: InferenceClient) -> None:
                while asyncio.get_running_loop().time() < until:
                    await whole(client)

            await asyncio.gather(*(caller(client) for _, client in pair for _ in range(4)))
            for _, client in pair:
                await idle(client)
        assert meter.offences == []
        assert meter.refusals >= 1  # what one token taught holds for the others
        assert {call.token for call in upstream.of("a")} == {key for name, key in KEYS.items() if name != "B_KEY"}


async def test_calls_of_a_killed_process_are_not_counted_forever(tmp_path: Path, redis: RedisServer) -> None:
    async with FakeUpstream() as upstream:
        config = two_providers(upstream, "held", "ok")
        config["providers"]["a"] |= {"max_concurrent": 1, "credentials_env": ["A_KEY1"]}
        config["routing"]["timeouts"] = {**QUICK, "headers": 60, "first_token": 60, "short_wait": 0}
        config["state"] = {"lease": 2}
        async with services(tmp_path, config, redis, 2) as ((doomed, first), (_, second)):
            left = asyncio.create_task(whole(first))
            async with asyncio.timeout(30):
                await upstream.arrived.wait()
            assert await whole(second) == "b/ok"  # the one call that the token may make is the other process's
            assert (await second.status()).providers[0].credentials[0].in_flight == 1
            await doomed.kill()
            await asyncio.wait([left])
            assert left.exception() is not None
            await upstream.of("a")[0].over.wait()
            upstream.hold.set()
            async with asyncio.timeout(30):
                while await whole(second) != "a/held":
                    await asyncio.sleep(0.02)
            await idle(second)


@contextlib.asynccontextmanager
async def wired(
    upstream: FakeUpstream, redis: RedisServer, first: str
) -> AsyncIterator[tuple[Server, InferenceClient, Cable]]:
    async with cable(redis) as wire:
        tasks = own_tasks()
        config = two_providers(upstream, first, "ok")
        config["routing"]["timeouts"] = {**QUICK, "headers": 30, "first_token": 30, "idle": 30}
        async with serving(config, {**KEYS, "ANTIPHON_REDIS_URL": wire.url}) as (server, client):
            yield server, client, wire
            await idle(client)
            assert server.shared.door.live == {}
        wire.unplug()
        await only_left(tasks)


async def backend(client: InferenceClient, wanted: int) -> None:
    await status_where(client, lambda status: status.state_backend == wanted)


def degraded(server: Server) -> bool:
    text = server.shared.metrics.render().decode()
    return next(line for line in text.splitlines() if line.startswith("antiphon_state_degraded")).endswith(" 1.0")


@pytest.mark.parametrize("fault", ["slow", "unplugged", "restarted"])
async def test_answers_go_on_when_redis_does_not(redis: RedisServer, fault: str) -> None:
    """Some answers are under way when it happens, some begin meanwhile, some when it is over: all are whole."""
    async with FakeUpstream() as upstream, wired(upstream, redis, "pauses:90") as (server, client, wire):
        await backend(client, SHARED)
        assert not degraded(server)
        under_way = []
        for _ in range(20):
            stream = client.chat("hi")
            arriving = aiter(stream)
            under_way.append((stream, arriving))
            while not isinstance(await anext(arriving), events.Delta):
                pass
        match fault:
            case "slow":
                wire.slow = True
            case "unplugged":
                wire.unplug()
            case "restarted":
                await redis.stop()
        upstream.behaviour["pauses:90"] = "ok"
        assert {await whole(client) for _ in range(10)} == {"a/pauses:90"}
        seen = await client.status()
        assert seen.state_backend == LOST
        assert any("Redis" in warning for warning in seen.warnings)
        assert degraded(server)
        upstream.hold.set()
        for stream, arriving in under_way:
            async for _event in arriving:
                pass
            assert stream.text == TEXT
        wire.slow = False
        wire.plug()
        if fault == "restarted":
            await redis.start()
        await backend(client, SHARED)
        assert not degraded(server)
        assert await whole(client) == "a/pauses:90"


async def test_a_service_starts_without_redis_and_joins_it_when_it_comes(redis: RedisServer) -> None:
    await redis.stop()
    async with FakeUpstream() as upstream, wired(upstream, redis, "ok") as (server, client, _):
        assert await whole(client) == "a/ok"
        assert (await client.status()).state_backend == LOST
        assert degraded(server)
        await redis.start()
        await backend(client, SHARED)
        assert await whole(client) == "a/ok"


async def test_the_limits_of_callers_do_not_wait_for_redis_either(redis: RedisServer) -> None:
    async with FakeUpstream() as upstream, cable(redis) as wire:
        config = two_providers(upstream, "ok", "ok")
        config["service"] = {
            "callers": {"bot": {"token_env": "BOT_TOKEN", "requests_per_minute": 1_000, "tokens_per_day": 100_000}}
        }
        environ = {**KEYS, "ANTIPHON_REDIS_URL": wire.url, "BOT_TOKEN": "token-of-the-bot-0001"}
        async with serving(config, environ, "token-of-the-bot-0001") as (_, client):
            assert await whole(client) == "a/ok"
            wire.slow = True
            stream = client.chat("hi", timeout=4)
            async for _event in stream:
                pass
            assert stream.text == TEXT
