"""What acquiring costs in a large pool, counted in steps: a call or a return of a function, of Python or of C."""

import sys
from collections.abc import Callable
from typing import Any

import pytest

from inference_service.credentials.broker import Broker
from inference_service.credentials.types import Ask, BreakerSpec, Denied, Grant, PoolSpec, Verdict, Vote
from inference_service.quotas import Clock, LimitFact, Quota, Unit

GOOD = Verdict(Vote.GOOD, good_credential=True, used_tokens=50)
QUOTAS = (
    Quota(Unit.REQUESTS, 15, 60.0, Clock.ROLLING, "credential_model", firm=True),
    Quota(Unit.TOKENS, 8_000, 60.0, Clock.ROLLING, "credential_model", firm=True),
    Quota(Unit.REQUESTS, 1_000, 86_400.0, Clock.WALL, "credential", firm=True),
)
BEGAN = 1_790_000_000.0
ROUNDS = 60


def steps(work: Callable[[], None]) -> int:
    count = 0

    def step(_frame: Any, _event: str, _argument: Any) -> None:
        nonlocal count
        count += 1

    sys.setprofile(step)
    try:
        work()
    finally:
        sys.setprofile(None)
    return count


class Loaded:
    """A pool under load: as many calls are under way as it has credentials."""

    def __init__(self, keys: int, quotas: tuple[Quota, ...] = QUOTAS, accounts: int = 0) -> None:
        names = tuple(f"key-{number:04}" for number in range(keys))
        groups = tuple(f"g{number // 2}" for number in range(keys)) if accounts else names
        self.broker = Broker(BreakerSpec())
        self.broker.configure(PoolSpec("p", names, groups, 0, quotas))
        self.now = BEGAN
        self.running: list[tuple[Ask, Grant]] = []
        for _ in range(keys):
            self.acquire(Ask("p", "p/m", "m", tokens=100))

    def acquire(self, ask: Ask) -> None:
        self.now += 0.001
        answer = self.broker.acquire(ask, self.now)
        assert isinstance(answer, Grant), answer
        self.running.append((ask, answer))

    def turn_over(self, ask: Ask) -> None:
        """The oldest call ends, another one begins, and the provider accepts it."""
        self.broker.release(*self.running.pop(0), GOOD, self.now)
        self.acquire(ask)
        fact = LimitFact(Unit.REQUESTS, 60.0, Clock.ROLLING, 15, 14)
        self.broker.pools["p"].report(self.running[-1][1].lease, (fact,), self.now)


def growth(work: Callable[[Loaded], None], small: Loaded, large: Loaded) -> float:
    work(small)  # what is made once is made
    work(large)
    return steps(lambda: work(large)) / steps(lambda: work(small))


@pytest.mark.parametrize(
    "ask",
    [Ask("p", "p/m", "m"), Ask("p", "p/m", "m", tokens=100), Ask("p", "p/m", "m", tokens=100, conversation="thread-7")],
    ids=["plain", "tokens", "conversation"],
)
@pytest.mark.parametrize("accounts", [0, 2], ids=["own", "shared"])
def test_a_call_from_a_pool_of_a_thousand_costs_little_more_than_from_one_of_ten(ask: Ask, accounts: int) -> None:
    def calls(pool: Loaded) -> None:
        for _ in range(ROUNDS):
            pool.turn_over(ask)

    assert growth(calls, Loaded(10, accounts=accounts), Loaded(1_000, accounts=accounts)) <= 1.5


def test_candidates_for_a_shared_pool_cost_little_more() -> None:
    def looks(pool: Loaded) -> None:
        for _ in range(ROUNDS):
            pool.now += 0.001
            pool.broker.candidates(Ask("p", "p/m", "m", tokens=100), pool.now)

    assert growth(looks, Loaded(10), Loaded(1_000)) <= 1.5


@pytest.mark.parametrize("tokens", [0, 100])
def test_a_denial_costs_no_look_at_every_credential(tokens: int) -> None:
    def full(keys: int) -> Loaded:
        return Loaded(keys, (Quota(Unit.REQUESTS, 1, 86_400.0, Clock.ROLLING, "credential", firm=True),))

    def denials(pool: Loaded) -> None:
        for _ in range(ROUNDS):
            pool.now += 0.001
            assert isinstance(pool.broker.acquire(Ask("p", "p/m", "m", tokens=tokens), pool.now), Denied)

    # A pool of ten has ten reasons to look at, a larger one is asked for some.
    assert growth(denials, full(10), full(1_000)) <= (1.5 if not tokens else 8.0)
    assert growth(denials, full(100), full(1_000)) <= 1.5


def test_joining_a_long_line_costs_no_look_at_every_place() -> None:
    def waiting(keys: int) -> Loaded:
        pool = Loaded(keys, (Quota(Unit.REQUESTS, 1, 60.0, Clock.ROLLING, "credential", firm=True),))
        for _ in range(40):
            join(pool)
        return pool

    def join(pool: Loaded) -> None:
        pool.now += 0.001
        assert isinstance(pool.broker.join([Ask("p", "p/m", "m")], pool.now + 600, pool.now), tuple)

    def joins(pool: Loaded) -> None:
        for _ in range(ROUNDS):
            join(pool)

    assert growth(joins, waiting(100), waiting(1_000)) <= 6.0
