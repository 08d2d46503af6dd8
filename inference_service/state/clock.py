"""A clock that runs evenly whatever happens to the machine's: epoch seconds from one reading, then elapsed time."""

import time
from collections.abc import Callable

MOVED = 2.0  # seconds by which the two clocks may drift apart before it counts as a change of the clock
LOOK_PERIOD = 1.0
# Linux also counts the time in which the machine was asleep; elsewhere the usual monotonic clock must do.
_ELAPSED = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def elapsed() -> float:
    return time.clock_gettime(_ELAPSED)


class SteadyClock:
    """`moved` is called with the seconds by which the machine's clock was set, and the new time."""

    def __init__(
        self, wall: Callable[[], float] = time.time, steady: Callable[[], float] = elapsed, looks: float = LOOK_PERIOD
    ) -> None:
        self._wall, self._steady, self._looks = wall, steady, looks
        self._offset = wall() - steady()
        self._looked = steady()
        self.moved: Callable[[float, float], None] = lambda _by, _now: None

    def __call__(self) -> float:
        at = self._steady()
        if at - self._looked >= self._looks:
            self._looked = at
            by = self._wall() - at - self._offset
            if abs(by) > MOVED:
                self._offset += by
                self.moved(by, at + self._offset)
        return at + self._offset
