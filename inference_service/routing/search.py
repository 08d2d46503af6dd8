"""The search for the next deployment that answers, over credentials, deployments, waits and budgets.

One `Search` belongs to one request. `next` gives an attempt whose first content has arrived, or a `Pause` when
everything rests and waiting fits the deadline. It raises RequestFailure when nothing is left to try.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from typing import Any

from msgspec import Struct

from inference_service.credentials.types import Ask, Denied, Grant, StateStore, Why
from inference_service.domain import AttemptRecord, Delta, Finish, FinishReason, Picture, Preview, Progress, Reasoning
from inference_service.failures import FailureKind, Outcome, RequestFailure, UpstreamFailure
from inference_service.routing import classify
from inference_service.routing.attempt import Attempt, Bounds, Lease
from inference_service.routing.budget import StormBudget
from inference_service.routing.classify import Next
from inference_service.routing.observer import Observer
from inference_service.routing.plan import Deployment
from inference_service.routing.splice import looks_whole

MOST_RECORDS = 64
LONG = 3_600.0  # a breaker that stays open longer than this is nothing to wait for
BUSY_PAUSE = 0.05
LEAST_TIME = 0.02  # seconds before the deadline from which a new call is pointless
AGAIN = frozenset(
    {FailureKind.STREAM_CUT, FailureKind.STREAM_ERROR, FailureKind.SERVER_ERROR, FailureKind.CONNECTION_RESET}
)
CONTENT = frozenset({Delta, Reasoning, Picture, Preview, Finish})
CREDENTIALS_FAULT = frozenset(
    {FailureKind.RATE_LIMITED, FailureKind.QUOTA_EXHAUSTED, FailureKind.UNAUTHENTICATED, FailureKind.FORBIDDEN}
)


class Pause(Struct, frozen=True):
    """Every credential rests; the first one wakes in `seconds`."""

    deployment: str
    seconds: float


class Found(Struct, frozen=True):
    """An attempt that has begun to answer."""

    attempt: Attempt
    deployment: Deployment
    prefix: str


Open = Callable[[Deployment, Lease, str], AsyncIterator[Any]]
Label = Callable[[str, str], str]


class Terms(Struct, frozen=True):
    """What holds for a whole request. Times in seconds; `deadline` in loop time."""

    request_id: str
    deadline: float
    bounds: Bounds
    attempts: int
    short_wait: float


class Search:
    def __init__(
        self,
        terms: Terms,
        candidates: list[Deployment],
        store: StateStore,
        observer: Observer,
        retries: StormBudget,
        label: Label,
        pool_size: Callable[[str], int],
    ) -> None:
        self.terms = terms
        self.made = 0  # upstream calls
        self.failed: list[AttemptRecord] = []
        self.no_prefill: set[str] = set()
        self.last: UpstreamFailure | None = None
        self._queue = list(candidates)
        self._store, self._observer, self._retries, self._label, self._pool_size = (
            store,
            observer,
            retries,
            label,
            pool_size,
        )
        self._loop = asyncio.get_running_loop()
        self._reached = 0
        self._kinds: set[FailureKind] = set()
        self._refusals: dict[str, int] = {}
        self._retried: set[str] = set()
        self._again: set[str] = set()
        self._waited: set[str] = set()
        self._wakes: dict[str, float] = {}  # deployment → loop time
        self._too_long = False
        self._resting = False  # some credential rests, as opposed to breakers that are open

    @property
    def left(self) -> float:
        return self.terms.deadline - self._loop.time()

    # --- finding -------------------------------------------------------------------------

    async def next(self, open_: Open, prefix_for: Callable[[Deployment], str], *, eager: bool = True) -> Found | Pause:
        """`eager`: progress before the first content counts as an answer, so that it can be shown."""
        while True:
            leased = await self.lease()
            if isinstance(leased, Pause):
                return leased
            deployment, lease = leased
            attempt, prefix = self.begin(deployment, lease, open_, prefix_for)
            try:
                await self.peek(attempt, eager=eager, continues=looks_whole(prefix))
                return Found(attempt, deployment, prefix)
            except UpstreamFailure as failure:
                await attempt.close()
                await self.note(attempt, deployment, failure)
            except BaseException:
                await attempt.close()
                raise

    def begin(
        self, deployment: Deployment, lease: Lease, open_: Open, prefix_for: Callable[[Deployment], str]
    ) -> tuple[Attempt, str]:
        prefix = prefix_for(deployment)
        self.made += 1
        bounds = self.terms.bounds
        total = max(LEAST_TIME, min(bounds.total, self.left))
        hurry = total < bounds.total
        limited = Bounds(bounds.headers, bounds.first, bounds.idle, total, bounds.slowest, bounds.window, hurry)
        events = open_(deployment, lease, prefix)
        return Attempt(lease, self.made, events, limited, self._store, self._observer, self.terms.request_id), prefix

    @staticmethod
    async def peek(attempt: Attempt, *, eager: bool, continues: bool = False) -> None:
        """Waits for the first content; `next` gives it all again.

        Raises UpstreamFailure; an answer without any content is one, unless it `continues` what may be whole already.
        """
        seen: list[Any] = []
        while True:
            event = await attempt.next()
            kind = type(event)
            empty = kind is Finish and event.reason is not FinishReason.LENGTH and not continues
            if event is None or empty:
                if kind is Finish and event.reason is FinishReason.CONTENT_FILTER:
                    attempt.failure = UpstreamFailure(
                        FailureKind.CONTENT_REFUSED, "the provider's filter kept the answer back"
                    )
                else:
                    attempt.failure = UpstreamFailure(
                        FailureKind.BAD_RESPONSE, "the provider's answer was empty", status=200
                    )
                raise attempt.failure
            seen.append(event)
            if kind in CONTENT or (eager and kind is Progress):
                attempt.push_back(seen)
                return

    async def lease(self, besides: frozenset[str] = frozenset()) -> tuple[Deployment, Lease] | Pause:
        """A deployment with a credential. `besides`: deployments that are being asked now."""
        self._check_time()
        for deployment in list(self._queue):
            if deployment.name in besides or self._reached >= self.terms.attempts:
                continue
            ask = Ask(deployment.provider.settings.name, deployment.name, deployment.model)
            answer = await self._acquire(ask)
            if isinstance(answer, Grant):
                return deployment, Lease(ask, answer, self._label(ask.pool, answer.credential))
            if answer.wait is not None and answer.why is not Why.BREAKER:
                self._wakes[deployment.name] = self._loop.time() + answer.wait
                self._resting = True
            elif answer.why is Why.BREAKER and answer.wait is not None and answer.wait < LONG:
                self._wakes.setdefault(deployment.name, self._loop.time() + answer.wait)
        return self._pause_or_fail(besides)

    async def _acquire(self, ask: Ask) -> Grant | Denied:
        """With a short wait where that is enough, within the pool's own time."""
        until = self._loop.time() + min(self.terms.short_wait, max(0.0, self.left - LEAST_TIME))
        while True:
            answer = await self._store.acquire(ask)
            if isinstance(answer, Grant) or answer.why in (Why.BREAKER, Why.NONE):
                return answer
            wait = BUSY_PAUSE if answer.wait is None else answer.wait + 0.001
            if self._loop.time() + wait > until:
                return answer
            self._observer.waited(self.terms.request_id, ask.deployment, wait)
            await asyncio.sleep(wait)

    def _pause_or_fail(self, besides: frozenset[str]) -> Pause:
        resting = {
            one.name: self._wakes[one.name]
            for one in self._queue
            if one.name in self._wakes and one.name not in besides
        }
        if resting and self._reached < self.terms.attempts:
            name = min(resting, key=lambda one: resting[one])
            seconds = max(0.0, resting[name] - self._loop.time()) + 0.005
            if seconds < self.left - LEAST_TIME and not besides and name not in self._waited:
                # Once a deployment: whoever is refused again after the wait was told wrong.
                self._waited.add(name)
                return Pause(name, seconds)
        raise self.failure()

    def _check_time(self) -> None:
        if self.left <= LEAST_TIME:
            raise self.failure(Outcome.DEADLINE)

    # --- learning --------------------------------------------------------------------------

    async def note(
        self, attempt: Attempt, deployment: Deployment, failure: UpstreamFailure, *, began: bool = False
    ) -> None:
        """What the failure means for the rest of this request. Raises RequestFailure where it is the end."""
        self.record(attempt, deployment, failure)
        match classify.TABLE[failure.kind].then:
            case Next.CALLER:
                raise self.failure(Outcome.INVALID)
            case Next.REFUSED:
                raise self.failure(Outcome.REFUSED)
            case Next.CREDENTIAL:
                self._refused(deployment)
            case Next.RESTART:
                self.no_prefill.add(deployment.name)
            case Next.LARGER:
                self._larger_only(deployment)
            case Next.WAIT:
                await self._wait_for(deployment, failure)
            case Next.RETRY if not began:
                await self._retry(deployment)
            case _:
                self._leave(deployment, failure, began=began)

    def record(self, attempt: Attempt, deployment: Deployment, failure: UpstreamFailure) -> None:
        """Counts and lists the failed attempt."""
        self.last = failure
        self._kinds.add(failure.kind)
        self._reached += classify.TABLE[failure.kind].reached
        if len(self.failed) < MOST_RECORDS:
            self.failed.append(AttemptRecord(deployment.name, failure.kind.value, failure.status, attempt.duration))

    def _refused(self, deployment: Deployment) -> None:
        """On to the next credential; bounded by the pool, whatever the provider says about its times."""
        count = self._refusals[deployment.name] = self._refusals.get(deployment.name, 0) + 1
        if count > 2 * self._pool_size(deployment.provider.settings.name) + 1:
            self._drop(deployment)

    def _larger_only(self, deployment: Deployment) -> None:
        self._too_long = True
        size = deployment.capabilities.context_tokens
        self._queue = [
            one
            for one in self._queue
            if one is not deployment
            and (not size or not one.capabilities.context_tokens or one.capabilities.context_tokens > size)
        ]

    async def _wait_for(self, deployment: Deployment, failure: UpstreamFailure) -> None:
        wait = failure.wake_after
        if (
            wait is not None
            and wait <= min(self.terms.short_wait, self.left - LEAST_TIME)
            and deployment.name not in self._retried
        ):
            self._retried.add(deployment.name)
            self._observer.waited(self.terms.request_id, deployment.name, wait)
            await asyncio.sleep(wait)
            return
        self._drop(deployment)

    async def _retry(self, deployment: Deployment) -> None:
        if deployment.name in self._retried or not self._retries.take(self._loop.time()):
            self._drop(deployment)
            return
        self._retried.add(deployment.name)
        await asyncio.sleep(random.uniform(0.02, 0.12))

    def _leave(self, deployment: Deployment, failure: UpstreamFailure, *, began: bool) -> None:
        self._drop(deployment)
        # A cut says little about the next call: when nobody else is left, the same may finish what it began.
        if began and failure.kind in AGAIN and deployment.name not in self._again:
            self._again.add(deployment.name)
            self._queue.append(deployment)

    def _drop(self, deployment: Deployment) -> None:
        self._queue = [one for one in self._queue if one is not deployment]
        self._wakes.pop(deployment.name, None)

    # --- giving up -----------------------------------------------------------------------

    def failure(self, outcome: Outcome | None = None) -> RequestFailure:
        """The one error that the caller gets."""
        now = self._loop.time()
        retry_after = min((max(0.0, at - now) for at in self._wakes.values()), default=None)
        if outcome is None:
            if self._too_long and self._kinds == {FailureKind.CONTEXT_TOO_LONG}:
                outcome = Outcome.INVALID
            elif (self._kinds and self._kinds <= CREDENTIALS_FAULT) or (not self._kinds and self._resting):
                outcome = Outcome.EXHAUSTED if retry_after is not None else Outcome.UNAVAILABLE
            else:
                outcome = Outcome.UNAVAILABLE
        said = self.last.message if self.last else ""
        words = {
            Outcome.INVALID: said or "the request is not valid for any deployment",
            Outcome.REFUSED: said,
            Outcome.EXHAUSTED: "every credential rests; the first wakes in "
            + (f"{retry_after:.0f} s" if retry_after else "a moment"),
            Outcome.DEADLINE: "the deadline passed before an answer was whole",
        }
        text = words.get(
            outcome,
            f"no deployment could answer; the last one said: {said}" if said else "no deployment can answer now",
        )
        field = "messages" if self._too_long and outcome is Outcome.INVALID else ""
        return RequestFailure(outcome, text, retry_after=retry_after, attempts=tuple(self.failed), field=field)
