"""One request from its first step to its last: the only loop of routing that does I/O, for chats and pictures alike.

`decide` names the next step, `calls` makes and ends upstream calls, the answer assembles what the caller sees, and the
journal keeps the facts. However it ends, every call is closed and every lease returned before `events` ends.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any

from inference_service.credentials.types import Denied
from inference_service.domain import CheckedPicture, Delta, Finish, Handover, Picture, Preview, Progress
from inference_service.failures import FailureKind, Outcome, RequestFailure, UpstreamFailure
from inference_service.routing import decide
from inference_service.routing.answer.protocol import Answer
from inference_service.routing.calls import Call, Calls, Desk, Terms
from inference_service.routing.decide import Acquire, Facts, Fail, Queue, Sleep
from inference_service.routing.hedge import Hedger
from inference_service.routing.journal import Journal
from inference_service.routing.lease import Lease
from inference_service.routing.race import race
from inference_service.routing.watch import Silence
from inference_service.tools import ToolCall

LONGEST_PAUSE = 5.0  # seconds of waiting without any sign for the caller


class Run:
    """Iterate `events`; they are what the caller sees. `journal` records what was used, whatever the end."""

    def __init__(
        self, terms: Terms, facts: Facts, answer: Answer, journal: Journal, desk: Desk, hedger: Hedger | None
    ) -> None:
        self._answer, self._facts, self.journal = answer, facts, journal
        self._calls = Calls(terms, facts, answer, journal, desk)
        self._hedger = hedger
        self._loop = asyncio.get_running_loop()
        self._lease: Lease | None = None  # for the next call

    async def events(self) -> AsyncGenerator[Any, None]:
        """Raises RequestFailure."""
        try:
            while not self._answer.whole:
                if not self._calls.running:
                    async for event in self._step():
                        yield event
                    continue
                call = self._calls.running[0]
                if self._hedger is not None and self._may_hedge(call):
                    await race(self._calls, self._hedger)
                    continue
                for event in await self._take(call):
                    yield event
        finally:
            lease, self._lease = self._lease, None
            if lease is not None:
                await self._calls.give_back(lease)
            await self._calls.close_all()

    def _may_hedge(self, call: Call) -> bool:
        return not (call.held or call.opening.begun or self._answer.began)

    # --- the next call ---------------------------------------------------------------------------

    async def _step(self) -> AsyncIterator[Any]:
        """One step towards the next call."""
        if self._lease is not None:
            lease, self._lease = self._lease, None
            self._calls.begin(lease)
            return
        step = decide.next_step(self._facts, self._loop.time())
        match step:
            case Acquire():
                self._facts.of(step.deployment).forced |= step.last
                self._lease = await self._calls.acquire(step.deployment, last=step.last)
            case Sleep():
                async for event in self._sleep(step):
                    yield event
            case Queue():
                async for event in self._line(step):
                    yield event
            case Fail():
                for event in self._give_up(step):
                    yield event

    async def _sleep(self, step: Sleep) -> AsyncIterator[Any]:
        if step.retry:
            if not self._calls.desk.retries.take(self._loop.time()):
                decide.give_up(self._facts, step.deployment)
                return
            decide.ask_again(self._facts, step.deployment)
        else:
            self._facts.of(step.deployment).waited = True
        async for event in self._wait(step.deployment, step.seconds, quiet=step.retry and step.seconds < 1):
            yield event

    async def _wait(self, deployment: str, seconds: float, *, quiet: bool = False) -> AsyncIterator[Any]:
        """Waits, with regular signs of life; then every denial is looked at again."""
        until = self._loop.time() + seconds + 0.005
        self._calls.desk.observer.waited(self._calls.terms.request_id, deployment, seconds)
        while (left := until - self._loop.time()) > 0:
            if not quiet:
                for event in self._answer.waiting(deployment, self.journal.calls + 1):
                    yield event
                yield Progress("waiting", eta=left)
            await asyncio.sleep(min(left, LONGEST_PAUSE))
        decide.look_again(self._facts)

    async def _line(self, step: Queue) -> AsyncIterator[Any]:
        """Waits in the queues of several deployments for the first; place and estimate are progress."""
        calls, store = self._calls, self._calls.desk.store
        asks = [calls.ask(calls.terms.deployments[name]) for name in step.deployments]
        places: asyncio.Queue[tuple[int, float | None] | None] = asyncio.Queue()
        began = self._loop.time()
        waiting = self._loop.create_task(
            store.wait(asks, self._facts.deadline, lambda position, eta: places.put_nowait((position, eta)))
        )
        waiting.add_done_callback(lambda _: places.put_nowait(None))
        calls.desk.observer.queued(1)
        try:
            while (place := await places.get()) is not None:
                for event in self._answer.waiting(step.deployments[0], self.journal.calls + 1):
                    yield event
                yield Progress("queued", queue_position=place[0], eta=place[1])
        except BaseException:
            waiting.cancel()
            await asyncio.wait({waiting})
            if not waiting.cancelled() and isinstance(answer := waiting.result(), tuple):
                self._lease = calls.lease(*answer)  # granted at this very moment
            raise
        finally:
            calls.desk.observer.queued(-1)
        answer = waiting.result()
        calls.desk.observer.waited(calls.terms.request_id, step.deployments[0], self._loop.time() - began)
        if isinstance(answer, Denied):
            decide.learn_line_denial(self._facts, step.deployments, answer, self._loop.time())
        else:
            self._lease = calls.lease(*answer)
            decide.look_again(self._facts)

    def _give_up(self, fail: Fail) -> list[Any]:
        """The last events of an answer as whole as it gets. Raises RequestFailure if there is none."""
        rest = self._answer.settle_for_less()
        if rest is None:
            raise self._failure(fail)
        last = next((entry.deployment for entry in reversed(self.journal.entries) if entry.finished), "")
        return [*rest, *self.journal.usage(), self._answer.finished(None, last, self.journal)]

    def _failure(self, fail: Fail) -> RequestFailure:
        return RequestFailure(
            fail.outcome, fail.message, retry_after=fail.retry_after, attempts=tuple(self.journal.failed),
            field=fail.field, reason=fail.reason,
        )  # fmt: skip

    # --- the running call ------------------------------------------------------------------------

    async def _take(self, call: Call) -> list[Any]:
        """The next event of a call, as the caller sees it. Raises RequestFailure."""
        try:
            event = await call.next()
            kind = event.__class__
            if kind is Silence:
                return await self._silent(call, event)
            if kind is Finish:
                return await self._end(call, event)
            if kind is Picture or kind is Preview:
                return await self._draw(call, event)
            return self._pass(call, event)
        except UpstreamFailure as failure:
            await self._calls.fail(call, failure)
            if self._answer.ends_when_interrupted:
                words = f"the answer was interrupted: {failure.message}"
                raise self._failure(Fail(Outcome.UNAVAILABLE, words, reason=failure.kind.value)) from None
            return []

    def _pass(self, call: Call, event: Any) -> list[Any]:
        """What the caller sees of one event. Raises UpstreamFailure."""
        if event is None:
            raise UpstreamFailure(FailureKind.STREAM_CUT, "the provider's answer stopped before its end", status=200)
        out = [] if call.opening.begun else self._answer.begin(call.opening)
        out += self._answer.accept(call.opening, event)
        for shown in out:
            self._note(call, shown)
        return out

    async def _draw(self, call: Call, event: Picture | Preview) -> list[Any]:
        """Like `_pass`, for events that must be decoded and checked first."""
        out: list[Any] = []
        for part in await self._answer.check(event):
            out += self._pass(call, part)
        return out

    async def _end(self, call: Call, finish: Finish) -> list[Any]:
        """The call reported its end. Raises UpstreamFailure if that was not an answer."""
        out = self._answer.end(call.opening, finish)
        for shown in out:
            self._note(call, shown)
        await self._drain(call)
        await self._calls.finish(call)
        if self._answer.whole:
            out += [*self.journal.usage(), self._answer.finished(finish, call.name, self.journal)]
        return out

    @staticmethod
    async def _drain(call: Call) -> None:
        """At most usage follows the end, and how the connection ends no longer matters."""
        try:
            while (event := await call.next()) is not None:
                if event.__class__ is Silence:
                    return
        except UpstreamFailure:
            return

    async def _silent(self, call: Call, silence: Silence) -> list[Any]:
        """A time limit has passed: raises UpstreamFailure if another deployment can take over now; else the call continues."""
        if silence.over:
            deadline = self._loop.time() >= self._facts.deadline - decide.LEAST_TIME
            call.blameless = deadline and not call.attempt.is_serious()
            raise UpstreamFailure(silence.kind, silence.message)
        if not self._answer.ends_when_interrupted:
            self._lease = await self._calls.find_successor(call)
        if self._lease is not None or self._answer.ends_when_interrupted:
            raise UpstreamFailure(silence.kind, silence.message)
        call.attempt.snooze()
        return [*self._answer.waiting(call.name, call.attempt.entry.number), Progress("waiting")]

    def _note(self, call: Call, event: Any) -> None:
        """Records what is sent to the caller."""
        kind = event.__class__
        if kind is Delta or kind is ToolCall:
            if self.journal.first_token is None:
                self.journal.delivers(self._loop.time())
        elif kind is CheckedPicture:
            self.journal.delivers(self._loop.time())
            call.attempt.entry.pictures += 1
        elif kind is Handover:
            if call.opening.restarts:
                self.journal.restart(call.attempt.entry)
            self._calls.desk.observer.handed_over(
                self._calls.terms.request_id, event.from_deployment, event.to_deployment, event.reason, event.keep_chars
            )
