"""A provider's own accounting for a simulation: what it accepts, by its own exact count and clock. Pure."""

from collections import deque
from collections.abc import Sequence

from msgspec import Struct

from inference_service.failures import Scope
from inference_service.quotas import Clock, LimitFact, Quota, Unit, window_end


class Refusal(Struct, frozen=True):
    quota: Quota
    wait: float  # until the same call would be accepted; 0: as soon as another call ends


class Counter:
    """One quota of one owner."""

    def __init__(self, quota: Quota) -> None:
        self.quota = quota
        self.used = 0.0
        self._ends = 0.0
        self._log: deque[tuple[float, float]] = deque()

    def roll(self, now: float) -> None:
        if self.quota.clock is Clock.ROLLING:
            while self._log and self._log[0][0] <= now - self.quota.window:
                self.used -= self._log.popleft()[1]
        elif self._ends and now >= self._ends:
            self.used, self._ends = 0.0, 0.0

    def fits(self, amount: float, now: float) -> bool:
        if self.quota.unit is not Unit.CONCURRENT:
            self.roll(now)
        return self.used + amount <= self.quota.limit

    def take(self, amount: float, now: float) -> None:
        self.used += amount
        if self.quota.unit is Unit.CONCURRENT:
            return
        if self.quota.clock is Clock.ROLLING:
            self._log.append((now, amount))
        elif not self._ends:
            self._ends = window_end(self.quota.clock, self.quota.window, now, now)

    def wait(self, amount: float, now: float) -> float:
        if self.quota.unit is Unit.CONCURRENT:
            return 0.0
        if self.quota.clock is not Clock.ROLLING:
            return self._ends - now
        over = self.used + amount - self.quota.limit
        for at, part in self._log:
            over -= part
            if over <= 0:
                return at + self.quota.window - now
        return self.quota.window

    def fact(self, now: float) -> LimitFact:
        """What its headers would report."""
        quota = self.quota
        left = max(0, int(quota.limit - self.used))
        return LimitFact(quota.unit, quota.window, quota.clock, quota.limit, left, self.wait(quota.limit, now))


class Upstream:
    """All counters of one provider. `quotas` are its actual ones, whatever the pool was configured with."""

    def __init__(self, quotas: Sequence[Quota]) -> None:
        self._quotas = quotas
        self._counters: dict[tuple[int, str, str], Counter] = {}  # by number of the quota, owner and model
        self._of: dict[tuple[str, str, str], list[Counter]] = {}  # by credential, group and model
        self.accepted = 0
        self.refused = 0

    def counters(self, credential: str, group: str, model: str) -> list[Counter]:
        key = credential, group, model
        if key not in self._of:
            self._of[key] = [self._counter(number, quota, *key) for number, quota in enumerate(self._quotas)]
        return self._of[key]

    def _counter(self, number: int, quota: Quota, credential: str, group: str, model: str) -> Counter:
        scope = Scope(quota.scope)
        owner = credential if scope in (Scope.CREDENTIAL, Scope.CREDENTIAL_MODEL) else group
        of = model if scope in (Scope.CREDENTIAL_MODEL, Scope.GROUP_MODEL) else ""
        return self._counters.setdefault((number, owner, of), Counter(quota))

    def arrive(self, credential: str, group: str, model: str, tokens: int, now: float) -> Refusal | None:
        counters = [(counter, _amount(counter.quota, tokens)) for counter in self.counters(credential, group, model)]
        full = [(counter, amount) for counter, amount in counters if not counter.fits(amount, now)]
        if full:
            self.refused += 1
            counter, amount = max(full, key=lambda pair: pair[0].wait(pair[1], now))
            return Refusal(counter.quota, max(0.0, counter.wait(amount, now)))
        self.accepted += 1
        for counter, amount in counters:
            counter.take(amount, now)
        return None

    def leave(self, credential: str, group: str, model: str) -> None:
        for counter in self.counters(credential, group, model):
            if counter.quota.unit is Unit.CONCURRENT:
                counter.used -= 1


def _amount(quota: Quota, tokens: int) -> float:
    return float(tokens) if quota.unit is Unit.TOKENS else 1.0 if quota.unit is not Unit.MONEY else 0.0
