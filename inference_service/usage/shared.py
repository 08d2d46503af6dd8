"""Rates, budgets and usage in Redis, so that replicas share them. One round trip each; None if Redis does not answer.

Keys, all under the prefix: `limits:{caller}:requests` a list of the last minute's arrivals, `limits:{caller}:tokens` the
day's tokens, `usage:{hour}` a hash of sums by row, `usage:began`. Times are those of the Redis server, so that clocks of
replicas may differ.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

from redis import RedisError
from redis.asyncio import Redis

from antiphon.config.model import State
from inference_service.usage.counters import Allowance, Room, Spent, rooms

PAUSE = 1.0  # seconds to leave Redis alone after it did not answer
LOST = (RedisError, TimeoutError, OSError)
T = TypeVar("T")

# ARGV: requests a minute, tokens a day (0: no bound). Answer: {the spent limit or '', milliseconds to wait, requests of the
# last minute, milliseconds until they are forgotten, tokens of the day, milliseconds until they are}
TAKE = """
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local most, budget = tonumber(ARGV[1]), tonumber(ARGV[2])
local spent, wait = '', 0
local tokens, refill = tonumber(redis.call('GET', KEYS[2]) or '0'), math.max(redis.call('PTTL', KEYS[2]), 0)
if most > 0 then
  local oldest = redis.call('LINDEX', KEYS[1], -1)
  while oldest and now - oldest >= 60000 do
    redis.call('RPOP', KEYS[1])
    oldest = redis.call('LINDEX', KEYS[1], -1)
  end
  local before = redis.call('LINDEX', KEYS[1], most - 1)
  if before then spent, wait = 'requests', 60000 - (now - before) end
end
if spent == '' and budget > 0 and tokens >= budget then spent, wait = 'tokens', refill end
local used, latest = 0, 0
if most > 0 then
  if spent == '' then
    redis.call('LPUSH', KEYS[1], now)
    redis.call('LTRIM', KEYS[1], 0, most - 1)
    redis.call('PEXPIRE', KEYS[1], 60000)
  end
  used, latest = redis.call('LLEN', KEYS[1]), redis.call('LINDEX', KEYS[1], 0)
end
return {spent, wait, used, 60000 - (now - (latest or now)), tokens, refill}
"""
# ARGV: tokens
SPEND = """
if redis.call('INCRBY', KEYS[1], ARGV[1]) == tonumber(ARGV[1]) then redis.call('EXPIRE', KEYS[1], 86400) end
"""
# ARGV: seconds to keep, most rows, then row, the row without tenant and user, number, row, row without, number …
ADD = """
local size = redis.call('HLEN', KEYS[1])
for i = 3, #ARGV, 3 do
  local row = ARGV[i]
  if size >= tonumber(ARGV[2]) and redis.call('HEXISTS', KEYS[1], row) == 0 then row = ARGV[i + 1] end
  if redis.call('HINCRBY', KEYS[1], row, ARGV[i + 2]) == tonumber(ARGV[i + 2]) then size = size + 1 end
end
redis.call('EXPIRE', KEYS[1], ARGV[1])
"""


class Connection:
    """Redis, left alone for a moment after it did not answer in time. `texts`: answers are decoded."""

    def __init__(self, url: str, settings: State, *, texts: bool) -> None:
        self._prefix, self._timeout = settings.prefix, settings.timeout
        self._redis: Redis = Redis.from_url(
            url, decode_responses=texts, socket_timeout=settings.timeout, socket_connect_timeout=settings.timeout
        )
        self._quiet_until = 0.0

    async def _try(self, ask: Callable[[], Awaitable[T]]) -> T | None:
        if time.monotonic() < self._quiet_until:
            return None
        try:
            async with asyncio.timeout(self._timeout):
                return await ask()
        except LOST:
            self._quiet_until = time.monotonic() + PAUSE
            return None

    async def close(self) -> None:
        await self._redis.aclose()


class SharedUsage(Connection):
    """Every method returns None if Redis does not answer in time. The caller then uses its own counts."""

    def __init__(self, url: str, settings: State) -> None:
        super().__init__(url, settings, texts=True)
        self._take = self._redis.register_script(TAKE)
        self._spend = self._redis.register_script(SPEND)
        self._add = self._redis.register_script(ADD)

    async def take(self, name: str, allowed: Allowance) -> tuple[Spent | None, tuple[Room, ...]] | None:
        """Counts a request if there is room, and tells what is left."""
        keys = [f"{self._prefix}:limits:{{{name}}}:requests", f"{self._prefix}:limits:{{{name}}}:tokens"]
        arguments: list[Any] = [allowed.requests_per_minute, allowed.tokens_per_day]
        answer = await self._try(lambda: self._take(keys=keys, args=arguments))
        if answer is None:
            return None
        spent, (wait, *counted) = str(answer[0]), (int(one) for one in answer[1:])
        requests, forgotten, tokens, refill = counted
        left = rooms(allowed, (requests, forgotten / 1_000), (tokens, refill / 1_000))
        return (Spent(spent, max(0.1, wait / 1_000)) if spent else None), left

    async def spend(self, name: str, tokens: int) -> bool:
        key = f"{self._prefix}:limits:{{{name}}}:tokens"
        return await self._try(lambda: self._counted(self._spend(keys=[key], args=[tokens]))) is not None

    async def add(self, hour: int, rows: Mapping[str, tuple[str, int]], keep: float, most: int) -> bool:
        """Sums of one hour: row → (the row without tenant and user, for when there are too many; number)."""
        arguments: list[Any] = [int(keep), most]
        for row, (coarse, number) in rows.items():
            arguments += (row, coarse, number)
        key = f"{self._prefix}:usage:{hour}"
        return await self._try(lambda: self._counted(self._add(keys=[key], args=arguments))) is not None

    @staticmethod
    async def _counted(request: Awaitable[object]) -> bool:
        await request
        return True

    async def rows(self, hours: range) -> list[tuple[int, dict[str, str]]] | None:
        """What all replicas have counted."""

        async def ask() -> list[tuple[int, dict[str, str]]]:
            pipeline = self._redis.pipeline(transaction=False)
            for hour in hours:
                pipeline.hgetall(f"{self._prefix}:usage:{hour}")
            return [(hour, row) for hour, row in zip(hours, await pipeline.execute(), strict=True) if row]

        return await self._try(ask)

    async def began(self, now: float) -> float | None:
        """When the first of all replicas began to count."""

        async def ask() -> float:
            key = f"{self._prefix}:usage:began"
            await self._redis.set(key, now, nx=True)
            return float(await self._redis.get(key) or now)

        return await self._try(ask)
