"""Sums of the last hour by minute, at any request rate. Pure: `now` is an argument, in seconds.

Reading costs sixty slots regardless of the number of requests. Percentiles come from logarithmic buckets, 5 % wide.
"""

import math
from collections import Counter
from dataclasses import dataclass, field

MINUTE, MINUTES = 60.0, 60
GROWTH = math.log(1.05)
SHORTEST = 1e-4  # seconds; everything faster falls into the first bucket


@dataclass
class Slot:
    """Requests that ended within one minute."""

    minute: int
    count: int = 0
    failed: int = 0
    tokens: int = 0
    first_tokens: Counter[int] = field(default_factory=Counter)  # bucket → observations


@dataclass(frozen=True)
class Sums:
    """Sums of the last hour. Percentiles are of the time to the first token, in seconds; None: no observations."""

    count: int
    failed: int
    tokens: int
    median: float | None
    p95: float | None
    by_minute: tuple[int, ...]  # oldest first


class LastHour:
    def __init__(self) -> None:
        self._slots: dict[int, Slot] = {}  # by the minute's place on the ring

    def add(self, now: float, *, failed: bool, tokens: int = 0, first_token: float | None = None) -> None:
        minute = int(now // MINUTE)
        slot = self._slots.get(minute % MINUTES)
        if slot is None or slot.minute != minute:
            slot = self._slots[minute % MINUTES] = Slot(minute)
        slot.count += 1
        slot.failed += failed
        slot.tokens += tokens
        if first_token is not None:
            slot.first_tokens[bucket(first_token)] += 1

    def sums(self, now: float) -> Sums:
        minute = int(now // MINUTE)
        slots = [slot for slot in self._slots.values() if minute - slot.minute < MINUTES]
        first: Counter[int] = Counter()
        by_minute = [0] * MINUTES
        for slot in slots:
            first.update(slot.first_tokens)
            by_minute[MINUTES - 1 - (minute - slot.minute)] = slot.count
        return Sums(
            sum(slot.count for slot in slots),
            sum(slot.failed for slot in slots),
            sum(slot.tokens for slot in slots),
            percentile(first, 0.5),
            percentile(first, 0.95),
            tuple(by_minute),
        )


def bucket(seconds: float) -> int:
    return max(0, round(math.log(max(seconds, SHORTEST) / SHORTEST) / GROWTH))


def percentile(buckets: Counter[int], share: float) -> float | None:
    """The value below which this share of the observations lies, within 5 %."""
    total = buckets.total()
    if not total:
        return None
    rank = min(total - 1, int(total * share))
    for number in sorted(buckets):
        rank -= buckets[number]
        if rank < 0:
            return SHORTEST * math.exp(number * GROWTH)
    return None
