"""What a counted limit has free now, and what comes back to it, and when. Moments are seconds."""

import pytest

from inference_service.quotas import Unit
from tests.unit.test_quota import DAY, FIRST_USE, NOW, WALL, told, used, window


def test_the_room_of_a_window_is_what_its_calls_have_left() -> None:
    quota_window = used(window(3), 0.0, 10.0)
    assert [quota_window.room(now) for now in (10.0, 60.9, 61.0, 71.0)] == [1, 1, 2, 3]
    told(quota_window, 71.0, limit=3, remaining=0)
    used(quota_window, 72.0)
    assert quota_window.room(72.0) == -1


def test_around_the_end_of_a_window_from_the_first_use_there_is_no_room() -> None:
    quota_window = used(window(3, 6.0, FIRST_USE), 100.0)  # ends at 106.3; clocks may be apart by 0.3 s
    assert [quota_window.fits(1, now) for now in (100.0, 105.92, 105.93, 106.2, 106.3)] == [
        True,
        True,
        False,
        False,
        True,
    ]
    used(quota_window, 107.0, 107.1, 107.2)
    told(quota_window, 107.3, limit=3, remaining=0)
    used(quota_window, 107.4)
    assert quota_window.room(112.8) == -1


def test_a_window_from_the_first_use_that_was_counted_early_also_ends_early() -> None:
    quota_window = window(3, 6.0, FIRST_USE)
    mark = quota_window.take(1.0, 100.0)
    quota_window.confirm(mark, 100.0)  # counted at once, so it ends between 106.0 and 106.3
    assert quota_window.ends == pytest.approx(106.003)
    assert quota_window.fits(1, 105.92)
    assert not quota_window.fits(1, 105.93)


def test_a_rolling_window_refills_call_by_call() -> None:
    quota_window = used(window(3), 0.0, 10.0, amount=1.0)
    assert quota_window.coming(20.0, 1.0) == [(61.0, 1.0), (71.0, 1.0)]


def test_a_fixed_window_refills_at_its_end() -> None:
    start = NOW - 30.0
    quota_window = window(5, clock=WALL)
    assert quota_window.coming(start, 1.0) == []
    used(quota_window, start + 5, start + 20, start + 59.5)
    assert quota_window.coming(start + 59.5, 1.0) == [(start + 61.0, 2.0), (start + 121.0, 1.0)]


def test_a_window_from_the_first_use_refills_at_once() -> None:
    quota_window = window(3, 6.0, FIRST_USE)
    assert quota_window.coming(100.0, 1.0) == []
    used(quota_window, 100.0)
    assert quota_window.coming(101.0, 1.0) == [(106.3, 1.0), (112.3, 0.0)]
    used(quota_window, 101.0)
    told(quota_window, 102.0, limit=3, remaining=0)
    used(quota_window, 102.0)
    assert quota_window.coming(106.0, 1.0) == [(106.3, 4.0), (112.3, 0.0)]


def test_remaining_quota_is_judged_by_now_and_not_by_the_last_call() -> None:
    quota_window = used(window(6, 60.0), 0.0, 1.0)
    assert quota_window.spend_by(100.0, 1.0) == 100.0
    quota_window = used(window(6, 60.0), 0.0, 90.0, 91.0)
    assert quota_window.spend_by(91.0, 1.0) == 91.0 + 2 * 60.0 / 6


def test_calls_that_only_the_provider_knows_of_begin_a_window_of_the_clock() -> None:
    start = NOW - 30.0
    one = told(window(3, clock=WALL), start + 5, limit=3, remaining=1)
    assert one.coming(start + 5, 1.0) == [(start + 61.0, 2.0), (start + 121.0, 0.0)]
    ends = one.ends
    told(one, start + 6, limit=3, remaining=0)
    assert one.ends == ends


def test_a_window_whose_first_call_never_counted_has_not_begun() -> None:
    quota_window = used(window(3, 60.0, FIRST_USE, firm=False), 100.0)
    told(quota_window, 101.0, limit=3, remaining=3)
    assert (quota_window.ends, quota_window.left(101.0), quota_window.coming(101.0, 1.0)) == (0.0, 3.0, [])


@pytest.mark.parametrize(
    ("length", "longest"), [(60.0, 62.0 + 3_700.0), (DAY, DAY + 2.0 + 3_700.0), (2 * DAY, 3 * DAY + 2.0)]
)
def test_a_window_that_was_saved_ends_within_its_length_whatever_the_clock_did(length: float, longest: float) -> None:
    one = window(3, length, WALL)
    one.load([1.0, NOW + 1_000 * DAY, 0.0, 0.0, 0.0], NOW)
    assert one.ends == NOW + longest


# --- the edges -----------------------------------------------------------------------------------


def test_from_the_moment_at_which_a_window_may_change_nothing_fits() -> None:
    one = used(window(3, 6.0, FIRST_USE), 100.0)
    changes = one.changes_at()
    assert changes == pytest.approx(105.925)
    assert not one.fits(1, changes)
    assert one.fits(1, changes - 0.01)


def test_a_window_from_the_first_use_is_expected_to_end_after_the_usual_way() -> None:
    one = window(3, 6.0, FIRST_USE)
    assert one.expected_end(0.1) == 0.0
    entry = one.take(1.0, 100.0)
    assert one.expected_end(0.1) == pytest.approx(106.103)  # on its way for 0.1 s, and clocks differ by 0.003 s
    assert one.expected_end(5.0) == pytest.approx(106.3)
    one.confirm(entry, 100.2)
    assert one.expected_end(5.0) == pytest.approx(106.203)


def test_a_call_that_took_nothing_has_not_begun_a_window() -> None:
    one = window(3, 6.0, FIRST_USE)
    one.settle(one.take(1.0, 100.0), 1.0, 0.0)
    assert (one.used, one.ends, one.typical) == (0.0, 0.0, 0.0)


def test_what_a_call_typically_takes_begins_with_the_first_that_took_anything() -> None:
    one = window(100, unit=Unit.TOKENS)
    one.settle(one.take(0.0, 0.0), 0.0, 1.0)
    assert one.typical == 1.0
    one.settle(one.take(0.0, 1.0), 0.0, 11.0)
    assert one.typical == 3.0


def test_a_clock_that_was_moved_moves_the_moments_of_calls_too() -> None:
    one = window(3)
    entry = one.take(1.0, 0.0)
    one.confirm(entry, 0.5)
    one.shift(1_000.0, 1_001.0)
    assert entry is not None
    assert (entry.began, entry.accepted_at) == (1_000.0, 1_000.5)
    assert entry.leaves == pytest.approx(1_060.53)


def test_a_call_that_has_left_and_is_accepted_late_does_not_come_back() -> None:
    one = window(3, 6.0, FIRST_USE)
    first = one.take(1.0, 100.0)
    one.confirm(first, 100.1)
    second = one.take(1.0, 101.0)
    assert one.left(106.2) == 2.0  # the second one may be on its way still
    one.confirm(second, 101.5)
    assert one.left(106.3) == 3.0
