"""One upstream call: a task reads it a few events ahead, `next` hands them over, `close` ends it exactly once.

The reader keeps the call alive while the request decides what to do about its silence, so that a slow provider
without a replacement is not cut off. One timer per attempt, armed lazily: an event only records the time.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable
from typing import Any

import structlog

from inference_service.credentials.types import StateStore, Verdict
from inference_service.domain import Composing, Delta, Picture, Preview, Progress, Reasoning, Usage
from inference_service.failures import FailureKind, UpstreamFailure
from inference_service.providers.seam import LimitReport
from inference_service.routing.ahead import Ahead
from inference_service.routing.journal import SAMPLE, Entry
from inference_service.routing.lease import Lease
from inference_service.routing.watch import Bounds, Silence, Watch
from inference_service.tools import ToolCall
from inference_service.unary import Embedded, Transcribed

log = structlog.get_logger(__name__)
WHOLE = frozenset({Picture, Preview, ToolCall, Transcribed, Embedded})
SHORTEST_LOOK = 0.01  # seconds between two checks of the watch


class Attempt:
    """`next` is for one consumer. `events` yields checked events or raises UpstreamFailure."""

    def __init__(
        self, lease: Lease, entry: Entry, events: AsyncGenerator[Any, None], bounds: Bounds, store: StateStore
    ) -> None:
        self.lease, self.entry = lease, entry
        self._events, self._store = events, store
        self._loop = asyncio.get_running_loop()
        self._watch = Watch(bounds, self._loop.time())
        self._ends_at = self._loop.time() + bounds.total
        self._ahead = Ahead()  # events; an UpstreamFailure or None as the last one
        self._reader: asyncio.Task[None] | None = self._loop.create_task(self._read())
        self._timer = self._loop.call_at(self._watch.next_look(self._loop.time()), self._look)

    @property
    def deployment(self) -> str:
        return self.lease.ask.deployment

    async def next(self) -> Any:
        """The next event; None at the end; a Silence when a time limit has passed. Raises UpstreamFailure."""
        if not self._ahead:
            silence = await self._ready()
            if silence is not None:
                return silence
        elif self._loop.time() >= self._ends_at:
            return self._over()
        event = self._ahead.pop()
        if event.__class__ is UpstreamFailure:
            raise event
        return event

    async def _ready(self) -> Silence | None:
        """Waits until an event arrives, or until a time limit has passed."""
        while not self._ahead:
            now = self._loop.time()
            if now >= self._ends_at:
                return self._over()
            if (silence := self._watch.silence(now)) is not None:
                return silence
            await self._ahead.filled()
        return None

    def snooze(self) -> None:
        """The silence is accepted, because no other deployment can answer now."""
        self._watch.snooze(self._loop.time())
        self._timer.cancel()
        self._look()

    def _over(self) -> Silence:
        kind = FailureKind.TIMEOUT if self.entry.first_content is None else FailureKind.TOO_SLOW
        return Silence(kind, "the answer took too long", over=True)

    def _look(self) -> None:
        now = self._loop.time()
        due = min(self._watch.next_look(now), self._ends_at)
        if now >= due:
            self._ahead.wake()
        due = max(due, now + SHORTEST_LOOK)
        self._timer = self._loop.call_at(due, self._look)

    # --- the reader ------------------------------------------------------------------------------

    async def _read(self) -> None:
        last: UpstreamFailure | None = None
        try:
            while True:
                self._watch.waits(self._loop.time())
                event = await self._events.__anext__()
                if await self._take(event):
                    self._ahead.put(event)
                    if self._ahead.full:
                        await self._ahead.room()
        except StopAsyncIteration:
            pass
        except UpstreamFailure as failure:
            last = failure
        except Exception as error:
            # Nobody awaits this task: the consumer must learn of every end.
            log.exception("reading an upstream failed unexpectedly", deployment=self.deployment, exc_info=error)
            last = UpstreamFailure(FailureKind.BAD_RESPONSE, "the provider's answer could not be understood")
        self._watch.hears(self._loop.time(), content=False, life=False)
        self._ahead.put(last)

    async def _take(self, event: Any) -> bool:
        """Writes the event into the journal. Returns whether the consumer wants it as well."""
        entry, now, kind = self.entry, self._loop.time(), event.__class__
        if not entry.answered:
            entry.answered = True
            if self.lease.grant.scout and kind is not LimitReport:
                await self._report(LimitReport())
        if kind is Delta or kind is Reasoning:
            size = len(event.text)
            self._watch.hears(now, content=True, life=True, characters=size)
            entry.characters += size
            entry.spoke = entry.spoke or kind is Delta
            if len(entry.sample) < SAMPLE:
                entry.sample += event.text[:SAMPLE]
        elif kind is Composing:
            self._watch.hears(now, content=True, life=True, characters=event.characters)
            entry.characters += event.characters
        elif kind in WHOLE:
            self._watch.hears(now, content=True, life=True)
        else:
            self._watch.hears(now, content=False, life=kind is Progress)
            if kind is Usage:
                entry.usage = event
                return False
            if kind is LimitReport:
                await self._report(event)
                return False
            return True
        if entry.first_content is None:
            entry.first_content = now
        return True

    async def _report(self, report: LimitReport) -> None:
        """The provider has accepted the call: pools learn from it how many concurrent calls a credential can take."""
        await self._store.report(self.lease.ask, self.lease.grant, report.limits)

    # --- the end ---------------------------------------------------------------------------------

    def is_serious(self) -> bool:
        """Whether the present silence counts against the provider, although the caller's deadline ends the call."""
        return self._watch.is_serious(self._loop.time())

    async def close(self, verdict: Callable[[], Verdict]) -> None:
        """Closes the upstream's socket, then returns the lease; further calls do nothing.

        Runs to its end even if the request is cancelled meanwhile.
        """
        reader, self._reader = self._reader, None
        if reader is not None:
            self._timer.cancel()
            await asyncio.shield(self._loop.create_task(self._end(reader, verdict)))

    async def _end(self, reader: asyncio.Task[None], verdict: Callable[[], Verdict]) -> None:
        try:
            reader.cancel()
            await asyncio.wait([reader])
            with contextlib.suppress(UpstreamFailure, RuntimeError):
                await self._events.aclose()
        finally:
            await self._store.release(self.lease.ask, self.lease.grant, verdict())
