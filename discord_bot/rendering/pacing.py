"""How often a message may be edited: all answers of one channel share its bucket. Pure: `now` is an argument.

Discord allows five edits in five seconds a channel. Interim edits together take at most four of them, so that a last
edit never waits; the library itself waits where a bucket is empty, so no request is ever refused.
"""

from collections import deque

WINDOW, INTERIM = 5.0, 4
SHORTEST = 1.0  # seconds between two edits of one answer
CALM = 2.5  # for an answer that hardly grows
FEW = 12  # characters


class ChannelPace:
    """Of one channel: who writes in it, and when edits went out."""

    def __init__(self) -> None:
        self._edits: deque[float] = deque()
        self._last: dict[int, float] = {}

    def join(self, writer: int) -> None:
        self._last[writer] = 0.0

    def leave(self, writer: int) -> bool:
        """True when nobody is left."""
        self._last.pop(writer, None)
        return not self._last

    def wait(self, writer: int, now: float, grown: int) -> float:
        """Seconds until this writer's next interim edit; 0: now. `grown`: characters since its last one."""
        self._trim(now)
        own = self._last.get(writer, 0.0)
        interval = max(SHORTEST, len(self._last) * WINDOW / INTERIM if len(self._last) > 1 else SHORTEST)
        if grown < FEW:
            interval = max(interval, CALM)
        wait = own + interval - now
        if len(self._edits) >= INTERIM:
            wait = max(wait, self._edits[0] + WINDOW - now)
        return max(0.0, wait)

    def edited(self, writer: int, now: float) -> None:
        self._edits.append(now)
        if writer in self._last:
            self._last[writer] = now

    def seen(self, writer: int, now: float) -> None:
        """A new message shows the newest state too, and needs no edit for a while."""
        if writer in self._last:
            self._last[writer] = now

    def _trim(self, now: float) -> None:
        while self._edits and self._edits[0] <= now - WINDOW:
            self._edits.popleft()


class Paces:
    """By channel; a channel in which nobody writes is forgotten."""

    def __init__(self) -> None:
        self._channels: dict[int, ChannelPace] = {}
        self._next = 0

    def join(self, channel: int) -> tuple[ChannelPace, int]:
        self._next += 1
        pace = self._channels.setdefault(channel, ChannelPace())
        pace.join(self._next)
        return pace, self._next

    def leave(self, channel: int, writer: int) -> None:
        pace = self._channels.get(channel)
        if pace is not None and pace.leave(writer):
            del self._channels[channel]
