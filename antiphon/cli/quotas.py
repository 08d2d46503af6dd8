"""What is left of a quota, in a sentence: "412 of 1,000 requests left today · refills 09:00 · lasts until 21:40"."""

from datetime import datetime, tzinfo

from google.protobuf.timestamp_pb2 import Timestamp

from antiphon.v1 import quotas_pb2 as pb

SPANS = {1: "this second", 60: "this minute", 3_600: "this hour", 86_400: "today", 2_592_000: "this month"}
LENGTHS = ((86_400, "days", "day"), (3_600, "hours", "hour"), (60, "minutes", "minute"), (1, "seconds", "second"))
UNITS = {
    pb.QUOTA_UNIT_REQUESTS: ("request", "requests"),
    pb.QUOTA_UNIT_TOKENS: ("token", "tokens"),
    pb.QUOTA_UNIT_PICTURES: ("picture", "pictures"),
    pb.QUOTA_UNIT_MONEY: ("credit", "credit"),
}
MICRO = 1_000_000


def sentence(quota: pb.QuotaStatus, now: datetime) -> str:
    """`now` in the reader's time zone."""
    if quota.unit == pb.QUOTA_UNIT_CONCURRENT:
        return f"{quota.left:,} of {quota.limit:,} calls at once free"
    singular, plural = UNITS.get(quota.unit, ("unit", "units"))
    left, limit = amount(quota.left, quota.unit), amount(quota.limit, quota.unit)
    parts = [f"{left} of {limit} {singular if quota.limit == 1 else plural} left {span(quota)}"]
    if quota.HasField("refills_at"):
        parts.append(f"refills {clock(quota.refills_at, now)}")
    if not quota.left:
        parts.append("used up")
    elif quota.HasField("runs_out_at"):
        parts.append(f"lasts until {clock(quota.runs_out_at, now)}")
    return " · ".join(parts)


def amount(number: int, unit: int) -> str:
    return f"{number / MICRO:,.2f}" if unit == pb.QUOTA_UNIT_MONEY else f"{number:,}"


def span(quota: pb.QuotaStatus) -> str:
    """ "today" if the quota resets at one moment for everything; "in 24 hours" if each call counts for that long."""
    seconds = quota.window.ToNanoseconds() / 1e9
    if quota.clock in (pb.QUOTA_CLOCK_WALL, pb.QUOTA_CLOCK_PACIFIC) and int(seconds) in SPANS:
        return SPANS[int(seconds)]
    for size, plural, singular in LENGTHS:
        if seconds >= size and (seconds % size == 0 or size == 1):
            count = int(seconds / size)
            if (size, count) == (86_400, 1):
                return "in 24 hours"
            return f"in {count} {plural}" if count != 1 else f"in a {singular}".replace("a hour", "an hour")
    return f"in {seconds:g} seconds"


def clock(moment: Timestamp, now: datetime) -> str:
    """The time of day, with the day if it is not today."""
    zone: tzinfo | None = now.tzinfo
    at = datetime.fromtimestamp(moment.ToNanoseconds() / 1e9, zone)
    if at.date() == now.date():
        return f"{at:%H:%M}"
    days = (at.date() - now.date()).days
    if days == 1:
        return f"tomorrow {at:%H:%M}"
    return f"{at:%a %H:%M}" if 1 < days < 7 else f"{at:%d %b %H:%M}"
