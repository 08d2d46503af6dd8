"""State in Redis: a real server, several processes' worth of stores on it."""

import asyncio
import contextlib
import os
import shutil
import socket
import time
from collections.abc import AsyncIterator

import pytest

from antiphon.config.model import State
from inference_service.credentials.types import (
    Ask,
    Backend,
    BreakerSpec,
    Denied,
    Grant,
    PoolSpec,
    Remaining,
    Verdict,
    Vote,
    Why,
)
from inference_service.failures import Scope
from inference_service.state.memory import MemoryStore
from inference_service.state.shared import SharedStore

ASK = Ask("p", "p/m", "m")
SPEC = PoolSpec("p", ("a", "b"), ("a", "b"))


class Redis:
    """`redis-server` as a child, on a port of its own."""

    def __init__(self) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        self._process = await asyncio.create_subprocess_exec(
            "redis-server", "--port", str(self.port), "--save", "", "--appendonly", "no", stdout=asyncio.subprocess.PIPE
        )
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            if b"Ready to accept" in line:
                return

    async def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            await self._process.communicate()


@pytest.fixture
async def redis() -> AsyncIterator[Redis]:
    if shutil.which("redis-server") is None and not os.environ.get("CI"):
        pytest.skip("redis-server is not installed")
    server = Redis()
    await server.start()
    yield server
    await server.stop()


@contextlib.asynccontextmanager
async def store(
    redis: Redis,
    spec: PoolSpec = SPEC,
    lease: float = 60,
    breaker: BreakerSpec | None = None,
    told: list[str] | None = None,
) -> AsyncIterator[SharedStore]:
    told = [] if told is None else told
    chosen = breaker or BreakerSpec(failures=2)
    made = SharedStore(redis.url, State(lease=lease, timeout=1.0), chosen, MemoryStore(chosen), told.append)
    made.configure(spec)
    await made.start()
    yield made
    await made.close()


async def granted(one: SharedStore, ask: Ask = ASK) -> Grant:
    answer = await one.acquire(ask)
    assert isinstance(answer, Grant), answer
    return answer


async def test_a_token_that_one_process_lets_rest_is_left_alone_by_all(redis: Redis) -> None:
    async with store(redis) as first, store(redis) as second:
        grant = await granted(first)
        await first.release(ASK, grant, Verdict(cooldown=60, reason="rate_limited"))
        for _ in range(4):
            assert (await granted(second)).credential != grant.credential
        views = {view.id: view for view in await second.credentials("p")}
        assert views[grant.credential].reason == "rate_limited"
        assert views[grant.credential].wakes_at > time.time() + 50


async def test_calls_in_flight_are_spread_over_processes(redis: Redis) -> None:
    async with store(redis) as first, store(redis) as second:
        assert {(await granted(one)).credential for one in (first, second)} == {"a", "b"}


async def test_a_limit_at_once_holds_across_processes_and_a_crashed_ones_lease_ends(redis: Redis) -> None:
    spec = PoolSpec("p", ("a",), ("a",), max_concurrent=1)
    async with store(redis, spec, lease=0.2) as first, store(redis, spec, lease=0.2) as second:
        await granted(first)  # and never returned, as after a crash
        assert await second.acquire(ASK) == Denied(Why.BUSY, None, "busy")
        async with asyncio.timeout(5):
            while isinstance(await second.acquire(ASK), Denied):
                pass


async def test_accounts_models_quotas_and_quarantine_are_shared(redis: Redis) -> None:
    spec = PoolSpec("p", ("a", "b", "c"), ("g", "g", "c"))
    async with store(redis, spec) as first, store(redis, spec) as second:
        grants = [await granted(first) for _ in range(3)]
        by_id = {grant.credential: grant for grant in grants}
        await first.release(ASK, by_id["a"], Verdict(cooldown=60, scope=Scope.ACCOUNT))
        await first.release(ASK, by_id["b"], Verdict(good_credential=True))
        await first.report(ASK, by_id["c"], Remaining(0, 60))
        await first.release(ASK, by_id["c"], Verdict(good_credential=True))
        answer = await second.acquire(ASK)
        assert isinstance(answer, Denied)
        assert answer.why is Why.RESTING
        assert (await granted(second, Ask("p", "p/other", "other"))).credential == "c"


async def test_a_refused_token_is_lifted_by_a_reload_of_any_process(redis: Redis) -> None:
    spec = PoolSpec("p", ("a",), ("a",))
    async with store(redis, spec) as first, store(redis, spec) as second:
        await first.release(ASK, await granted(first), Verdict(quarantine=True, reason="unauthenticated"))
        assert await second.acquire(ASK) == Denied(Why.NONE, None, "unauthenticated")
        await second.lift("p")
        assert (await granted(first)).credential == "a"


async def test_a_breaker_is_one_for_all_and_lets_one_probe_through(redis: Redis) -> None:
    spec = BreakerSpec(failures=2, probe_interval=0.2)
    async with store(redis, breaker=spec) as first, store(redis, breaker=spec) as second:
        for one in (first, second):
            await one.release(ASK, await granted(one), Verdict(Vote.BAD, "server_error"))
        assert isinstance(await first.acquire(ASK), Denied)
        assert (await second.breakers(["p/m"]))["p/m"].state == "open"
        async with asyncio.timeout(5):
            while isinstance(probe := await first.acquire(ASK), Denied):
                pass
        assert probe.probe
        assert isinstance(await second.acquire(ASK), Denied)
        await first.release(ASK, probe, Verdict(Vote.GOOD, good_credential=True))
        assert not (await granted(second)).probe


async def test_redis_gone_is_carried_on_from_memory_said_and_joined_again(redis: Redis) -> None:
    told: list[str] = []
    async with store(redis, told=told) as one:
        held = await granted(one)
        await redis.stop()
        grant = await granted(one)
        assert one.backend is Backend.REDIS_LOST
        await one.release(ASK, grant, Verdict(good_credential=True))
        await one.release(ASK, held, Verdict(good_credential=True))
        await redis.start()
        async with asyncio.timeout(10):
            while one.backend is not Backend.REDIS:
                await asyncio.sleep(0)
        await granted(one)
    assert told == ["redis_lost", "redis"]
