"""The upstream calls of one request: leased, started, failed and closed here and nowhere else."""

import asyncio
import random
from typing import Any

from msgspec import Struct

from inference_service.credentials.types import Ask, Grant, StateStore, Verdict, Vote
from inference_service.failures import FailureKind, UpstreamFailure
from inference_service.providers.catalogue.prices import price_of
from inference_service.routing import classify, decide
from inference_service.routing.answer.protocol import Answer
from inference_service.routing.attempt import Attempt
from inference_service.routing.budget import StormBudget
from inference_service.routing.decide import Facts
from inference_service.routing.journal import Journal, estimate
from inference_service.routing.learned import Learned
from inference_service.routing.lease import Keyring, Lease
from inference_service.routing.observer import AttemptEnd, Observer
from inference_service.routing.plan import Deployment
from inference_service.routing.watch import Bounds


class Desk(Struct, frozen=True):
    """What all requests share."""

    store: StateStore
    keyring: Keyring
    learned: Learned
    retries: StormBudget
    observer: Observer


class Terms(Struct, frozen=True):
    """What applies to one request. `wanted`: the optional fields that the caller set and may be dropped."""

    request_id: str
    ask: Ask  # pool, deployment and model are filled in for each call
    deployments: dict[str, Deployment]
    bounds: Bounds
    wanted: frozenset[str] = frozenset()
    operation: str = "chat"  # or image


def ask_for(base: Ask, deployment: Deployment, *, last: bool = False) -> Ask:
    """The request to the pools for a call to this deployment; `base` says for whom and how large."""
    return Ask(
        deployment.provider.settings.name, deployment.name, deployment.model, base.caller, base.tenant, base.tokens,
        base.pictures, base.conversation, last,
    )  # fmt: skip


class Call:
    """A running upstream call. `held`: events that were read before it was chosen."""

    def __init__(self, attempt: Attempt, opening: Any) -> None:
        self.attempt, self.opening = attempt, opening
        self.held: list[Any] = []
        self.blameless = False  # the caller's deadline ended it, not the provider's silence

    @property
    def name(self) -> str:
        return self.attempt.entry.deployment

    async def next(self) -> Any:
        return self.held.pop(0) if self.held else await self.attempt.next()


class Calls:
    """`running` are the running calls, oldest first; `reason` makes the next call a handover."""

    def __init__(self, terms: Terms, facts: Facts, answer: Answer, journal: Journal, desk: Desk) -> None:
        self.terms, self.facts, self.journal, self.desk = terms, facts, journal, desk
        self._answer = answer
        self._loop = asyncio.get_running_loop()
        self.running: list[Call] = []
        self.reason = ""

    # --- the beginning ---------------------------------------------------------------------------

    async def acquire(self, name: str, *, last: bool = False) -> Lease | None:
        """A lease at once or not at all; a denial becomes a fact."""
        deployment = self.terms.deployments[name]
        ask = self.ask(deployment, last=last)
        answer = await self.desk.store.acquire(ask)
        if isinstance(answer, Grant):
            return self.lease(ask, answer)
        decide.learn_denial(self.facts, name, answer, self._loop.time())
        return None

    def lease(self, ask: Ask, grant: Grant) -> Lease:
        """The grant with its secret. Pools only hold credentials of configurations in use."""
        return self.desk.keyring.lease(ask, grant)

    def ask(self, deployment: Deployment, *, last: bool = False) -> Ask:
        """The request to the pools for a call to this deployment."""
        return ask_for(self.terms.ask, deployment, last=last)

    async def find_successor(self, call: Call) -> Lease | None:
        """A lease of another deployment that can take over from `call` now."""
        if self.facts.failed + len(self.running) >= self.facts.attempts:
            return None
        for candidate in self.facts.open():
            if candidate.name != call.name and (lease := await self.acquire(candidate.name)) is not None:
                return lease
        return None

    def begin(self, lease: Lease, *, hedge: bool = False) -> Call:
        """Starts the upstream call that the lease is for."""
        now, name = self._loop.time(), lease.ask.deployment
        deployment = self.terms.deployments[name]
        entry = self.journal.begin(name, lease.label, now, hedge=hedge)
        entry.price = price_of(deployment.provider, deployment.model)
        opening = self._answer.opening(deployment, self.facts.of(name), entry.number, self.reason, now)
        bounds = deployment.bounds(self.terms.bounds, max(decide.LEAST_TIME, self.facts.deadline - now))
        events = self._answer.call(opening, deployment, lease)
        call = Call(Attempt(lease, entry, events, bounds, self.desk.store), opening)
        self.running.append(call)
        self.desk.observer.attempt_started(self.terms.request_id, name, lease.label, entry.number)
        return call

    # --- the end ---------------------------------------------------------------------------------

    async def fail(self, call: Call, failure: UpstreamFailure) -> None:
        """The one place that records a failure: in the journal, the facts and what others should know."""
        now = self._loop.time()
        self.journal.fail(call.attempt.entry, failure, now)
        self._learn(call.name, failure, now)
        decide.learn_failure(
            self.facts, call.name, failure, now,
            began=self._answer.began and call.attempt.entry.spoke, wanted=self.terms.wanted, spread=random.random(),
        )  # fmt: skip
        self.reason = failure.kind.value
        await self.close(call)

    def _learn(self, name: str, failure: UpstreamFailure, now: float) -> None:
        if failure.kind is FailureKind.FIELD_REFUSED:
            for field in self.terms.wanted.intersection(failure.fields):
                self.desk.learned.refuses_field(name, field, now)
        elif failure.kind is FailureKind.UNSUPPORTED and failure.capability:
            self.desk.learned.lacks(name, failure.capability, now)
        elif failure.kind is FailureKind.PREFILL_REFUSED:
            self.desk.learned.refuses_prefill(name, now)

    async def finish(self, call: Call) -> None:
        """The call succeeded."""
        call.attempt.entry.finished = True
        self.reason = ""
        await self.close(call)
        decide.look_again(self.facts)

    async def close(self, call: Call) -> None:
        """Ends a call: its socket, its lease, its telemetry. A call is closed once."""
        if call not in self.running:
            return
        self.running.remove(call)
        entry = call.attempt.entry
        await call.attempt.close(lambda: self._verdict(call))
        status = entry.failure.status if entry.failure else 200 if entry.finished else 0
        self.desk.observer.attempt_ended(
            AttemptEnd(
                self.terms.request_id, entry.deployment, entry.credential, entry.ending(), status,
                self._loop.time() - entry.started, entry.first_content_after(), entry.usage, entry.hedge,
                self.terms.operation,
            )
        )  # fmt: skip

    def _verdict(self, call: Call) -> Verdict:
        """What the call teaches pools and breakers."""
        entry = call.attempt.entry
        if entry.failure is not None and not call.blameless:
            standing = self.facts.of(entry.deployment)
            verdict = classify.verdict(entry.failure, votes=not standing.voted)
            standing.voted = standing.voted or verdict.vote is not Vote.SILENT
            return verdict
        usage = entry.usage
        tokens = (
            usage.prompt_tokens + usage.completion_tokens
            if usage is not None
            else self.journal.prompt_tokens + estimate(entry.characters, entry.sample)
        )
        if entry.finished:
            return Verdict(Vote.GOOD, good_credential=True, used_tokens=tokens)
        return Verdict(good_credential=entry.answered, used_tokens=tokens)

    async def give_back(self, lease: Lease) -> None:
        """Returns an unused lease."""
        await self.desk.store.release(lease.ask, lease.grant, Verdict(sent=False))

    async def close_all(self) -> None:
        for call in list(self.running):
            await self.close(call)
