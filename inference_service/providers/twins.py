"""Streams in which every event comes twice, as a proxy that repeats itself makes them. Pure.

One event that equals the one before it proves nothing: words do repeat. A stream that begins with several different
pairs and nothing else is doubled; from then on the second of each pair is dropped. A stream that does not begin like
that is left alone, at the price of a glance at its first events.
"""

from inference_service.providers.sse import SseEvent

ENOUGH = 3  # pairs in a row, each unlike the one before it
MOST_SINGLE = 3  # events that may come once before the pairs: a role, a filter's notes
END = b"[DONE]"


class Twins:
    """`once` passes events on; while it is undecided it holds what may be said twice. `rest` gives what is held."""

    def __init__(self) -> None:
        self._before: SseEvent | None = None
        self._paired = False  # `_before` has come twice
        self._singles = self._pairs = 0
        self._held: list[SseEvent] = []  # all that came since the first pair
        self._once: list[SseEvent] = []  # the same without repetitions
        self._decided = self._doubled = False

    def once(self, events: list[SseEvent]) -> list[SseEvent]:
        if self._decided and not self._doubled:
            return events
        return [passed for event in events for passed in self._next(event)]

    def rest(self) -> list[SseEvent]:
        """The stream has ended."""
        held, self._held = self._held, []
        return held

    def _next(self, event: SseEvent) -> list[SseEvent]:
        if self._decided and not self._doubled:
            return [event]
        again = event == self._before and not self._paired
        if self._doubled:
            self._before, self._paired = event, again
            return [] if again else [event]
        if event.data.startswith(END) or (event == self._before and self._paired):
            return self._alone(event)
        new_pair_is_due = self._before is None or self._paired
        if not again and not new_pair_is_due and (self._pairs or self._singles >= MOST_SINGLE):
            return self._alone(event)
        self._singles += not again and not new_pair_is_due
        self._before, self._paired = event, again
        return self._pair(event) if again else self._first(event)

    def _first(self, event: SseEvent) -> list[SseEvent]:
        if not self._pairs:
            return [event]
        self._held.append(event)
        self._once.append(event)
        return []

    def _pair(self, event: SseEvent) -> list[SseEvent]:
        self._pairs += 1
        self._held.append(event)
        if self._pairs < ENOUGH:
            return []
        self._decided = self._doubled = True
        self._held = []
        return self._once

    def _alone(self, event: SseEvent) -> list[SseEvent]:
        self._decided = True
        return [*self.rest(), event]
