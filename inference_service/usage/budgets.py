"""Rates and budgets of callers: requests by the minute, tokens by the day, streams at once."""

import time
from collections import Counter

from antiphon.config.model import CallerConfig
from inference_service.tasks import Supervisor
from inference_service.usage.counters import Allowance, Counters
from inference_service.usage.shared import SharedUsage


class BudgetSpent(Exception):
    """`retry_after` in seconds; `what` names the limit."""

    def __init__(self, what: str, retry_after: float) -> None:
        super().__init__(what)
        self.what, self.retry_after = what, retry_after


class Budgets:
    """Across replicas with `shared`. This process counts for itself, too: while Redis is gone that is what holds.

    Streams at once are counted by process.
    """

    def __init__(self, shared: SharedUsage | None, supervisor: Supervisor) -> None:
        self._supervisor = supervisor
        self._streams: Counter[tuple[str, bool]] = Counter()
        self._shared, self._local = shared, Counters()

    def open(self, name: str, caller: CallerConfig, *, working: bool) -> None:
        """Counts a stream until `leave`; looking (`working` false) has as much room again. Raises BudgetSpent."""
        if self._streams[name, working] >= caller.max_streams:
            raise BudgetSpent(f"{caller.max_streams} streams at once", 1.0)
        self._streams[name, working] += 1

    def leave(self, name: str, *, working: bool) -> None:
        self._streams[name, working] -= 1

    async def enter(self, name: str, caller: CallerConfig) -> None:
        """Counts a request that begins. Raises BudgetSpent."""
        allowed = Allowance(caller.requests_per_minute or 0, caller.tokens_per_day or 0)
        if allowed.unbounded:
            return
        spent = self._local.take(name, allowed, time.monotonic())
        if self._shared is not None:
            told = await self._shared.take(name, allowed)
            spent = spent if told is None else told[0]
        if spent is not None:
            most = f"{allowed.requests_per_minute} requests a minute"
            budget = f"{allowed.tokens_per_day} tokens a day"
            raise BudgetSpent(most if spent.what == "requests" else budget, spent.retry_after)

    def settle(self, name: str, caller: CallerConfig, tokens: int) -> None:
        """Counts tokens when they are known. What goes over the budget is taken: the answer was given."""
        if not caller.tokens_per_day or not tokens:
            return
        self._local.spend(name, tokens, time.monotonic())
        if self._shared is not None:
            self._supervisor.spawn("budgets", self._shared.spend(name, tokens))
