"""One upstream call under watch: bounds on silence and slowness, one outcome, a lease that always returns.

The watch costs one timer per attempt, armed lazily: an event only writes down the time. Nothing is counted while
the caller, not the provider, is slow: the watch looks only while we wait for the upstream.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator
from typing import Any

import structlog
from msgspec import Struct

from inference_service.credentials.types import Ask, Grant, StateStore, Verdict, Vote
from inference_service.domain import Delta, Finish, Picture, Reasoning, Usage
from inference_service.failures import FailureKind, UpstreamFailure
from inference_service.providers.seam import LimitReport
from inference_service.routing import classify
from inference_service.routing.observer import AttemptEnd, Observer

log = structlog.get_logger(__name__)


class Bounds(Struct, frozen=True):
    """Seconds. `slowest`: characters per second over `window`, 0: none. Progress of a queue counts as life.

    `hurry`: `total` is what the caller's own deadline leaves, which says nothing about the provider.
    """

    headers: float
    first: float
    idle: float
    total: float
    slowest: float = 0.0
    window: float = 20.0
    hurry: bool = False


class Lease(Struct, frozen=True):
    """What an attempt runs on; `label` is the credential's masked name."""

    ask: Ask
    grant: Grant
    label: str


class Attempt:
    """Iterate with `next`; end with `close` in any case. Raises UpstreamFailure, once."""

    def __init__(
        self,
        lease: Lease,
        number: int,
        events: AsyncIterator[Any],
        bounds: Bounds,
        store: StateStore,
        observer: Observer,
        request_id: str,
    ) -> None:
        self.lease, self.number = lease, number
        self.deployment = lease.ask.deployment
        self.usage: Usage | None = None
        self.failure: UpstreamFailure | None = None
        self.first_token: float | None = None
        self.characters = 0
        self.hedge = False
        self._events, self._bounds, self._store, self._observer = events, bounds, store, observer
        self._request_id = request_id
        self._loop = asyncio.get_running_loop()
        self.started = self._last = self._window_start = self._loop.time()
        self._window_characters = 0
        self._spent_waiting = 0.0  # of the window: time that the provider, not the caller, took
        self._waiting: asyncio.Task[Any] | None = None
        self._waiting_since = 0.0
        self._expired: FailureKind | None = None
        self._blameless = False
        self._timer: asyncio.TimerHandle | None = self._loop.call_later(
            min(bounds.headers, bounds.first, bounds.idle, bounds.total), self._look
        )
        self._pushed: deque[Any] = deque()
        self._answered = False
        self._closed = False
        self._finished = False
        self._reported = False
        observer.attempt_started(request_id, self.deployment, lease.label, number)

    @property
    def duration(self) -> float:
        return self._loop.time() - self.started

    async def next(self) -> Any:
        """The next event; None at the end. Raises UpstreamFailure."""
        if self._pushed:
            return self._pushed.popleft()
        while True:
            event = await self._await_next()
            if self.lease.grant.scout and not self._reported and type(event) not in (LimitReport, type(None)):
                await self._learn(LimitReport())
            # By type, not by pattern: for each class of ours that an event is not of, Python would call a method.
            kind = type(event)
            if kind is Delta or kind is Reasoning:
                self._progress(len(event.text))
            elif kind is Usage:
                self.usage = event
                continue
            elif kind is LimitReport:
                await self._learn(event)
                continue
            elif kind is Picture:
                if self.first_token is None:
                    self.first_token = self.duration
            elif kind is Finish or event is None:
                self._finished = True
            return event

    def push_back(self, events: list[Any]) -> None:
        """Gives back what was only looked at; `next` gives it again."""
        self._pushed.extend(events)

    async def _await_next(self) -> Any:
        since = self._waiting_since = self._loop.time()
        self._waiting = asyncio.current_task()
        try:
            event = await self._events.__anext__()
        except StopAsyncIteration:
            event = None
        except asyncio.CancelledError:
            if self._expired is None or self._waiting is None or self._waiting.uncancel() > 0:
                raise
            raise self._fail(self._timeout()) from None
        except UpstreamFailure as failure:
            raise self._fail(failure) from failure.__cause__
        except Exception as error:  # an answer that an adapter stumbles over is the provider's failure too: go on
            log.exception("adapter failed", exc_info=error, deployment=self.deployment)
            words = "the provider's answer could not be understood"
            raise self._fail(UpstreamFailure(FailureKind.BAD_RESPONSE, words)) from error
        finally:
            self._waiting = None
        self._last = now = self._loop.time()
        self._spent_waiting += now - since
        self._answered = True
        self._expired = None  # where the watch fired as the event arrived, the event wins
        return event

    def _fail(self, failure: UpstreamFailure) -> UpstreamFailure:
        self.failure = failure
        return failure

    def _timeout(self) -> UpstreamFailure:
        kind = self._expired or FailureKind.TIMEOUT
        words = {
            FailureKind.STALLED: "the provider fell silent in the middle of its answer",
            FailureKind.TOO_SLOW: "the provider was too slow to be of use",
        }
        return UpstreamFailure(kind, words.get(kind, "the provider did not answer in time"))

    def _progress(self, characters: int) -> None:
        if self.first_token is None:
            self.first_token = self.duration
            self._window_start, self._spent_waiting = self._loop.time(), 0.0
        self.characters += characters
        self._window_characters += characters

    def _look(self) -> None:
        """The timer: is it time to give up? If not, look again when it may be."""
        now = self._loop.time()
        bounds = self._bounds
        left = bounds.total - (now - self.started)
        expired = FailureKind.TOO_SLOW if self.first_token is not None else FailureKind.TIMEOUT
        blameless = bounds.hurry
        if self._waiting is not None:
            since = max(self._last, self._waiting_since)
            allowed = (
                bounds.idle if self.first_token is not None else bounds.first if self._answered else bounds.headers
            )
            quiet = allowed - (now - since)
            # Silence for half of what is allowed speaks against the provider, however little time the caller has.
            blameless = blameless and quiet > allowed / 2
            if quiet < left:
                left, expired = quiet, FailureKind.STALLED if self.first_token is not None else FailureKind.TIMEOUT
            if self.first_token is not None and self._is_slow(now):
                left, expired, blameless = 0.0, FailureKind.TOO_SLOW, False
            if left <= 0:
                self._expired, self._blameless = expired, blameless
                self._waiting.cancel()
                return
        pause = min(
            max(left, 0.05),
            bounds.idle,
            bounds.first,
            bounds.headers,
            bounds.window if bounds.slowest else bounds.total,
        )
        self._timer = self._loop.call_later(max(pause, 0.01), self._look)

    def _is_slow(self, now: float) -> bool:
        if not self._bounds.slowest:
            return False
        waited = self._spent_waiting + (now - self._waiting_since)
        if waited < self._bounds.window:
            return False
        slow = self._window_characters / waited < self._bounds.slowest
        self._window_start, self._window_characters, self._spent_waiting = now, 0, -(now - self._waiting_since)
        return slow

    async def _learn(self, told: LimitReport) -> None:
        self._reported = True
        await self._store.report(self.lease.ask, self.lease.grant, told.limits)

    async def close(self, *, lost: bool = False) -> None:
        """Closes the upstream's socket, returns the lease and tells the outcome. Runs to its end even if cancelled."""
        if self._closed:
            return
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None
        try:
            closing = getattr(self._events, "aclose", None)
            if closing is not None:
                with contextlib.suppress(UpstreamFailure, RuntimeError):  # its failure is known, or it is being closed
                    await closing()
        finally:
            try:
                await self._store.release(self.lease.ask, self.lease.grant, self._verdict(lost=lost))
            finally:
                self._tell(lost=lost)

    def _tell(self, *, lost: bool) -> None:
        failure = (
            self.failure.kind.value if self.failure else None if self._finished else "lost" if lost else "cancelled"
        )
        status = self.failure.status if self.failure else 200 if self._finished else 0
        self._observer.attempt_ended(
            AttemptEnd(
                self._request_id,
                self.deployment,
                self.lease.label,
                failure,
                status,
                self.duration,
                self.first_token,
                self.usage,
                self.hedge,
            )
        )

    def _verdict(self, *, lost: bool) -> Verdict:
        if self.failure is not None and not lost and not self._blameless:
            return classify.verdict(self.failure)
        if self._finished:
            return Verdict(Vote.GOOD, good_credential=True)
        return Verdict(good_credential=self.first_token is not None)
