"""Chat through a route: fallback before the first token, handover after it, one whole answer."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any

import msgspec
from msgspec import Struct

from inference_service.domain import (
    ChatRequest,
    Delta,
    Finish,
    Finished,
    FinishReason,
    Handover,
    Message,
    Notice,
    OnInterruption,
    Progress,
    Reasoning,
    Role,
    RoutedChatEvent,
    Started,
    TextPart,
    Usage,
    UsageRecord,
)
from inference_service.failures import FailureKind, Outcome, RequestFailure, UpstreamFailure
from inference_service.providers.seam import ChatCall
from inference_service.routing.attempt import Attempt, Lease
from inference_service.routing.hedge import Hedger
from inference_service.routing.observer import Observer
from inference_service.routing.plan import Deployment, Route, without_unsupported
from inference_service.routing.search import Found, Pause, Search
from inference_service.routing.splice import SHORTEST_PREFIX, Splicer
from inference_service.routing.tokens import estimate, estimate_prompt
from inference_service.routing.written import Written

CONTINUE_WORDS = (
    "Your answer was cut off. Continue it exactly where it stopped, in the same language and form. "
    "Do not repeat anything and do not comment on this."
)
MOST_FAILED = 16
PASSED_ON = frozenset({Reasoning, Progress, Notice})
SAMPLE = 400  # characters that tell in which script an answer is written


class Part(Struct):
    """One attempt's share of the answer, for the accounting at the end."""

    attempt: Attempt
    discarded: bool = False


class ChatRun:
    """One request. Iterate `events`; they are what the caller sees."""

    def __init__(
        self,
        request: ChatRequest,
        route: Route,
        search: Search,
        secrets: "Secrets",
        observer: Observer,
        hedger: Hedger | None,
    ) -> None:
        self._request, self._route, self._search = request, route, search
        self._secrets, self._observer, self._hedger = secrets, observer, hedger
        self._mode = request.on_interruption or route.on_interruption
        self._loop = asyncio.get_running_loop()
        self._arrived = self._loop.time()
        self._written = Written()
        self._first_token: float | None = None
        self._parts: list[Part] = []
        self._notices: dict[str, list[Notice]] = {}  # deployment → what it does not honour of the request
        self._current: str | None = None  # the deployment that the caller knows as answering
        self._why = ""  # the failure that makes the next one a handover

    async def events(self) -> AsyncGenerator[RoutedChatEvent, None]:
        """Raises RequestFailure."""
        while True:
            found = await self._find()
            if isinstance(found, Pause):
                async for event in self._pause(found):
                    yield event
                continue
            self._parts.append(Part(found.attempt))
            splicer = Splicer(found.prefix)
            try:
                for first in self._begin(found):
                    yield first
                while type(event := await found.attempt.next()) is not Finish:
                    if event is None:
                        raise self._cut(found.attempt)
                    if (out := self._pass(event, splicer)) is not None:
                        yield out
                finish = event
                if rest := splicer.flush():
                    yield self._deliver(rest)
                # Whatever comes after the end is usage at most.
                await self._drain(found.attempt)
                await found.attempt.close()
                for record in self._accounts():
                    yield record
                yield self._finished(finish, found)
                return
            except UpstreamFailure as failure:
                await found.attempt.close()
                if rest := splicer.flush():
                    yield self._deliver(rest)
                await self._interrupted(found, failure)
            finally:
                await found.attempt.close()

    # --- steps -----------------------------------------------------------------------------

    async def _find(self) -> Found | Pause:
        if self._hedger is not None and self._current is None:
            return await self._hedger.next(self._search, self._open, self._prefix_for, self._lost)
        return await self._search.next(self._open, self._prefix_for)

    def _begin(self, found: Found) -> list[RoutedChatEvent]:
        name, number = found.deployment.name, found.attempt.number
        first: list[RoutedChatEvent] = []
        if self._current is None:
            first.append(Started(name, number))
        elif self._why or name != self._current:
            keep = self._written.length if found.prefix else 0
            if not keep:
                self._restart(found.attempt)
            reason = self._why or FailureKind.RATE_LIMITED.value
            first.append(Handover(self._current, name, reason, keep, number))
            self._observer.handed_over(self._request.request_id, self._current, name, reason, keep)
        self._current, self._why = name, ""
        return [*first, *self._notices[name]]

    def _restart(self, winner: Attempt) -> None:
        self._written.clear()
        for part in self._parts:
            part.discarded = part.attempt is not winner

    def _pass(self, event: Any, splicer: Splicer) -> RoutedChatEvent | None:
        kind = type(event)
        if kind is Delta:
            text = splicer.feed(event.text)
            return self._deliver(text) if text else None
        passed: RoutedChatEvent | None = event if kind in PASSED_ON else None
        return passed

    def _deliver(self, text: str) -> Delta:
        if self._first_token is None:
            self._first_token = self._loop.time() - self._arrived
        self._written.add(text)
        return Delta(text)

    async def _interrupted(self, found: Found, failure: UpstreamFailure) -> None:
        """The answer fell silent after it began. Returns when it may go on. Raises RequestFailure."""
        await self._search.note(found.attempt, found.deployment, failure, began=self._written.length > 0)
        self._why = failure.kind.value
        if self._mode is OnInterruption.FAIL and self._written.length:
            raise RequestFailure(
                Outcome.UNAVAILABLE,
                f"the answer was interrupted: {failure.message}",
                attempts=tuple(self._search.failed),
            )

    async def _pause(self, pause: Pause) -> AsyncIterator[RoutedChatEvent]:
        if self._current is None:
            self._current = pause.deployment
            yield Started(pause.deployment, self._search.made + 1)
        yield Progress("waiting", eta=pause.seconds)
        self._observer.waited(self._request.request_id, pause.deployment, pause.seconds)
        await asyncio.sleep(pause.seconds)

    # --- the upstream call --------------------------------------------------------------------

    def _open(self, deployment: Deployment, lease: Lease, prefix: str) -> AsyncIterator[Any]:
        can = deployment.capabilities
        request, self._notices[deployment.name] = without_unsupported(self._request, can)
        if prefix and not can.prefill:
            turns = (Message(Role.ASSISTANT, (TextPart(prefix),)), Message(Role.USER, (TextPart(CONTINUE_WORDS),)))
            request = msgspec.structs.replace(request, messages=(*request.messages, *turns))
            prefix = ""
        return deployment.provider.chat(ChatCall(request, deployment.model, self._secrets.of(lease), prefix))

    def _prefix_for(self, deployment: Deployment) -> str:
        """What this deployment is to continue; empty: it starts again.

        Never inside reasoning: then no text was delivered yet, and nothing is lost by starting again.
        """
        if self._mode is not OnInterruption.CONTINUE or self._written.length < SHORTEST_PREFIX:
            return ""
        if deployment.name in self._search.no_prefill:
            return ""
        willing = deployment.capabilities.prefill or deployment.name in self._route.continue_by_instruction
        return self._written.text() if willing else ""

    @staticmethod
    def _cut(attempt: Attempt) -> UpstreamFailure:
        attempt.failure = UpstreamFailure(
            FailureKind.STREAM_CUT, "the provider's answer ended without its end", status=200
        )
        return attempt.failure

    @staticmethod
    async def _drain(attempt: Attempt) -> None:
        try:
            while await attempt.next() is not None:
                pass
        except UpstreamFailure:
            attempt.failure = None  # the answer was whole; how the connection ends is of no matter

    # --- accounts -----------------------------------------------------------------------------

    def _lost(self, attempt: Attempt) -> None:
        """A hedge's loser: its tokens were used and reached nobody."""
        self._parts.append(Part(attempt, discarded=True))

    def _accounts(self) -> list[UsageRecord]:
        records = []
        for part in self._parts:
            attempt, usage = part.attempt, part.attempt.usage
            if usage is None and not attempt.characters and attempt.failure is not None:
                continue
            estimated = usage is None
            if usage is None:
                usage = Usage(
                    estimate_prompt(self._request), estimate(attempt.characters, self._written.text()[:SAMPLE])
                )
            records.append(UsageRecord(attempt.deployment, usage, estimated, part.discarded))
        return records

    def usage_so_far(self) -> list[UsageRecord]:
        """For requests that end early: what was used until then."""
        return self._accounts()

    def _finished(self, finish: Finish, found: Found) -> Finished:
        reason = finish.reason if isinstance(finish.reason, FinishReason) else FinishReason.OTHER
        failed = tuple(self._search.failed[:MOST_FAILED])
        return Finished(
            reason, found.deployment.name, self._written.length, self._first_token, self._search.made, failed
        )


class Secrets:
    """Secrets by pool and credential id; they leave only into a call."""

    def __init__(self, secrets: dict[str, dict[str, str | None]]) -> None:
        self._secrets = secrets

    def of(self, lease: Lease) -> str | None:
        return self._secrets[lease.ask.pool].get(lease.grant.credential)

    def __repr__(self) -> str:
        return "Secrets(…)"
