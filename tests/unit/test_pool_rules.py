"""The small rules of a pool: quarantine, quiet calls, moves of the clock, reloads, and what is written down."""

import pytest

from inference_service.credentials.pool import Pool, quarantine
from inference_service.credentials.quota import NEVER
from inference_service.credentials.types import Ask, Cooldown, Denied, PoolSpec, Verdict, Vote, Why
from inference_service.failures import Scope
from inference_service.quotas import Clock, LimitFact, Quota, Unit

ASK = Ask("p", "p/m", "m")
OTHER = Ask("p", "p/other", "other")
GOOD = Verdict(Vote.GOOD, good_credential=True)


def pool(*names: str, groups: tuple[str, ...] = (), quotas: tuple[Quota, ...] = (), most: int = 0) -> Pool:
    return Pool(PoolSpec("p", names, groups or names, most, quotas), lease_time=60)


def requests(limit: int, window: float = 60.0, scope: str = "credential_model", *, firm: bool = True) -> Quota:
    return Quota(Unit.REQUESTS, limit, window, Clock.ROLLING, scope, firm=firm)


def picked(one: Pool, lease: str, now: float, ask: Ask = ASK) -> str:
    answer = one.pick(ask, lease, now)
    assert isinstance(answer, str), answer
    return answer


def call(one: Pool, lease: str, now: float, verdict: Verdict = GOOD, ask: Ask = ASK) -> str:
    name = picked(one, lease, now, ask)
    one.release(lease, verdict, now + 1)
    return name


# --- quarantine ----------------------------------------------------------------------------------


def test_a_refused_credential_rests_for_five_minutes_then_four_times_as_long_and_six_hours_at_most() -> None:
    assert [quarantine(times) for times in range(6)] == [300.0, 1_200.0, 4_800.0, 19_200.0, 21_600.0, 21_600.0]
    assert quarantine(10_000) == 21_600.0


def test_an_accepted_probe_ends_the_quarantine_and_its_growth() -> None:
    credentials = pool("a")
    call(credentials, "1", 0, Verdict(quarantine=True, reason="unauthenticated"))
    assert credentials.views(2)[0].reason == "unauthenticated"
    call(credentials, "2", 302)
    view = credentials.views(303)[0]
    assert (view.quarantined, view.reason, view.wakes_at) == (False, "", 0.0)
    call(credentials, "3", 400, Verdict(quarantine=True))
    assert credentials.views(402)[0].wakes_at == 401 + 300


def test_a_call_that_says_nothing_about_the_credential_leaves_it_in_quarantine() -> None:
    credentials = pool("a")
    call(credentials, "1", 0, Verdict(quarantine=True))
    call(credentials, "2", 302, Verdict(Vote.BAD, "server_error"))
    assert credentials.views(303)[0].quarantined


def test_lifting_ends_quarantines_only() -> None:
    credentials = pool("a", "b")
    first = call(credentials, "1", 0, Verdict(quarantine=True, reason="unauthenticated"))
    second = call(credentials, "2", 0, Verdict(cooldown=600, reason="rate_limited"))
    credentials.touched.clear()
    credentials.lift(2)
    assert {lot.credential.id for lot in credentials.touched} == {first}
    assert picked(credentials, "3", 2) == first
    views = {view.id: view for view in credentials.views(2)}
    assert (views[first].reason, views[second].reason) == ("", "rate_limited")


# --- calls under way -----------------------------------------------------------------------------


def test_a_call_ends_once() -> None:
    credentials = pool("a", quotas=(requests(2),))
    picked(credentials, "1", 0)
    credentials.release("1", Verdict(sent=False), 0)
    credentials.release("1", Verdict(sent=False), 0)
    credentials.release("unknown", GOOD, 0)
    credentials.report("unknown", (), 0)
    assert credentials.views(0)[0].in_flight == 0
    assert credentials.lane("m", 0).lots["a"].windows[0].left(0) == 2


def test_a_call_counts_for_the_provider_a_moment_longer_where_calls_at_once_are_bounded() -> None:
    credentials = pool("a", most=1)
    call(credentials, "1", 0)
    assert isinstance(credentials.pick(ASK, "2", 1.04), Denied)
    assert picked(credentials, "2", 1.06) == "a"
    free = pool("a")
    call(free, "1", 0)
    assert free.views(1)[0].in_flight == 0


@pytest.mark.parametrize("verdict", [Verdict(sent=False), Verdict(cooldown=0.5)])
def test_a_call_that_was_not_taken_is_over_for_the_provider_at_once(verdict: Verdict) -> None:
    credentials = pool("a", most=1)
    picked(credentials, "1", 0)
    credentials.release("1", verdict, 1)
    assert credentials.views(1)[0].in_flight == 0


def test_time_alone_makes_room_when_a_call_is_over_for_the_provider() -> None:
    credentials = pool("a", most=1)
    assert credentials.next_change("m", 0) == NEVER
    picked(credentials, "1", 0)
    assert credentials.next_change("m", 0) == 3.0  # it is taken for accepted then
    credentials.release("1", GOOD, 1)
    assert credentials.next_change("m", 1) == pytest.approx(1.05)


def test_the_second_call_at_once_finds_out_what_a_credential_bears() -> None:
    credentials = pool("a")
    picked(credentials, "1", 0)
    assert not credentials.is_scout("1")
    picked(credentials, "2", 0)
    assert credentials.is_scout("2")
    assert not credentials.is_scout("unknown")


def test_the_acceptance_of_a_later_call_tells_that_the_one_before_was_accepted() -> None:
    credentials = pool("a")
    picked(credentials, "quiet", 0)
    picked(credentials, "scout", 0.5)
    credentials.report("scout", (), 1)
    assert credentials.pacing("a", "m").norm.proven == 2
    earlier = pool("a")
    picked(earlier, "scout", 0)
    picked(earlier, "second", 0)
    earlier.report("scout", (), 1)
    assert earlier.pacing("a", "m").norm.proven == 1  # the second one may still be refused


def test_a_refused_call_is_no_evidence_of_what_is_accepted() -> None:
    credentials = pool("a")
    call(credentials, "1", 0)
    call(credentials, "2", 5, Verdict(cooldown=1))
    call(credentials, "3", 10, Verdict(sent=False))
    assert list(credentials.pacing("a", "m").sent) == [0]


def test_how_long_calls_take_is_learned_from_good_ones() -> None:
    credentials = pool("a")
    call(credentials, "1", 0, Verdict(Vote.BAD, "server_error"))
    assert not credentials.lane("m", 2).durations.known
    call(credentials, "2", 10)
    assert credentials.lane("m", 12).durations.mean == 1.0


# --- scopes --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scope", "models"),
    [
        (Scope.CREDENTIAL, [""]),
        (Scope.CREDENTIAL_MODEL, ["m"]),
        (Scope.GROUP, [""]),
        (Scope.GROUP_MODEL, ["m"]),
    ],
)
def test_a_rest_applies_to_the_account_and_to_the_model_if_it_names_one(scope: Scope, models: list[str]) -> None:
    credentials = pool("a", "b", "c", groups=("g", "g", "c"))
    credentials.lane("other", 0)
    call(credentials, "1", 0, Verdict(cooldown=10, scope=scope, told=True, reason="rate_limited"))
    rests = {name: credentials.credential(name) for name in "abc"}
    assert [list(rests[name].rests) for name in "abc"] == [models, models, []]  # type: ignore[union-attr]
    assert {lot.credential.id for lot in credentials.touched} == {"a", "b"}
    assert {lot.model for lot in credentials.touched} == {"m", "other"}
    assert rests["b"] is not None
    assert (rests["b"].reason, rests["b"].told) == ("rate_limited", True)


def test_a_shorter_rest_never_ends_a_longer_one() -> None:
    credentials = pool("a")
    for lease in ("1", "2"):
        picked(credentials, lease, 0)
    credentials.release("1", Verdict(cooldown=100, reason="quota_exhausted"), 1)
    credentials.release("2", Verdict(cooldown=5, reason="quota_exhausted"), 1)
    assert credentials.rests(1)[0].until == 101


# --- what providers tell -------------------------------------------------------------------------


def test_a_stated_number_of_concurrent_calls_is_kept() -> None:
    credentials = pool("a")
    picked(credentials, "1", 0)
    credentials.report("1", (LimitFact(Unit.CONCURRENT, limit=2), LimitFact(Unit.CONCURRENT)), 0)
    picked(credentials, "2", 0)
    assert isinstance(credentials.pick(ASK, "3", 0), Denied)


def test_a_newly_named_window_applies_to_other_models_of_its_scope() -> None:
    credentials = pool("a")
    picked(credentials, "x", 0, OTHER)
    picked(credentials, "1", 0)
    limit = LimitFact(Unit.REQUESTS, 60.0, Clock.ROLLING, limit=5)
    credentials.release("1", Verdict(cooldown=30, reason="rate_limited", limit=limit, scope=Scope.CREDENTIAL), 1)
    for model in ("m", "other"):
        assert [window.limit for window in credentials.lane(model, 1).lots["a"].windows] == [5]


@pytest.mark.parametrize(
    ("unit", "verdict", "left"),
    [
        (Unit.TOKENS, Verdict(good_credential=True, used_tokens=30), 70),
        (Unit.TOKENS, Verdict(good_credential=True), 50),
        (Unit.TOKENS, Verdict(cooldown=0.1, used_tokens=30), 100),
        (Unit.TOKENS, Verdict(sent=False, used_tokens=30), 100),
        (Unit.MONEY, Verdict(good_credential=True, used_money=40), 60),
        (Unit.MONEY, Verdict(sent=False, used_money=40), 100),
        (Unit.REQUESTS, Verdict(good_credential=True, used_tokens=30), 99),
        (Unit.REQUESTS, Verdict(cooldown=0.1), 100),
        (Unit.REQUESTS, Verdict(sent=False), 100),
        (Unit.PICTURES, Verdict(good_credential=True), 98),
        (Unit.PICTURES, Verdict(sent=False), 100),
    ],
)
def test_an_estimate_is_settled_by_what_the_call_has_really_used(unit: Unit, verdict: Verdict, left: int) -> None:
    quota = Quota(unit, 100, 60.0, Clock.ROLLING, "credential_model", firm=True)
    credentials = pool("a", quotas=(quota,))
    picked(credentials, "1", 0, Ask("p", "p/m", "m", tokens=50, pictures=2))
    credentials.release("1", verdict, 1)
    assert credentials.lane("m", 1).lots["a"].windows[0].left(1) == left


# --- reload, restart, clock ----------------------------------------------------------------------


def test_rests_known_to_another_process_are_adopted_and_never_shorten_ours() -> None:
    credentials = pool("a", "b")
    call(credentials, "1", 0, Verdict(cooldown=100, reason="quota_exhausted"))
    credentials.restore(
        [
            Cooldown("a", "m", 50.0, "shorter"),
            Cooldown("b", "", 60.0, "unauthenticated", refused=2),
            Cooldown("b", "m", 1.0, "over"),
            Cooldown("gone", "", 90.0, "of nobody"),
        ],
        2,
    )
    found = {(rest.credential, rest.model): rest.until for rest in credentials.rests(2)}
    assert found == {("a", "m"): 101.0, ("b", ""): 60.0}
    views = {view.id: view for view in credentials.views(2)}
    assert views["b"].quarantined
    credentials.restore([Cooldown("b", "", 60.0, "unauthenticated", refused=1)], 2)
    picked(credentials, "probe", 61)
    credentials.release("probe", Verdict(quarantine=True), 61)
    assert credentials.views(61)[0 if credentials.views(61)[0].id == "b" else 1].wakes_at == 61 + quarantine(2)


def test_a_call_under_way_outlives_the_reload_that_takes_its_credential() -> None:
    credentials = pool("a", "b", quotas=(requests(5),))
    names = {picked(credentials, "1", 0), picked(credentials, "2", 0)}
    assert names == {"a", "b"}
    credentials.configure(PoolSpec("p", ("b",), ("b",), 0, (requests(5),)))
    for lease in ("1", "2"):
        credentials.release(lease, GOOD, 1)
    assert [(view.id, view.in_flight) for view in credentials.views(1)] == [("b", 0)]
    assert credentials.lane("m", 1).lots["b"].windows[0].left(1) == 4
    assert credentials.credential("a") is None


def test_a_credential_may_move_to_another_account() -> None:
    credentials = pool("a", "b", quotas=(requests(1, scope="group"),))
    call(credentials, "1", 0)
    credentials.configure(PoolSpec("p", ("a", "b"), ("g", "g"), 0, (requests(1, scope="group"),)))
    call(credentials, "2", 2)
    assert isinstance(credentials.pick(ASK, "3", 4), Denied)


def test_a_clock_that_was_moved_moves_rests_windows_and_calls() -> None:
    credentials = pool("a", "b", quotas=(requests(1),))
    first = call(credentials, "1", 100, Verdict(cooldown=30, reason="rate_limited"))
    assert call(credentials, "2", 100) != first
    credentials.shift(1_000.0, 1_102)
    answer = credentials.pick(ASK, "3", 1_102)
    assert isinstance(answer, Denied)
    assert answer.wait == pytest.approx(29, abs=1)
    assert picked(credentials, "4", 1_133) == first
    assert isinstance(credentials.pick(ASK, "5", 1_159), Denied)
    assert picked(credentials, "6", 1_162) != first


def test_a_lane_keeps_how_long_calls_take_when_it_is_made_again() -> None:
    credentials = pool("a")
    call(credentials, "1", 0)
    credentials.rebuild(5)
    assert credentials.lane("m", 5).durations.mean == 1.0


# --- candidates ----------------------------------------------------------------------------------


def test_candidates_are_the_usable_ones_with_their_accounts_the_best_first() -> None:
    credentials = pool("a", "b", "c", groups=("g", "g", "c"), quotas=(requests(1, scope="credential"),))
    call(credentials, "1", 0)
    assert credentials.candidates(ASK, 2) == [("c", "c"), ("b", "g")]
    credentials.follow(ASK, "b", "2", 2)
    credentials.follow(ASK, "unknown", "3", 2)
    assert credentials.candidates(ASK, 2) == [("c", "c")]
    credentials.follow(ASK, "c", "4", 2)
    denied = credentials.candidates(ASK, 2)
    assert isinstance(denied, Denied)
    assert denied.why is Why.BUSY
    assert denied == credentials.denial(ASK, 2)


def test_a_conversations_own_credential_is_the_first_candidate() -> None:
    names = tuple("abcdefgh")
    credentials = pool(*names)
    talk = Ask("p", "p/m", "m", conversation="thread-7")
    own = picked(credentials, "1", 0, talk)
    credentials.release("1", GOOD, 1)
    found = credentials.candidates(talk, 2)
    assert isinstance(found, list)
    assert found[0] == (own, own)
    assert sorted(name for name, _ in found) == list(names)


def test_a_conversation_does_not_wait_for_what_its_credential_bears() -> None:
    """Its own credential has a call under way, and nobody knows yet whether it bears two."""
    credentials = pool("a", "b")
    talk = Ask("p", "p/m", "m", conversation="thread-7")
    own = picked(credentials, "1", 0, talk)
    assert picked(credentials, "2", 0, talk) != own
    refused = pool("a", "b")
    assert call(refused, "1", 0, Verdict(quarantine=True), talk) == own
    assert picked(refused, "2", 301.5, talk) != own  # a probe is due, and no conversation is asked to be it


def test_no_more_candidates_are_looked_up_than_anybody_tries() -> None:
    found = pool(*[f"k{number}" for number in range(20)]).candidates(ASK, 0)
    assert isinstance(found, list)
    assert len(found) == 8


def test_the_credential_that_has_rested_longest_is_next() -> None:
    credentials = pool("a", "b", "c")
    assert [call(credentials, str(number), number * 10) for number in range(6)] == ["a", "b", "c"] * 2


def test_when_the_quota_of_the_next_credential_is_lost_is_known_while_one_is_usable() -> None:
    credentials = pool("a", quotas=(requests(3),))
    assert credentials.perishes(ASK, 10) == 10.0  # a rolling window that is full loses what it does not use
    picked(credentials, "1", 10)
    assert credentials.perishes(ASK, 10) == 30.0
    assert credentials.perishes(OTHER, 10) == 10.0
    assert pool("a").perishes(ASK, 10) == NEVER
    call(credentials, "2", 11, Verdict(cooldown=600))
    assert credentials.perishes(ASK, 20) is None


# --- growth and its end --------------------------------------------------------------------------


def test_each_refusal_in_a_row_quadruples_the_quarantine_and_a_person_ends_it() -> None:
    credentials = pool("a")
    now, rests = 0.0, []
    for number in range(3):
        call(credentials, f"refused-{number}", now, Verdict(quarantine=True))
        rests.append(credentials.views(now + 1)[0].wakes_at - now - 1)
        now = credentials.views(now + 1)[0].wakes_at
    assert rests == [300.0, 1_200.0, 4_800.0]
    credentials.lift(now)
    call(credentials, "after", now, Verdict(quarantine=True))
    assert credentials.views(now + 1)[0].wakes_at == now + 1 + 300.0


# --- what is told about limits -------------------------------------------------------------------


def test_a_told_reset_is_believed_as_far_as_its_window_reaches() -> None:
    quota = Quota(Unit.REQUESTS, 5, 60.0, Clock.WALL, "credential_model", firm=True)
    credentials = pool("a", quotas=(quota,))
    picked(credentials, "1", 0)
    credentials.report("1", (LimitFact(Unit.REQUESTS, 60.0, limit=5, remaining=0, resets_after=5_000.0),), 1)
    credentials.release("1", GOOD, 1)
    answer = credentials.pick(ASK, "2", 1)
    assert isinstance(answer, Denied)
    assert answer.wait == pytest.approx(120.0, abs=1)


def test_a_window_of_an_account_that_is_named_late_holds_for_all_its_credentials() -> None:
    credentials = pool("a", "b", "c", groups=("g", "g", "c"))
    credentials.lane("other", 0)
    name = picked(credentials, "1", 0)
    assert name == "a"
    limit = LimitFact(Unit.REQUESTS, 60.0, Clock.ROLLING, limit=1, remaining=0)
    credentials.correct(credentials.lane("m", 0).lots["a"], limit, Scope.GROUP, 0, 0)
    for model in ("m", "other"):
        lots = credentials.lane(model, 0).lots
        assert [[window.limit for window in lots[key].windows] for key in "abc"] == [[1], [1], []]
    assert credentials.candidates(ASK, 0) == [("c", "c")]


def test_a_rest_that_another_process_reports_comes_with_its_reason_and_holds_at_once() -> None:
    credentials = pool("a", "b")
    assert picked(credentials, "1", 0) == "a"
    credentials.restore(
        [Cooldown("b", "", 60.0, "unauthenticated", refused=1), Cooldown("a", "m", 90.0, "rate_limited")], 1
    )
    assert [view.reason for view in credentials.views(1)] == ["rate_limited", "unauthenticated"]
    assert isinstance(credentials.pick(ASK, "2", 1), Denied)
    assert picked(credentials, "probe", 60) == "b"


def test_calls_under_way_follow_a_reload_that_bounds_calls_at_once() -> None:
    credentials = pool("a")
    picked(credentials, "1", 0)
    credentials.configure(PoolSpec("p", ("a",), ("a",), 1, ()))
    credentials.release("1", GOOD, 1)
    assert credentials.views(1.04)[0].in_flight == 1  # it counts for the provider a moment longer
    assert credentials.views(1.06)[0].in_flight == 0


def test_what_was_learned_moves_with_the_clock() -> None:
    credentials = pool("a")
    call(credentials, "1", 100)
    call(credentials, "2", 110)
    pacing = credentials.pacing("a", "m")
    credentials.shift(1_000.0, 1_120)
    assert list(pacing.sent) == [1_100, 1_110]
    assert list(pacing.ends) == [1_101, 1_111]
