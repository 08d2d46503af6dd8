"""A call counts at its provider when it arrives there, between the moment it was counted here and its acceptance."""

import heapq

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference_service.credentials.entry import Entry
from inference_service.quotas import Clock, Quota, Unit
from inference_service.rehearsal.provider import Counter
from tests.unit.test_quota import DAY, FIRST_USE, NOW, ROLLING, WALL, used, window

WAYS = st.sampled_from([0.0, 0.1, 0.5]) | st.floats(0.0, 90.0)  # seconds


@pytest.mark.parametrize("accepted", [0.2, 5.0, 30.0])
def test_a_call_leaves_a_window_after_it_was_accepted_however_late_that_was(accepted: float) -> None:
    quota_window = window(1)
    quota_window.confirm(quota_window.take(1, 0.0), accepted)
    assert quota_window.left(accepted + 60.0) == 0
    assert quota_window.left(accepted + 60.04) == 1


def test_a_call_that_is_still_on_its_way_never_leaves() -> None:
    quota_window = window(2)
    entry = quota_window.take(1, 0.0)
    used(quota_window, 100.0)
    assert quota_window.left(159.0) == 0
    assert quota_window.room_at(2, 161.0) >= 221.0
    assert quota_window.left(161.0) == 1
    quota_window.confirm(entry, 165.0)
    assert quota_window.left(225.0) == 1
    assert quota_window.left(225.04) == 2


def test_news_of_an_acceptance_may_come_late_itself() -> None:
    """Another process has written it down with the moment at which it happened."""
    quota_window = window(3)
    entry = quota_window.take(1, 0.0)
    used(quota_window, 70.0)
    assert quota_window.left(70.0) == 1
    quota_window.confirm(entry, 13.0)
    assert quota_window.left(73.1) == 2


def test_the_clocks_may_drift_over_a_long_window() -> None:
    quota_window = window(1, DAY)
    quota_window.confirm(quota_window.take(1, 0.0), 0.01)
    assert quota_window.left(DAY + 1.0) == 0
    assert quota_window.left(DAY + 1.01) == 1


def test_calls_that_share_an_entry_leave_when_all_of_them_were_accepted() -> None:
    quota_window = window(2)
    first, second = quota_window.take(1, 0.0), quota_window.take(1, 0.05)
    assert first is second
    quota_window.confirm(second, 0.1)
    assert quota_window.left(60.9) == 0
    quota_window.confirm(first, 0.2)
    assert quota_window.left(60.24) == 2


def test_an_accepted_call_can_be_settled_all_the_same() -> None:
    quota_window = window(1_000, unit=Unit.TOKENS)
    first, second = quota_window.take(100, 0.0), quota_window.take(100, 10.0)
    quota_window.confirm(first, 0.1)
    quota_window.confirm(second, 10.1)
    quota_window.settle(second, 100, 700)
    quota_window.settle(first, 100, 0)
    assert quota_window.left(20.0) == 300


@pytest.mark.parametrize("unit", [Unit.CONCURRENT, Unit.REQUESTS])
def test_acceptance_changes_nothing_where_it_says_nothing(unit: Unit) -> None:
    quota_window = used(window(2, 0.0 if unit is Unit.CONCURRENT else 60.0, WALL, unit), NOW)
    quota_window.confirm(None if unit is Unit.CONCURRENT else quota_window.take(0, NOW), NOW)
    assert quota_window.left(NOW + 1) == 1


def test_a_call_around_the_change_of_a_window_from_the_first_use_counts_in_both() -> None:
    """Nobody can tell whether it falls into the old window or begins the next one."""
    quota_window = used(window(5, clock=FIRST_USE), NOW)
    entry = quota_window.take(1, NOW + 60.5)
    assert quota_window.left(NOW + 60.9) == 3
    assert quota_window.left(NOW + 61.0) == 4
    quota_window.confirm(entry, NOW + 60.6)
    assert quota_window.left(NOW + 120.6) == 4
    assert quota_window.left(NOW + 120.7) == 5


def test_a_call_that_reaches_the_next_window_of_the_first_use_counts_there() -> None:
    quota_window = used(window(5, clock=FIRST_USE), NOW)
    late, early = quota_window.take(1, NOW + 55.0), quota_window.take(1, NOW + 56.0)
    quota_window.confirm(early, NOW + 56.1)
    assert quota_window.left(NOW + 62.0) == 4
    quota_window.confirm(late, NOW + 63.0)
    assert quota_window.left(NOW + 123.0) == 4
    assert quota_window.left(NOW + 123.1) == 5


def test_the_next_window_of_the_first_use_may_begin_later_than_with_a_call_around_the_change() -> None:
    quota_window = used(window(3, clock=FIRST_USE), NOW)
    around = quota_window.take(1, NOW + 59.0)
    quota_window.confirm(around, NOW + 60.2)  # in the old window, or the first of the next one
    assert quota_window.left(NOW + 61.0) == 2
    quota_window.confirm(quota_window.take(1, NOW + 80.0), NOW + 80.1)
    assert quota_window.left(NOW + 140.0) == 1
    assert quota_window.left(NOW + 140.2) == 3


def test_one_that_had_reached_the_window_before_does_not() -> None:
    quota_window = used(window(5, clock=FIRST_USE), NOW)
    late = quota_window.take(1, NOW + 55.0)
    assert quota_window.left(NOW + 62.0) == 4
    quota_window.confirm(late, NOW + 57.0)  # news from another process
    assert (quota_window.left(NOW + 62.0), quota_window.ends) == (5, 0.0)


def test_a_window_of_which_no_call_has_arrived_may_yet_begin() -> None:
    quota_window = window(2, clock=FIRST_USE)
    entry = quota_window.take(1, NOW)
    assert quota_window.left(NOW + 100) == 1
    quota_window.confirm(entry, NOW + 110)
    assert quota_window.left(NOW + 170) == 1
    assert quota_window.left(NOW + 240.0) == 2  # at the latest


def test_it_ends_a_window_after_its_first_call_was_accepted() -> None:
    quota_window = window(5, clock=FIRST_USE)
    quota_window.confirm(quota_window.take(1, NOW), NOW + 0.1)
    assert quota_window.left(NOW + 60.1) == 4
    assert quota_window.left(NOW + 60.14) == 5


def test_a_call_that_crosses_the_end_of_a_window_by_the_clock_counts_on_both_sides() -> None:
    start = NOW - 30.0
    quota_window = window(3, clock=WALL)
    crossing, before = quota_window.take(1, start + 30.0), quota_window.take(1, start + 31.0)
    assert quota_window.left(start + 59.0) == 1
    assert quota_window.left(start + 61.0) == 1  # both may have arrived in the next window
    quota_window.confirm(before, start + 40.0)
    assert quota_window.left(start + 61.0) == 2
    quota_window.confirm(crossing, start + 62.0)
    assert quota_window.left(start + 120.9) == 2
    assert quota_window.left(start + 121.0) == 3


@given(
    st.sampled_from([ROLLING, WALL, FIRST_USE]),
    st.lists(
        st.tuples(st.floats(0.0, 40.0), st.integers(1, 4), WAYS, WAYS, st.booleans()),
        max_size=30,
    ),
    st.floats(-1.0, 1.0),
)
@settings(deadline=None)
def test_a_declared_limit_is_never_overrun_however_late_calls_arrive(
    clock: Clock, asks: list[tuple[float, int, float, float, bool]], fast: float
) -> None:
    """The provider counts on arrival, by a clock that is up to a second before ours or behind it."""
    one, books = window(6, clock=clock), Counter(Quota(Unit.REQUESTS, 6, 60.0, clock))
    events = sorted(
        (NOW + sum(ask[0] for ask in asks[: number + 1]), 0, number, *ask[1:]) for number, ask in enumerate(asks)
    )
    entries: dict[int, Entry | None] = {}
    heapq.heapify(events)
    while events:
        now, kind, number, amount, way, back, refused = heapq.heappop(events)
        assert 0 <= one.left(now) <= 6
        if kind == 0:
            assert one.fits(amount, now) is (one.room_at(amount, now) <= now)
            if one.fits(amount, now):
                entries[number] = one.take(amount, now)
                heapq.heappush(events, (now + way, 1, number, amount, way, back, refused))
        elif kind == 1:
            if not refused:  # for a reason of its own
                assert books.fits(amount, now + fast)
                books.take(amount, now + fast)
            heapq.heappush(events, (now + back, 2, number, amount, way, back, refused))
        else:
            if refused:
                one.settle(entries[number], amount, 0)
            one.confirm(entries[number], now)
