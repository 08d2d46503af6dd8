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
    one = broker(spec(most=1))
    grant = granted(one.acquire(ask(), 0))
    for _ in range(20):
        one.join([ask("flood")], 1_000, 0.1)
    one.join([ask("quiet")], 1_000, 0.2)
    assert "quiet" in tenants_served(one, grant, 3)


def test_tenants_take_turns_however_many_wait_for_each() -> None:
    one = broker(spec(most=1))
    grant = granted(one.acquire(ask(), 0))
    for tenant, count in (("a", 30), ("b", 10), ("c", 10)):
        for _ in range(count):
            one.join([ask(tenant)], 1_000, 0.1)
    assert Counter(tenants_served(one, grant, 15)) == {"a": 5, "b": 5, "c": 5}


def test_nobody_is_passed_by_a_later_one_of_his_class() -> None:
    one = broker(spec(most=1))
    grant = granted(one.acquire(ask(), 0))
    tickets = [joined[0] for _ in range(5) if isinstance(joined := one.join([ask("a")], 1_000, 0.1), tuple)]
    order = []
    for now in range(1, 6):
        one.release(ask(), grant, GOOD, now)
        [(ticket, _, grant)] = one.pump(now + 0.5)
        order.append(ticket)
    assert order == tickets


def test_a_later_request_does_not_jump_the_queue() -> None:
    one = broker(spec(most=1))
    grant = granted(one.acquire(ask(), 0))
    one.join([ask("a")], 1_000, 0.1)
    one.release(ask(), grant, GOOD, 1)
    answer = one.acquire(ask("b"), 1.2)
    assert isinstance(answer, Denied)
    assert answer.why is Why.BUSY


def test_a_large_request_lets_small_ones_pass_for_a_while_and_then_no_more() -> None:
    tokens = Quota(Unit.TOKENS, 1_000, 60.0, Clock.ROLLING, "credential_model", firm=True)
    one = broker(spec(tokens))
    one.release(ask(), granted(one.acquire(ask(tokens=500), 0)), GOOD, 0)
    one.join([ask("large", tokens=900)], 10_000, 1)
    small = 0
    for n in range(3 * MOST_PASSES):
        one.join([ask(f"small{n}", tokens=10)], 10_000, 1)
        for served in one.pump(1):
            one.release(served[1], served[2], GOOD, 1)
            small += 1
    assert small == MOST_PASSES
    assert {ticket.asks[0].tenant for ticket, _, _ in one.pump(62)} >= {"large"}


def test_a_request_that_cannot_be_served_in_time_learns_at_once_when_to_come_back() -> None:
    minute = Quota(Unit.REQUESTS, 2, 60.0, Clock.ROLLING, "credential_model", firm=True)
    one = broker(spec(minute))
    for n in range(2):
        one.release(ask(), granted(one.acquire(ask(), n)), GOOD, n)
    in_time = one.join([ask("a")], 10 + 60, 10)
    assert not isinstance(in_time, Denied)
    late = one.join([ask("a")], 10 + 45, 10)
    assert late == Denied(Why.BUSY, pytest.approx(51.03), "rate_limited", told=True)
    one.join([ask("a")], 10 + 60, 10)
    third = one.join([ask("a")], 10 + 60, 10)  # the two calls of the next window are spoken for
    assert isinstance(third, Denied)
    assert third.wait == pytest.approx(112, abs=2)


def test_a_full_line_refuses_the_flood_and_still_takes_others() -> None:
    one = broker(spec(most=1))
    granted(one.acquire(ask(), 0))
    for _ in range(LONGEST_LINE):
        one.join([ask("flood")], 1e6, 0.1)
    assert isinstance(one.join([ask("flood")], 1e6, 0.2), Denied)
    joined = one.join([ask("quiet")], 1e6, 0.3)
    assert not isinstance(joined, Denied)
    assert len(joined[1]) == 1  # the last of the flood makes room
    assert one.waiting() == LONGEST_LINE


def test_places_are_reported_in_the_order_of_service() -> None:
    one = broker(spec(most=1))
    granted(one.acquire(ask(), 0))
    joined = [one.join([ask(tenant)], 1e6, 1) for tenant in ("a", "a", "b")]
    tickets = [pair[0] for pair in joined if isinstance(pair, tuple)]
    prospects = one.prospects(2)
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
    one = store(spec(most=1), clock=(clock := Turned()))
    held = granted(await one.acquire(ask()))
    task = asyncio.create_task(one.wait([ask("a")], soon()))
    await waiting(one, 1)
    await one.release(ask(), held, GOOD)
    clock.now += 1  # the provider may count a call for a moment longer than we do
    answer = await task
    assert isinstance(answer, tuple)
    assert answer[1].credential == held.credential
    assert one.broker.waiting() == 0


async def test_whichever_deployment_has_room_first_serves() -> None:
    one = store(spec(most=1), spec(most=1, name="q"), clock=(clock := Turned()))
    first, second = granted(await one.acquire(ask())), granted(await one.acquire(ask(pool="q")))
    task = asyncio.create_task(one.wait([ask(), ask(pool="q")], soon()))
    await waiting(one, 2)  # in both lines
    await one.release(ask(pool="q"), second, GOOD)
    clock.now += 1
    answer = await task
    assert isinstance(answer, tuple)
    assert answer[0].pool == "q"
    assert one.broker.waiting() == 0
    await one.release(ask(), first, GOOD)
    clock.now += 1
    granted(await one.acquire(ask()))


async def test_a_cancelled_request_leaves_the_queue_at_once() -> None:
    one = store(spec(most=1))
    granted(await one.acquire(ask()))
    task = asyncio.create_task(one.wait([ask("a")], soon()))
    await waiting(one, 1)
    task.cancel()
    await asyncio.wait([task])
    assert one.broker.waiting() == 0


async def test_a_grant_that_comes_with_the_cancellation_goes_to_the_next() -> None:
    one = store(spec(most=1), clock=(clock := Turned()))
    held = granted(await one.acquire(ask()))
    first, second = (asyncio.create_task(one.wait([ask("a")], soon())) for _ in range(2))
    await waiting(one, 2)
    await one.release(ask(), held, GOOD)
    clock.now += 1
    await one.credentials("p")
    one._pump(clock.now)  # both happen before the waiting task runs
    first.cancel()
    answer = await second
    assert first.cancelled()
    assert isinstance(answer, tuple)


async def test_waiting_in_vain_is_not_waited_for() -> None:
    day = Quota(Unit.REQUESTS, 1, 86_400.0, Clock.WALL, "credential", firm=True)
    one = store(spec(day))
    await one.release(ask(), granted(await one.acquire(ask())), GOOD)
    answer = await one.wait([ask("a")], soon())
    assert isinstance(answer, Denied)
    assert answer.wait is not None
    assert answer.wait > 3_600


async def test_place_and_time_are_reported() -> None:
    one = store(spec(most=1), clock=(clock := Turned()))
    held = granted(await one.acquire(ask()))
    told: list[tuple[int, float | None]] = []
    ahead = asyncio.create_task(one.wait([ask("a")], soon()))
    await waiting(one, 1)
    behind = asyncio.create_task(one.wait([ask("a")], soon(), lambda place, eta: told.append((place, eta))))
    await waiting(one, 2)
    assert told[0][0] == 2
    assert told[0][1] is not None
    await one.release(ask(), held, GOOD)
    clock.now += 1
    answer = await ahead
    async with asyncio.timeout(10):
        while told[-1][0] != 1:
            await asyncio.sleep(0.01)
    assert isinstance(answer, tuple)
    await one.release(*answer, GOOD)
    clock.now += 1
    assert isinstance(await behind, tuple)
    await one.close()
