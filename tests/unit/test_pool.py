"""Pools of credentials: who is picked, who rests, and what refusals teach."""

import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference_service.credentials.breaker import Breaker
from inference_service.credentials.pool import Pool
from inference_service.credentials.types import Ask, BreakerSpec, Denied, PoolSpec, Verdict, Vote, Why
from inference_service.failures import FailureKind, Scope
from inference_service.quotas import Clock, LimitFact, Quota, Unit

ASK = Ask("p", "p/m", "m")
OTHER = Ask("p", "p/other", "other")
GOOD = Verdict(Vote.GOOD, good_credential=True)
SLACK = 1.0


def pool(count: int, *quotas: Quota, groups: list[str] | None = None, most: int = 0) -> Pool:
    names = tuple(string.ascii_lowercase[:count])
    return Pool(PoolSpec("p", names, tuple(groups or names), most, quotas), lease_time=60)


def requests(limit: int, window: float = 60.0, clock: Clock = Clock.ROLLING, scope: str = "credential_model") -> Quota:
    return Quota(Unit.REQUESTS, limit, window, clock, scope, firm=True)


def picked(one: Pool, lease: str, now: float, ask: Ask = ASK) -> str:
    answer = one.pick(ask, lease, now)
    assert isinstance(answer, str), answer
    return answer


def denied(one: Pool, now: float, ask: Ask = ASK) -> Denied:
    answer = one.pick(ask, "denied", now)
    assert isinstance(answer, Denied), answer
    return answer


def test_the_credential_with_the_fewest_calls_in_flight_is_picked() -> None:
    credentials = pool(3)
    assert sorted(picked(credentials, f"l{n}", 100.0 + n) for n in range(3)) == ["a", "b", "c"]


def test_a_resting_token_is_not_used_before_its_time_and_then_again() -> None:
    credentials = pool(1)
    picked(credentials, "l", 0)
    credentials.release("l", Verdict(cooldown=10, reason="rate_limited"), 0)
    assert denied(credentials, 9.9) == Denied(Why.RESTING, pytest.approx(0.1), "rate_limited")
    assert picked(credentials, "l2", 10.1) == "a"


def test_a_call_that_has_just_ended_makes_room_in_a_moment_that_is_worth_the_wait() -> None:
    credentials = pool(2, most=1)
    picked(credentials, "l1", 0)
    picked(credentials, "l2", 0)
    assert denied(credentials, 1.0) == Denied(Why.BUSY, None, "busy")  # nobody knows when these end
    credentials.release("l1", GOOD, 2.0)
    assert denied(credentials, 2.02) == Denied(Why.BUSY, pytest.approx(0.03), "busy", told=True)
    assert picked(credentials, "l3", 2.06) == "a"


def test_a_limit_of_one_model_leaves_the_others_alone() -> None:
    credentials = pool(1)
    picked(credentials, "l", 0)
    credentials.release("l", Verdict(cooldown=10, scope=Scope.CREDENTIAL_MODEL), 0)
    denied(credentials, 1)
    assert picked(credentials, "x", 1, OTHER) == "a"


def test_credentials_of_one_account_rest_together() -> None:
    credentials = pool(3, groups=["g", "g", "c"])
    assert picked(credentials, "l", 0) == "a"
    credentials.release("l", Verdict(cooldown=10, scope=Scope.GROUP), 0)
    assert [picked(credentials, f"x{n}", 1) for n in range(2)] == ["c", "c"]


def test_a_quarantined_credential_is_probed_once_with_growing_pauses_and_lifted_by_a_person() -> None:
    credentials = pool(1)
    now, pauses = 0.0, []
    for n in range(3):
        assert picked(credentials, f"l{n}", now) == "a"
        if n:
            denied(credentials, now)
        credentials.release(f"l{n}", Verdict(quarantine=True, reason="unauthenticated"), now)
        wakes = credentials.views(now)[0].wakes_at
        pauses.append(wakes - now)
        now = wakes + 1
    assert pauses == sorted(pauses)
    assert pauses[0] < pauses[-1]
    picked(credentials, "last", now)
    credentials.release("last", Verdict(quarantine=True, reason="unauthenticated"), now)
    assert denied(credentials, now) == Denied(Why.NONE, None, "unauthenticated")
    credentials.lift(now)
    assert picked(credentials, "z", now) == "a"


def test_a_lease_of_a_crashed_holder_ends_by_itself() -> None:
    credentials = pool(1, most=1)
    assert picked(credentials, "l", 0) == "a"
    assert denied(credentials, 59) == Denied(Why.BUSY, None, "busy")
    assert picked(credentials, "l2", 61) == "a"


@pytest.mark.parametrize(
    ("clock", "window", "now", "opens"),
    [
        (Clock.ROLLING, 60.0, 1_000.0, 1_060.03),
        (Clock.WALL, 60.0, 1_000.0, 1_021.0),
        (Clock.WALL, 3_600.0, 1_000.0, 3_601.0),
        (Clock.WALL, 86_400.0, 1_000.0, 86_401.0),
        (Clock.WALL, 30 * 86_400.0, 1_000.0, 31 * 86_400.0 + 1),
        (Clock.FIRST_USE, 18_000.0, 1_000.0, 19_001.0),
        # 2026-03-08 has 23 hours in Los Angeles, 2026-11-01 has 25; both are asked at 12:00 UTC
        (Clock.PACIFIC, 86_400.0, 1_772_971_200.0, 1_773_039_600.0 + 1),
        (Clock.PACIFIC, 86_400.0, 1_793_534_400.0, 1_793_606_400.0 + 1),
    ],
)
def test_a_declared_quota_is_kept_until_its_clock_refills_it(
    clock: Clock, window: float, now: float, opens: float
) -> None:
    credentials = pool(1, requests(2, window, clock))
    for n in range(2):
        picked(credentials, f"l{n}", now)
        credentials.release(f"l{n}", GOOD, now)
    answer = denied(credentials, now)
    assert answer.why is Why.BUSY
    assert answer.wait == pytest.approx(opens - now, abs=0.01)
    denied(credentials, opens - 0.01)
    assert picked(credentials, "again", opens + 0.01) == "a"


@pytest.mark.parametrize(
    ("scope", "same_model", "other_model"),
    [
        ("credential", ["b"], ["b"]),
        ("credential_model", ["b"], ["a", "b"]),
        ("group", [], []),
        ("group_model", [], ["a"]),
    ],
)
def test_a_quota_binds_at_its_scope(scope: str, same_model: list[str], other_model: list[str]) -> None:
    """Two credentials of one account, of which the first has made the one call of its quota."""

    def spent() -> Pool:
        credentials = pool(2, requests(1, scope=scope), groups=["g", "g"])
        assert picked(credentials, "l", 0) == "a"
        credentials.release("l", GOOD, 0)
        return credentials

    for ask, usable in ((ASK, same_model), (OTHER, other_model)):
        one = spent()
        names = [one.pick(ask, f"{number}", 1) for number in range(3)]
        assert sorted(name for name in names if isinstance(name, str)) == usable


def test_a_quota_for_some_models_leaves_the_others_alone() -> None:
    credentials = pool(1, Quota(Unit.REQUESTS, 1, 60.0, Clock.ROLLING, "credential", ("m*",), firm=True))
    picked(credentials, "l", 0)
    denied(credentials, 0)
    denied(credentials, 0, Ask("p", "p/m2", "m2"))
    picked(credentials, "x", 0, OTHER)


def test_a_call_near_the_end_of_a_window_is_counted_on_both_sides_of_it() -> None:
    """It may reach the provider when its next window has begun."""
    credentials = pool(1, requests(2, 60.0, Clock.WALL))
    picked(credentials, "l", 59.5)
    picked(credentials, "l2", 61.2)
    assert isinstance(credentials.pick(ASK, "l3", 61.3), Denied)


def test_tokens_are_reserved_before_and_settled_after() -> None:
    credentials = pool(1, Quota(Unit.TOKENS, 1_000, 60.0, Clock.ROLLING, "credential_model", firm=True))
    large = Ask("p", "p/m", "m", tokens=700)
    picked(credentials, "l", 0, large)
    assert denied(credentials, 0, large).wait == pytest.approx(61.0)
    credentials.release("l", Verdict(Vote.GOOD, good_credential=True, used_tokens=200), 1)
    picked(credentials, "l2", 1, large)


def test_a_call_that_never_left_has_used_nothing() -> None:
    credentials = pool(1, requests(1))
    picked(credentials, "l", 0)
    credentials.release("l", Verdict(sent=False), 0)
    picked(credentials, "l2", 0)


def test_a_request_too_large_for_one_key_goes_to_a_larger_one_or_is_refused_with_the_number() -> None:
    credentials = pool(2, Quota(Unit.TOKENS, 1_000, 60.0, Clock.ROLLING, "credential_model"))
    picked(credentials, "l", 0)
    credentials.report("l", (LimitFact(Unit.TOKENS, 60.0, Clock.ROLLING, 8_000, 8_000),), 0)
    assert picked(credentials, "x", 0, Ask("p", "p/m", "m", tokens=5_000)) == "a"
    assert denied(credentials, 0, Ask("p", "p/m", "m", tokens=9_000)) == Denied(Why.TOO_LARGE, None, "too_large", 8_000)


def test_a_model_that_a_quota_forbids_is_never_asked() -> None:
    credentials = pool(1, requests(0))
    assert denied(credentials, 0).why is Why.NONE


# --- what providers tell --------------------------------------------------------------------------


def test_nothing_left_in_the_headers_is_believed_before_a_refusal() -> None:
    credentials = pool(2)
    first = picked(credentials, "l", 0)
    credentials.report("l", (LimitFact(Unit.REQUESTS, remaining=0, limit=1, resets_after=30),), 0)
    credentials.release("l", GOOD, 1)
    assert {picked(credentials, f"x{n}", 2) for n in range(4)} == {"a", "b"} - {first}


def test_headers_lower_what_a_person_declared_and_never_raise_it() -> None:
    credentials = pool(1, requests(10))
    picked(credentials, "l", 0)
    credentials.report("l", (LimitFact(Unit.REQUESTS, 60.0, Clock.ROLLING, 1_000, 999),), 0)
    for n in range(9):
        picked(credentials, f"x{n}", 0.1 * n)
        credentials.report(f"x{n}", (), 0.1 * n)
        credentials.release(f"x{n}", GOOD, 0.1 * n)
    denied(credentials, 2)
    low = pool(1, requests(10))
    picked(low, "l", 0)
    low.report("l", (LimitFact(Unit.REQUESTS, 60.0, Clock.ROLLING, 10, 0),), 0)
    denied(low, 2)


def test_headers_raise_what_only_the_catalogue_says() -> None:
    credentials = pool(1, Quota(Unit.REQUESTS, 1, 60.0, Clock.ROLLING))
    picked(credentials, "l", 0)
    credentials.report("l", (LimitFact(Unit.REQUESTS, 60.0, Clock.ROLLING, 100, 99),), 0)
    picked(credentials, "x", 0)


def test_a_count_that_is_older_than_calls_under_way_does_not_free_them() -> None:
    credentials = pool(1, Quota(Unit.REQUESTS, 5, 60.0, Clock.ROLLING))
    for n in range(4):
        picked(credentials, f"l{n}", 0)
    credentials.report("l0", (LimitFact(Unit.REQUESTS, 60.0, Clock.ROLLING, 5, 4),), 0.1)
    assert credentials.lane("m", 0.1).lots["a"].windows[0].left(0.1) == 1


@pytest.mark.parametrize(
    ("told", "window", "believed"), [(10**9, None, 86_400.0), (900.0, 60.0, 120.0), (0.0, None, 0.5)]
)
def test_stated_times_are_claims(told: float, window: float | None, believed: float) -> None:
    credentials = pool(1)
    picked(credentials, "l", 0)
    limit = LimitFact(Unit.REQUESTS, window) if window else None
    credentials.release("l", Verdict(cooldown=told, reason="rate_limited", limit=limit), 0)
    assert denied(credentials, 0).wait == pytest.approx(believed)


def test_a_wait_that_was_stated_too_short_grows_with_experience() -> None:
    credentials = pool(1)
    now, waits = 0.0, []
    for n in range(4):
        picked(credentials, f"l{n}", now)
        credentials.release(f"l{n}", Verdict(cooldown=5, reason="quota_exhausted"), now + 0.1)
        waits.append(denied(credentials, now + 0.1).wait or 0.0)
        now += 0.2 + waits[-1]
    assert waits == sorted(waits)
    assert waits[-1] >= 4 * waits[0]


def test_refusals_of_calls_that_were_under_way_together_are_one_strike() -> None:
    credentials = pool(1)
    for n in range(4):
        picked(credentials, f"l{n}", 0)
    for n in range(4):
        credentials.release(f"l{n}", Verdict(cooldown=5, reason="quota_exhausted"), 0.5)
    assert denied(credentials, 0.5).wait == pytest.approx(5.0)


def test_after_a_rest_one_call_goes_first_and_then_ever_more() -> None:
    credentials = pool(1)
    picked(credentials, "l", 0)
    credentials.release("l", Verdict(cooldown=5, reason="quota_exhausted"), 0)
    widths = []
    for turn in range(3):
        leases = []
        while isinstance(credentials.pick(ASK, f"{turn}-{len(leases)}", 6 + turn), str):
            leases.append(f"{turn}-{len(leases)}")
        widths.append(len(leases))
        for lease in leases:
            credentials.report(lease, (), 6 + turn)
            credentials.release(lease, GOOD, 6 + turn)
    assert widths[0] == 1
    assert widths == sorted(widths)
    assert widths[-1] > 1


def rate_limited() -> Verdict:
    return Verdict(reason=FailureKind.RATE_LIMITED.value, backoff=True)


def test_calls_at_once_are_learned_from_refusals_and_tried_again_later() -> None:
    credentials = pool(1)
    for n in range(4):
        picked(credentials, f"l{n}", 0)
    for n in range(2):
        credentials.report(f"l{n}", (), 0.1)
    credentials.release("l2", rate_limited(), 0.2)
    credentials.release("l3", rate_limited(), 0.2)
    assert not isinstance(credentials.pick(ASK, "x", 3), str)  # two are under way
    credentials.release("l0", GOOD, 3)
    picked(credentials, "y", 4)
    credentials.report("y", (), 4.1)
    denied(credentials, 5)
    picked(credentials, "z", 300)  # a third is tried in the end


def test_the_size_of_an_untold_window_is_learned_for_the_whole_pool() -> None:
    credentials = pool(2)
    for n in range(20):
        picked(credentials, f"l{n}", n * 2.0)
        credentials.report(f"l{n}", (), n * 2.0)
        credentials.release(f"l{n}", GOOD, n * 2.0 + 0.5)
    picked(credentials, "refused", 41)
    credentials.release("refused", rate_limited(), 41.2)
    assert {view.id: view.remaining for view in credentials.views(42)} == {"a": 0, "b": 0}
    assert denied(credentials, 60).why is Why.BUSY
    picked(credentials, "again", 61.1)


def test_an_explanation_that_proves_wrong_is_taken_back() -> None:
    """Ten calls in a minute looked like the limit, but the minute passes and it still refuses: it is a longer one."""
    credentials = pool(1)
    for n in range(10):
        picked(credentials, f"l{n}", n * 4.0)
        credentials.report(f"l{n}", (), n * 4.0)
        credentials.release(f"l{n}", GOOD, n * 4.0 + 0.5)
    picked(credentials, "refused", 41)
    credentials.release("refused", rate_limited(), 41.2)
    wait = denied(credentials, 42).wait
    assert wait is not None
    picked(credentials, "probe", 42 + wait)
    credentials.release("probe", rate_limited(), 42.2 + wait)
    longer = denied(credentials, 43 + wait).wait
    assert longer is not None
    assert longer > 100


def test_one_refusal_in_spite_of_declared_quotas_teaches_no_other_limit_but_a_third_does() -> None:
    """Somebody else may have used the key, or another process while Redis was gone."""
    credentials = pool(1, requests(15))
    now = 0.0
    for attempt in range(3):
        for n in range(8):
            lease = f"{attempt}-{n}"
            picked(credentials, lease, now)
            credentials.report(lease, (), now + 0.1)
            credentials.release(lease, GOOD, now + 0.5)
            now += 1
        picked(credentials, f"refused-{attempt}", now)
        credentials.release(f"refused-{attempt}", rate_limited(), now + 0.1)
        assert bool(credentials.pacing("a", "m").windows) is (attempt == 2)
        wait = denied(credentials, now + 0.1).wait
        assert wait is not None
        assert attempt == 2 or wait <= 1.2
        now += 70


# --- choice ----------------------------------------------------------------------------------------


def test_a_conversation_keeps_its_credential_while_that_costs_no_wait() -> None:
    one, twin = pool(8, requests(3)), pool(8, requests(3))
    talk = Ask("p", "p/m", "m", conversation="thread-7")
    mine = picked(one, "l", 0, talk)
    assert picked(twin, "l", 0, talk) == mine  # in every process, and after a restart
    one.release("l", GOOD, 0)
    for n in range(2):
        assert picked(one, f"t{n}", 1, talk) == mine
        one.release(f"t{n}", GOOD, 1)
    assert picked(one, "u", 2, talk) != mine  # its quota is used up
    spread = {picked(one, f"s{n}", 3, Ask("p", "p/m", "m", conversation=f"c{n}")) for n in range(16)}
    assert len(spread) >= 5


def test_a_credential_that_leaves_moves_only_its_own_conversations() -> None:
    names = tuple(f"key-{n}" for n in range(9))
    whole = Pool(PoolSpec("p", names, names), lease_time=60)
    fewer = Pool(PoolSpec("p", names[:-1], names[:-1]), lease_time=60)
    for n in range(200):
        talk = Ask("p", "p/m", "m", conversation=f"c{n}")
        before, after = picked(whole, f"l{n}", n * 10, talk), picked(fewer, f"l{n}", n * 10, talk)
        assert before in (after, names[-1])
        whole.release(f"l{n}", GOOD, n * 10 + 1)
        fewer.release(f"l{n}", GOOD, n * 10 + 1)


def test_a_reload_keeps_what_was_counted() -> None:
    credentials = pool(1, requests(2))
    picked(credentials, "l", 0)
    credentials.configure(PoolSpec("p", ("a", "b"), ("a", "b"), 0, (requests(1),)))
    assert picked(credentials, "x", 1) == "b"
    denied(credentials, 1)


@given(st.integers(1, 6), st.integers(1, 4), st.lists(st.floats(0.0, 0.5), min_size=50, max_size=200))
@settings(max_examples=60, deadline=None)
def test_a_declared_quota_is_never_overrun_and_nothing_usable_is_passed_over(
    tokens: int, quota: int, gaps: list[float]
) -> None:
    one, now = pool(tokens, requests(quota, 10.0)), 0.0
    windows: dict[str, list[float]] = {name: [] for name in one.spec.credentials}
    for number, gap in enumerate(gaps):
        now += gap
        able = {name for name, calls in windows.items() if len([at for at in calls if at > now - 10.6]) < quota}
        answer = one.pick(ASK, f"l{number}", now)
        if isinstance(answer, Denied):
            assert not able
            continue
        windows[answer].append(now)
        assert len([at for at in windows[answer] if at > now - 10]) <= quota
        one.release(f"l{number}", GOOD, now)


# --- breakers --------------------------------------------------------------------------------------


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
