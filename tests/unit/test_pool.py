"""Pools of credentials, in memory and in Redis by the same rules."""

import random
import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference_service.credentials.breaker import Breaker
from inference_service.credentials.pool import Pool
from inference_service.credentials.types import BreakerSpec, Denied, PoolSpec, Remaining, Verdict, Vote, Why
from inference_service.failures import Scope

NOTHING = frozenset[str]()


def pool(count: int, *, groups: list[str] | None = None, most: int = 0) -> Pool:
    names = tuple(string.ascii_lowercase[:count])
    return Pool(PoolSpec("p", names, tuple(groups or names), most), lease_time=60, chance=random.Random(1))


def test_the_credential_with_the_fewest_calls_in_flight_is_picked() -> None:
    one = pool(3)
    assert sorted(str(one.pick("m", f"l{n}", NOTHING, 100.0 + n)) for n in range(3)) == ["a", "b", "c"]


def test_a_resting_token_is_not_used_before_its_time_and_then_again() -> None:
    one = pool(1)
    one.pick("m", "l", NOTHING, 0)
    one.release("a", "m", "l", Verdict(cooldown=10, reason="rate_limited"), 0)
    assert one.pick("m", "l2", NOTHING, 9.9) == Denied(Why.RESTING, pytest.approx(0.1), "rate_limited")
    assert one.pick("m", "l2", NOTHING, 10.1) == "a"


def test_a_limit_of_one_model_leaves_the_others_alone() -> None:
    one = pool(1)
    one.pick("m", "l", NOTHING, 0)
    one.release("a", "m", "l", Verdict(cooldown=10, scope=Scope.CREDENTIAL_MODEL), 0)
    assert isinstance(one.pick("m", "x", NOTHING, 1), Denied)
    assert one.pick("other", "x", NOTHING, 1) == "a"


def test_credentials_of_one_account_rest_together() -> None:
    one = pool(3, groups=["g", "g", "c"])
    assert one.pick("m", "l", NOTHING, 0) == "a"
    one.release("a", "m", "l", Verdict(cooldown=10, scope=Scope.GROUP), 0)
    assert [one.pick("m", f"x{n}", NOTHING, 1) for n in range(2)] == ["c", "c"]


def test_a_quarantined_credential_is_probed_once_with_growing_pauses_and_lifted_by_a_person() -> None:
    one = pool(1)
    now, pauses = 0.0, []
    for n in range(3):
        assert one.pick("m", f"l{n}", NOTHING, now) == "a"
        assert isinstance(one.pick("m", "other", NOTHING, now), Denied) or n == 0
        one.release("a", "m", f"l{n}", Verdict(quarantine=True, reason="unauthenticated"), now)
        wakes = one.views(now)[0].wakes_at
        pauses.append(wakes - now)
        now = wakes + 1
    assert pauses == sorted(pauses)
    assert pauses[0] < pauses[-1]
    one.release("a", "m", "none", Verdict(quarantine=True), now)
    one.lift()
    assert one.pick("m", "z", NOTHING, now) == "a"


def test_remaining_zero_rests_until_the_reset() -> None:
    one = pool(2)
    one.pick("m", "l", NOTHING, 0)
    one.report("a", "m", Remaining(0, 30), 0)
    one.release("a", "m", "l", Verdict(good_credential=True), 1)
    assert {one.pick("m", f"x{n}", NOTHING, 2) for n in range(4)} == {"b"}
    assert one.pick("m", "y", NOTHING, 31) == "a"


def test_a_lease_of_a_crashed_holder_ends_by_itself() -> None:
    one = pool(1, most=1)
    assert one.pick("m", "l", NOTHING, 0) == "a"
    assert one.pick("m", "l2", NOTHING, 59) == Denied(Why.BUSY, None, "busy")
    assert one.pick("m", "l2", NOTHING, 61) == "a"


@given(st.integers(1, 6), st.integers(1, 4), st.lists(st.floats(0.0, 0.5), min_size=50, max_size=200))
@settings(max_examples=60, deadline=None)
def test_a_pool_of_n_tokens_carries_n_tokens_worth_and_refuses_nothing_that_one_could_have_served(
    tokens: int, quota: int, gaps: list[float]
) -> None:
    """Each token allows `quota` calls in a window of ten seconds; the simulated provider counts."""
    one, now = pool(tokens), 0.0
    windows: dict[str, list[float]] = {name: [] for name in one.spec.credentials}
    for number, gap in enumerate(gaps):
        now += gap
        able = {name for name, calls in windows.items() if len([at for at in calls if at > now - 10.05]) < quota}
        tried: set[str] = set()
        served = False
        while True:
            picked = one.pick("m", f"l{number}-{len(tried)}", NOTHING, now)
            if isinstance(picked, Denied):
                break
            calls = windows[picked] = [at for at in windows[picked] if at > now - 10]
            if len(calls) < quota:
                calls.append(now)
                one.release(picked, "m", f"l{number}-{len(tried)}", Verdict(good_credential=True), now)
                served = True
                break
            assert picked not in tried, "a token that rests was used"
            tried.add(picked)
            one.release(
                picked, "m", f"l{number}-{len(tried) - 1}", Verdict(cooldown=max(0.051, calls[0] + 10 - now)), now
            )
        # A token frees up exactly when its rest ends, so whoever was able is never passed over.
        assert served or not able


def test_a_breaker_opens_probes_once_and_closes() -> None:
    breaker = Breaker(BreakerSpec(failures=2, window=60, probe_interval=15))
    for n in range(2):
        assert breaker.admit(f"l{n}", 1.0, 60) is True
        breaker.vote(f"l{n}", Vote.BAD, "server_error", 1.0)
    assert breaker.admit("x", 10.0, 60) == pytest.approx(6.0)
    assert breaker.admit("probe", 16.5, 60) is True
    assert breaker.is_probe("probe")
    assert breaker.admit("y", 17.0, 60) is not True
    breaker.vote("probe", Vote.GOOD, "", 18.0)
    assert breaker.admit("z", 18.0, 60) is True


def test_losing_a_hedge_teaches_a_breaker_nothing() -> None:
    breaker = Breaker(BreakerSpec(failures=1))
    breaker.vote("l", Vote.SILENT, "", 1.0)
    assert breaker.view(1.0).state == "closed"
