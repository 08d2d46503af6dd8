"""How often messages may be edited: all answers of one channel share its bucket. Pure: `now` is an argument.

Theory of operation:

1. A bucket is a fixed window of `limit` edits that opens with its first one. Discord's headers are trusted;
between two answers of Discord the bucket is counted here, so that several running edits do not overdraw it.
2. One edit of each window is reserved during its first half for what must land (a last edit, a pressed button).
In the second half an interim edit may take it, so nobody who needs one waits long.
3. Writers in one channel take turns: the one without an edit for longest goes first, and a first text goes
before everything else. A single writer gets an edit per second; several share the bucket.
4. Text that hardly grows is not worth an edit for a while.
5. The whole bot may make fifty requests per second. Requests beyond that wait in a queue; interim edits wait until
there is room to spare, oldest first, so that what must land gets a slot at once.
"""

from collections import deque
from dataclasses import dataclass
from enum import IntEnum

LIMIT, WINDOW = 5, 5.0  # Discord's observed limit, until its headers say
KEPT = 1
SHORTEST = 1.0  # seconds between two edits of one answer
CALM = 2.5  # for an answer that hardly grows
FEW = 12  # characters
LATE = 0.5  # seconds by which answers about the same window may differ
TURN = 0.1  # seconds until a writer whose turn has not come asks again
# Requests a second of the whole bot, as Discord documents it; of them so many are kept for what must land.
MOST, SECOND, SPARE = 50, 1.0, 10


class Urgency(IntEnum):
    """The lower, the sooner."""

    FIRST_TEXT = 0
    STATE = 1
    INTERIM = 2


@dataclass
class Bucket:
    """What is known about one channel's edits. Moments are seconds of any monotonic clock."""

    limit: int = LIMIT
    window: float = WINDOW
    remaining: int = LIMIT
    resets_at: float = float("-inf")
    flying: int = 0  # edits that Discord has not answered yet
    told: bool = False  # whether Discord has reported anything about it

    def free(self, now: float) -> int:
        # Edits that are running when a window ends arrive in the next one.
        return self.limit - self.flying if now >= self.resets_at else self.remaining

    def take(self, now: float) -> None:
        """One edit is sent."""
        if now >= self.resets_at:
            self.remaining, self.resets_at = self.limit - self.flying, now + self.window
        self.remaining -= 1
        self.flying += 1

    def land(self) -> None:
        """It was answered, or abandoned."""
        self.flying = max(0, self.flying - 1)

    def observe(self, now: float, limit: int, remaining: int, reset_after: float) -> None:
        """Discord's answer: edits per window, edits left, seconds until the next window."""
        if self.told and limit == self.limit and now + reset_after < self.resets_at - LATE:
            return  # from a window that is over: the answer was delayed
        self.told = True
        # Running edits are counted here and not yet there; within one window the lower number is correct.
        same = now < self.resets_at and limit == self.limit
        self.remaining = min(remaining, self.remaining) if same else remaining
        self.limit, self.resets_at = max(1, limit), now + reset_after
        if remaining == limit - 1 and reset_after > 0:
            self.window = reset_after


class ChannelPace:
    """For one channel: who writes in it, and whose turn it is."""

    def __init__(self) -> None:
        self.bucket = Bucket()
        self._last: dict[int, float] = {}
        self._wanting: dict[int, Urgency] = {}

    def join(self, writer: int) -> None:
        self._last[writer] = float("-inf")

    def leave(self, writer: int) -> bool:
        """True if nobody is left."""
        self._last.pop(writer, None)
        self._wanting.pop(writer, None)
        return not self._last

    def wait(self, writer: int, now: float, urgency: Urgency, grown: int = 0) -> float:
        """Seconds until it is worth asking again; 0: this writer may edit now. `grown`: characters since its last edit."""
        due = self._last[writer] + self._interval(urgency, grown) - now
        if due > 0:
            self._wanting.pop(writer, None)
            return due
        self._wanting[writer] = urgency
        free = self.bucket.free(now) - self._kept(now)
        if free <= 0:
            return max(TURN, min(self.bucket.resets_at, self._kept_until) - now)
        turns = sorted(
            self._wanting,
            key=lambda writer_number: (self._wanting[writer_number], self._last[writer_number], writer_number),
        )
        return 0.0 if turns.index(writer) < free else TURN

    def wait_for_last(self, now: float) -> float:
        """Seconds until an edit that must land may be sent; 0: now."""
        if self.bucket.free(now) > 0:
            return 0.0
        return max(TURN, self.bucket.resets_at - now)

    def landed(self) -> None:
        """An edit was answered by Discord, or abandoned."""
        self.bucket.land()

    def edited(self, writer: int, now: float) -> None:
        """An edit is sent, of any urgency."""
        self.bucket.take(now)
        self.seen(writer, now)

    def seen(self, writer: int, now: float) -> None:
        """A new message shows the newest text as well, and needs no edit for a while."""
        self._wanting.pop(writer, None)
        if writer in self._last:
            self._last[writer] = now

    def last(self, writer: int) -> float:
        """When it has shown something last."""
        return self._last.get(writer, float("-inf"))

    @property
    def _kept_until(self) -> float:
        until = self.bucket.resets_at - self.bucket.window / 2
        return until if self.bucket.free(until) else self.bucket.resets_at

    def _kept(self, now: float) -> int:
        return KEPT if self.bucket.limit > 1 and now < self.bucket.resets_at - self.bucket.window / 2 else 0

    def _interval(self, urgency: Urgency, grown: int) -> float:
        if urgency is Urgency.FIRST_TEXT:
            return 0.0
        shared = len(self._last) * self.bucket.window / self.bucket.limit
        interval = SHORTEST if len(self._last) == 1 else max(SHORTEST, shared)
        return max(interval, CALM) if grown < FEW and urgency is Urgency.INTERIM else interval


class Throughput:
    """Requests of the whole bot, wherever they go. Discord allows a fixed number per second.

    A request reaches Discord at some moment between its start and its answer. Its slot is therefore free one second
    after its answer: however long requests take, no second at Discord exceeds the limit.
    """

    def __init__(self, most: int = MOST, window: float = SECOND) -> None:
        self._most, self._window = most, window
        self._flying = 0
        self._answered: deque[float] = deque()
        self._closed_until = float("-inf")

    def free(self, now: float) -> int:
        """How many requests may be sent now."""
        while self._answered and self._answered[0] <= now - self._window:
            self._answered.popleft()
        return 0 if now < self._closed_until else self._most - self._flying - len(self._answered)

    def next_at(self, now: float) -> float | None:
        """When a slot is free again, as far as is known: the others have to be answered first."""
        if now < self._closed_until:
            return self._closed_until
        return self._answered[0] + self._window if self._answered else None

    def take(self) -> None:
        """One request is sent."""
        self._flying += 1

    def land(self, now: float) -> None:
        """It was answered, or has failed."""
        self._flying -= 1
        self._answered.append(now)

    def close(self, until: float) -> None:
        """Discord reported too many: another process uses the same token, or the limit is lower than usual."""
        self._closed_until = max(self._closed_until, until)


class Turns:
    """Who may show an interim state now, over all channels: the one that has waited longest, while there is room to spare."""

    def __init__(self, everything: Throughput) -> None:
        self._everything = everything
        self._wanting: dict[int, float] = {}  # writers and the time of their last update

    def may_go(self, writer: int, last: float, now: float) -> bool:
        self._wanting[writer] = last
        room = self._everything.free(now) - SPARE
        if room > 0 and sum((other, key) < (last, writer) for key, other in self._wanting.items()) < room:
            self.drop(writer)
            return True
        return False

    def drop(self, writer: int) -> None:
        """It has shown something, or has nothing to show."""
        self._wanting.pop(writer, None)


class Paces:
    """By channel. A channel without writers is dropped when its window is over, so the next answer starts from a known state.

    `everything` is the bot as a whole.
    """

    def __init__(self) -> None:
        self._channels: dict[int, ChannelPace] = {}
        self._idle: dict[int, float] = {}  # channels without writers, and until when they are kept
        self._next = 0
        self.everything = Throughput()
        self.turns = Turns(self.everything)

    def __len__(self) -> int:
        """Channels with writers."""
        return len(self._channels) - len(self._idle)

    def join(self, channel: int) -> tuple[ChannelPace, int]:
        """The pace of a channel, and the writer's number in it."""
        self._next += 1
        self._idle.pop(channel, None)
        pace = self._channels.setdefault(channel, ChannelPace())
        pace.join(self._next)
        return pace, self._next

    def leave(self, channel: int, writer: int, now: float) -> None:
        self.turns.drop(writer)
        pace = self._channels.get(channel)
        if pace is not None and pace.leave(writer):
            self._idle[channel] = now + pace.bucket.window
        for idle in [candidate for candidate, until in self._idle.items() if until < now]:
            del self._idle[idle], self._channels[idle]

    def observe(self, channel: int, now: float, limit: int, remaining: int, reset_after: float) -> None:
        """Takes in the headers of any edit in the channel."""
        pace = self._channels.get(channel)
        if pace is not None:
            pace.bucket.observe(now, limit, remaining, reset_after)
