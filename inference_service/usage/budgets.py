"""Rates and budgets of callers: requests per minute, tokens per day, concurrent streams."""

import time
from collections import Counter
from typing import TYPE_CHECKING

from antiphon.config.model import CallerConfig
from inference_service.tasks import Supervisor
from inference_service.usage.counters import Allowance, Counters, Room

if TYPE_CHECKING:  # Redis is loaded only where replicas share
    from inference_service.usage.shared import SharedUsage


class BudgetSpent(Exception):
    """A limit of the caller is reached. `retry_after` is in seconds, `what` describes the limit, `limit` is its key in the configuration."""

    def __init__(self, what: str, retry_after: float, limit: str, left: tuple[Room, ...] = ()) -> None:
        super().__init__(what)
        self.what, self.retry_after, self.limit, self.left = what, retry_after, limit, left


class Budgets:
    """Shared by replicas with `shared`. This process also keeps its own counts and uses them while Redis is unreachable.

    Concurrent streams are counted per process.
    """

    def __init__(self, shared: "SharedUsage | None", supervisor: Supervisor) -> None:
        self._supervisor = supervisor
        self._streams: Counter[tuple[str, bool]] = Counter()
        self._shared, self._local = shared, Counters()

    def open(self, name: str, caller: CallerConfig, *, working: bool) -> None:
        """Counts a stream until `leave`. Streams that only watch (`working` false) have a separate limit of the same size. Raises BudgetSpent."""
        if self._streams[name, working] >= caller.max_streams:
            raise BudgetSpent(f"{caller.max_streams} streams at once", 1.0, "max_streams")
        self._streams[name, working] += 1

    def leave(self, name: str, *, working: bool) -> None:
        self._streams[name, working] -= 1

    async def enter(self, name: str, caller: CallerConfig) -> tuple[Room, ...]:
        """Counts a request that begins. What is left of the caller's limits, where there are any. Raises BudgetSpent."""
        allowed = Allowance(caller.requests_per_minute or 0, caller.tokens_per_day or 0)
        if allowed.unbounded:
            return ()
        now = time.monotonic()
        spent = self._local.take(name, allowed, now)
        left = self._local.left(name, allowed, now)
        if self._shared is not None:
            spent, left = await self._shared.take(name, allowed) or (spent, left)
        if spent is not None:
            most = f"{allowed.requests_per_minute} requests a minute"
            budget = f"{allowed.tokens_per_day} tokens a day"
            limit = "requests_per_minute" if spent.what == "requests" else "tokens_per_day"
            raise BudgetSpent(most if spent.what == "requests" else budget, spent.retry_after, limit, left)
        return left

    def settle(self, name: str, caller: CallerConfig, tokens: int) -> None:
        """Counts tokens when they are known. Tokens over the budget are still counted, because the answer was already delivered."""
        if not caller.tokens_per_day or not tokens:
            return
        self._local.spend(name, tokens, time.monotonic())
        if self._shared is not None:
            self._supervisor.spawn("budgets", self._shared.spend(name, tokens))
