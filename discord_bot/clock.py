"""Discord's clock: message ids follow it, so it decides what was missed or is too old."""

import time
from email.utils import parsedate_to_datetime

MOST_SKEW = 3_600.0  # seconds


class DiscordClock:
    """How far this machine's clock is from Discord's, by the `Date` of its answers.

    A machine that starts with a wrong clock, or whose clock jumps, would otherwise erase what people want to keep and
    miss their questions.
    """

    def __init__(self) -> None:
        self._ahead: float | None = None

    def observe(self, date: str, now: float) -> None:
        """`date`: the header's value; one that cannot be parsed changes nothing. `now`: this machine's epoch seconds."""
        try:
            self._ahead = now - parsedate_to_datetime(date).timestamp()
        except (ValueError, TypeError):
            return

    @property
    def agrees(self) -> bool:
        return self._ahead is None or abs(self._ahead) <= MOST_SKEW

    def now(self) -> float:
        """Epoch seconds by Discord's clock; by this machine's while the two agree or Discord's is unknown."""
        return time.time() if self.agrees else time.time() - (self._ahead or 0.0)
