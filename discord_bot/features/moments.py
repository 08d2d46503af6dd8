"""Times of day as people write them, and when they come next. Pure."""

import re
from datetime import UTC, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

CLOCK = re.compile(r"^\s*(\d{1,2})(?:[:.hч](\d{2}))?\s*(am|pm)?\s*$", re.IGNORECASE)
MOST_ZONES = 25


def minute_of_day(text: str) -> int | None:
    """ "9", "09:30", "9.30" or "9:30 pm" as minutes since midnight; None for anything else."""
    match = CLOCK.match(text)
    if match is None:
        return None
    hour, minute, half = int(match[1]), int(match[2] or 0), (match[3] or "").lower()
    if half:
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + (12 if half == "pm" else 0)
    return hour * 60 + minute if hour < 24 and minute < 60 else None


def zone_of(name: str) -> ZoneInfo | None:
    """An IANA zone such as Europe/Berlin, in any letter case; None for anything else."""
    wanted = name.strip().replace(" ", "_").casefold()
    match = next((zone for zone in zones() if zone.casefold() == wanted), None)
    try:
        return ZoneInfo(match) if match else None
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


@cache
def zones() -> tuple[str, ...]:
    return tuple(
        sorted({"UTC", *(name for name in available_timezones() if "/" in name and not name.startswith("Etc/"))})
    )


def zones_like(text: str) -> list[str]:
    """At most 25 for autocomplete; matches at the start of the city come first."""
    wanted = text.strip().replace(" ", "_").casefold()
    matches = [name for name in zones() if wanted in name.casefold()]
    matches.sort(key=lambda name: (not name.casefold().rpartition("/")[2].startswith(wanted), name))
    return matches[:MOST_ZONES]


def next_time(minute: int, zone: ZoneInfo, now: float) -> float:
    """The next moment after `now`, in epoch seconds, at which clocks of the zone show that time."""
    today = datetime.fromtimestamp(now, zone).date()
    for days in range(3):
        moment = datetime.combine(today + timedelta(days=days), time(minute // 60, minute % 60), zone)
        # A time that daylight saving skips becomes the one an hour later.
        at = moment.astimezone(UTC).timestamp()
        if at > now:
            return at
    raise AssertionError("every day has this minute")
