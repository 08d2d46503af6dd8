"""The entry point of routing: requests in, events out; configuration in, changes out."""

import asyncio
import time
from collections.abc import Mapping
from typing import Self

from antiphon.config.model import Config, Images
from inference_service.credentials.types import Ask, StateStore
from inference_service.domain import ChatRequest, ImageRequest, Task
from inference_service.providers import embeddings, speech
from inference_service.routing.answer.chat import ChatAnswer
from inference_service.routing.answer.image import ImageAnswer
from inference_service.routing.answer.protocol import Answer
from inference_service.routing.answer.unary import Asked, UnaryAnswer
from inference_service.routing.budget import StormBudget
from inference_service.routing.build import Parts, build_parts
from inference_service.routing.calls import Desk, Terms, ask_for
from inference_service.routing.changes import differences
from inference_service.routing.counting import count
from inference_service.routing.decide import Candidate, Facts
from inference_service.routing.discovery import discover
from inference_service.routing.generation import Generation, chat_bounds, image_bounds
from inference_service.routing.journal import Journal
from inference_service.routing.learned import Learned
from inference_service.routing.lease import Keyring
from inference_service.routing.observer import AttemptEnd, Observer
from inference_service.routing.overview import Overview
from inference_service.routing.plan import Deployment, Route, wanted_settings
from inference_service.routing.probing import Prober
from inference_service.routing.run import Run
from inference_service.routing.snapshot import HandoverSnapshot, PublicModel, Snapshot
from inference_service.routing.tokens import estimate_prompt, estimate_texts
from inference_service.routing.watch import Bounds
from inference_service.tasks import Supervisor
from inference_service.unary import EmbedRequest, TranscribeRequest

RETRY_FLOOR = 10


class Router:
    """`store` keeps pools and breakers and outlives every reload; `supervisor` owns the background tasks."""

    def __init__(
        self, config: Config, parts: Parts, store: StateStore, observer: Observer, supervisor: Supervisor
    ) -> None:
        self._store, self._supervisor = store, supervisor
        learned = Learned()
        self._overview = Overview(store, learned)
        retries = StormBudget(config.routing.retry_budget, RETRY_FLOOR)
        self._desk = Desk(store, Keyring(), learned, retries, _Recorder(observer, self._overview))
        self._numbers = 0
        self._now = self._put_in_force(config, parts)
        self._prober = Prober(store, self._desk.keyring, learned, lambda: self._now.parts.plan.deployments)
        learned.on_unknown = self._prober.wish

    def _put_in_force(self, config: Config, parts: Parts) -> Generation:
        self._numbers += 1
        generation = Generation(self._numbers, config, parts)
        keys = {
            (pool, credential): (secret, parts.labels.get((pool, credential), pool))
            for pool, secrets in parts.secrets.items()
            for credential, secret in secrets.items()
        }
        self._desk.keyring.add(generation.name, keys)
        for pool in parts.pools.values():
            self._store.configure(pool)
        return generation

    def start(self) -> None:
        """Starts to request model lists regularly, and to probe deployments for continuation."""
        self._discover(self._now)
        self._supervisor.watch("probing", self._prober.run)

    def _discover(self, generation: Generation) -> None:
        self._supervisor.watch("discovery", lambda: discover(generation))

    @property
    def images(self) -> Images:
        """The rules for pictures, the caller's and the provider's."""
        return self._now.config.images

    # --- requests ----------------------------------------------------------------------------

    def chat(self, request: ChatRequest, deadline: float) -> "Request":
        """`deadline` in loop time. Raises RequestFailure if no deployment may answer at all."""
        generation, now = self._now, asyncio.get_running_loop().time()
        route, able = generation.parts.plan.chat(request, self._desk.learned, now)
        journal = Journal(now, estimate_prompt(request))
        answer = ChatAnswer(request, route, self._desk.learned)
        tokens = journal.prompt_tokens + (request.sampling.get("max_tokens") or 0)
        return self._request(
            generation, request, deadline, route, able, answer, journal, chat_bounds(route.timeouts), tokens
        )

    def image(self, request: ImageRequest, deadline: float) -> "Request":
        """Same as `chat`; pictures have been checked already."""
        generation, now = self._now, asyncio.get_running_loop().time()
        route, able = generation.parts.plan.image(request, self._desk.learned, now)
        answer = ImageAnswer(request, self._desk.learned, generation.config.images)
        bounds = image_bounds(route.image_timeouts)
        return self._request(generation, request, deadline, route, able, answer, Journal(now), bounds, 0)

    def embed(self, request: EmbedRequest, deadline: float) -> "Request":
        """Same as `chat`."""
        tokens = estimate_texts(request.inputs)
        return self._unary(request, Task.EMBED, embeddings.asked, tokens, deadline)

    def transcribe(self, request: TranscribeRequest, deadline: float) -> "Request":
        """Same as `chat`."""
        return self._unary(request, Task.TRANSCRIBE, speech.asked, 0, deadline)

    def _unary(
        self, request: EmbedRequest | TranscribeRequest, task: Task, call: Asked, tokens: int, deadline: float
    ) -> "Request":
        generation, now = self._now, asyncio.get_running_loop().time()
        route, able = generation.parts.plan.unary(request.model, task, self._desk.learned, now)
        # A non-streamed result has the time limits of a picture.
        bounds = image_bounds(route.image_timeouts)
        answer = UnaryAnswer(request, call)
        return self._request(generation, request, deadline, route, able, answer, Journal(now, tokens), bounds, tokens)

    async def count_tokens(self, request: ChatRequest) -> tuple[Deployment, int, bool]:
        """The first deployment of the route, what it would read, and whether that is an estimate. Raises RequestFailure."""
        with self._now as generation:
            now = asyncio.get_running_loop().time()
            _, able = generation.parts.plan.chat(request, self._desk.learned, now)
            counted = await count(self._store, self._desk.keyring, able[0], request)
        return able[0], estimate_prompt(request) if counted is None else counted, counted is None

    def _request(
        self,
        generation: Generation,
        request: ChatRequest | ImageRequest | EmbedRequest | TranscribeRequest,
        deadline: float,
        route: Route,
        able: list[Deployment],
        answer: Answer,
        journal: Journal,
        bounds: Bounds,
        tokens: int,
    ) -> "Request":
        self._desk.retries.request(journal.arrived)
        hedger = generation.hedgers.get(route.model) if isinstance(request, ChatRequest) else None
        if hedger is not None:
            hedger.request(journal.arrived)
        chat = isinstance(request, ChatRequest)
        timeouts = route.timeouts if chat else route.image_timeouts
        caller = request.caller
        # One caller's ids say nothing about another's.
        named = request.conversation_id if isinstance(request, ChatRequest) else ""
        conversation = f"{caller.name}/{caller.tenant_id}/{named}" if named else ""
        ask = Ask(
            "", "", "", caller.name, caller.tenant_id, tokens, int(isinstance(request, ImageRequest)), conversation
        )
        if route.equal:
            able = self._preferred(able, ask)
        candidates = [Candidate(deployment.name, deployment.capabilities.context_tokens) for deployment in able]
        facts = Facts(candidates, deadline, generation.config.routing.attempts, timeouts.short_wait)
        wanted = frozenset() if request.strict else wanted_settings(request)
        deployments = {deployment.name: deployment for deployment in able}
        terms = Terms(request.request_id, ask, deployments, bounds, wanted, "chat" if chat else "image")
        return Request(generation, Run(terms, facts, answer, journal, self._desk, hedger))

    def _preferred(self, able: list[Deployment], ask: Ask) -> list[Deployment]:
        """Equal deployments in the order that suits pools and conversation."""
        by_name = {deployment.name: deployment for deployment in able}
        ordered = self._store.prefer([ask_for(ask, deployment) for deployment in able])
        return [by_name[candidate.deployment] for candidate in ordered]

    @property
    def problem(self) -> str:
        """A sentence if the memory of limits has a problem; empty: it has none."""
        return self._store.problem

    def knows(self, model: str) -> bool:
        """Whether a configuration or a list has named this model."""
        return self._now.parts.plan.knows(model)

    # --- configuration -------------------------------------------------------------------------

    async def reload(self, config: Config, environ: Mapping[str, str]) -> list[str]:
        """Puts a configuration into effect; running requests finish on the old one. Returns the changes, in sentences.

        Quarantines and benches are lifted, and lessons are forgotten: an operator has stepped in.
        Raises ConfigProblem, having changed nothing.
        """
        parts = build_parts(config, environ)
        before, self._now = self._now, self._put_in_force(config, parts)
        before.ended.set()
        self._desk.learned.forget()
        for pool in parts.pools.values():
            await self._store.lift(pool.name)
        self._supervisor.spawn("retire", self._retire(before))
        self._discover(self._now)
        return differences(before.parts, parts)

    async def _retire(self, generation: Generation) -> None:
        await generation.retired()
        self._desk.keyring.discard(generation.name)
        await generation.close()

    async def close(self) -> None:
        await self._now.close()
        await self._store.close()

    # --- looking -------------------------------------------------------------------------------

    async def refresh(self) -> None:
        """Looks at every breaker again, for `ready` and `models`."""
        await self._overview.refresh(self._now)

    def ready(self) -> bool:
        """At least one deployment of a route can answer, as of the last `refresh`."""
        return self._overview.ready(self._now)

    def models(self, *, include_deployments: bool) -> list[PublicModel]:
        """Routes in order, then deployments by name."""
        return self._overview.models(self._now, include_deployments=include_deployments)

    async def snapshot(self) -> Snapshot:
        """Everything that the status shows about routing."""
        return await self._overview.snapshot(self._now)


class Request:
    """A running request: iterate `events` inside of `async with`; `journal` holds the facts, also afterwards."""

    def __init__(self, generation: Generation, run: Run) -> None:
        self._generation = generation
        self.journal = run.journal
        self.events = run.events()

    async def __aenter__(self) -> Self:
        self._generation.__enter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        try:
            await self.events.aclose()
        finally:
            self._generation.__exit__()


class _Recorder:
    """Keeps what routing observes for the status, and passes it on."""

    def __init__(self, observer: Observer, overview: Overview) -> None:
        self._observer, self._overview = observer, overview
        self.hedged = observer.hedged
        self.waited = observer.waited
        self.queued = observer.queued
        self.state_backend = observer.state_backend
        self.attempt_started = observer.attempt_started

    def attempt_ended(self, end: AttemptEnd) -> None:
        self._overview.used[end.deployment] = None
        self._observer.attempt_ended(end)

    def handed_over(
        self, request_id: str, from_deployment: str, to_deployment: str, reason: str, keep_chars: int
    ) -> None:
        self._overview.handovers.append(
            HandoverSnapshot(time.time(), request_id, from_deployment, to_deployment, reason, keep_chars)
        )
        self._observer.handed_over(request_id, from_deployment, to_deployment, reason, keep_chars)
