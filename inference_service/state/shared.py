"""Pools that several processes share through Redis, with memory behind it: answers continue when Redis is slow or down.

Each process keeps a copy of every pool and applies the events of the pool's log to it in their order, so that the rules of
`credentials/` hold for all of them together. One round trip for each of acquire and release; a second one only when another
process has just taken every credential that looked free, or the one that a conversation prefers. Without Redis each process goes on from its own copy; when Redis
is back it is told what it has missed.
"""

import asyncio
import secrets
import time
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, TypeVar

from redis import RedisError

from antiphon.config.model import State
from inference_service.credentials.queue import digest
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
    Vote,
    Why,
)
from inference_service.quotas import LimitFact
from inference_service.state.clock import elapsed
from inference_service.state.log import EVERYBODY, RedisLog
from inference_service.state.log import Answer as Step
from inference_service.state.memory import Answer, MemoryStore, Progress
from inference_service.state.replica import Beat, Body, Give, Lift, Replica, Restore, Take, Told, encode
from inference_service.tasks import Supervisor

REJOIN_PERIOD = 1.0
LOOK_PERIOD = 0.05  # between two looks at the log while a caller waits here
SNAPSHOT_PERIOD = 1_000  # events
NEWS_PERIOD = 2.0  # seconds after which an acceptance is written down by itself, when no other event has carried it
HEARD = 32  # answers of Redis, the quickest of which sets the clock
MOST_TRIES = 20  # looks for a credential that other processes take as fast
LOST = (RedisError, TimeoutError, OSError)
T = TypeVar("T")


class SharedClock:
    """Redis' own time, as far as it is known here: behind it by the way of the quickest of the latest answers."""

    def __init__(self) -> None:
        self._offsets: deque[float] = deque(maxlen=HEARD)
        self._offset = time.time() - elapsed()

    def __call__(self) -> float:
        return elapsed() + self._offset

    def heard(self, at: float) -> None:
        self._offsets.append(at - elapsed())
        self._offset = max(self._offsets)


class SharedStore:
    def __init__(
        self, url: str, settings: State, breaker: BreakerSpec, tell: Callable[[str], None], supervisor: Supervisor
    ) -> None:
        self._clock = SharedClock()
        self._log, self._tell = RedisLog(url, settings, supervisor), tell
        self._memory = MemoryStore(breaker, self._clock, on_room=self._room)
        self._timeout, self._lease_time = settings.timeout, settings.lease
        self._owner = secrets.token_hex(6)
        self._replicas: dict[str, Replica] = {}
        self._locks: dict[str, asyncio.Lock] = {}
        self._supervisor = supervisor
        self._tasks: set[asyncio.Task[None]] = set()
        self._lost = False
        self._news = asyncio.Event()  # something may have changed for those who wait here
        self._news_timer: asyncio.TimerHandle | None = None

    async def start(self) -> None:
        """Checks whether Redis answers; if it does not, the service starts anyway."""
        await self._try(self._join)
        self._own(self._supervisor.watch("shared state: heartbeat", self._beat))
        self._own(self._supervisor.watch("shared state: line", self._serve_line))

    @property
    def backend(self) -> Backend:
        return Backend.REDIS_LOST if self._lost else Backend.REDIS

    @property
    def problem(self) -> str:
        return ""

    def configure(self, pool: PoolSpec) -> None:
        self._memory.configure(pool)
        if pool.name not in self._replicas:
            self._replicas[pool.name] = Replica(pool.name, self._memory.broker, self._owner, self._lease_time)
            self._locks[pool.name] = asyncio.Lock()

    # --- Redis, there and gone -----------------------------------------------------------------

    async def _try(self, ask: Callable[..., Awaitable[T]], *arguments: Any) -> T | None:
        """The answer of Redis, None without it."""
        if self._lost:
            return None
        try:
            async with asyncio.timeout(self._timeout):
                return await ask(*arguments)
        except LOST:
            self._lose()
            return None

    def _own(self, task: asyncio.Task[None]) -> None:
        """Ends with this store."""
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        self._own(self._supervisor.spawn("shared state: event", work))

    def _lose(self) -> None:
        if not self._lost:
            self._lost = True
            self._tell(str(self.backend))
            self._memory.pump()
            self._own(self._supervisor.watch("shared state: reconnecting", self._rejoin))

    async def _rejoin(self) -> None:
        while self._lost:
            await asyncio.sleep(REJOIN_PERIOD)
            try:
                async with asyncio.timeout(max(self._timeout, 1.0)):
                    await self._log.reconnect()
                    await self._join()
            except LOST:
                continue
            self._lost = False
            self._tell(str(self.backend))

    async def _join(self) -> None:
        """Learns what the log knows and this process does not, and vice versa."""
        for name in self._replicas:
            await self._join_pool(name)

    async def _join_pool(self, name: str) -> None:
        replica = self._replicas[name]
        mine = Restore(self._memory.rests(name), replica.mine(), list(replica.ended))
        joined = await self._log.join(name)
        if joined.new:
            replica.seen = 0
        elif joined.snapshot and replica.seen < joined.last - len(joined.events):
            replica.begin(joined.snapshot, self._clock())
        elif replica.seen > joined.last:
            replica.seen = 0
        replica.apply(joined.events)
        if mine.rests or mine.calls or mine.ended:
            await self._append(name, mine, account=EVERYBODY, restricts=True)

    async def _append(self, pool: str, body: Body | None, *, account: str = "-", restricts: bool = False) -> Step:
        """Writes an event, and applies everything up to it. None: only looks."""
        replica = self._replicas[pool]
        text = encode(body, replica.news()) if body is not None else ""
        step = await self._log.append(pool, replica.seen, text, account=account, restricts=restricts)
        if step.what in ("strange", "behind"):
            await self._join_pool(pool)
            step = await self._log.append(pool, replica.seen, text, account=account, restricts=restricts)
        self._take_in(replica, step)
        if replica.seen % SNAPSHOT_PERIOD == 0 and text:
            await self._log.save(pool, replica.snapshot())
        return step

    def _take_in(self, replica: Replica, step: Step) -> None:
        self._clock.heard(step.at)
        replica.apply(step.events)
        if step.events:
            self._news.set()
        while replica.orphans:
            credential, take = replica.orphans.pop()
            body = Give(take.lease, take.deployment, take.model, credential, Verdict(sent=False))
            self._spawn(self._write(replica.pool, body, "-", restricts=False))

    async def _write(self, pool: str, body: Body | None, account: str, *, restricts: bool) -> None:
        async with self._locks[pool]:
            if await self._try(lambda: self._append(pool, body, account=account, restricts=restricts)) is None:
                self._apply_here(pool, body)

    def _apply_here(self, pool: str, body: Body | None) -> None:
        """Without Redis an event happens in this process alone."""
        replica = self._replicas[pool]
        if body is not None:
            replica.alone(encode(body, replica.news()), self._clock())
        self._memory.pump()

    async def _look(self, pool: str) -> None:
        await self._write(pool, None, "-", restricts=False)

    async def _beat(self) -> None:
        """Reports that the calls of this process still have a caller waiting for them."""
        while True:
            await asyncio.sleep(self._lease_time / 3)
            for pool in self._replicas:
                if not self._lost:
                    await self._write(pool, Beat(self._owner), "-", restricts=False)

    # --- leases --------------------------------------------------------------------------------

    def prefer(self, asks: Sequence[Ask]) -> list[Ask]:
        return self._memory.prefer(asks)

    async def acquire(self, ask: Ask) -> Grant | Denied:
        if self._memory.broker.others_wait(ask):
            return Denied(Why.BUSY, LOOK_PERIOD, "others wait")
        return await self._acquire(ask)

    async def _acquire(self, ask: Ask) -> Grant | Denied:
        lease = secrets.token_hex(8)
        who = digest((ask.caller, ask.tenant))
        body = Take(self._owner, lease, ask.deployment, ask.model, ask.tokens, ask.pictures, ask.last, who)
        taking = asyncio.ensure_future(self._take(ask, body))
        try:
            return await asyncio.shield(taking)
        except asyncio.CancelledError:
            taking.add_done_callback(lambda done: self._unwanted(ask, done))
            raise

    def _unwanted(self, ask: Ask, done: "asyncio.Future[Grant | Denied]") -> None:
        """The caller has left meanwhile."""
        if not done.cancelled() and done.exception() is None and isinstance(grant := done.result(), Grant):
            self._spawn(self.release(ask, grant, Verdict(sent=False)))

    async def _take(self, ask: Ask, body: Take) -> Grant | Denied:
        async with self._locks[ask.pool]:
            answer = await self._try(self._take_shared, ask, body)
            if answer is None:
                answer = self._take_here(ask, body)
                if isinstance(answer, Denied):
                    self._replicas[ask.pool].ended.append(body.lease)  # Redis may still grant it
            return answer

    async def _take_shared(self, ask: Ask, body: Take) -> Grant | Denied:
        replica = self._replicas[ask.pool]
        choice: tuple[list[tuple[str, str]], bool] | Denied = Denied(Why.BUSY)
        for attempt in range(MOST_TRIES):
            replica.silent(self._clock())
            choice = self._memory.broker.candidates(ask, self._clock())
            if isinstance(choice, Denied) and attempt:
                return choice
            candidates, probe = ([], False) if isinstance(choice, Denied) else choice
            # A conversation's own credential is worth a second look if another process has just used it.
            own = bool(ask.conversation) and not attempt
            step = await self._log.call(
                ask.pool, replica.seen, encode(body, replica.news()), candidates, alone=probe, first=own
            )
            if step.what in ("strange", "behind"):
                await self._join_pool(ask.pool)
                continue
            self._take_in(replica, step)
            if step.what == "call":
                return self._granted(ask, body.lease)
        return choice if isinstance(choice, Denied) else Denied(Why.BUSY, LOOK_PERIOD, "busy")

    def _take_here(self, ask: Ask, body: Take) -> Grant | Denied:
        found = self._memory.broker.candidates(ask, self._clock())
        if isinstance(found, Denied):
            return found
        replica = self._replicas[ask.pool]
        replica.alone(encode(body, replica.news()), self._clock(), found[0][0][0])
        return self._granted(ask, body.lease)

    def _granted(self, ask: Ask, lease: str) -> Grant:
        broker = self._memory.broker
        credential = self._replicas[ask.pool].calls[lease][0]
        return Grant(credential, lease, broker.pools[ask.pool].is_scout(lease))

    async def release(self, ask: Ask, grant: Grant, verdict: Verdict) -> None:
        body = Give(grant.lease, ask.deployment, ask.model, grant.credential, verdict)
        blames_deployment = verdict.vote not in (Vote.GOOD, Vote.SILENT)
        restricts = blames_deployment or verdict.cooldown is not None or verdict.backoff or verdict.quarantine
        # A refusal of one account may teach something about all of them.
        ending = asyncio.ensure_future(self._write(ask.pool, body, EVERYBODY, restricts=restricts))
        await asyncio.shield(ending)

    def _account(self, pool: str, credential: str) -> str:
        holder = self._memory.broker.pools[pool].credential(credential)
        return holder.group if holder is not None else credential

    async def report(self, ask: Ask, grant: Grant, limits: tuple[LimitFact, ...]) -> None:
        self._replicas[ask.pool].accept(grant.lease)
        if limits or grant.scout:  # no answer waits for it
            account = self._account(ask.pool, grant.credential)
            self._spawn(self._write(ask.pool, Told(grant.lease, limits), account, restricts=bool(limits)))
        elif self._news_timer is None:
            self._news_timer = asyncio.get_running_loop().call_later(NEWS_PERIOD, self._tell_news)

    def _tell_news(self) -> None:
        """No event has carried these acceptances."""
        self._news_timer = None
        for pool, replica in self._replicas.items():
            if replica.news():
                self._spawn(self._write(pool, Told("", ()), "-", restricts=False))

    # --- the line of this process --------------------------------------------------------------

    async def wait(self, asks: Sequence[Ask], deadline: float, progress: Progress | None = None) -> Answer:
        """See `StateStore.wait`. Calls that other processes make for a tenant count as its turns here, too."""
        for pool in {ask.pool for ask in asks}:
            await self._look(pool)
        self._news.set()
        return await self._memory.wait(asks, deadline, progress)

    def _room(self) -> bool:
        """Memory asks whether it may admit a caller by itself."""
        self._news.set()
        return self._lost

    async def _serve_line(self) -> None:
        """Admits waiting callers one by one when there may be room."""
        while True:
            await self._news.wait()
            self._news.clear()
            while self._memory.waits and not self._lost:
                await self._serve_heads()
                try:
                    async with asyncio.timeout(LOOK_PERIOD):
                        await self._news.wait()
                except TimeoutError:
                    pass
                self._news.clear()

    async def _serve_heads(self) -> None:
        served = True
        while served and not self._lost:
            served = False
            for ticket, ask in self._memory.broker.heads():
                answer = await self._acquire(ask)
                if isinstance(answer, Grant):
                    served = True
                    await self._memory.hand_over(ticket, ask, answer, self.release)

    # --- looking -------------------------------------------------------------------------------

    async def lift(self, pool: str) -> None:
        await self._write(pool, Lift(), "-", restricts=False)

    async def credentials(self, pool: str) -> list[CredentialView]:
        await self._look(pool)
        return await self._memory.credentials(pool)

    async def quotas(self, pool: str) -> list[QuotaView]:
        return await self._memory.quotas(pool)

    async def breakers(self, deployments: list[str]) -> dict[str, BreakerView]:
        for pool in {name.partition("/")[0] for name in deployments} & set(self._replicas):
            await self._look(pool)
        return await self._memory.breakers(deployments)

    async def recall(self, topic: str) -> dict[str, str]:
        shared = await self._try(self._log.facts, topic)
        return {**await self._memory.recall(topic), **(shared or {})}

    async def remember(self, topic: str, key: str, value: str) -> None:
        await self._memory.remember(topic, key, value)
        await self._try(self._log.keep, topic, key, value)

    async def close(self) -> None:
        if self._news_timer is not None:
            self._news_timer.cancel()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._memory.close()
        await self._log.close()
