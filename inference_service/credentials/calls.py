"""The calls under way on a pool, and how they age. Pure."""

from collections import deque
from collections.abc import Iterable

from msgspec import Struct

from inference_service.credentials.entry import Entry
from inference_service.credentials.lane import Lot
from inference_service.credentials.pacing import LINGER
from inference_service.credentials.quota import NEVER, Window
from inference_service.credentials.types import Verdict
from inference_service.quotas import Unit

ACCEPTED_AFTER = 3.0  # a call that was not refused within this time counts as accepted


class Call(Struct):
    """`marks`: window, entry and amount of what it takes. `chance`, 0 to 1, spreads its rest; the same in every process."""

    lot: Lot
    began: float
    marks: list[tuple[Window, Entry | None, float]]
    chance: float
    scout: bool = False
    accepted: bool = False
    confirmed: bool = False  # it has reached the provider: that has said so, or the call is over
    over: bool = False

    def confirm(self, at: float) -> None:
        """Whatever the provider counts of it, it has counted by then."""
        if not self.confirmed:
            self.confirmed = True
            for window, entry, _ in self.marks:
                window.confirm(entry, at)

    def settle(self, verdict: Verdict, *, refused: bool) -> None:
        """What it has really used takes the place of what was estimated."""
        for window, entry, amount in self.marks:
            match window.quota.unit:
                case Unit.CONCURRENT:
                    continue
                case Unit.TOKENS if verdict.used_tokens is not None and verdict.sent and not refused:
                    window.settle(entry, amount, float(verdict.used_tokens))
                case Unit.MONEY if verdict.used_money is not None and verdict.sent and not refused:
                    window.settle(entry, amount, float(verdict.used_money))
                case _ if refused or not verdict.sent:
                    window.settle(entry, amount, 0.0)
                case _:
                    pass

    def land(self) -> None:
        """It no longer counts among the calls at once."""
        for window, entry, amount in self.marks:
            if window.quota.unit is Unit.CONCURRENT:
                window.settle(entry, amount, 0.0)


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

    def lingering(self) -> Iterable[tuple[float, Lot]]:
        """Calls that have ended for us, with the moment until which they may still run for their provider."""
        for at, lease in self._lingering:
            if lease in self._calls:
                yield at, self._calls[lease].lot

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
