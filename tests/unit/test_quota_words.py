"""What is left, as people read it."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from antiphon.cli.quotas import sentence
from antiphon.v1 import quotas_pb2 as pb

HERE = timezone(timedelta(hours=2))
NOW = datetime(2026, 11, 27, 15, 0, tzinfo=HERE)
DAY, WALL, ROLLING = 86_400, pb.QUOTA_CLOCK_WALL, pb.QUOTA_CLOCK_ROLLING


def quota(
    left: int, limit: int, window: int, clock: int, unit: int = pb.QUOTA_UNIT_REQUESTS, **moments: datetime
) -> pb.QuotaStatus:
    status = pb.QuotaStatus(unit=unit, left=left, limit=limit, clock=clock)  # type: ignore[arg-type]
    if window:
        status.window.FromSeconds(window)
    for name, at in moments.items():
        getattr(status, name).FromDatetime(at.astimezone(UTC).replace(tzinfo=None))
    return status


def at(day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 11, day, hour, minute, tzinfo=HERE)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (
            quota(412, 1_000, DAY, WALL, refills_at=at(28, 9), runs_out_at=at(27, 21, 40)),
            "412 of 1,000 requests left today · refills tomorrow 09:00 · lasts until 21:40",
        ),
        (
            quota(412, 1_000, DAY, pb.QUOTA_CLOCK_PACIFIC, refills_at=at(27, 19)),
            "412 of 1,000 requests left today · refills 19:00",
        ),
        (
            quota(0, 20, DAY, ROLLING, refills_at=at(27, 16)),
            "0 of 20 requests left in 24 hours · refills 16:00 · used up",
        ),
        (quota(3, 15, 60, ROLLING), "3 of 15 requests left in a minute"),
        (quota(1, 1, 3_600, WALL), "1 of 1 request left this hour"),
        (quota(5, 9, 18_000, pb.QUOTA_CLOCK_FIRST_USE), "5 of 9 requests left in 5 hours"),
        (quota(5, 9, 7 * DAY, pb.QUOTA_CLOCK_FIRST_USE), "5 of 9 requests left in 7 days"),
        (
            quota(
                8_000, 1_000_000, 2_592_000, WALL, pb.QUOTA_UNIT_TOKENS, refills_at=datetime(2026, 12, 1, tzinfo=HERE)
            ),
            "8,000 of 1,000,000 tokens left this month · refills Tue 00:00",
        ),
        (quota(70_000, 100_000, 2_592_000, WALL, pb.QUOTA_UNIT_MONEY), "0.07 of 0.10 credit left this month"),
        (quota(3, 5, 0, 0, pb.QUOTA_UNIT_CONCURRENT), "3 of 5 calls at once free"),
    ],
)
def test_a_quota_is_one_sentence(given: pb.QuotaStatus, words: str) -> None:
    assert sentence(given, NOW) == words
