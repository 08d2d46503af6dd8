"""A deployment's circuit breaker. Pure: `now` is an argument.

Closed until `failures` bad calls within `window` seconds; then open, with one probe every `probe_interval`;
a good probe closes it. A model that is gone is benched and probed once in `bench` seconds.
"""

from collections import deque

from inference_service.credentials.types import BreakerSpec, BreakerView, Vote


class Breaker:
    def __init__(self, spec: BreakerSpec) -> None:
        self._spec = spec
        self._bad: deque[float] = deque()
        self._probe_at = 0.0  # 0: closed
        self._probing = ""  # the lease of the one probe
        self._probing_until = 0.0
        self._benched = False
        self._reason = ""

    def admit(self, lease: str, now: float, lease_time: float) -> bool | float:
        """True when the call may go, as the probe if not closed (`is_probe`); else seconds to wait."""
        if not self._probe_at:
            return True
        if now < self._probe_at:
            return self._probe_at - now
        if self._probing and now < self._probing_until:
            return self._spec.probe_interval
        self._probing, self._probing_until = lease, now + lease_time
        return True

    def is_probe(self, lease: str) -> bool:
        return self._probing == lease

    def withdraw(self, lease: str) -> None:
        """The admitted call did not happen."""
        if self._probing == lease:
            self._probing = ""

    def vote(self, lease: str, vote: Vote, reason: str, now: float) -> None:
        probe = self._probing == lease
        if probe:
            self._probing = ""
        match vote:
            case Vote.GOOD if probe or not self._probe_at:
                self._bad.clear()
                self._probe_at, self._benched, self._reason = 0.0, False, ""
            case Vote.GONE:
                self._probe_at, self._benched, self._reason = now + self._spec.bench, True, reason
            case Vote.BAD:
                self._count(reason, now, probe=probe)
            case _:
                pass

    def _count(self, reason: str, now: float, *, probe: bool) -> None:
        self._bad.append(now)
        while self._bad and self._bad[0] <= now - self._spec.window:
            self._bad.popleft()
        if probe and self._benched:
            self._probe_at = now + self._spec.bench
        elif probe or len(self._bad) >= self._spec.failures:
            self._reason = reason
            self._probe_at = max(self._probe_at, now + self._spec.probe_interval)

    def view(self, now: float) -> BreakerView:
        if not self._probe_at:
            return BreakerView("closed", 0.0, "")
        if self._benched:
            return BreakerView("benched", self._probe_at, self._reason)
        half = bool(self._probing) and now < self._probing_until
        return BreakerView("half_open" if half else "open", self._probe_at, self._reason)
