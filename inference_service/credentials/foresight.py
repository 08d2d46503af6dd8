"""When the next calls for one model can begin, from every limit and every call under way. Pure: `now` is an argument.

Each limit is a room: part of it is free now, the rest comes back at known moments. A planned call takes its share and
gives it back later, so the turns of a long queue account for each other, even if credentials share a limit.
"""

import heapq
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from inference_service.credentials.entry import slack_of
from inference_service.credentials.pacing import LINGER, Pacing
from inference_service.credentials.quota import NEVER, Window
from inference_service.credentials.types import Ask
from inference_service.quotas import Clock, Unit

if TYPE_CHECKING:
    from inference_service.credentials.lane import Lot

UNKNOWN_DURATION = 4.0  # seconds that a call takes until the first one has ended
LEAST_AMOUNT = 1e-9  # room for a call of unknown size
Returning = tuple[float, float]  # moment, amount


class Durations:
    """How long calls take: mean and mean deviation, smoothed the way TCP smooths round trips."""

    __slots__ = ("deviation", "known", "mean")

    def __init__(self) -> None:
        self.mean, self.deviation, self.known = UNKNOWN_DURATION, 0.0, False

    def add(self, seconds: float) -> None:
        if not self.known:
            self.mean, self.deviation, self.known = seconds, seconds / 4, True
            return
        self.deviation += 0.25 * (abs(seconds - self.mean) - self.deviation)
        self.mean += 0.125 * (seconds - self.mean)

    @property
    def margin(self) -> float:
        """How much longer than expected a running call may still take."""
        return 2 * self.deviation


class Room:
    """One limit, of which `free` is left. `coming`: what comes back when; asked once, when nothing is left.

    returns: when a call that begins at a given moment gives its share back.
    """

    __slots__ = ("_amount", "_at", "_coming", "_free", "_heap", "_returns")

    def __init__(
        self,
        amount: float,
        free: float,
        at: float,
        coming: Callable[[], list[Returning]],
        returns: Callable[[float], float],
    ) -> None:
        self._amount, self._free, self._at, self._returns = amount, free, at, returns
        self._coming: Callable[[], list[Returning]] | None = coming
        self._heap: list[Returning] = []

    def opens(self, at: float = 0.0) -> float:
        """When the next call fits, not before `at`; NEVER: it does not."""
        while self._free < self._amount - 1e-6:
            if self._coming is not None:
                self._heap += self._coming()
                self._coming = None
                heapq.heapify(self._heap)
                continue
            if not self._heap:
                return NEVER
            back, amount = heapq.heappop(self._heap)
            self._at = max(self._at, back)
            self._free += amount
        return max(at, self._at)

    def take(self, at: float) -> None:
        self._free -= self._amount
        self.back(self._returns(at), self._amount)

    def back(self, at: float, amount: float) -> None:
        heapq.heappush(self._heap, (at, amount))


class Growing(Room):
    """The ramp of concurrent calls: once as many as allowed have been accepted, there is room for half as many more."""

    __slots__ = ("_level", "_most", "_tried")

    def __init__(self, level: int, most: int, flying: int, now: float, running: list[Returning], mean: float) -> None:
        super().__init__(1.0, level - flying, now, lambda: running, lambda at: at + mean)
        self._level, self._most, self._tried = max(1, level), most, 0

    def take(self, at: float) -> None:
        super().take(at)
        self._tried += 1
        if self._tried >= self._level:
            more = max(1, self._level // 2)
            more = min(more, self._most - self._level) if self._most else more
            if more > 0:
                self.back(self._returns(at), float(more))
                self._level += more
            self._tried = 0


class FromFirstUse(Room):
    """A window that begins with a call. While it may change no call is sent."""

    __slots__ = ("_changes", "_ends", "_window", "_window_here")

    def __init__(self, window: Window, amount: float, now: float, way: float) -> None:
        at = max(now, window.held_until)
        super().__init__(amount, window.room(now), at, lambda: window.coming(now, way), self._leaves)
        slack = slack_of(window.quota.window)
        self._window, self._window_here = window.quota.window, window.quota.window + min(way + window.drift, slack)
        self._changes, self._ends = window.changes_at(), window.expected_end(way)

    def opens(self, at: float = 0.0) -> float:
        at = super().opens(at)
        return self._ends if self._changes <= at < self._ends else at

    def _leaves(self, at: float) -> float:
        if at >= self._ends:
            self._changes, self._ends = at + self._window, at + self._window_here
        return self._ends


class Foresight:
    """The turns of one lane for calls of one size, computed only as far as needed."""

    def __init__(self, lots: Iterable["Lot"], ask: Ask, now: float, durations: Durations, ways: Durations) -> None:
        self.at, self.size = now, (ask.tokens, ask.pictures)
        self.stale = False
        self._mean = durations.mean + LINGER
        self._way = ways.mean + ways.margin
        self._rooms: dict[int, Room] = {}
        self._lots: list[tuple[float, list[Room]]] = []
        self._heap: list[tuple[float, int]] = []
        self.begins: list[float] = []
        for lot in lots:
            if not lot.credential.quarantined:
                self._lots.append((max(now, lot.credential.wakes_at(lot.model)), self._rooms_of(lot, now)))
        for number in range(len(self._lots)):
            if (at := self._opens(number)) != NEVER:
                self._heap.append((at, number))
        heapq.heapify(self._heap)

    def turns(self, count: int) -> list[float]:
        """When the next `count` calls can begin, soonest first; fewer if no more are foreseeable."""
        heap, begins = self._heap, self.begins
        while heap and len(begins) < count:
            at, number = heap[0]
            opens = self._opens(number)
            if opens > at:  # another credential of the same account has taken the room
                self._put_back(opens, number)
                continue
            for room in self._lots[number][1]:
                room.take(at)
            begins.append(at)
            self._put_back(max(at, self._opens(number)), number)
        return begins[:count]

    def _put_back(self, at: float, number: int) -> None:
        if at == NEVER:
            heapq.heappop(self._heap)
        else:
            heapq.heapreplace(self._heap, (at, number))

    def _opens(self, number: int) -> float:
        at, rooms = self._lots[number]
        for _ in range(2):  # what one room puts off may be put off by another
            for room in rooms:
                at = room.opens(at)
        return at

    def _rooms_of(self, lot: "Lot", now: float) -> list[Room]:
        if id(lot.pacing) not in self._rooms:
            self._rooms[id(lot.pacing)] = _at_once(lot.pacing, now, self._mean)
        rooms = [self._rooms[id(lot.pacing)]]
        for window in lot.counted():
            if id(window) not in self._rooms:
                self._rooms[id(window)] = self._room(window, lot.pacing, now)
            rooms.append(self._rooms[id(window)])
        return rooms

    def _room(self, window: Window, pacing: Pacing, now: float) -> Room:
        amount = max(window.amount(*self.size), LEAST_AMOUNT)
        if window.quota.unit is Unit.CONCURRENT:
            free, mean = window.limit - window.used, self._mean
            return Room(amount, free, now, lambda: _running(pacing, int(window.used), now, mean), _after(mean))
        if window.quota.clock is Clock.FIRST_USE:
            return FromFirstUse(window, amount, now, self._way)
        free, at = window.room(now), max(now, window.held_until)
        return Room(amount, free, at, lambda: window.coming(now, self._way), _returns(window, self._way))


def _after(length: float) -> Callable[[float], float]:
    return lambda at: at + length


def _returns(window: Window, way: float) -> Callable[[float], float]:
    """When a call that begins at a moment, and is on its way for some seconds, leaves the window."""
    length = window.quota.window + min(way + window.drift, slack_of(window.quota.window))
    match window.quota.clock:
        case Clock.ROLLING:
            return _after(length)
        case _:

            def by_the_clock(at: float) -> float:
                end = window.end_after(at)
                late = at >= end - 2 * slack_of(window.quota.window)
                return window.end_after(end) if late else end  # a late call counts in the next window as well

            return by_the_clock


def _at_once(pacing: Pacing, now: float, mean: float) -> Room:
    proven, allowed, flying = pacing.known, pacing.allowed(now), pacing.flying
    running = _running(pacing, flying, now, mean)
    if proven and not pacing.slow:
        free = float(proven - flying)
        return Room(1.0, free, now, lambda: running, _after(mean))
    return Growing(allowed, proven, flying, now, running, mean)


def _running(pacing: Pacing, count: int, now: float, mean: float) -> list[Returning]:
    """When running calls end. One that has overrun may end at any moment."""
    sent = pacing.sent
    begins = [sent[-1 - place] for place in range(min(count, pacing.flying, len(sent)))]
    begins += [now] * (count - len(begins))  # of other models
    return [(began + mean if began + mean > now else now + mean / 2, 1.0) for began in begins]
