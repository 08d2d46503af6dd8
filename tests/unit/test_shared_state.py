"""State in Redis: a real server, several processes' worth of stores on it."""

import asyncio
import contextlib
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
    Verdict,
    Vote,
    Why,
)
from inference_service.failures import Scope
from inference_service.quotas import LimitFact, Unit
from inference_service.state.shared import SharedStore
from inference_service.tasks import Supervisor
from tests.support.cable import cable
from tests.support.redis import RedisServer, redis_server

ASK = Ask("p", "p/m", "m")
SPEC = PoolSpec("p", ("a", "b"), ("a", "b"))


@pytest.fixture
async def redis() -> AsyncIterator[RedisServer]:
    async with redis_server() as server:
        yield server


@contextlib.asynccontextmanager
async def store(
    redis: RedisServer,
    spec: PoolSpec = SPEC,
    lease: float = 60,
    breaker: BreakerSpec | None = None,
    told: list[str] | None = None,
    url: str = "",
    timeout: float = 20.0,
) -> AsyncIterator[SharedStore]:
    told = [] if told is None else told
    chosen = breaker or BreakerSpec(failures=2)
    store = SharedStore(url or redis.url, State(lease=lease, timeout=timeout), chosen, told.append, Supervisor())
    store.configure(spec)
    await store.start()
    try:
        yield store
    finally:
        await store.close()


async def granted(one: SharedStore, ask: Ask = ASK) -> Grant:
    answer = await one.acquire(ask)
    assert isinstance(answer, Grant), answer
    return answer


async def test_a_token_that_one_process_lets_rest_is_left_alone_by_all(redis: RedisServer) -> None:
    async with store(redis) as first, store(redis) as second:
        grant = await granted(first)
        await first.release(ASK, grant, Verdict(cooldown=60, reason="rate_limited", scope=Scope.CREDENTIAL))
        for _ in range(4):
            assert (await granted(second)).credential != grant.credential
        views = {view.id: view for view in await second.credentials("p")}
        assert views[grant.credential].reason == "rate_limited"
        assert views[grant.credential].wakes_at > time.time() + 50


async def test_calls_in_flight_are_spread_over_processes(redis: RedisServer) -> None:
    async with store(redis) as first, store(redis) as second:
        assert {(await granted(one)).credential for one in (first, second)} == {"a", "b"}


async def test_a_concurrency_limit_holds_across_processes_and_a_crashed_processes_lease_ends(
    redis: RedisServer,
) -> None:
    spec = PoolSpec("p", ("a",), ("a",), max_concurrent=1)
    async with store(redis, spec, lease=1.0) as first, store(redis, spec, lease=1.0) as second:
        await granted(first)  # and never returned, as after a crash
        assert await second.acquire(ASK) == Denied(Why.BUSY, None, "busy")
        await first.close()
        async with asyncio.timeout(20):
            while isinstance(await second.acquire(ASK), Denied):
                await asyncio.sleep(0.02)


async def test_accounts_models_quotas_and_quarantine_are_shared(redis: RedisServer) -> None:
    spec = PoolSpec("p", ("a", "b", "c"), ("g", "g", "c"))
    async with store(redis, spec) as first, store(redis, spec) as second:
        grants = [await granted(first) for _ in range(3)]
        by_id = {grant.credential: grant for grant in grants}
        await first.release(ASK, by_id["a"], Verdict(cooldown=60, scope=Scope.GROUP))
        await first.release(ASK, by_id["b"], Verdict(good_credential=True))
        await first.report(ASK, by_id["c"], (LimitFact(Unit.REQUESTS, remaining=0, resets_after=60),))
        await first.release(ASK, by_id["c"], Verdict(good_credential=True))
        answer = await second.acquire(ASK)
        assert isinstance(answer, Denied)
        assert answer.why is Why.RESTING
        assert (await granted(second, Ask("p", "p/other", "other"))).credential == "c"


async def test_a_refused_token_is_lifted_by_a_reload_of_any_process(redis: RedisServer) -> None:
    spec = PoolSpec("p", ("a",), ("a",))
    async with store(redis, spec) as first, store(redis, spec) as second:
        await first.release(ASK, await granted(first), Verdict(quarantine=True, reason="unauthenticated"))
        assert await second.acquire(ASK) == Denied(Why.NONE, None, "unauthenticated")
        await second.lift("p")
        assert (await granted(first)).credential == "a"


async def test_a_breaker_is_one_for_all_and_lets_one_probe_through(redis: RedisServer) -> None:
    spec = BreakerSpec(failures=2, probe_interval=0.2)
    async with store(redis, breaker=spec) as first, store(redis, breaker=spec) as second:
        for one in (first, second):
            await one.release(ASK, await granted(one), Verdict(Vote.BAD, "server_error"))
        assert isinstance(await first.acquire(ASK), Denied)
        assert (await second.breakers(["p/m"]))["p/m"].state == "open"
        async with asyncio.timeout(5):
            while isinstance(probe := await first.acquire(ASK), Denied):
                await asyncio.sleep(0.02)
        assert (await second.breakers(["p/m"]))["p/m"].state == "half_open"
        assert isinstance(await second.acquire(ASK), Denied)
        await first.release(ASK, probe, Verdict(Vote.GOOD, good_credential=True))
        await granted(second)
        assert (await second.breakers(["p/m"]))["p/m"].state == "closed"


async def test_redis_gone_is_carried_on_from_memory_said_and_joined_again(redis: RedisServer) -> None:
    told: list[str] = []
    async with store(redis, told=told) as state:
        held = await granted(state)
        await redis.stop()
        grant = await granted(state)
        assert state.backend is Backend.REDIS_LOST
        await state.release(ASK, grant, Verdict(good_credential=True))
        await state.release(ASK, held, Verdict(good_credential=True))
        await redis.start()
        async with asyncio.timeout(10):
            while state.backend is not Backend.REDIS:
                await asyncio.sleep(0.02)
        await granted(state)
    assert told == ["redis_lost", "redis"]


async def test_lessons_without_redis_are_written_to_it_when_it_is_back(redis: RedisServer) -> None:
    spec = PoolSpec("p", ("a", "b", "c", "d"), ("a", "b", "c", "d"))
    told: list[str] = []
    async with store(redis, spec, told=told) as state:
        held = [await granted(state) for _ in range(4)]
        await state.release(ASK, held[0], Verdict(cooldown=60, reason="rate_limited"))
        await redis.stop()
        await state.release(ASK, held[1], Verdict(quarantine=True, reason="unauthenticated"))
        await state.release(ASK, held[2], Verdict(cooldown=60, scope=Scope.CREDENTIAL_MODEL))
        # What rested before it was lost rests in memory too.
        assert [(await granted(state)).credential for _ in range(2)] == [held[3].credential] * 2
        await redis.start()  # empty
        async with asyncio.timeout(10):
            while told != ["redis_lost", "redis"]:
                await asyncio.sleep(0.02)
        async with store(redis, spec) as other:
            assert (await granted(other)).credential == held[3].credential
            views = {view.id: view for view in await other.credentials("p")}
            assert views[held[1].credential].quarantined
            # The calls that are under way are counted again, the ended ones are not.
            assert [views[grant.credential].in_flight for grant in held] == [0, 0, 0, 4]


async def test_a_restart_between_two_calls_goes_unnoticed_by_callers_and_no_rest_is_lost(redis: RedisServer) -> None:
    told: list[str] = []
    async with store(redis, told=told) as state:
        grant = await granted(state)
        await state.release(ASK, grant, Verdict(cooldown=60, reason="rate_limited"))
        await redis.stop()
        await redis.start()
        for _ in range(2):
            assert (await granted(state)).credential != grant.credential
        async with asyncio.timeout(10):
            while state.backend is not Backend.REDIS:
                await asyncio.sleep(0.02)
        assert (await granted(state)).credential != grant.credential


async def test_a_call_longer_than_a_lease_stays_counted_while_its_process_lives(redis: RedisServer) -> None:
    spec = PoolSpec("p", ("a",), ("a",), max_concurrent=1)
    async with store(redis, spec, lease=4) as first, store(redis, spec, lease=4) as second:
        held = await granted(first)
        until = time.monotonic() + 6.0
        while time.monotonic() < until:
            assert isinstance(await second.acquire(ASK), Denied)
            await asyncio.sleep(0.01)
        await first.release(ASK, held, Verdict(good_credential=True))
        async with asyncio.timeout(5):
            while isinstance(await second.acquire(ASK), Denied):
                await asyncio.sleep(0.01)


async def test_acquire_and_release_are_one_round_trip_and_one_command_each(redis: RedisServer) -> None:
    async with cable(redis) as wire, store(redis, url=wire.url) as state:
        await state.release(ASK, await granted(state), Verdict(good_credential=True))
        before, sent = await redis.calls(), wire.requests
        for _ in range(25):
            await state.release(ASK, await granted(state), Verdict(Vote.GOOD, good_credential=True))
        after = await redis.calls()
        assert wire.requests - sent == 50
        assert after["evalsha"] - before["evalsha"] == 50
        for other in ("eval", "script|load", "ping", "multi", "watch"):
            assert after.get(other, 0) == before.get(other, 0)


async def test_a_burst_does_not_lose_redis(redis: RedisServer) -> None:
    told: list[str] = []
    # What is asked is whether so many find room at once, not how quick this machine is.
    async with store(redis, told=told, timeout=20) as state:
        until = asyncio.get_running_loop().time() + 60

        async def served() -> None:
            answer = await state.wait([ASK], until)
            assert isinstance(answer, tuple), answer
            await state.report(*answer, ())
            await state.release(*answer, Verdict(good_credential=True))

        await asyncio.gather(*(served() for _ in range(300)))
        assert told == []
        assert [view.in_flight for view in await state.credentials("p")] == [0, 0]


async def test_a_slow_redis_costs_its_timeout_once_and_is_joined_when_it_is_quick_again(redis: RedisServer) -> None:
    told: list[str] = []
    async with cable(redis) as wire, store(redis, url=wire.url, told=told, timeout=1) as state:
        wire.slow = True
        grants = await asyncio.gather(*(granted(state) for _ in range(8)))
        assert told == ["redis_lost"]
        assert {grant.credential for grant in grants} == {"a", "b"}
        wire.slow = False
        async with asyncio.timeout(20):
            while state.backend is not Backend.REDIS:
                await asyncio.sleep(0.02)
        for grant in grants:
            await state.release(ASK, grant, Verdict(good_credential=True))
        assert not any(view.in_flight for view in await state.credentials("p"))
        assert told == ["redis_lost", "redis"]


async def test_a_caller_that_leaves_while_redis_thinks_leaves_nothing_in_flight(redis: RedisServer) -> None:
    async with cable(redis) as wire, store(redis, url=wire.url) as state, store(redis) as other:
        await state.release(ASK, await granted(state), Verdict(good_credential=True))
        wire.slow = True
        sent = wire.requests
        leaving = asyncio.create_task(state.acquire(ASK))
        async with asyncio.timeout(10):
            while wire.requests == sent:
                await asyncio.sleep(0.01)
            while not any(view.in_flight for view in await other.credentials("p")):
                await asyncio.sleep(0.01)
            leaving.cancel()
            await asyncio.wait([leaving])
            wire.slow = False
            while any(view.in_flight for view in await other.credentials("p")):
                await asyncio.sleep(0.01)
        assert leaving.cancelled()
