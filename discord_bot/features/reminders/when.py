"""Times as people write them in a reminder: "in 2 hours", "tomorrow 9:00", "завтра в 9", "24.12. 18:00". Pure."""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from discord_bot.features.moments import minute_of_day

UNITS = (
    (r"s|secs?|seconds?|с|сек|секунд[ауы]?", 1),
    (r"m|mins?|minutes?|м|мин|минут[ауы]?", 60),
    (r"h|hrs?|hours?|ч|час(?:а|ов)?", 3_600),
    (r"d|days?|д|дн|день|дня|дней|сутки", 86_400),
    (r"w|weeks?|нед|недел[яюиь]", 604_800),
)
PIECE = r"(\d+(?:[.,]\d+)?|an?|one|half an|одну|один|пол)?\s*({unit})\.?"
NUMBERS = {"a": 1.0, "an": 1.0, "one": 1.0, "half an": 0.5, "одну": 1.0, "один": 1.0, "пол": 0.5, "": 1.0}
# A digit may follow directly, as in 2h30m; a letter would make it another word.
PIECES = re.compile("|".join(rf"(?:{PIECE.format(unit=unit)})(?![^\W\d])" for unit, _ in UNITS), re.IGNORECASE)
LEAD = re.compile(r"^\s*(?:in|after|через)\s+", re.IGNORECASE)
DAYS = {"today": 0, "tonight": 0, "сегодня": 0, "tomorrow": 1, "завтра": 1, "послезавтра": 2, "day after tomorrow": 2}
WEEKDAYS = (
    ("monday", "mon", "понедельник"), ("tuesday", "tue", "вторник"), ("wednesday", "wed", "среду", "среда"),
    ("thursday", "thu", "четверг"), ("friday", "fri", "пятницу", "пятница"), ("saturday", "sat", "субботу", "суббота"),
    ("sunday", "sun", "воскресенье"),
)  # fmt: skip
DATES = (
    re.compile(r"^(?P<year>\d{4})-(?P<month>\d{1,2})-(?P<day>\d{1,2})(?:[ T]+|$)"),
    re.compile(r"^(?P<day>\d{1,2})\.(?P<month>\d{1,2})\.(?P<year>\d{4})?(?:,?\s+|$)"),
)
MORNING = 9 * 60  # the time if only a day is given


@dataclass(frozen=True)
class Local:
    """A time of day, on a day, by the clock of the person's time zone."""

    minute: int
    days: int | None = None
    """From today; None: the next time that clocks show it."""
    weekday: int | None = None
    day: date | None = None

    def moment(self, zone: ZoneInfo, now: float) -> float:
        """Epoch seconds."""
        today = datetime.fromtimestamp(now, zone).date()
        at = time(self.minute // 60, self.minute % 60)
        if self.day is not None:
            return datetime.combine(self.day, at, zone).astimezone(UTC).timestamp()
        days = self.days or 0
        if self.weekday is not None:
            days = (self.weekday - today.weekday()) % 7
        due = datetime.combine(today + timedelta(days=days), at, zone).astimezone(UTC).timestamp()
        if due > now or self.days is not None:
            return due
        more = 7 if self.weekday is not None else 1
        return datetime.combine(today + timedelta(days=days + more), at, zone).astimezone(UTC).timestamp()


def parse(text: str, today: date) -> float | Local | None:
    """Seconds from now, a local time, or None for anything else. `today` supplies the year of a date without one."""
    text = " ".join(text.split()).casefold()
    seconds = _duration(LEAD.sub("", text))
    return seconds if seconds is not None else _local(text, today)


def _duration(text: str) -> float | None:
    total, place = 0.0, 0
    text = text.replace(" and ", " ").replace(" и ", " ")
    while place < len(text):
        match = PIECES.match(text, place)
        if match is None:
            return None
        index = next(unit for unit in range(len(UNITS)) if match.group(2 * unit + 2))
        number, factor = match.group(2 * index + 1) or "", UNITS[index][1]
        total += factor * (NUMBERS[number] if number in NUMBERS else float(number.replace(",", ".")))
        place = match.end()
        while place < len(text) and text[place] in " ,":
            place += 1
    return total or None


def _local(text: str, today: date) -> Local | None:
    day, rest = _date(text, today)
    days, weekday = None, None
    if day is None:
        days, weekday, rest = _named_day(text)
    named = day is not None or days is not None or weekday is not None
    rest = re.sub(r"^(?:at|в|,)\s*", "", rest.strip())
    minute = MORNING if named and not rest else minute_of_day(rest)
    if minute is None or (not named and ":" not in rest and not rest.endswith(("am", "pm")) and "." not in rest):
        return None  # a bare number is not a time
    return Local(minute, days, weekday, day)


def _date(text: str, today: date) -> tuple[date | None, str]:
    for pattern in DATES:
        match = pattern.match(text)
        if match is None:
            continue
        try:
            day = date(int(match["year"] or today.year), int(match["month"]), int(match["day"]))
        except ValueError:
            return None, text
        if match["year"] is None and day < today:
            day = day.replace(year=today.year + 1)
        return day, text[match.end() :]
    return None, text


def _named_day(text: str) -> tuple[int | None, int | None, str]:
    bare = re.sub(r"^(?:on|next|во?|в следующ\w+)\s+(?=\D)", "", text)
    for name, days in sorted(DAYS.items(), key=lambda entry: -len(entry[0])):
        if re.match(rf"{name}(?!\w)", bare):
            return days, None, bare[len(name) :]
    for number, names in enumerate(WEEKDAYS):
        for name in names:
            if re.match(rf"{name}(?!\w)", bare):
                return None, number, bare[len(name) :]
    return None, None, text
