"""A deployment's circuit breaker. Pure: `now` is an argument, in seconds.

It opens after `failures` bad calls in a row, or when at least `failures` and at least half of the calls of the last
`window` seconds were bad: two of three open it, two of a thousand do not. While it is open, one probe per
`probe_interval` goes through; a good probe closes it.

A model that its provider reports as gone is benched from the second report on, with growing pauses between probes.
Refusals without a recognised reason (`DOUBT`) count only in a row and need more: one odd request is no outage.
"""

from collections import deque
from dataclasses import dataclass

from inference_service.credentials.types import BreakerSpec, BreakerView, Vote

BENCHES = (60.0, 300.0, 1_800.0, 7_200.0, 28_800.0, 86_400.0)
GONE_NEEDED = 2
DOUBTS_NEEDED = 5
SLOTS = 10


@dataclass
class Slot:
    """Calls that ended within the same tenth of the window."""

    began: float
    calls: int = 0
    bad: int = 0


class Breaker:
    def __init__(self, spec: BreakerSpec) -> None:
        self._spec = spec
        self._calls: deque[Slot] = deque()  # of the window, oldest first
        self._row = 0  # bad calls in a row
        self._doubts = 0
        self._gone = 0  # times in a row that the model was reported as gone
        self._probe_at = 0.0  # 0: closed
        self._probe = ("", 0.0)  # lease of the one probe, and when it expires
        self._reason = ""

    @property
    def _benched(self) -> bool:
        return self._gone >= GONE_NEEDED and bool(self._probe_at)

    def admit(self, lease: str, now: float, lease_time: float, *, last: bool = False) -> bool | float:
        """True if the call may go, as the probe if not closed (`is_probe`); else seconds to wait.

        `last`: no other deployment can answer; then even a benched one is tried.
        """
        if not self._probe_at or (last and self._benched):
            return True
        if now < self._probe_at:
            return self._probe_at - now
        if self._probe[0] and now < self._probe[1]:
            return self._spec.probe_interval
        self._probe = (lease, now + lease_time)
        return True

    def is_probe(self, lease: str) -> bool:
        return self._probe[0] == lease

    def withdraw(self, lease: str) -> None:
        """The admitted call did not happen."""
        if self._probe[0] == lease:
            self._probe = ("", 0.0)

    def vote(self, lease: str, vote: Vote, reason: str, now: float) -> None:
        """What a finished call says about the deployment."""
        probe = self.is_probe(lease)
        self.withdraw(lease)
        if vote is Vote.SILENT:
            return
        if vote is Vote.GOOD:
            self._good(now, probe=probe)
        elif vote is Vote.GONE:
            self._bench(reason, now)
        elif vote is Vote.DOUBT:
            self._doubts += 1
            if probe or self._doubts >= DOUBTS_NEEDED:
                self._open(reason, now)
        else:
            self._bad(reason, now, probe=probe)

    def _good(self, now: float, *, probe: bool) -> None:
        if probe:
            self._calls.clear()
        if probe or self._benched:
            self._probe_at, self._reason = 0.0, ""
        self._row = self._doubts = self._gone = 0
        self._count(now, bad=False)

    def _bad(self, reason: str, now: float, *, probe: bool) -> None:
        self._count(now, bad=True)
        self._row += 1
        calls, bad = sum(slot.calls for slot in self._calls), sum(slot.bad for slot in self._calls)
        many = bad >= self._spec.failures and 2 * bad >= calls
        if probe or many or self._row >= self._spec.failures:
            self._open(reason, now)

    def _count(self, now: float, *, bad: bool) -> None:
        while self._calls and self._calls[0].began <= now - self._spec.window:
            self._calls.popleft()
        if not self._calls:
            self._row = 0  # the streak is older than the window: forget it
        if not self._calls or now - self._calls[-1].began > self._spec.window / SLOTS:
            self._calls.append(Slot(now))
        self._calls[-1].calls += 1
        self._calls[-1].bad += bad

    def _open(self, reason: str, now: float) -> None:
        self._reason = reason
        self._probe_at = max(self._probe_at, now + self._spec.probe_interval)

    def _bench(self, reason: str, now: float) -> None:
        self._gone += 1
        if self._gone >= GONE_NEEDED:
            pause = BENCHES[min(self._gone - GONE_NEEDED, len(BENCHES) - 1)]
            self._probe_at, self._reason = now + min(pause, self._spec.bench), reason

    def lift(self) -> None:
        """An operator has stepped in: benched deployments are tried again."""
        if self._gone:
            self._gone, self._probe_at, self._reason = 0, 0.0, ""

    def view(self, now: float) -> BreakerView:
        if not self._probe_at:
            return BreakerView("closed", 0.0, "")
        if self._benched:
            return BreakerView("benched", self._probe_at, self._reason)
        half = bool(self._probe[0]) and now < self._probe[1]
        return BreakerView("half_open" if half else "open", self._probe_at, self._reason)
