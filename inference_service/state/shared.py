"""State in Redis, with memory behind it: answers go on when Redis is slow, restarting or gone, and it joins again."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import structlog
from redis import RedisError

from antiphon.config.model import State
from inference_service.credentials.types import (
    Ask,
    Backend,
    BreakerSpec,
    BreakerView,
    CredentialView,
    Denied,
    Grant,
    PoolSpec,
    Remaining,
    Verdict,
)
from inference_service.state.memory import MemoryStore
from inference_service.state.redis import RedisStore

log = structlog.get_logger(__name__)
REJOIN_PERIOD = 1.0
LOST = (RedisError, TimeoutError, OSError)
T = TypeVar("T")


class SharedStore:
    """Each lease is returned where it was taken. What memory learnt meanwhile stays there: Redis knows its own."""

    def __init__(
        self, url: str, settings: State, breaker: BreakerSpec, memory: MemoryStore, tell: Callable[[str], None]
    ) -> None:
        self._redis = RedisStore(url, settings, breaker)
        self._memory, self._tell = memory, tell
        self._timeout = settings.timeout
        self._lost = False
        self._rejoining: asyncio.Task[None] | None = None
        self._here: set[str] = set()  # leases taken in memory
        self._endings: set[asyncio.Task[None]] = set()  # releases under way, whoever waits for them

    async def start(self) -> None:
        """Looks whether Redis answers; a Redis that does not is no reason not to start."""
        await self._try(self._redis.ping)

    @property
    def backend(self) -> Backend:
        return Backend.REDIS_LOST if self._lost else Backend.REDIS

    def configure(self, pool: PoolSpec) -> None:
        self._redis.configure(pool)
        self._memory.configure(pool)

    async def _try(self, ask: Callable[..., Awaitable[T]], *arguments: Any) -> T | None:
        """The answer of Redis, None without one."""
        if self._lost:
            return None
        try:
            async with asyncio.timeout(self._timeout):
                return await ask(*arguments)
        except LOST:
            self._lose()
            return None

    def _lose(self) -> None:
        if not self._lost:
            self._lost = True
            self._tell(str(self.backend))
            self._rejoining = asyncio.get_running_loop().create_task(self._rejoin())

    async def _rejoin(self) -> None:
        while self._lost:
            await asyncio.sleep(REJOIN_PERIOD)
            try:
                async with asyncio.timeout(self._timeout):
                    await self._redis.ping()
            except LOST:
                continue
            self._lost = False
            self._tell(str(self.backend))

    async def acquire(self, ask: Ask) -> Grant | Denied:
        answer = await self._try(self._redis.acquire, ask)
        if answer is None:
            answer = await self._memory.acquire(ask)
            if isinstance(answer, Grant):
                self._here.add(answer.lease)
        return answer

    async def release(self, ask: Ask, grant: Grant, verdict: Verdict) -> None:
        if grant.lease in self._here:
            self._here.discard(grant.lease)
            await self._memory.release(ask, grant, verdict)
            return
        if self._lost:
            # The lease in Redis ends by itself; what the call taught is worth keeping.
            await self._memory.release(ask, grant, verdict)
            return
        ending = asyncio.ensure_future(self._try(self._redis.release, ask, grant, verdict))
        self._endings.add(ending)
        ending.add_done_callback(self._endings.discard)
        await asyncio.shield(ending)

    async def report(self, ask: Ask, grant: Grant, remaining: Remaining) -> None:
        if grant.lease in self._here or self._lost:
            await self._memory.report(ask, grant, remaining)
        else:
            await self._try(self._redis.report, ask, grant, remaining)

    async def lift(self, pool: str) -> None:
        await self._memory.lift(pool)
        await self._try(self._redis.lift, pool)

    async def credentials(self, pool: str) -> list[CredentialView]:
        found = await self._try(self._redis.credentials, pool)
        return await self._memory.credentials(pool) if found is None else found

    async def breakers(self, deployments: list[str]) -> dict[str, BreakerView]:
        found = await self._try(self._redis.breakers, deployments)
        return await self._memory.breakers(deployments) if found is None else found

    async def close(self) -> None:
        if self._rejoining is not None:
            self._rejoining.cancel()
        await asyncio.gather(*self._endings)
        await self._redis.close()
