"""Pools under load on a virtual clock: the real pool code against providers that count for themselves. Pure.

A day takes seconds. What the simulated providers report is the experiment: everything in headers, only a wait with a
refusal, or nothing.
"""

import heapq
import itertools
import random
from collections.abc import Callable, Iterable
from enum import StrEnum

from msgspec import Struct, field

from inference_service.credentials.broker import Broker, Served
from inference_service.credentials.queue import Ticket
from inference_service.credentials.quota import NEVER
from inference_service.credentials.types import Ask, BreakerSpec, Denied, Grant, PoolSpec, Verdict, Vote
from inference_service.failures import FailureKind, Scope
from inference_service.quotas import LimitFact
from inference_service.rehearsal.provider import Refusal, Upstream


class Telling(StrEnum):
    """What a provider says about its limits."""

    HEADERS = "headers"  # every answer has its counts, every refusal a wait
    WAITS = "waits"  # refusals have a wait
    NOTHING = "nothing"


class Site(Struct, frozen=True):
    """A pool with the provider behind it. Seconds."""

    spec: PoolSpec
    upstream: Upstream
    telling: Telling = Telling.NOTHING
    way: tuple[float, float] = (0.02, 0.2)  # network delay from us to its counters
    answer: tuple[float, float] = (1.5, 3.0)


class Request(Struct):
    at: float
    asks: tuple[Ask, ...]
    patience: float
    number: int = 0
    began: float = 0.0  # when the call that answered it began
    done: float = 0.0
    refused_at: float = 0.0  # refused by us, early
    in_vain: bool = False  # it waited until its deadline in vain
    waits: bool = False  # it has queued
    refusals: int = 0


class Outcome(Struct):
    """The outcome of a load."""

    requests: list[Request] = field(default_factory=list)
    refusals: int = 0  # refused by a provider's limit
    calls: int = 0
    by_pool: dict[str, int] = field(default_factory=dict)

    @property
    def answered(self) -> int:
        """Answered in time."""
        return sum(0 < request.done <= request.at + request.patience for request in self.requests)


class Simulation:
    """`watch` is called after every event, with the moment: for invariants."""

    def __init__(
        self, sites: Iterable[Site], seed: int = 1, watch: Callable[["Simulation"], None] | None = None
    ) -> None:
        self.now = 0.0
        self.broker = Broker(BreakerSpec())
        self.sites = {site.spec.name: site for site in sites}
        self.outcome = Outcome()
        self.waiting: dict[Ticket, Request] = {}
        self._chance = random.Random(seed)
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self._watch = watch
        self._woken_at = NEVER
        for site in self.sites.values():
            self.broker.configure(site.spec)

    def run(self, requests: Iterable[Request]) -> Outcome:
        for number, request in enumerate(requests):
            request.number = number
            self.outcome.requests.append(request)
            self._at(request.at, lambda request=request: self._arrive(request))  # type: ignore[misc]
        while self._events:
            self.now, _, event = heapq.heappop(self._events)
            event()
            self._pump()
            if self._watch is not None:
                self._watch(self)
        return self.outcome

    def _at(self, when: float, event: Callable[[], None]) -> None:
        heapq.heappush(self._events, (when, next(self._order), event))

    # --- our side ------------------------------------------------------------------------------

    def _arrive(self, request: Request) -> None:
        if request.at + request.patience <= self.now:
            return
        for ask in self.preferred(request):
            answer = self.broker.acquire(ask, self.now)
            if isinstance(answer, Grant):
                self._send(request, ask, answer)
                return
        self._join(request)

    def preferred(self, request: Request) -> list[Ask]:
        return self.broker.prefer(request.asks, self.now) if len(request.asks) > 1 else list(request.asks)

    def _join(self, request: Request) -> None:
        deadline = request.at + request.patience
        joined = self.broker.join(request.asks, deadline, self.now)
        if isinstance(joined, Denied):
            request.refused_at = self.now
            return
        ticket, out = joined
        request.waits = True
        self.waiting[ticket] = request
        self._refuse(out)
        self._at(deadline, lambda: self._give_up(ticket))

    def _refuse(self, out: list[tuple[Ticket, Denied]]) -> None:
        for ticket, _ in out:
            self.waiting.pop(ticket).refused_at = self.now

    def _give_up(self, ticket: Ticket) -> None:
        """Its deadline has passed without an earlier refusal."""
        if ticket in self.waiting:
            self.broker.leave(ticket)
            self.waiting.pop(ticket).in_vain = True

    def _pump(self) -> None:
        for served in self.broker.pump(self.now):
            self._serve(served)
        if not self.waiting:
            return
        self._refuse(self.broker.review(self.now))
        at = max(self.broker.next_change(self.now), self.now + 0.001)
        if at != NEVER and (at < self._woken_at or self._woken_at <= self.now):
            self._woken_at = at
            self._at(at, lambda: None)

    def _serve(self, served: Served) -> None:
        ticket, ask, grant = served
        self._send(self.waiting.pop(ticket), ask, grant)

    def _send(self, request: Request, ask: Ask, grant: Grant) -> None:
        request.began = self.now
        self.outcome.calls += 1
        site = self.sites[ask.pool]
        self._at(self.now + self._chance.uniform(*site.way), lambda: self._reach(request, ask, grant))

    # --- the provider's side -------------------------------------------------------------------

    def _reach(self, request: Request, ask: Ask, grant: Grant) -> None:
        site = self.sites[ask.pool]
        group = dict(zip(site.spec.credentials, site.spec.groups, strict=True))[grant.credential]
        refusal = site.upstream.arrive(grant.credential, group, ask.model, ask.tokens, self.now)
        back = self.now + self._chance.uniform(*site.way)
        if refusal is not None:
            self._at(back, lambda: self._refused(request, ask, grant, refusal))
            return
        facts: tuple[LimitFact, ...] = ()
        if site.telling is Telling.HEADERS:
            facts = tuple(
                counter.fact(self.now)
                for counter in site.upstream.counters(grant.credential, group, ask.model)
                if counter.quota.window
            )
        self._at(back, lambda: self.broker.pools[ask.pool].report(grant.lease, facts, self.now))
        end = max(back, self.now + self._chance.uniform(*site.answer))
        self._at(end, lambda: site.upstream.leave(grant.credential, group, ask.model))
        self._at(end + 0.001, lambda: self._answered(request, ask, grant))

    def _refused(self, request: Request, ask: Ask, grant: Grant, refusal: Refusal) -> None:
        self.outcome.refusals += 1
        request.refusals += 1
        stated = refusal.wait if self.sites[ask.pool].telling is not Telling.NOTHING and refusal.wait else None
        verdict = Verdict(
            reason=FailureKind.RATE_LIMITED.value,
            cooldown=stated,
            backoff=stated is None,
            scope=Scope(refusal.quota.scope),
        )
        self.broker.release(ask, grant, verdict, self.now)
        self._arrive(request)

    def _answered(self, request: Request, ask: Ask, grant: Grant) -> None:
        request.done = self.now
        self.outcome.by_pool[ask.pool] = self.outcome.by_pool.get(ask.pool, 0) + 1
        self.broker.release(ask, grant, Verdict(Vote.GOOD, good_credential=True, used_tokens=ask.tokens), self.now)
