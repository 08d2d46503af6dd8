"""Two processes on one Redis decide as one process alone would: random traces, the same rules, the same answers."""

import asyncio
import random
from collections.abc import AsyncIterator

import pytest

from antiphon.config.model import State
from inference_service.credentials.broker import Broker
from inference_service.credentials.types import Ask, BreakerSpec, Denied, Grant, PoolSpec, Verdict, Vote
from inference_service.failures import FailureKind, Scope
from inference_service.quotas import Clock, LimitFact, Quota, Unit
from inference_service.state.shared import SharedStore
from inference_service.tasks import Supervisor
from tests.support.redis import RedisServer, redis_server

QUOTAS = (
    Quota(Unit.REQUESTS, 6, 3_600.0, Clock.ROLLING, "credential_model", firm=True),
    Quota(Unit.TOKENS, 1_000, 3_600.0, Clock.FIRST_USE, "group", firm=True),
)
SPEC = PoolSpec("p", ("a", "b", "c", "d"), ("g", "g", "c", "d"), 0, QUOTAS)
VERDICTS = (
    *[Verdict(Vote.GOOD, good_credential=True, used_tokens=40)] * 12,
    Verdict(cooldown=900.0, reason="quota_exhausted", scope=Scope.GROUP),
    Verdict(cooldown=900.0, reason="rate_limited", scope=Scope.CREDENTIAL_MODEL),
    Verdict(reason=FailureKind.RATE_LIMITED.value, backoff=True, limit=LimitFact(Unit.REQUESTS, 3_600.0)),
    Verdict(quarantine=True, reason="unauthenticated"),
    Verdict(sent=False),
)


@pytest.fixture
async def redis() -> AsyncIterator[RedisServer]:
    async with redis_server() as server:
        yield server


def shared(redis: RedisServer, prefix: str) -> SharedStore:
    store = SharedStore(redis.url, State(timeout=20, prefix=prefix), BreakerSpec(), lambda _: None, Supervisor())
    store.configure(SPEC)
    return store


@pytest.mark.parametrize("seed", range(6))
async def test_two_processes_decide_as_one_would(redis: RedisServer, seed: int) -> None:
    chance = random.Random(seed)
    stores = [shared(redis, f"trace{seed}") for _ in range(2)]
    alone = Broker(BreakerSpec())
    alone.configure(SPEC)
    for one in stores:
        await one.start()
    running: list[tuple[Ask, Grant, Grant]] = []
    try:
        for _ in range(60):
            one = chance.choice(stores)
            if running and chance.random() < 0.45:
                ask, theirs, ours = running.pop(chance.randrange(len(running)))
                verdict = chance.choice(VERDICTS)
                await one.release(ask, theirs, verdict)
                alone.release(ask, ours, verdict, one._clock())
                continue
            model = chance.choice(("m", "m", "n"))
            ask = Ask("p", f"p/{model}", model, tokens=chance.choice((0, 50, 300)))
            theirs_or_why, now = await one.acquire(ask), one._clock()
            alone.pools["p"].tick(now)
            if isinstance(theirs_or_why, Grant):
                assert not isinstance(alone.candidates(ask, now), Denied)
                lease = theirs_or_why.lease
                alone.follow(ask, theirs_or_why.credential, lease, now)
                running.append((ask, theirs_or_why, theirs_or_why))
            else:
                here = alone.candidates(ask, now)
                assert isinstance(here, Denied)
                assert (theirs_or_why.why, theirs_or_why.reason) == (here.why, here.reason)
        views = [await one.credentials("p") for one in stores]
        assert [(view.in_flight, view.calls, view.quarantined) for view in views[0]] == [
            (view.in_flight, view.calls, view.quarantined) for view in views[1]
        ]
        assert [(view.calls, view.quarantined) for view in views[0]] == [
            (view.calls, view.quarantined) for view in alone.pools["p"].views(stores[0]._clock())
        ]
        left = [[(view.unit, view.limit, view.left) for view in await one.quotas("p")] for one in stores]
        assert left[0] == left[1]
    finally:
        for one in stores:
            await one.close()


async def test_a_process_that_joins_later_knows_what_was_spent(redis: RedisServer) -> None:
    first = shared(redis, "late")
    await first.start()
    ask = Ask("p", "p/m", "m", tokens=100)
    for _ in range(8):
        grant = await first.acquire(ask)
        assert isinstance(grant, Grant)
        await first.release(ask, grant, Verdict(Vote.GOOD, good_credential=True, used_tokens=100))
    second = shared(redis, "late")
    await second.start()
    assert [(view.unit, view.used) for view in await second.quotas("p") if view.window] == [
        (view.unit, view.used) for view in await first.quotas("p") if view.window
    ]
    await first.close()
    await second.close()


async def test_what_was_told_and_what_a_killed_process_has_under_way_is_known_to_who_comes_later(
    redis: RedisServer,
) -> None:
    killed = shared(redis, "killed")
    killed.configure(PoolSpec("p", ("a",), ("a",)))
    await killed.start()
    ask = Ask("p", "p/m", "m")
    for left in (3, 2, 1):
        grant = await killed.acquire(ask)
        assert isinstance(grant, Grant)
        await killed.report(ask, grant, (LimitFact(Unit.REQUESTS, 3_600.0, limit=4, remaining=left),))
    await killed.credentials("p")  # behind the reports
    later = shared(redis, "killed")
    later.configure(PoolSpec("p", ("a",), ("a",)))
    await later.start()
    last = await later.acquire(ask)
    assert isinstance(last, Grant)
    refused = await later.acquire(ask)
    assert isinstance(refused, Denied)
    [view] = [view for view in await later.quotas("p") if view.window]
    assert (view.limit, view.used, view.declared) == (4, 4, False)
    for one in (killed, later):
        await one.close()


async def test_a_process_that_missed_too_much_starts_from_a_snapshot(
    redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("inference_service.state.shared.SNAPSHOT_PERIOD", 5)
    monkeypatch.setattr(
        "inference_service.state.log.STEP",
        __import__("inference_service.state.log", fromlist=["STEP"]).STEP.replace("-4000, -1", "-8, -1"),
    )
    first = shared(redis, "behind")
    await first.start()
    second = shared(redis, "behind")
    await second.start()
    ask = Ask("p", "p/m", "m")
    for _ in range(12):
        answer = await first.wait([ask], asyncio.get_running_loop().time() + 20)
        assert isinstance(answer, tuple)
        await first.release(*answer, Verdict(Vote.GOOD, good_credential=True))
    left = [
        [view.left for view in await one.quotas("p") if view.unit is Unit.REQUESTS]
        for one in (first, second)
        if await one.credentials("p")
    ]
    assert left[0] == left[1]
    await first.close()
    await second.close()


async def test_tenants_take_turns_across_processes(redis: RedisServer) -> None:
    """One tenant is served by both processes, the other by one: it gets as many turns there as the first in both."""
    at_once = Quota(Unit.CONCURRENT, 1, 0.0, Clock.ROLLING, "credential", firm=True)
    spec = PoolSpec("p", ("a",), ("a",), 0, (at_once,))
    stores = [shared(redis, "fair"), shared(redis, "fair")]
    for store in stores:
        store.configure(spec)
        await store.start()
    flood, quiet = Ask("p", "p/m", "m", "bot", "flood"), Ask("p", "p/m", "m", "bot", "quiet")
    order: list[str] = []

    async def ask_for(store: SharedStore, ask: Ask) -> None:
        answer = await store.wait([ask], asyncio.get_running_loop().time() + 60)
        assert isinstance(answer, tuple)
        if store is stores[1]:  # which process gets a free slot is a race
            order.append(ask.tenant)
        await store.release(*answer, Verdict(Vote.GOOD, good_credential=True))

    held = await stores[0].acquire(flood)
    assert isinstance(held, Grant)
    waiting = [asyncio.create_task(ask_for(store, flood)) for store in stores for _ in range(8)]
    waiting += [asyncio.create_task(ask_for(stores[1], quiet)) for _ in range(4)]
    async with asyncio.timeout(60):
        while sum(store._memory.broker.waiting() for store in stores) < len(waiting):
            await asyncio.sleep(0.01)
        await stores[0].release(flood, held, Verdict(Vote.GOOD, good_credential=True))
        await asyncio.gather(*waiting)
    assert order[:6].count("quiet") >= 3
    for store in stores:
        await store.close()


async def test_a_conversation_keeps_its_credential_in_every_process(redis: RedisServer) -> None:
    keys = tuple(f"key-{number}" for number in range(6))
    stores = [shared(redis, "talk"), shared(redis, "talk")]
    for store in stores:
        store.configure(PoolSpec("p", keys, ("my account",) * 2 + keys[2:]))  # a person's words
        await store.start()
    chosen = []
    for number in range(6):
        for store in stores:
            ask = Ask("p", "p/m", "m", conversation=f"thread-{number}")
            grant = await store.acquire(ask)
            assert isinstance(grant, Grant)
            chosen.append((number, grant.credential))
            await store.release(ask, grant, Verdict(Vote.GOOD, good_credential=True))
    assert len(set(chosen)) == 6
    assert len({credential for _, credential in chosen}) >= 3
    for store in stores:
        await store.close()
