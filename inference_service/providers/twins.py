"""Streams in which every event comes twice, as a proxy that repeats itself makes them. Pure.

One event that equals the one before it proves nothing: words do repeat. A stream that begins with several different
pairs and nothing else is doubled; from then on the second of each pair is dropped. A stream that does not begin like
that is left alone, at the price of a glance at its first events.
"""

from itertools import pairwise

from inference_service.providers.sse import SseEvent

ENOUGH = 3  # pairs, each unlike the one before it
MOST_HELD = 12  # events
MOST_SINGLE = 1  # events that may come once before the pairs: the role
END = b"[DONE]"


class Twins:
    """`once` passes events on; while it is undecided it holds what may be said twice. `rest` gives what is held."""

    def __init__(self) -> None:
        self._before: SseEvent | None = None
        self._open = False  # `_before` has come once so far
        self._singles = self._pairs = 0
        self._counted: SseEvent | None = None  # the latest pair
        self._held: list[SseEvent] = []  # all that came since the first pair
        self._once: list[SseEvent] = []  # the same without repetitions
        self._decided = self._doubled = False

    def once(self, events: list[SseEvent]) -> list[SseEvent]:
        if self._decided and not self._doubled:
            return events
        if self._before is None and len(events) > MOST_HELD + MOST_SINGLE and not _looks_doubled(events):
            self._decided = True
            return events
        passed: list[SseEvent] = []
        for place, event in enumerate(events):
            passed.extend(self._next(event))
            if self._decided and not self._doubled:
                return [*passed, *events[place + 1 :]]
        return passed

    def rest(self) -> list[SseEvent]:
        """The stream has ended."""
        held, self._held = self._held, []
        return held

    def _next(self, event: SseEvent) -> list[SseEvent]:
        second, same = self._open, self._open and event == self._before
        again, alone = same, second and not same
        self._before, self._open = event, not again
        if self._doubled:
            return [] if again else [event]
        self._singles += alone
        over = event.data.startswith(END) or len(self._held) >= MOST_HELD
        if over or (alone and (self._pairs or self._singles > MOST_SINGLE)):
            self._decided = True
            return [*self.rest(), event]
        return self._pair(event) if again else self._first(event)

    def _first(self, event: SseEvent) -> list[SseEvent]:
        if not self._pairs:
            return [event]
        self._held.append(event)
        self._once.append(event)
        return []

    def _pair(self, event: SseEvent) -> list[SseEvent]:
        self._held.append(event)
        self._pairs += event != self._counted
        self._counted = event
        if self._pairs < ENOUGH:
            return []
        self._decided = self._doubled = True
        self._held = []
        return self._once


def _looks_doubled(events: list[SseEvent]) -> bool:
    """Whether a first read with enough of them is worth the closer look, event by event."""
    for start in range(MOST_SINGLE + 1):
        window = events[start : start + MOST_HELD]
        first = window[::2]
        if first == window[1::2] and 1 + sum(a != b for a, b in pairwise(first)) >= ENOUGH:
            return True
    return False
