"""Pools, breakers and queues of one process: the rules of `credentials/` with a clock and the event loop."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from inference_service.credentials.broker import Broker, Served
from inference_service.credentials.forecast import forecast
from inference_service.credentials.outlook import Prospect
from inference_service.credentials.queue import Ticket
from inference_service.credentials.saved import dump, load
from inference_service.credentials.types import (
    Ask,
    Backend,
    BreakerSpec,
    BreakerView,
    Cooldown,
    CredentialView,
    Denied,
    Grant,
    PoolSpec,
    QuotaView,
    Verdict,
)
from inference_service.quotas import LimitFact
from inference_service.state.clock import SteadyClock
from inference_service.state.ledger import LimitLedger

Progress = Callable[[int, float | None], None]
Answer = tuple[Ask, Grant] | Denied
Release = Callable[[Ask, Grant, Verdict], Awaitable[None]]
PROGRESS_PERIOD = 0.5
FLUSH_PERIOD = 0.5
SOONEST, LONGEST_PAUSE = 0.001, 1.0  # between two looks at the queue; the longest, so that nobody waits in vain


class MemoryStore:
    """`clock` returns epoch seconds; tests advance it. `ledger`: memory over restarts.

    on_room: called before a waiting caller is admitted; False if another store does that.
    """

    def __init__(
        self,
        breaker: BreakerSpec,
        clock: Callable[[], float] | None = None,
        ledger: LimitLedger | None = None,
        on_room: Callable[[], bool] = lambda: True,
    ) -> None:
        self._on_room = on_room
        self._clock = clock or SteadyClock()
        self._ledger = ledger
        self.broker = Broker(breaker)
        if isinstance(self._clock, SteadyClock):
            self._clock.moved = self.broker.shift
        self._facts: dict[str, dict[str, str]] = {}
        self._waiting: dict[Ticket, asyncio.Future[Answer]] = {}
        self._watching: dict[Ticket, tuple[Progress, tuple[int, float | None]]] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._flush_timer: asyncio.TimerHandle | None = None
        self._progress_timer: asyncio.TimerHandle | None = None

    @property
    def backend(self) -> Backend:
        return Backend.MEMORY

    @property
    def problem(self) -> str:
        """What people should know about the memory over restarts; empty: it works, or cannot exist."""
        return self._ledger.problem if self._ledger is not None else ""

    def configure(self, pool: PoolSpec) -> None:
        new = pool.name not in self.broker.pools
        self.broker.configure(pool)
        if new and self._ledger is not None:
            load(self.broker.pools[pool.name], self._ledger.load(pool.name), self._clock())

    # --- leases --------------------------------------------------------------------------------

    def prefer(self, asks: Sequence[Ask]) -> list[Ask]:
        return self.broker.prefer(asks, self._clock())

    async def acquire(self, ask: Ask) -> Grant | Denied:
        now = self._clock()
        self._pump(now, ask.pool)
        answer = self.broker.acquire(ask, now)
        self._remember()
        return answer

    async def wait(self, asks: Sequence[Ask], deadline: float, progress: Progress | None = None) -> Answer:
        """See `StateStore.wait`; `deadline` is in the event loop's time."""
        loop = asyncio.get_running_loop()
        now, left = self._clock(), deadline - loop.time()
        self._pump(now)
        joined = self.broker.join(asks, now + left, now)
        if isinstance(joined, Denied):
            return joined
        ticket, out = joined
        self._refuse(out)
        future: asyncio.Future[Answer] = loop.create_future()
        self._waiting[ticket] = future
        self._pump(now)
        if progress is not None and not future.done():
            self._watch(ticket, progress, now)
        try:
            async with asyncio.timeout_at(deadline):
                return await future
        except TimeoutError:
            return self._too_late(ticket, future)
        except BaseException:
            await self._give_back(future)
            raise
        finally:
            self._waiting.pop(ticket, None)
            self._watching.pop(ticket, None)
            self.broker.leave(ticket)

    def _too_late(self, ticket: Ticket, future: asyncio.Future[Answer]) -> Answer:
        if future.done() and not future.cancelled():
            return future.result()
        now = self._clock()
        return self.broker.why(ticket.asks[0], None, now)

    async def _give_back(self, future: asyncio.Future[Answer]) -> None:
        """The waiting task was cancelled; a grant that it just received goes to the next in the queue."""
        if future.done() and not future.cancelled():
            answer = future.result()
            if isinstance(answer, tuple):
                await self.release(*answer, Verdict(sent=False))

    async def release(self, ask: Ask, grant: Grant, verdict: Verdict) -> None:
        now = self._clock()
        self.broker.release(ask, grant, verdict, now)
        self._pump(now)
        self._remember()

    async def report(self, ask: Ask, grant: Grant, limits: tuple[LimitFact, ...]) -> None:
        now = self._clock()
        self.broker.pools[ask.pool].report(grant.lease, limits, now)
        self._pump(now, ask.pool)
        self._remember()

    # --- the line ------------------------------------------------------------------------------

    def _pump(self, now: float, pool: str | None = None) -> None:
        if not self._waiting:
            return
        here = self._on_room()
        if here:
            for served in self.broker.pump(now, pool):
                self._serve(served)
                self._remember()
        self._refuse(self.broker.review(now))
        self._set_timer(self.broker.next_change(now) if here else now + LONGEST_PAUSE, now)

    def _refuse(self, out: list[tuple[Ticket, Denied]]) -> None:
        for ticket, denied in out:
            self._answer(ticket, denied)

    def pump(self) -> None:
        """Admits those who can be served now."""
        self._pump(self._clock())

    @property
    def waits(self) -> bool:
        return bool(self._waiting)

    async def hand_over(self, ticket: Ticket, ask: Ask, grant: Grant, release: Release) -> None:
        """Another store has a grant for a waiting caller; it is returned if that caller has left meanwhile."""
        future = self._waiting.get(ticket)
        if ticket.gone or future is None or future.done():
            await release(ask, grant, Verdict(sent=False))
            return
        self.broker.served(ticket, ask)
        future.set_result((ask, grant))

    def _serve(self, served: Served) -> None:
        ticket, ask, grant = served
        self._answer(ticket, (ask, grant))

    def _answer(self, ticket: Ticket, answer: Answer) -> None:
        future = self._waiting.get(ticket)
        if future is not None and not future.done():
            future.set_result(answer)
        elif isinstance(answer, tuple):  # nobody waits for it any more
            self.broker.release(*answer, Verdict(sent=False), self._clock())

    def _set_timer(self, at: float, now: float) -> None:
        """Wakes the queue when time alone makes room, or makes waiting pointless."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._waiting:
            pause = min(max(SOONEST, at - now), LONGEST_PAUSE)
            self._timer = asyncio.get_running_loop().call_later(pause, self._on_time)

    def _on_time(self) -> None:
        self._timer = None
        self._pump(self._clock())

    def _watch(self, ticket: Ticket, progress: Progress, now: float) -> None:
        place = _shown(self.broker.prospects(now).get(ticket, Prospect(1, None)), now)
        self._watching[ticket] = progress, place
        progress(*place)
        if self._progress_timer is None:
            self._progress_timer = asyncio.get_running_loop().call_later(PROGRESS_PERIOD, self._on_progress)

    def _on_progress(self) -> None:
        self._progress_timer = None
        if not self._watching:
            return
        now = self._clock()
        prospects = self.broker.prospects(now)
        for ticket, (progress, before) in list(self._watching.items()):
            prospect = prospects.get(ticket)
            if prospect is not None and _differs(place := _shown(prospect, now), before):
                self._watching[ticket] = progress, place
                progress(*place)
        self._progress_timer = asyncio.get_running_loop().call_later(PROGRESS_PERIOD, self._on_progress)

    # --- memory --------------------------------------------------------------------------------

    def _remember(self) -> None:
        if self._ledger is not None and self._ledger.works and self._flush_timer is None:
            self._flush_timer = asyncio.get_running_loop().call_later(FLUSH_PERIOD, self._flush)

    def _flush(self) -> None:
        self._flush_timer = None
        if self._ledger is None:
            return
        for name, pool in self.broker.pools.items():
            if pool.touched:
                self._ledger.write(name, dump(pool, pool.touched))
                pool.touched.clear()

    # --- looking -------------------------------------------------------------------------------

    def rests(self, pool: str) -> list[Cooldown]:
        return self.broker.pools[pool].rests(self._clock())

    async def lift(self, pool: str) -> None:
        now = self._clock()
        self.broker.lift(pool, now)
        self._pump(now, pool)

    async def credentials(self, pool: str) -> list[CredentialView]:
        return self.broker.pools[pool].views(self._clock())

    async def quotas(self, pool: str) -> list[QuotaView]:
        return forecast(self.broker.pools[pool], self._clock())

    async def breakers(self, deployments: list[str]) -> dict[str, BreakerView]:
        now = self._clock()
        return {name: self.broker.breaker(name).view(now) for name in deployments}

    async def recall(self, topic: str) -> dict[str, str]:
        if topic not in self._facts:
            rows = self._ledger.load(f"={topic}") if self._ledger is not None else {}
            self._facts[topic] = {key: value.decode(errors="replace") for key, value in rows.items()}
        return self._facts[topic]

    async def remember(self, topic: str, key: str, value: str) -> None:
        (await self.recall(topic))[key] = value
        if self._ledger is not None:
            self._ledger.write(f"={topic}", {key: value.encode()})  # no pool has such a name

    async def close(self) -> None:
        for timer in (self._timer, self._progress_timer, self._flush_timer):
            if timer is not None:
                timer.cancel()
        self._timer = self._progress_timer = self._flush_timer = None
        if self._ledger is not None:
            self._flush()
            await asyncio.to_thread(self._ledger.close)


def _shown(prospect: Prospect, now: float) -> tuple[int, float | None]:
    """Place and seconds to wait."""
    return prospect.place, None if prospect.at is None else max(0.0, prospect.at - now)


def _differs(place: tuple[int, float | None], before: tuple[int, float | None]) -> bool:
    """Worth reporting: a new place, or an estimate that did not just count down."""
    if place[0] != before[0] or (place[1] is None) != (before[1] is None):
        return True
    return place[1] is not None and before[1] is not None and abs(place[1] - before[1]) > 2 * PROGRESS_PERIOD
