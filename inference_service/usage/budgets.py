"""Rates and budgets of callers: requests by the minute, tokens by the day, streams at once."""

import time
from collections import Counter

from limits import RateLimitItem, RateLimitItemPerDay, RateLimitItemPerMinute
from limits.aio.storage import MemoryStorage, RedisStorage, Storage
from limits.aio.strategies import FixedWindowRateLimiter, MovingWindowRateLimiter

from antiphon.config.model import CallerConfig


class BudgetSpent(Exception):  # noqa: N818 - a fact, not an error of ours
    """`retry_after` in seconds; `what` names the limit."""

    def __init__(self, what: str, retry_after: float) -> None:
        super().__init__(what)
        self.what, self.retry_after = what, retry_after


class Budgets:
    """Across replicas where `redis_url` is given; a Redis that is gone lets requests pass rather than stopping all."""

    def __init__(self, redis_url: str | None, prefix: str) -> None:
        self._streams: Counter[tuple[str, bool]] = Counter()
        self._local: Storage = MemoryStorage()
        shared = (
            RedisStorage(f"async+{redis_url}", implementation="redispy", key_prefix=f"{prefix}:limits")
            if redis_url
            else None
        )
        self._storage: Storage = shared or self._local

    def open(self, name: str, caller: CallerConfig, *, working: bool) -> None:
        """Counts a stream until `leave`; looking (`working` false) has as much room again. Raises BudgetSpent."""
        if self._streams[name, working] >= caller.max_streams:
            raise BudgetSpent(f"{caller.max_streams} streams at once", 1.0)
        self._streams[name, working] += 1

    def leave(self, name: str, *, working: bool) -> None:
        self._streams[name, working] -= 1

    async def enter(self, name: str, caller: CallerConfig) -> None:
        """Counts a request that begins. Raises BudgetSpent."""
        if caller.requests_per_minute:
            limit = RateLimitItemPerMinute(caller.requests_per_minute)
            if not await self._hit(limit, name):
                raise BudgetSpent(f"{caller.requests_per_minute} requests a minute", await self._reset(limit, name))
        if caller.tokens_per_day:
            day = RateLimitItemPerDay(caller.tokens_per_day)
            if not await self._has_left(day, name):
                raise BudgetSpent(f"{caller.tokens_per_day} tokens a day", await self._reset(day, name, fixed=True))

    async def settle(self, name: str, caller: CallerConfig, tokens: int) -> None:
        """Counts tokens when they are known. What goes over is taken: the answer was given."""
        if not caller.tokens_per_day or not tokens:
            return
        limit = RateLimitItemPerDay(caller.tokens_per_day)
        try:
            await self._storage.incr(limit.key_for(name), limit.get_expiry(), amount=tokens)
        except self._storage.base_exceptions:
            await self._local.incr(limit.key_for(name), limit.get_expiry(), amount=tokens)

    async def _hit(self, limit: RateLimitItem, name: str) -> bool:
        try:
            return await MovingWindowRateLimiter(self._storage).hit(limit, name)
        except self._storage.base_exceptions:
            return await MovingWindowRateLimiter(self._local).hit(limit, name)

    async def _has_left(self, limit: RateLimitItem, name: str) -> bool:
        try:
            return await FixedWindowRateLimiter(self._storage).test(limit, name)
        except self._storage.base_exceptions:
            return await FixedWindowRateLimiter(self._local).test(limit, name)

    async def _reset(self, limit: RateLimitItem, name: str, *, fixed: bool = False) -> float:
        strategy = FixedWindowRateLimiter if fixed else MovingWindowRateLimiter
        try:
            stats = await strategy(self._storage).get_window_stats(limit, name)
        except self._storage.base_exceptions:
            return 60.0
        return max(0.1, stats.reset_time - time.time())
