"""Time and snowflake ids of the fake: real time that a test can push forward."""

import itertools
import time
from datetime import UTC, datetime

DISCORD_EPOCH_MS = 1_420_070_400_000


class Clock:
    """Unix time in seconds. `advance` moves it forward at once: token life, the one-hour rule, rename limits."""

    def __init__(self) -> None:
        self._ahead = 0.0

    def now(self) -> float:
        return time.time() + self._ahead

    def advance(self, seconds: float) -> None:
        self._ahead += seconds


class Snowflakes:
    """Unique, ever growing ids whose upper bits are the millisecond of their making (reference: "Snowflakes")."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._last = 0
        self._tick = itertools.count()

    def next(self) -> int:
        milliseconds = int(self._clock.now() * 1000) - DISCORD_EPOCH_MS
        fresh = (milliseconds << 22) | (next(self._tick) & 0xFFF)
        self._last = max(fresh, self._last + 1)
        return self._last


def created(snowflake: int) -> float:
    """The Unix time in seconds that is written in an id."""
    return ((snowflake >> 22) + DISCORD_EPOCH_MS) / 1000


def iso(moment: float | None) -> str | None:
    return None if moment is None else datetime.fromtimestamp(moment, UTC).isoformat()
