"""The calls under way on a pool: how they are counted, accepted, tested against a limit, and ended."""

import pytest

from inference_service.credentials.quota import NEVER
from inference_service.credentials.types import Denied, Verdict, Vote
from inference_service.quotas import LimitFact, Unit
from tests.unit.test_pool_rules import ASK, GOOD, call, picked, pool, requests

# --- counting ------------------------------------------------------------------------------------


def test_each_call_is_counted_once() -> None:
    one = pool("a")
    call(one, "1", 0)
    picked(one, "2", 5)
    view = one.views(5)[0]
    assert (view.calls, view.in_flight) == (2, 1)


def test_a_call_that_is_over_for_us_is_over_once_while_it_may_still_run_at_its_provider() -> None:
    one = pool("a", most=2)
    picked(one, "1", 0)
    picked(one, "2", 0)
    for _ in range(2):
        one.release("1", GOOD, 1)
    assert one.views(1.06)[0].in_flight == 1
    assert one.pacing("a", "m").holding == 0
    assert len(one.pacing("a", "m").ends) == 1


def test_a_call_leaves_the_window_after_its_provider_has_accepted_it_or_it_has_ended() -> None:
    for accepted, at in ((True, 60.6), (False, 61.1)):
        one = pool("a", quotas=(requests(1),))
        picked(one, "1", 0)
        if accepted:
            one.report("1", (), 0.5)
        one.release("1", GOOD, 1)
        assert isinstance(one.pick(ASK, "early", at - 0.1), Denied)
        assert picked(one, "2", at) == "a"


def test_a_second_report_of_a_call_says_nothing_about_the_call_beside_it() -> None:
    one = pool("a", quotas=(requests(2),))
    picked(one, "1", 0)
    picked(one, "2", 0.05)
    for moment in (0.5, 0.6):
        one.report("1", (), moment)
    one.report("2", (), 5)
    assert isinstance(one.pick(ASK, "3", 64.9), Denied)
    assert picked(one, "3", 65.1) == "a"


def test_a_call_that_was_not_refused_for_three_seconds_is_accepted() -> None:
    one = pool("a")
    picked(one, "1", 0)
    one.tick(2.9)
    assert one.pacing("a", "m").norm.proven == 0
    one.tick(3.0)
    assert (one.pacing("a", "m").norm.proven, one.pacing("a", "m").holding) == (1, 1)
    one.tick(9.0)
    assert one.pacing("a", "m").holding == 1
    one.release("1", GOOD, 10)
    assert one.pacing("a", "m").holding == 0


def test_a_good_call_that_nobody_reported_was_accepted_and_is_over() -> None:
    one = pool("a")
    call(one, "1", 0)
    pacing = one.pacing("a", "m")
    assert (pacing.norm.proven, pacing.holding, len(pacing.ends)) == (1, 0, 1)
    unsent = pool("a")
    picked(unsent, "1", 0)
    unsent.release("1", Verdict(good_credential=True, sent=False), 1)
    assert unsent.pacing("a", "m").norm.proven == 0


def test_of_two_calls_at_the_same_moment_the_acceptance_of_one_says_nothing_about_the_other() -> None:
    one = pool("a")
    picked(one, "quiet", 0)
    picked(one, "scout", 0)
    one.report("scout", (), 1)
    assert one.pacing("a", "m").norm.proven == 1
    over = pool("a")
    picked(over, "quiet", 0)
    over.release("quiet", Verdict(Vote.BAD, "server_error"), 0.5)
    picked(over, "next", 1)
    over.report("next", (), 2)
    assert over.pacing("a", "m").norm.proven == 1


def test_what_one_credential_bears_makes_room_on_the_others() -> None:
    one = pool("a", "b")
    for number in range(8):
        picked(one, f"{number}", 0)
    assert isinstance(one.pick(ASK, "more", 0), Denied)  # four each, and nobody knows whether more are borne
    for number in range(8):
        one.report(str(number), (), 1)
    tester = picked(one, "scout", 1)
    one.report("scout", (), 2)
    assert one.pacing("a", "m").norm.proven == 5
    assert picked(one, "next", 2) != tester


def test_credentials_that_were_busy_are_looked_at_again_when_one_has_proven_more() -> None:
    one = pool("a", "b")
    names = {f"{number}": picked(one, f"{number}", 0) for number in range(8)}
    assert isinstance(one.pick(ASK, "more", 0), Denied)
    for lease in [lease for lease, name in names.items() if name == "a"]:
        one.report(lease, (), 1)
    assert picked(one, "more", 1) in names.values()


def test_a_test_of_a_higher_limit_that_ends_without_an_answer_lets_others_test_it() -> None:
    one = pool("a", "b")
    for number in range(8):
        picked(one, f"{number}", 0)
        one.report(str(number), (), 0)
    tester = picked(one, "scout", 1)
    other = "b" if tester == "a" else "a"
    picked(one, "scout-2", 1)
    assert one.pacing("a", "m").norm.scout == tester
    assert isinstance(one.pick(ASK, "beside", 1), Denied)
    for lease in ("scout", "scout-2"):
        one.release(lease, Verdict(Vote.BAD, "server_error"), 2)
    assert one.pacing("a", "m").norm.scout == ""
    assert picked(one, "again", 3) == other
    assert one.pacing("a", "m").norm.scout == other


def test_a_told_number_of_calls_at_once_counts_a_call_a_moment_longer_too() -> None:
    one = pool("a")
    picked(one, "1", 0)
    one.report("1", (LimitFact(Unit.CONCURRENT, limit=1),), 0)
    one.release("1", GOOD, 1)
    assert isinstance(one.pick(ASK, "2", 1.04), Denied)
    assert picked(one, "2", 1.06) == "a"
    learned = pool("a", "b")
    learned.pacing("a", "m").norm.at_once = 1  # as another account has taught
    picked(learned, "1", 0)
    learned.release("1", GOOD, 1)
    assert sum(view.in_flight for view in learned.views(1.04)) == 1


# --- what is left of a call ----------------------------------------------------------------------


def test_of_equal_credentials_the_one_whose_latest_call_began_first_is_next() -> None:
    one = pool("a", "b")
    first, second = picked(one, "1", 0), picked(one, "2", 1)
    one.release("2", GOOD, 2)
    one.release("1", GOOD, 3)
    assert [picked(one, "3", 4), picked(one, "4", 4)] == [first, second]


def test_a_good_call_clears_the_reason_unless_the_credential_rests() -> None:
    one = pool("a")
    credential = one.credential("a")
    assert credential is not None
    for lease in ("old", "refused"):
        picked(one, lease, 0)
    one.release("refused", Verdict(cooldown=10, reason="rate_limited"), 1)
    one.release("old", GOOD, 2)
    assert credential.reason == "rate_limited"
    call(one, "good", 12)
    assert credential.reason == ""


def test_a_person_who_lifts_a_quarantine_leaves_nothing_of_it() -> None:
    one = pool("a")
    call(one, "1", 0, Verdict(quarantine=True, reason="unauthenticated"))
    one.lift(2)
    view = one.views(2)[0]
    credential = one.credential("a")
    assert credential is not None
    assert (view.quarantined, view.wakes_at, credential.reason, one.rests(2)) == (False, 0.0, "", [])
    assert [picked(one, lease, 2) for lease in ("2", "3")] == ["a", "a"]  # and no single probe has to go first


def test_an_acceptance_that_was_concluded_is_not_counted_again() -> None:
    one = pool("a")
    picked(one, "quiet", 0)
    picked(one, "scout", 0.5)
    one.report("scout", (), 1)
    one.tick(10)
    assert (one.pacing("a", "m").norm.proven, one.pacing("a", "m").holding) == (2, 2)
    for lease in ("quiet", "scout"):
        one.release(lease, GOOD, 11)
    assert one.pacing("a", "m").holding == 0


@pytest.mark.parametrize(("at", "way"), [(0.4, 0.4), (0.0, 0.0), (-3.0, 0.0), (9.0, 1.0), (NEVER, 1.0)])
def test_the_way_to_a_provider_lasts_from_the_call_to_its_acceptance(at: float, way: float) -> None:
    one = pool("a")
    picked(one, "1", 0)
    one.report("1", (), 1, at)
    assert one.lane("m", 1).ways.mean == pytest.approx(way)


def test_of_two_windows_of_requests_calls_under_way_count_once_each() -> None:
    one = pool("a", quotas=(requests(9, firm=False),))
    for lease in "1234":
        picked(one, lease, 0)
    one.report("1", (LimitFact(Unit.REQUESTS, 60.0, limit=9, remaining=8),), 1)
    window = one.lane("m", 1).lots["a"].windows[0]
    assert window.left(1) == 5  # three may not have been counted yet
    one.report("1", (LimitFact(Unit.REQUESTS, 60.0, limit=9, remaining=9),), 1)
    assert window.left(1) == 6  # but no more than those three


def test_every_look_at_a_pool_sees_that_a_call_is_over_for_its_provider() -> None:
    one = pool("a", most=1)
    call(one, "1", 0)
    assert isinstance(one.candidates(ASK, 1.04), Denied)
    assert one.candidates(ASK, 1.06) == [("a", "a")]
    one = pool("a", most=1)
    call(one, "1", 0)
    assert one.perishes(ASK, 1.04) is None
    assert one.perishes(ASK, 1.06) == NEVER


def test_everything_is_each_credential_for_each_model() -> None:
    one = pool("a", "b")
    for model in ("m", "other"):
        one.lane(model, 0)
    assert sorted((lot.credential.id, lot.model) for lot in one.everything()) == [
        ("a", "m"), ("a", "other"), ("b", "m"), ("b", "other"),
    ]  # fmt: skip
