"""State in Redis, with memory behind it: answers go on when Redis is slow, restarting or gone, and it joins again."""

import asyncio
import contextvars
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, TypeVar

from redis import RedisError

from antiphon.config.model import State
from inference_service.credentials.broker import soonest
from inference_service.credentials.types import (
    Ask,
    Backend,
    BreakerSpec,
    BreakerView,
    CredentialView,
    Denied,
    Grant,
    PoolSpec,
    QuotaView,
    Verdict,
    Why,
)
from inference_service.quotas import LimitFact
from inference_service.state.memory import Answer, MemoryStore, Progress
from inference_service.state.redis import RedisStore

REJOIN_PERIOD = 1.0
LOOK_AGAIN = 0.1
MOST_OWED = 10_000  # ended calls that Redis has to hear of; the leases of older ones end by themselves
LOST = (RedisError, TimeoutError, OSError)
T = TypeVar("T")


class SharedStore:
    """Redis decides; memory learns along from every call of this process, so that it can take over at any moment.

    Each lease is returned where it was taken. When Redis is back it is told what it has missed: the rests that are
    known here, and the calls that have ended. Calls that began meanwhile are counted in this process alone.
    """

    def __init__(
        self, url: str, settings: State, breaker: BreakerSpec, memory: MemoryStore, tell: Callable[[str], None]
    ) -> None:
        self._redis = RedisStore(url, settings, breaker, memory.rests)
        self._memory, self._tell = memory, tell
        self._timeout, self._renew_period = settings.timeout, settings.lease / 3
        self._lost = False
        self._context = contextvars.copy_context()
        self._tasks: set[asyncio.Task[None]] = set()
        self._here: set[str] = set()  # leases taken in memory
        self._owed: deque[tuple[Ask, Grant, Verdict]] = deque(maxlen=MOST_OWED)
        self._endings: set[asyncio.Task[None]] = set()  # releases under way, whoever waits for them

    async def start(self) -> None:
        """Looks whether Redis answers; a Redis that does not is no reason not to start."""
        await self._try(self._redis.join)
        self._spawn(self._keep_leases())

    @property
    def backend(self) -> Backend:
        return Backend.REDIS_LOST if self._lost else Backend.REDIS

    @property
    def problem(self) -> str:
        return ""

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

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        # In a context of its own: it is no part of the request that noticed the loss.
        task = asyncio.get_running_loop().create_task(work, context=self._context)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _lose(self) -> None:
        if not self._lost:
            self._lost = True
            self._tell(str(self.backend))
            self._spawn(self._rejoin())

    async def _rejoin(self) -> None:
        while self._lost:
            await asyncio.sleep(REJOIN_PERIOD)
            try:
                await self._bounded(self._redis.reconnect())
                await self._bounded(self._redis.join())
                while self._owed:
                    await self._bounded(self._redis.release(*self._owed[0]))
                    self._owed.popleft()
                await self._bounded(self._redis.settle())
            except LOST:
                continue
            self._lost = False
            self._tell(str(self.backend))
        # Once more, for what was learnt while it was being told.
        await self._try(self._redis.join)

    async def _bounded(self, work: Awaitable[None]) -> None:
        async with asyncio.timeout(self._timeout):
            await work

    async def _settle(self) -> None:
        await self._try(self._redis.settle)

    async def _keep_leases(self) -> None:
        while True:
            await asyncio.sleep(self._renew_period)
            await self._try(self._redis.renew)

    async def acquire(self, ask: Ask) -> Grant | Denied:
        try:
            answer = await self._try(self._redis.acquire, ask)
        finally:
            if self._redis.given_up and not self._lost:
                self._spawn(self._settle())
        if answer is None:
            answer = await self._memory.acquire(ask)
            if isinstance(answer, Grant):
                self._here.add(answer.lease)
        elif isinstance(answer, Grant):
            self._memory.follow(ask, answer)
        return answer

    async def wait(self, asks: Sequence[Ask], deadline: float, progress: Progress | None = None) -> Answer:
        """In line within this process; who is next asks again when there may be room."""
        loop = asyncio.get_running_loop()
        while True:
            denied = []
            for ask in asks:
                answer = await self.acquire(ask)
                if isinstance(answer, Grant):
                    return ask, answer
                denied.append(answer)
            first = soonest(denied)
            pause = LOOK_AGAIN if first.why is Why.BUSY else first.wait
            if pause is None or loop.time() + pause >= deadline:
                return first
            if progress is not None:
                progress(1, first.wait)
            await asyncio.sleep(pause)

    async def release(self, ask: Ask, grant: Grant, verdict: Verdict) -> None:
        await self._memory.release(ask, grant, verdict)
        if grant.lease in self._here:
            self._here.discard(grant.lease)
            return
        self._redis.ended(grant)
        ending = asyncio.ensure_future(self._give_back(ask, grant, verdict))
        self._endings.add(ending)
        ending.add_done_callback(self._endings.discard)
        await asyncio.shield(ending)

    async def _give_back(self, ask: Ask, grant: Grant, verdict: Verdict) -> None:
        await self._try(self._redis.release, ask, grant, verdict)
        if self._lost:
            # Its rest, if there is one, is remembered in memory; this returns the lease and the breaker's probe.
            self._owed.append((ask, grant, Verdict(verdict.vote, verdict.reason)))

    async def report(self, ask: Ask, grant: Grant, limits: tuple[LimitFact, ...]) -> None:
        await self._memory.report(ask, grant, limits)
        if limits and grant.lease not in self._here:
            await self._try(self._redis.report, ask, grant, limits)

    async def lift(self, pool: str) -> None:
        await self._memory.lift(pool)
        await self._try(self._redis.lift, pool)

    async def credentials(self, pool: str) -> list[CredentialView]:
        found = await self._try(self._redis.credentials, pool)
        return await self._memory.credentials(pool) if found is None else found

    async def quotas(self, pool: str) -> list[QuotaView]:
        return await self._memory.quotas(pool)

    async def breakers(self, deployments: list[str]) -> dict[str, BreakerView]:
        found = await self._try(self._redis.breakers, deployments)
        return await self._memory.breakers(deployments) if found is None else found

    async def close(self) -> None:
        await asyncio.gather(*self._endings)
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._redis.close()
