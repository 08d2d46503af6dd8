"""One counted limit: what is used, what is left, and when there is room again. Moments are seconds."""

import pytest

from inference_service.credentials.correction import correct
from inference_service.credentials.entry import slack_of
from inference_service.credentials.quota import NEVER, Window
from inference_service.quotas import Clock, LimitFact, Quota, Unit

ROLLING, WALL, PACIFIC, FIRST_USE = Clock.ROLLING, Clock.WALL, Clock.PACIFIC, Clock.FIRST_USE
DAY = 86_400.0
NOW = 20_000 * DAY + 30.0  # half a minute past midnight UTC


def window(
    limit: int = 3, length: float = 60.0, clock: Clock = ROLLING, unit: Unit = Unit.REQUESTS, *, firm: bool = True
) -> Window:
    return Window(Quota(unit, limit, length, clock, firm=firm))


def used(one: Window, *moments: float, amount: float = 1.0) -> Window:
    """With calls that had reached the provider within the slack."""
    for moment in moments:
        one.count(amount, moment)
    return one


def as_told(seconds: float) -> float:
    return seconds


def told(one: Window, now: float, *, flying: float = 0.0, refused: bool = False, **fact: object) -> Window:
    correct(one, LimitFact(one.quota.unit, **fact), flying, now, as_told, refused=refused)  # type: ignore[arg-type]
    return one


@pytest.mark.parametrize(
    ("length", "slack"), [(0.5, 0.05), (1.0, 0.05), (2.0, 0.1), (6.0, 0.3), (20.0, 1.0), (60.0, 1.0), (DAY, 1.0)]
)
def test_clocks_may_be_apart_by_a_twentieth_of_the_window_within_bounds(length: float, slack: float) -> None:
    assert slack_of(length) == slack


# --- counting ------------------------------------------------------------------------------------


def test_a_rolling_window_gives_each_call_back_after_its_length_and_the_slack() -> None:
    quota_window = used(window(3), 0.0, 10.0, 20.0)
    assert not quota_window.fits(1, 60.9)
    assert quota_window.left(60.9) == 0
    assert quota_window.fits(1, 61.0)
    assert quota_window.left(61.0) == 1
    assert quota_window.left(71.0) == 2
    assert quota_window.left(81.0) == 3
    assert quota_window.used == 0.0


@pytest.mark.parametrize("clock", [WALL, FIRST_USE])
def test_a_fixed_window_gives_everything_back_at_once(clock: Clock) -> None:
    start = NOW if clock is FIRST_USE else NOW - 30.0
    quota_window = used(window(3, clock=clock), start + 5, start + 20)
    end = start + (5 if clock is FIRST_USE else 0) + 61.0
    assert quota_window.left(end - 0.1) == 1
    assert quota_window.left(end) == 3


def test_a_call_near_the_end_of_a_fixed_window_counts_on_both_sides_of_it() -> None:
    start = NOW - 30.0
    quota_window = used(window(3, clock=WALL), start + 5, start + 59.0)
    assert quota_window.left(start + 61.0) == 2  # the last one may have arrived in the next window
    assert quota_window.left(start + 121.0) == 3
    quota_window = used(window(3, clock=WALL), start + 5, start + 58.9)
    assert quota_window.left(start + 61.0) == 3


def test_after_a_long_pause_nothing_is_counted_any_more() -> None:
    start = NOW - 30.0
    quota_window = used(window(3, clock=WALL), start + 59.5)
    assert quota_window.left(start + 60.0 + 61.0) == 3


def test_a_day_ends_at_midnight() -> None:
    quota_window = used(window(3, DAY, WALL), NOW)
    assert quota_window.left(NOW - 30 + DAY + 0.9) == 2
    assert quota_window.left(NOW - 30 + DAY + 1.0) == 3


def test_a_window_that_begins_with_its_first_use_waits_for_the_next_one_when_it_is_over() -> None:
    quota_window = used(window(1, clock=FIRST_USE), NOW)
    assert quota_window.left(NOW + 300) == 1
    used(quota_window, NOW + 300)
    assert quota_window.left(NOW + 360.9) == 0
    assert quota_window.left(NOW + 361) == 1


def test_calls_at_once_have_no_window() -> None:
    quota_window = window(2, 0.0, unit=Unit.CONCURRENT)
    assert quota_window.take(1, 0.0) is None
    quota_window.take(1, 0.0)
    assert not quota_window.fits(1, 1e9)
    assert quota_window.room_at(1, 5.0) == NEVER
    quota_window.settle(None, 1, 0)
    assert quota_window.fits(1, 5.0)
    assert quota_window.room_at(1, 5.0) == 5.0
    quota_window.settle(None, 1, 0)
    quota_window.settle(None, 1, 0)  # never below nothing
    assert quota_window.left(0.0) == 2


def test_calls_that_are_close_together_share_an_entry_and_leave_with_the_last_of_them() -> None:
    quota_window = window(100)
    used(quota_window, 0.0, 0.05, 0.09, 0.1, 0.2)
    assert [entry.leaves for entry in quota_window.log] == pytest.approx([61.09, 61.1, 61.2])
    assert quota_window.left(61.0) == 95
    assert quota_window.left(61.091) == 98
    assert quota_window.left(61.11) == 99
    assert quota_window.left(61.21) == 100


@pytest.mark.parametrize("place", [0, 1, 2])
def test_every_call_of_a_shared_entry_can_be_settled(place: int) -> None:
    quota_window = window(1_000, unit=Unit.TOKENS)
    marks = [quota_window.take(100, moment) for moment in (0.0, 0.05, 0.09)]
    quota_window.take(100, 30.0)
    quota_window.settle(marks[place], 100, 10)
    assert [entry.amount for entry in quota_window.log] == [210, 100]
    assert quota_window.left(31.0) == 690


# --- a window from the first use ------------------------------------------------------------------


def test_a_first_call_that_was_refused_has_begun_no_window() -> None:
    quota_window = window(5, clock=FIRST_USE)
    refused = quota_window.take(1, NOW)
    used(quota_window, NOW + 30)
    quota_window.settle(refused, 1, 0)
    assert quota_window.left(NOW + 90.9) == 4
    assert quota_window.left(NOW + 91) == 5
    alone = window(5, clock=FIRST_USE)
    alone.settle(alone.take(1, NOW), 1, 0)
    assert (alone.ends, alone.left(NOW + 1)) == (0.0, 5)


def test_returned_quota_does_not_move_the_windows_beginning() -> None:
    quota_window = used(window(10, clock=FIRST_USE, firm=False), NOW, NOW + 10, NOW + 20)
    told(quota_window, NOW + 21, remaining=9)
    assert quota_window.left(NOW + 21) == 9
    assert quota_window.ends == NOW + 61


# --- settling ------------------------------------------------------------------------------------


@pytest.mark.parametrize("clock", [ROLLING, WALL, FIRST_USE])
@pytest.mark.parametrize(("really", "left"), [(100.0, 900), (0.0, 1_000), (500.0, 500), (900.0, 100)])
def test_actual_usage_replaces_the_estimate(clock: Clock, really: float, left: float) -> None:
    quota_window = window(1_000, clock=clock, unit=Unit.TOKENS)
    mark = quota_window.take(300, NOW)
    quota_window.settle(mark, 300, really)
    assert quota_window.left(NOW + 1) == left


@pytest.mark.parametrize("clock", [ROLLING, WALL])
def test_a_call_that_has_left_the_window_changes_nothing(clock: Clock) -> None:
    quota_window = window(1_000, clock=clock, unit=Unit.TOKENS)
    mark = quota_window.take(300, NOW)
    quota_window.take(200, NOW + 70)
    quota_window.settle(mark, 300, 0)
    assert quota_window.left(NOW + 71) == 800


def test_settling_finds_its_own_entry_among_others() -> None:
    quota_window = window(1_000, unit=Unit.TOKENS)
    first, second, third = (quota_window.take(100, moment) for moment in (0.0, 10.0, 20.0))
    quota_window.settle(second, 100, 50)
    assert [entry.amount for entry in quota_window.log] == [100, 50, 100]
    quota_window.settle(first, 100, 10)
    quota_window.settle(third, 100, 20)
    assert [entry.amount for entry in quota_window.log] == [10, 50, 20]
    assert quota_window.left(21.0) == 920


def test_an_entry_never_falls_below_nothing() -> None:
    quota_window = window(1_000, unit=Unit.TOKENS)
    mark = quota_window.take(100, 0.0)
    quota_window.settle(mark, 300, 0)
    assert quota_window.left(1.0) == 1_000
    fixed = window(1_000, clock=WALL, unit=Unit.TOKENS)
    mark = fixed.take(100, NOW)
    fixed.settle(mark, 300, 0)
    assert fixed.left(NOW) == 1_000


def test_late_usage_never_exceeds_total_usage() -> None:
    start = NOW - 30.0
    quota_window = window(10, clock=WALL)
    mark = quota_window.take(4, start + 59.5)
    quota_window.settle(mark, 4, 1)
    assert quota_window.left(start + 61) == 9


def test_the_typical_size_of_a_call_follows_the_newest_calls() -> None:
    quota_window = window(10_000, unit=Unit.TOKENS)
    assert quota_window.amount(0, 0) == 0.0
    mark = quota_window.take(0, 0.0)
    quota_window.settle(mark, 0, 100)
    assert quota_window.amount(0, 0) == 100.0
    quota_window.settle(mark, 0, 200)
    assert quota_window.amount(0, 0) == pytest.approx(120.0)
    quota_window.settle(mark, 0, 0)
    assert quota_window.amount(0, 0) == pytest.approx(120.0)  # a refused call says nothing about it


# --- asking --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("unit", "tokens", "pictures", "amount"),
    [
        (Unit.REQUESTS, 500, 2, 1.0),
        (Unit.TOKENS, 500, 2, 500.0),
        (Unit.TOKENS, 0, 2, 40.0),
        (Unit.PICTURES, 500, 2, 2.0),
        (Unit.MONEY, 500, 2, 40.0),
        (Unit.CONCURRENT, 500, 2, 1.0),
    ],
)
def test_the_size_of_a_call_depends_on_the_unit(unit: Unit, tokens: int, pictures: int, amount: float) -> None:
    quota_window = window(1_000, unit=unit)
    quota_window.typical = 40.0
    assert quota_window.amount(tokens, pictures) == amount


def test_the_typical_size_never_exceeds_the_limit() -> None:
    for unit in (Unit.TOKENS, Unit.MONEY):
        quota_window = window(30, unit=unit)
        quota_window.typical = 40.0
        assert quota_window.amount(0, 0) == 30.0


def test_exactly_the_limit_fits() -> None:
    quota_window = window(100, unit=Unit.TOKENS)
    quota_window.take(60, 0.0)
    assert quota_window.fits(40, 1.0)
    assert not quota_window.fits(41, 1.0)
    assert quota_window.fits(0, 1.0)
    quota_window.take(40, 1.0)
    assert not quota_window.fits(0, 1.0)  # an unknown amount of tokens needs some room


def test_an_unknown_number_of_requests_is_nothing() -> None:
    quota_window = used(window(1), 0.0)
    assert quota_window.fits(0, 1.0)


def test_nothing_fits_while_the_provider_says_so() -> None:
    quota_window = window(3)
    quota_window.held_until = 50.0
    assert not quota_window.fits(1, 49.9)
    assert quota_window.left(49.9) == 0.0
    assert quota_window.room_at(1, 0.0) == 50.0
    assert quota_window.fits(1, 50.0)
    assert quota_window.left(50.0) == 3
    assert quota_window.room_at(1, 55.0) == 55.0


@pytest.mark.parametrize(("amount", "at"), [(1, 5.0), (2, 61.0), (3, 71.0), (4, 81.0), (5, NEVER)])
def test_a_rolling_window_has_room_when_enough_has_left_it(amount: int, at: float) -> None:
    quota_window = used(window(4), 0.0, 10.0, 20.0)
    assert quota_window.room_at(amount, 5.0 if amount == 1 else 20.0) == (20.0 if amount == 1 and at == 20 else at)


@pytest.mark.parametrize("clock", [WALL, FIRST_USE])
def test_a_fixed_window_has_room_when_it_ends(clock: Clock) -> None:
    start = NOW if clock is FIRST_USE else NOW - 30.0
    quota_window = used(window(2, clock=clock), start, start + 1)
    assert quota_window.room_at(1, start + 5) == start + 61.0
    assert quota_window.room_at(3, start + 5) == NEVER
    quota_window.held_until = start + 100
    assert quota_window.room_at(1, start + 5) == start + 100


def test_late_calls_may_fill_the_next_window_too() -> None:
    start = NOW - 30.0
    quota_window = used(window(2, clock=WALL), start + 59.5, start + 59.6)
    assert quota_window.room_at(1, start + 59.7) == start + 121.0
    quota_window = used(window(3, clock=WALL), start + 59.5, start + 59.6, start + 5)
    assert quota_window.room_at(1, start + 59.7) == start + 61.0


def test_where_nothing_is_offered_there_is_never_room() -> None:
    quota_window = window(0)
    assert quota_window.room_at(0, 0.0) == NEVER
    assert quota_window.room_at(1, 0.0) == NEVER
    assert not quota_window.fits(1, 0.0)


def test_room_for_nothing_needs_some_room_all_the_same() -> None:
    quota_window = used(window(1), 0.0)
    assert quota_window.room_at(0, 5.0) == 61.0


# --- what would be lost --------------------------------------------------------------------------


def test_a_rolling_window_loses_what_it_does_not_use_once_it_is_full() -> None:
    quota_window = used(window(4), 0.0)
    assert quota_window.spend_by(10.0, rate=1.0) == 10.0 + 60.0 / 4
    assert window(0).spend_by(10.0, rate=1.0) == 10.0


def test_a_fixed_window_loses_what_is_left_at_its_end() -> None:
    start = NOW - 30.0
    quota_window = used(window(10, clock=WALL), start + 5)
    assert quota_window.spend_by(start + 6, rate=0.5) == start + 61 - 9 / 0.5
    assert window(10, clock=WALL).spend_by(start + 6, rate=0.5) == start + 61 - 10 / 0.5


def test_a_window_that_has_not_begun_would_end_a_window_from_now() -> None:
    assert window(10, clock=FIRST_USE).spend_by(NOW, rate=0.5) == NOW + 60 - 10 / 0.5


# --- what the provider says ----------------------------------------------------------------------


@pytest.mark.parametrize(("firm", "limit", "after"), [(True, 5, 5), (True, 20, 10), (False, 5, 5), (False, 20, 20)])
def test_a_provider_may_lower_a_limit_and_raise_only_what_no_person_wrote(firm: bool, limit: int, after: int) -> None:
    one = told(window(10, firm=firm), 0.0, limit=limit)
    assert one.limit == after
    assert one.firm is firm
    assert (one.quota.unit, one.quota.window, one.quota.clock, one.quota.firm) == (Unit.REQUESTS, 60.0, ROLLING, firm)


def test_a_limit_below_nothing_is_no_limit() -> None:
    assert told(window(10, firm=False), 0.0, limit=-1).limit == 10
    assert told(window(10, firm=False), 0.0, limit=0).limit == 0


def test_scope_and_models_of_a_quota_stay_when_its_limit_changes() -> None:
    window = Window(Quota(Unit.REQUESTS, 9, 60.0, ROLLING, "group", ("gpt*",)))
    assert told(window, 0.0, limit=5).quota == Quota(Unit.REQUESTS, 5, 60.0, ROLLING, "group", ("gpt*",))


@pytest.mark.parametrize("clock", [ROLLING, WALL, FIRST_USE])
def test_calls_that_only_the_provider_knows_are_counted(clock: Clock) -> None:
    one = told(used(window(10, clock=clock), NOW), NOW + 1, remaining=4)
    assert one.left(NOW + 1) == 4


def test_calls_that_only_the_provider_knows_leave_when_it_says_so() -> None:
    one = told(used(window(10), 0.0), 1.0, remaining=4, resets_after=30.0)
    assert one.left(30.9) == 4
    assert one.left(31.0) == 9
    one = told(used(window(10), 0.0), 1.0, remaining=4)
    assert one.left(60.9) == 4
    assert one.left(61.0) == 10
    one = told(used(window(10), 0.0), 1.0, remaining=4, resets_after=900.0)
    assert one.left(61.0) == 10  # no longer than the window


def test_the_log_of_a_rolling_window_stays_in_order() -> None:
    one = told(used(window(10), 0.0, 10.0, 20.0), 20.0, remaining=4, resets_after=45.0)
    assert [entry.leaves for entry in one.log] == [61.0, 65.0, 71.0, 81.0]
    assert one.left(66.0) == 8


@pytest.mark.parametrize("clock", [ROLLING, WALL])
@pytest.mark.parametrize(("flying", "left"), [(0.0, 9), (2.0, 7), (5.0, 5)])
def test_a_count_that_is_lower_is_believed_but_for_calls_under_way(clock: Clock, flying: float, left: float) -> None:
    quota_window = used(window(10, clock=clock, firm=False), NOW, NOW + 1, NOW + 2, NOW + 3, NOW + 4)
    assert told(quota_window, NOW + 5, remaining=9, flying=flying).left(NOW + 5) == left


def test_a_firm_limit_is_never_given_back_by_a_word() -> None:
    assert told(used(window(10), 0.0, 1.0, 2.0), 3.0, remaining=10).left(3.0) == 7


def test_the_oldest_calls_are_given_back_first() -> None:
    one = told(used(window(10, firm=False), 0.0, 10.0, 20.0, amount=2.0), 20.0, remaining=7)
    assert [entry.amount for entry in one.log] == [1.0, 2.0]
    one = told(used(window(10, firm=False), 0.0, 10.0, 20.0, amount=2.0), 20.0, remaining=10)
    assert list(one.log) == []
    assert one.used == 0.0


def test_returned_quota_is_not_late_either() -> None:
    start = NOW - 30.0
    quota_window = used(window(10, clock=WALL, firm=False), start + 59.5, start + 59.6)
    told(quota_window, start + 59.7, remaining=9)
    assert quota_window.left(start + 61) == 9


@pytest.mark.parametrize(
    ("clock", "refused", "remaining", "held"),
    [
        (ROLLING, True, 0, True),
        (ROLLING, False, 0, False),  # the reset of an accepted call is when it is empty again, not a wait
        (WALL, False, 0, True),
        (WALL, True, 0, True),
        (WALL, True, 1, False),
    ],
)
def test_an_exhausted_limit_is_held_until_it_resets(clock: Clock, refused: bool, remaining: int, held: bool) -> None:
    one = told(window(10, clock=clock), NOW, refused=refused, remaining=remaining, resets_after=20.0)
    assert one.held_until == (NOW + 20.0 if held else 0.0)


def test_a_hold_is_never_shortened_and_is_bounded_by_sense() -> None:
    one = told(window(10, clock=WALL), NOW, remaining=0, resets_after=20.0)
    told(one, NOW + 1, remaining=0, resets_after=5.0)
    assert one.held_until == NOW + 20.0
    fact = LimitFact(Unit.REQUESTS, remaining=0, resets_after=1e9)
    correct(one, fact, 0.0, NOW, lambda seconds: min(seconds, 60.0))
    assert one.held_until == NOW + 60.0


def test_a_word_about_the_limit_alone_changes_no_count() -> None:
    one = told(used(window(10), 0.0), 1.0, limit=5, resets_after=9.0)
    assert (one.used, one.held_until) == (1.0, 0.0)


# --- memory --------------------------------------------------------------------------------------


@pytest.mark.parametrize("clock", [ROLLING, WALL, PACIFIC, FIRST_USE])
def test_a_stored_window_loads_as_it_was(clock: Clock) -> None:
    length = DAY if clock is PACIFIC else 60.0
    one = used(window(10, length, clock), NOW, NOW + 5)
    one.held_until, one.typical = NOW + 20, 7.0
    other = window(10, length, clock)
    other.load(one.dump(), NOW + 6)
    assert other.dump() == one.dump()
    assert other.left(NOW + 30) == one.left(NOW + 30) == 8


def test_nothing_is_kept_for_longer_than_a_window_whatever_the_clock_did() -> None:
    quota_window = used(window(10), NOW + 1e6)
    quota_window.held_until = NOW + 1e6
    other = window(10)
    other.load(quota_window.dump(), NOW)
    assert other.held_until == NOW + 62.0
    assert other.log[0].leaves == NOW + 62.0
    fixed = used(window(10, clock=WALL), NOW + 1e6)
    other = window(10, clock=WALL)
    other.load(fixed.dump(), NOW)
    assert other.ends == NOW + 62.0 + 3_700.0
    month = used(window(10, 30 * DAY, WALL), NOW + 1e7)
    other = window(10, 30 * DAY, WALL)
    other.load(month.dump(), NOW)
    assert other.ends == NOW + 30 * DAY + 2.0 + DAY


def test_expired_usage_is_not_loaded() -> None:
    quota_window = used(window(10), NOW)
    other = window(10)
    other.load(quota_window.dump(), NOW + 100)
    assert (other.used, list(other.log)) == (0.0, [])


@pytest.mark.parametrize("clock", [ROLLING, FIRST_USE])
def test_a_clock_that_was_moved_moves_what_lasts(clock: Clock) -> None:
    quota_window = used(window(10, clock=clock), NOW)
    quota_window.held_until = NOW + 20
    quota_window.shift(1_000.0, NOW + 1_001)
    assert quota_window.held_until == NOW + 1_020
    assert quota_window.left(NOW + 1_060.9) == 9
    assert quota_window.left(NOW + 1_061) == 10


def test_a_window_by_the_clock_ends_by_the_new_clock() -> None:
    quota_window = used(window(10, clock=WALL), NOW)
    quota_window.shift(1_000.0, NOW + 1_001)
    start = (NOW + 1_001) // 60 * 60
    assert quota_window.ends == start + 61
    assert quota_window.held_until == 0.0
