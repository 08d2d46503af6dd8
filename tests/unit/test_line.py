"""Waiting for a credential: fair, in time or refused at once, and gone the moment the caller is."""

import asyncio
from collections import Counter

import pytest

from inference_service.credentials.broker import Broker
from inference_service.credentials.queue import LONGEST_LINE, MOST_PASSES
from inference_service.credentials.types import Ask, BreakerSpec, Denied, Grant, PoolSpec, Verdict, Vote, Why
from inference_service.quotas import Clock, Quota, Unit
from inference_service.state.memory import MemoryStore

GOOD = Verdict(Vote.GOOD, good_credential=True)
DEPLOYMENT = "p/m"


def ask(tenant: str = "", caller: str = "bot", tokens: int = 0, pool: str = "p") -> Ask:
    return Ask(pool, DEPLOYMENT, "m", caller, tenant, tokens)


def spec(*quotas: Quota, keys: int = 1, most: int = 0, name: str = "p") -> PoolSpec:
    names = tuple(f"{name}{n}" for n in range(keys))
    return PoolSpec(name, names, names, most, quotas)


def broker(*specs: PoolSpec) -> Broker:
    broker = Broker(BreakerSpec())
    for pool in specs:
        broker.configure(pool)
    return broker


def granted(answer: Grant | Denied) -> Grant:
    assert isinstance(answer, Grant), answer
    return answer


def tenants_served(one: Broker, grant: Grant, count: int, now: float = 1.0) -> list[str]:
    """Lets one call end after another and notes who comes next."""
    order = []
    for _ in range(count):
        one.release(ask(), grant, GOOD, now)
        now += 1
        [(ticket, _, grant)] = one.pump(now)
        order.append(ticket.asks[0].tenant)
    return order


def test_a_flood_of_one_tenant_does_not_starve_another() -> None:
    pools = broker(spec(most=1))
    grant = granted(pools.acquire(ask(), 0))
    for _ in range(20):
        pools.join([ask("flood")], 1_000, 0.1)
    pools.join([ask("quiet")], 1_000, 0.2)
    assert "quiet" in tenants_served(pools, grant, 3)


def test_tenants_take_turns_however_many_wait_for_each() -> None:
    pools = broker(spec(most=1))
    grant = granted(pools.acquire(ask(), 0))
    for tenant, count in (("a", 30), ("b", 10), ("c", 10)):
        for _ in range(count):
            pools.join([ask(tenant)], 1_000, 0.1)
    assert Counter(tenants_served(pools, grant, 15)) == {"a": 5, "b": 5, "c": 5}


def test_nobody_is_passed_by_a_later_one_of_his_class() -> None:
    pools = broker(spec(most=1))
    grant = granted(pools.acquire(ask(), 0))
    tickets = [joined[0] for _ in range(5) if isinstance(joined := pools.join([ask("a")], 1_000, 0.1), tuple)]
    order = []
    for now in range(1, 6):
        pools.release(ask(), grant, GOOD, now)
        [(ticket, _, grant)] = pools.pump(now + 0.5)
        order.append(ticket)
    assert order == tickets


def test_a_later_request_does_not_jump_the_queue() -> None:
    pools = broker(spec(most=1))
    grant = granted(pools.acquire(ask(), 0))
    pools.join([ask("a")], 1_000, 0.1)
    pools.release(ask(), grant, GOOD, 1)
    answer = pools.acquire(ask("b"), 1.2)
    assert isinstance(answer, Denied)
    assert answer.why is Why.BUSY


def test_a_large_request_lets_small_ones_pass_for_a_while_and_then_no_more() -> None:
    tokens = Quota(Unit.TOKENS, 1_000, 60.0, Clock.ROLLING, "credential_model", firm=True)
    pools = broker(spec(tokens))
    pools.release(ask(), granted(pools.acquire(ask(tokens=500), 0)), GOOD, 0)
    pools.join([ask("large", tokens=900)], 10_000, 1)
    small = 0
    for n in range(3 * MOST_PASSES):
        pools.join([ask(f"small{n}", tokens=10)], 10_000, 1)
        for served in pools.pump(1):
            pools.release(served[1], served[2], GOOD, 1)
            small += 1
    assert small == MOST_PASSES
    assert {ticket.asks[0].tenant for ticket, _, _ in pools.pump(62)} >= {"large"}


def test_a_request_that_cannot_be_served_in_time_learns_at_once_when_to_come_back() -> None:
    minute = Quota(Unit.REQUESTS, 2, 60.0, Clock.ROLLING, "credential_model", firm=True)
    pools = broker(spec(minute))
    for n in range(2):
        pools.release(ask(), granted(pools.acquire(ask(), n)), GOOD, n)
    in_time = pools.join([ask("a")], 10 + 60, 10)
    assert not isinstance(in_time, Denied)
    late = pools.join([ask("a")], 10 + 45, 10)
    assert late == Denied(Why.BUSY, pytest.approx(51.03), "rate_limited", told=True)
    pools.join([ask("a")], 10 + 60, 10)
    third = pools.join([ask("a")], 10 + 60, 10)  # the two calls of the next window are spoken for
    assert isinstance(third, Denied)
    assert third.wait == pytest.approx(112, abs=2)


def test_a_full_line_refuses_the_flood_and_still_takes_others() -> None:
    pools = broker(spec(most=1))
    granted(pools.acquire(ask(), 0))
    for _ in range(LONGEST_LINE):
        pools.join([ask("flood")], 1e6, 0.1)
    assert isinstance(pools.join([ask("flood")], 1e6, 0.2), Denied)
    joined = pools.join([ask("quiet")], 1e6, 0.3)
    assert not isinstance(joined, Denied)
    assert len(joined[1]) == 1  # the last of the flood makes room
    assert pools.waiting() == LONGEST_LINE


def test_places_are_reported_in_the_order_of_service() -> None:
    pools = broker(spec(most=1))
    granted(pools.acquire(ask(), 0))
    joined = [pools.join([ask(tenant)], 1e6, 1) for tenant in ("a", "a", "b")]
    tickets = [pair[0] for pair in joined if isinstance(pair, tuple)]
    prospects = pools.prospects(2)
    assert [prospects[ticket].place for ticket in tickets] == [1, 3, 2]
    moments = [prospects[ticket].at or 0.0 for ticket in tickets]
    assert moments[0] < moments[2] < moments[1]


# --- on the event loop ---------------------------------------------------------------------------


class Turned:
    """A clock that only tests turn."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def store(*specs: PoolSpec, clock: Turned | None = None) -> MemoryStore:
    store = MemoryStore(BreakerSpec(), clock or Turned())
    for pool in specs:
        store.configure(pool)
    return store


async def waiting(one: MemoryStore, count: int) -> None:
    async with asyncio.timeout(10):
        while one.broker.waiting() != count:
            await asyncio.sleep(0.001)


def soon() -> float:
    return asyncio.get_running_loop().time() + 30


async def test_a_waiter_gets_the_credential_that_returns() -> None:
    state = store(spec(most=1), clock=(clock := Turned()))
    held = granted(await state.acquire(ask()))
    task = asyncio.create_task(state.wait([ask("a")], soon()))
    await waiting(state, 1)
    await state.release(ask(), held, GOOD)
    clock.now += 1  # the provider may count a call for a moment longer than we do
    answer = await task
    assert isinstance(answer, tuple)
    assert answer[1].credential == held.credential
    assert state.broker.waiting() == 0


async def test_whichever_deployment_has_room_first_serves() -> None:
    state = store(spec(most=1), spec(most=1, name="q"), clock=(clock := Turned()))
    first, second = granted(await state.acquire(ask())), granted(await state.acquire(ask(pool="q")))
    task = asyncio.create_task(state.wait([ask(), ask(pool="q")], soon()))
    await waiting(state, 2)  # in both lines
    await state.release(ask(pool="q"), second, GOOD)
    clock.now += 1
    answer = await task
    assert isinstance(answer, tuple)
    assert answer[0].pool == "q"
    assert state.broker.waiting() == 0
    await state.release(ask(), first, GOOD)
    clock.now += 1
    granted(await state.acquire(ask()))


async def test_a_cancelled_request_leaves_the_queue_at_once() -> None:
    state = store(spec(most=1))
    granted(await state.acquire(ask()))
    task = asyncio.create_task(state.wait([ask("a")], soon()))
    await waiting(state, 1)
    task.cancel()
    await asyncio.wait([task])
    assert state.broker.waiting() == 0


async def test_a_grant_that_comes_with_the_cancellation_goes_to_the_next() -> None:
    state = store(spec(most=1), clock=(clock := Turned()))
    held = granted(await state.acquire(ask()))
    first, second = (asyncio.create_task(state.wait([ask("a")], soon())) for _ in range(2))
    await waiting(state, 2)
    await state.release(ask(), held, GOOD)
    clock.now += 1
    await state.credentials("p")
    state._pump(clock.now)  # both happen before the waiting task runs
    first.cancel()
    answer = await second
    assert first.cancelled()
    assert isinstance(answer, tuple)


async def test_waiting_in_vain_is_not_waited_for() -> None:
    day = Quota(Unit.REQUESTS, 1, 86_400.0, Clock.WALL, "credential", firm=True)
    state = store(spec(day))
    await state.release(ask(), granted(await state.acquire(ask())), GOOD)
    answer = await state.wait([ask("a")], soon())
    assert isinstance(answer, Denied)
    assert answer.wait is not None
    assert answer.wait > 3_600


async def test_place_and_time_are_reported() -> None:
    state = store(spec(most=1), clock=(clock := Turned()))
    held = granted(await state.acquire(ask()))
    told: list[tuple[int, float | None]] = []
    ahead = asyncio.create_task(state.wait([ask("a")], soon()))
    await waiting(state, 1)
    behind = asyncio.create_task(state.wait([ask("a")], soon(), lambda place, eta: told.append((place, eta))))
    await waiting(state, 2)
    assert told[0][0] == 2
    assert told[0][1] is not None
    await state.release(ask(), held, GOOD)
    clock.now += 1
    answer = await ahead
    async with asyncio.timeout(10):
        while told[-1][0] != 1:
            await asyncio.sleep(0.01)
    assert isinstance(answer, tuple)
    await state.release(*answer, GOOD)
    clock.now += 1
    assert isinstance(await behind, tuple)
    await state.close()
