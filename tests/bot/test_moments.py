"""Times of the day as people write them, in zones that change to summer."""

from datetime import UTC, datetime

import pytest

from discord_bot.features.moments import minute_of_day, next_time, zone_of, zones_like


@pytest.mark.parametrize(
    ("text", "minute"),
    [
        ("9", 540), ("09:00", 540), (" 9.30 ", 570), ("21h05", 1265), ("9ч15", 555), ("0:00", 0), ("23:59", 1439),
        ("9 pm", 1260), ("12 am", 0), ("12:30 PM", 750),
        ("24:00", None), ("9:60", None), ("13 pm", None), ("0 am", None), ("noon", None), ("", None), ("-1", None), ("9:5", None),
    ],
)  # fmt: skip
def test_a_time_of_the_day_is_read_as_people_write_it(text: str, minute: int | None) -> None:
    assert minute_of_day(text) == minute


@pytest.mark.parametrize(
    ("zone", "now", "due"),
    [
        ("UTC", (2026, 1, 1, 8, 59), (2026, 1, 1, 9, 0)),
        ("UTC", (2026, 1, 1, 9, 0), (2026, 1, 2, 9, 0)),  # never twice in the same minute
        ("Europe/Berlin", (2026, 7, 1, 6, 0), (2026, 7, 1, 7, 0)),
        ("Europe/Berlin", (2026, 1, 1, 6, 0), (2026, 1, 1, 8, 0)),
        ("Asia/Vladivostok", (2026, 1, 1, 22, 0), (2026, 1, 1, 23, 0)),
        ("America/New_York", (2026, 12, 31, 20, 0), (2027, 1, 1, 14, 0)),
    ],
)
def test_the_next_time_is_what_clocks_there_show(
    zone: str, now: tuple[int, int, int, int, int], due: tuple[int, int, int, int, int]
) -> None:
    found = zone_of(zone)
    assert found is not None
    moment = next_time(540, found, datetime(*now, tzinfo=UTC).timestamp())
    assert datetime.fromtimestamp(moment, UTC) == datetime(*due, tzinfo=UTC)


def test_a_time_that_a_change_of_clocks_skips_still_comes_that_day() -> None:
    berlin = zone_of("europe/berlin")
    assert berlin is not None
    night = datetime(2026, 3, 29, 0, 30, tzinfo=UTC).timestamp()
    moment = datetime.fromtimestamp(next_time(150, berlin, night), UTC)  # 02:30 does not exist
    assert moment == datetime(2026, 3, 29, 1, 30, tzinfo=UTC)
    assert datetime.fromtimestamp(next_time(150, berlin, moment.timestamp()), UTC).day == 30


def test_zones_are_found_by_their_city_and_nonsense_is_none() -> None:
    assert zones_like("berl")[0] == "Europe/Berlin"
    assert zones_like("new york")[0] == "America/New_York"
    assert len(zones_like("")) == 25
    assert zones_like("nowhere at all") == []
    assert zone_of("Nowhere/City") is None
    assert zone_of("../etc/passwd") is None
