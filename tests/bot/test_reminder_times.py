"""When a reminder is due, as people write it in English and Russian."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from discord_bot.features.reminders.when import Local, parse

TODAY = date(2026, 11, 27)  # a Friday


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("in 2 hours", 7_200), ("2h", 7_200), ("2h30m", 9_000), ("2 h 30 min", 9_000), ("90 minutes", 5_400),
        ("an hour", 3_600), ("in half an hour", 1_800), ("1.5 hours", 5_400), ("1,5 часа", 5_400), ("3 days", 259_200),
        ("a week", 604_800), ("30s", 30), ("1 day and 2 hours", 93_600), ("через 2 часа", 7_200), ("через час", 3_600),
        ("через 15 минут", 900), ("полчаса", 1_800), ("через неделю", 604_800), ("3 дня", 259_200), ("2 ч 5 мин", 7_500),
        ("через день", 86_400),
    ],
)  # fmt: skip
def test_spans_of_time_are_counted_from_now(text: str, seconds: float) -> None:
    assert parse(text, TODAY) == seconds


@pytest.mark.parametrize(
    ("text", "local"),
    [
        ("9:00", Local(540)), ("21.30", Local(1_290)), ("9pm", Local(1_260)), ("tomorrow 9:00", Local(540, days=1)),
        ("tomorrow at 9", Local(540, days=1)), ("tomorrow", Local(540, days=1)), ("завтра в 9", Local(540, days=1)),
        ("послезавтра 18:30", Local(1_110, days=2)), ("сегодня в 23:15", Local(1_395, days=0)),
        ("friday 18:30", Local(1_110, weekday=4)), ("on Monday at 8:00", Local(480, weekday=0)),
        ("в пятницу 18:30", Local(1_110, weekday=4)), ("во вторник", Local(540, weekday=1)),
        ("2026-12-24 18:00", Local(1_080, day=date(2026, 12, 24))), ("24.12. 18:00", Local(1_080, day=date(2026, 12, 24))),
        ("24.12.2027, 18:00", Local(1_080, day=date(2027, 12, 24))), ("3.1. 8:00", Local(480, day=date(2027, 1, 3))),
    ],
)  # fmt: skip
def test_times_of_the_clock_need_a_zone(text: str, local: Local) -> None:
    assert parse(text, TODAY) == local


@pytest.mark.parametrize(
    "text", ["", "soon", "9", "25:00", "2 parsecs", "31.2. 9:00", "tomorrow noonish", "0 hours", "-2h"]
)
def test_invalid_times_are_none(text: str) -> None:
    assert parse(text, TODAY) is None


def test_a_local_time_is_the_next_one_there() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    now = datetime(2026, 11, 27, 12, 0, tzinfo=UTC).timestamp()

    def moment(local: Local) -> datetime:
        return datetime.fromtimestamp(local.moment(berlin, now), UTC)

    assert moment(Local(15 * 60)) == datetime(2026, 11, 27, 14, 0, tzinfo=UTC)
    assert moment(Local(9 * 60)) == datetime(2026, 11, 28, 8, 0, tzinfo=UTC)
    assert moment(Local(9 * 60, days=1)) == datetime(2026, 11, 28, 8, 0, tzinfo=UTC)
    assert moment(Local(9 * 60, weekday=4)) == datetime(2026, 12, 4, 8, 0, tzinfo=UTC)
    assert moment(Local(18 * 60, weekday=4)) == datetime(2026, 11, 27, 17, 0, tzinfo=UTC)
    assert moment(Local(9 * 60, days=0)) == datetime(2026, 11, 27, 8, 0, tzinfo=UTC), "past: refused by its bounds"
    assert moment(Local(9 * 60, day=date(2027, 7, 1))) == datetime(2027, 7, 1, 7, 0, tzinfo=UTC)
