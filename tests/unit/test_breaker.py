"""When a deployment is left alone, how it is probed, and what a model that is gone costs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference_service.credentials.breaker import BENCHES, Breaker
from inference_service.credentials.types import BreakerSpec, BreakerView, Vote

GOOD, BAD, GONE, DOUBT, SILENT = Vote.GOOD, Vote.BAD, Vote.GONE, Vote.DOUBT, Vote.SILENT
SPEC = BreakerSpec(failures=3, window=60.0, probe_interval=20.0)
LEASE_TIME = 30.0
MINUTE = 60.0


def voted(*votes: Vote, spec: BreakerSpec = SPEC, pause: float = 1.0, start: float = 100.0) -> tuple[Breaker, float]:
    """A breaker after these calls, `pause` seconds apart, and the moment of the last one."""
    breaker, now = Breaker(spec), start
    for number, vote in enumerate(votes):
        now = start + number * pause
        breaker.vote(f"call {number}", vote, "server_error", now)
    return breaker, now


def state(breaker: Breaker, now: float) -> str:
    return breaker.view(now).state


# --- when it opens -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("votes", "opens"),
    [
        ([BAD, BAD], False),
        ([BAD, BAD, BAD], True),  # in a row
        ([GOOD] * 50 + [BAD] * 3, True),  # in a row, however many were good before
        ([BAD, BAD, GOOD, BAD], True),  # three of four
        ([BAD, BAD, GOOD, GOOD, GOOD, GOOD, BAD], False),  # three of seven, in whatever order
        ([GOOD, BAD, GOOD, BAD, GOOD, BAD], True),  # three of six: half
        ([GOOD, BAD, GOOD, BAD, GOOD, GOOD, BAD, GOOD], False),  # a good call opens nothing
        ([BAD, GOOD, BAD], False),  # two of three, where three are needed
        ([SILENT] * 9, False),
        ([BAD, SILENT, BAD, SILENT, BAD], True),  # who says nothing does not break the row
        ([GOOD, BAD, SILENT, BAD, SILENT, GOOD, SILENT, BAD], True),  # nor dilute it
        ([GOOD] * 9, False),
    ],
)
def test_it_opens_after_a_row_of_failures_or_when_half_of_the_calls_fail(votes: list[Vote], opens: bool) -> None:
    breaker, now = voted(*votes)
    assert state(breaker, now) == ("open" if opens else "closed")
    assert (breaker.admit("next", now, LEASE_TIME) is True) is not opens


def test_two_of_three_open_it_and_two_of_a_thousand_do_not() -> None:
    spec = BreakerSpec(failures=2)
    breaker, now = voted(BAD, GOOD, BAD, spec=spec)
    assert state(breaker, now) == "open"
    breaker, now = voted(*[GOOD] * 499, BAD, *[GOOD] * 499, BAD, spec=spec, pause=0.05)
    assert state(breaker, now) == "closed"


def test_one_failure_opens_it_where_one_is_enough() -> None:
    breaker, now = voted(BAD, spec=BreakerSpec(failures=1))
    assert state(breaker, now) == "open"


@pytest.mark.parametrize(("age", "state_then"), [(59.0, "open"), (60.0, "closed"), (200.0, "closed")])
def test_calls_older_than_the_window_are_forgotten(age: float, state_then: str) -> None:
    breaker, now = voted(BAD, BAD, pause=0.0)
    breaker.vote("late", BAD, "server_error", now + age)
    assert state(breaker, now + age) == state_then


def test_old_good_calls_do_not_excuse_new_failures() -> None:
    breaker, now = voted(*[GOOD] * 20, pause=0.0)
    later = now + 45.0
    for vote in (GOOD, BAD, GOOD, BAD, GOOD):
        breaker.vote("x", vote, "r", later)
    breaker.vote("x", BAD, "r", later)
    assert state(breaker, later) == "closed"  # three of twenty-six
    later = now + 61.0
    for vote in (GOOD, BAD):
        breaker.vote("x", vote, "r", later)
    assert state(breaker, later) == "open"  # four of eight


@given(st.lists(st.sampled_from([GOOD, BAD, SILENT]), max_size=40), st.integers(1, 6))
def test_it_is_open_exactly_when_the_rule_said_so_once(votes: list[Vote], failures: int) -> None:
    breaker = Breaker(BreakerSpec(failures=failures, window=1_000.0))
    row = calls = bad = 0
    opened = False
    for number, vote in enumerate(votes):
        breaker.vote(f"call {number}", vote, "r", float(number))
        if vote is SILENT:
            continue
        calls, bad = calls + 1, bad + (vote is BAD)
        row = row + 1 if vote is BAD else 0
        opened = opened or (vote is BAD and (row >= failures or (bad >= failures and bad * 2 >= calls)))
        assert (state(breaker, float(number)) == "open") is opened


# --- probes --------------------------------------------------------------------------------------


def test_an_open_one_admits_nobody_before_the_interval_and_says_how_long() -> None:
    breaker, now = voted(BAD, BAD, BAD)
    assert breaker.view(now) == BreakerView("open", now + 20.0, "server_error")
    assert breaker.admit("a", now + 5.0, LEASE_TIME) == 15.0
    assert breaker.admit("a", now + 19.5, LEASE_TIME) == 0.5
    assert not breaker.is_probe("a")


def test_then_one_call_goes_through_as_the_probe_and_the_others_wait() -> None:
    breaker, now = voted(BAD, BAD, BAD)
    assert breaker.admit("probe", now + 20.0, LEASE_TIME) is True
    assert breaker.is_probe("probe")
    assert state(breaker, now + 20.0) == "half_open"
    assert breaker.admit("other", now + 21.0, LEASE_TIME) == 20.0
    assert not breaker.is_probe("other")


def test_a_probe_that_never_comes_back_blocks_no_longer_than_its_lease() -> None:
    breaker, now = voted(BAD, BAD, BAD)
    breaker.admit("lost", now + 20.0, LEASE_TIME)
    assert breaker.admit("early", now + 49.9, LEASE_TIME) is not True
    assert state(breaker, now + 50.0) == "open"
    assert breaker.admit("next", now + 50.0, LEASE_TIME) is True
    assert breaker.is_probe("next")
    assert not breaker.is_probe("lost")


def test_a_withdrawn_probe_makes_room_for_another_and_nobody_else_can_withdraw_it() -> None:
    breaker, now = voted(BAD, BAD, BAD)
    breaker.admit("probe", now + 20.0, LEASE_TIME)
    breaker.withdraw("other")
    assert breaker.is_probe("probe")
    breaker.withdraw("probe")
    assert not breaker.is_probe("probe")
    assert breaker.admit("next", now + 20.0, LEASE_TIME) is True


@pytest.mark.parametrize("vote", [BAD, DOUBT])
def test_a_probe_that_fails_keeps_it_open_for_another_interval(vote: Vote) -> None:
    breaker, now = voted(BAD, BAD, BAD)
    breaker.admit("probe", now + 25.0, LEASE_TIME)
    breaker.vote("probe", vote, "timeout", now + 30.0)
    assert breaker.view(now + 30.0) == BreakerView("open", now + 50.0, "timeout")


def test_a_silent_probe_proves_nothing_and_the_next_call_probes() -> None:
    breaker, now = voted(BAD, BAD, BAD)
    breaker.admit("probe", now + 20.0, LEASE_TIME)
    breaker.vote("probe", SILENT, "", now + 21.0)
    assert state(breaker, now + 21.0) == "open"
    assert breaker.admit("next", now + 21.0, LEASE_TIME) is True


def test_a_good_probe_closes_it_and_forgets_what_was_bad() -> None:
    breaker, now = voted(BAD, BAD, BAD)
    breaker.admit("probe", now + 20.0, LEASE_TIME)
    breaker.vote("probe", GOOD, "", now + 21.0)
    assert breaker.view(now + 21.0) == BreakerView("closed", 0.0, "")
    assert breaker.admit("next", now + 21.0, LEASE_TIME) is True
    assert not breaker.is_probe("next")
    breaker.vote("x", BAD, "r", now + 22.0)
    breaker.vote("x", BAD, "r", now + 22.0)
    assert state(breaker, now + 22.0) == "closed"
    breaker.vote("x", BAD, "r", now + 22.0)
    assert state(breaker, now + 22.0) == "open"


def test_a_straggler_from_before_the_outage_does_not_close_it() -> None:
    breaker, now = voted(BAD, BAD, BAD)
    breaker.vote("straggler", GOOD, "", now + 1.0)
    assert state(breaker, now + 1.0) == "open"


def test_one_bad_call_after_a_good_probe_does_not_open_it_again() -> None:
    breaker, now = voted(BAD, BAD, BAD)
    breaker.admit("probe", now + 20.0, LEASE_TIME)
    breaker.vote("probe", GOOD, "", now + 21.0)
    breaker.vote("x", BAD, "r", now + 22.0)
    assert state(breaker, now + 22.0) == "closed"


# --- refusals that nobody understands ------------------------------------------------------------


def test_doubt_opens_it_only_after_five_in_a_row() -> None:
    breaker, now = voted(*[DOUBT] * 4)
    assert state(breaker, now) == "closed"
    breaker.vote("fifth", DOUBT, "refused", now)
    assert breaker.view(now) == BreakerView("open", now + 20.0, "refused")


def test_a_good_call_between_them_starts_the_row_anew() -> None:
    breaker, now = voted(*[DOUBT] * 4, GOOD, *[DOUBT] * 4)
    assert state(breaker, now) == "closed"


def test_doubts_are_no_failures_and_failures_are_no_doubts() -> None:
    breaker, now = voted(BAD, BAD, DOUBT, DOUBT, DOUBT, DOUBT)
    assert state(breaker, now) == "closed"


# --- models that are gone ------------------------------------------------------------------------


def test_one_observation_benches_nothing() -> None:
    breaker, now = voted(GONE)
    assert state(breaker, now) == "closed"
    assert breaker.admit("next", now, LEASE_TIME) is True
    breaker, now = voted(GONE, GOOD, GONE)
    assert state(breaker, now) == "closed"


def test_from_the_second_on_it_is_benched_for_growing_pauses_up_to_a_day() -> None:
    breaker, now = voted(GONE)
    pauses = []
    for number in range(8):
        breaker.vote(f"probe {number}", GONE, "retired", now)
        view = breaker.view(now)
        assert (view.state, view.reason) == ("benched", "retired")
        pauses.append(view.probe_at - now)
        assert breaker.admit("early", now + pauses[-1] - 1.0, LEASE_TIME) == 1.0
        now += pauses[-1]
        assert breaker.admit(f"probe {number + 1}", now, LEASE_TIME) is True
    hour = 60 * MINUTE
    assert pauses == [
        MINUTE, 5 * MINUTE, 30 * MINUTE, 2 * hour, 8 * hour, 24 * hour, 24 * hour, 24 * hour,
    ]  # fmt: skip
    assert pauses[:6] == list(BENCHES)


def test_the_longest_pause_is_what_the_operator_sets() -> None:
    breaker, now = voted(*[GONE] * 4, spec=BreakerSpec(bench=400.0))
    assert breaker.view(now).probe_at == now + 400.0
    breaker, now = voted(*[GONE] * 3, spec=BreakerSpec(bench=400.0))
    assert breaker.view(now).probe_at == now + 300.0


def test_a_benched_one_is_asked_all_the_same_when_no_other_can_answer() -> None:
    breaker, now = voted(GONE, GONE)
    assert breaker.admit("x", now, LEASE_TIME) == MINUTE
    assert breaker.admit("x", now, LEASE_TIME, last=True) is True
    assert not breaker.is_probe("x")
    breaker.vote("x", GOOD, "", now)
    assert breaker.view(now) == BreakerView("closed", 0.0, "")


def test_an_open_one_is_not_asked_even_when_it_is_the_last() -> None:
    breaker, now = voted(BAD, BAD, BAD)
    assert breaker.admit("x", now, LEASE_TIME, last=True) == 20.0


def test_another_failure_does_not_shorten_a_bench() -> None:
    breaker, now = voted(GONE, GONE, GONE)
    for number in range(3):
        breaker.vote(f"forced {number}", BAD, "server_error", now)
    assert breaker.view(now).probe_at == now + 5 * MINUTE


def test_a_good_probe_ends_a_bench_and_the_pauses_begin_anew() -> None:
    breaker, now = voted(GONE, GONE, GONE)
    now += 5 * MINUTE
    breaker.admit("probe", now, LEASE_TIME)
    breaker.vote("probe", GOOD, "", now)
    assert state(breaker, now) == "closed"
    breaker.vote("x", GONE, "retired", now)
    assert state(breaker, now) == "closed"
    breaker.vote("x", GONE, "retired", now)
    assert breaker.view(now).probe_at == now + MINUTE


def test_a_reload_lifts_a_bench() -> None:
    breaker, now = voted(GONE, GONE, GONE)
    breaker.lift()
    assert breaker.view(now) == BreakerView("closed", 0.0, "")
    assert breaker.admit("x", now, LEASE_TIME) is True
    breaker.vote("x", GONE, "retired", now)
    assert state(breaker, now) == "closed"


def test_lifting_leaves_an_outage_alone() -> None:
    breaker, now = voted(BAD, BAD, BAD)
    breaker.lift()
    assert state(breaker, now) == "open"
