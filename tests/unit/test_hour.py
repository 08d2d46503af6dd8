"""Sums of the last hour, at any rate of requests."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference_service.telemetry.hour import LastHour, Sums, bucket, percentile

START = 60.0 * 1_000  # a full minute


def test_of_nothing_the_sums_are_nothing() -> None:
    assert LastHour().sums(START) == Sums(0, 0, 0, None, None, (0,) * 60)


def test_requests_failures_and_tokens_are_summed() -> None:
    hour = LastHour()
    hour.add(START, failed=False, tokens=10)
    hour.add(START + 59, failed=True, tokens=5)
    hour.add(START + 60, failed=True)
    sums = hour.sums(START + 60)
    assert (sums.count, sums.failed, sums.tokens) == (3, 2, 15)
    assert sums.by_minute == (*(0,) * 58, 2, 1)


@pytest.mark.parametrize(("later", "count"), [(0, 1), (59 * 60, 1), (60 * 60 - 1, 1), (60 * 60, 0), (600 * 60, 0)])
def test_numbers_older_than_an_hour_are_gone(later: float, count: int) -> None:
    hour = LastHour()
    hour.add(START, failed=True, tokens=7, first_token=1.0)
    sums = hour.sums(START + later)
    assert (sums.count, sums.failed, sums.tokens) == (count, count, 7 * count)
    assert (sums.median is None) is (count == 0)


def test_the_oldest_minute_comes_first() -> None:
    hour = LastHour()
    hour.add(START, failed=False)
    assert hour.sums(START + 59 * 60).by_minute == (1, *(0,) * 59)
    assert hour.sums(START + 5 * 60).by_minute == (*(0,) * 54, 1, *(0,) * 5)


def test_the_same_minute_of_the_next_hour_begins_anew() -> None:
    hour = LastHour()
    for _ in range(3):
        hour.add(START, failed=True, tokens=1, first_token=9.0)
    hour.add(START + 3_600, failed=False, tokens=2, first_token=1.0)
    sums = hour.sums(START + 3_600)
    assert (sums.count, sums.failed, sums.tokens) == (1, 0, 2)
    assert sums.median == pytest.approx(1.0, rel=0.05)


def test_a_look_costs_sixty_slots_at_any_rate() -> None:
    hour = LastHour()
    for number in range(50_000):
        hour.add(START + number * 0.2, failed=False, first_token=number % 100 / 10)
    assert len(hour._slots) == 60
    assert hour.sums(START + 9_999.8).count == 50_000 - int((9_999.8 // 60 - 59) * 60 / 0.2)


# --- percentiles ---------------------------------------------------------------------------------


@given(st.lists(st.floats(0.001, 500), min_size=1, max_size=200))
def test_percentiles_are_within_five_per_cent(seconds: list[float]) -> None:
    hour = LastHour()
    for second in seconds:
        hour.add(START, failed=False, first_token=second)
    sums = hour.sums(START)
    ordered = sorted(seconds)
    assert sums.median == pytest.approx(ordered[min(len(ordered) - 1, int(len(ordered) * 0.5))], rel=0.05)
    assert sums.p95 == pytest.approx(ordered[min(len(ordered) - 1, int(len(ordered) * 0.95))], rel=0.05)


def test_calls_without_a_first_token_are_not_in_the_percentiles() -> None:
    hour = LastHour()
    hour.add(START, failed=False, first_token=2.0)
    for _ in range(10):
        hour.add(START, failed=True)
    assert hour.sums(START).median == pytest.approx(2.0, rel=0.05)


@pytest.mark.parametrize("seconds", [0.0, -1.0, 1e-9, 1e-4])
def test_times_below_the_resolution_fall_into_the_first_bucket(seconds: float) -> None:
    assert bucket(seconds) == 0
    assert percentile(Counter([bucket(seconds)]), 0.5) == pytest.approx(1e-4)


def test_a_share_is_the_value_below_which_it_lies() -> None:
    buckets = Counter({0: 50, 100: 45, 200: 5})
    assert percentile(buckets, 0.49) == pytest.approx(1e-4)
    assert percentile(buckets, 0.5) == pytest.approx(1e-4 * 1.05**100)
    assert percentile(buckets, 0.94) == pytest.approx(1e-4 * 1.05**100)
    assert percentile(buckets, 0.95) == pytest.approx(1e-4 * 1.05**200)
    assert percentile(buckets, 1.0) == pytest.approx(1e-4 * 1.05**200)
    assert percentile(Counter(), 0.5) is None
