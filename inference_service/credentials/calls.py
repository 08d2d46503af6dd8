"""The calls under way on a pool, and how they age. Pure."""

from collections import deque

from msgspec import Struct

from inference_service.credentials.lane import Lot
from inference_service.credentials.pacing import LINGER
from inference_service.credentials.quota import NEVER, Window

ACCEPTED_AFTER = 3.0  # a call that was not refused within this time counts as accepted


class Call(Struct):
    """`marks`: window, mark and amount of what it takes. `chance`, 0 to 1, jitters its cooldown; the same in every process."""

    lot: Lot
    began: float
    marks: list[tuple[Window, float, float]]
    chance: float
    scout: bool = False
    accepted: bool = False
    confirmed: bool = False  # the provider has confirmed it
    over: bool = False


class Calls:
    """By lease, oldest first. All calls have the same time limits, so each queue below is ordered."""

    def __init__(self, lease_time: float) -> None:
        self._lease_time = lease_time
        self._calls: dict[str, Call] = {}
        self._fresh: deque[tuple[float, str]] = (
            deque()
        )  # not known to be accepted, with the time when they count as accepted
        self._lingering: deque[tuple[float, str]] = deque()

    def begin(self, lease: str, call: Call) -> None:
        self._calls[lease] = call
        self._fresh.append((call.began + ACCEPTED_AFTER, lease))

    def get(self, lease: str) -> Call | None:
        return self._calls.get(lease)

    def end(self, lease: str) -> Call | None:
        return self._calls.pop(lease, None)

    def linger(self, lease: str, now: float) -> None:
        self._lingering.append((now + LINGER, lease))

    def gone(self, now: float) -> list[str]:
        """Calls that have ended for their provider as well, and those whose holder has disappeared."""
        gone = []
        while self._lingering and self._lingering[0][0] <= now:
            gone.append(self._lingering.popleft()[1])
        for lease, call in self._calls.items():
            if call.began + self._lease_time > now:
                break
            gone.append(lease)
        return gone

    def taken(self, now: float) -> list[Call]:
        """Calls that would have been refused by now."""
        taken = []
        while self._fresh and self._fresh[0][0] <= now:
            call = self._calls.get(self._fresh.popleft()[1])
            if call is not None and not call.accepted and not call.over:
                taken.append(call)
        return taken

    def next_change(self) -> float:
        while self._fresh and ((call := self._calls.get(self._fresh[0][1])) is None or call.accepted or call.over):
            self._fresh.popleft()
        first = self._fresh[0][0] if self._fresh else NEVER
        return min(first, self._lingering[0][0]) if self._lingering else first

    def follow(self, lots: dict[tuple[str, str], Lot]) -> None:
        """The credentials were rebuilt; a call of a removed one keeps the old object to its end."""
        for call in self._calls.values():
            call.lot = lots.get((call.lot.model, call.lot.credential.id), call.lot)

    def shift(self, by: float) -> None:
        """The clock was moved."""
        for call in self._calls.values():
            call.began += by
        self._fresh = deque((at + by, lease) for at, lease in self._fresh)
        self._lingering = deque((at + by, lease) for at, lease in self._lingering)
