"""The one door of routing: requests in, events out; configuration in, changes out."""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import aclosing, asynccontextmanager
from typing import Self

import msgspec

from antiphon.config.model import Config, ImageTimeouts, Timeouts
from inference_service.credentials.types import BreakerView, CredentialView, StateStore
from inference_service.domain import Capabilities, ChatRequest, ImageRequest, RoutedChatEvent, RoutedImageEvent, Task
from inference_service.failures import RequestFailure, UpstreamFailure
from inference_service.routing.attempt import Bounds
from inference_service.routing.budget import StormBudget
from inference_service.routing.build import Parts, build_parts
from inference_service.routing.chat import ChatRun, Secrets
from inference_service.routing.hedge import Hedger
from inference_service.routing.image import ImageRun
from inference_service.routing.observer import Observer
from inference_service.routing.plan import Deployment, Route
from inference_service.routing.search import Search, Terms
from inference_service.routing.snapshot import (
    CredentialSnapshot,
    DeploymentSnapshot,
    HandoverSnapshot,
    ProviderSnapshot,
    PublicModel,
    RouteSnapshot,
    Snapshot,
)

DISCOVERY_PERIOD = 6 * 3_600.0
KEPT_HANDOVERS = 50
RETRY_FLOOR = 10


class _Generation:
    """One configuration in force, and how many requests still run on it."""

    def __init__(self, config: Config, parts: Parts, observer: Observer) -> None:
        self.config, self.parts = config, parts
        self.secrets = Secrets(parts.secrets)
        self.hedgers = {route.model: Hedger(route.hedge, observer) for route in parts.plan.routes if route.hedge}
        self.running = 0
        self.idle = asyncio.Event()
        self.idle.set()

    def __enter__(self) -> Self:
        self.running += 1
        self.idle.clear()
        return self

    def __exit__(self, *_: object) -> None:
        self.running -= 1
        if not self.running:
            self.idle.set()

    async def close(self) -> None:
        for provider in self.parts.plan.providers.values():
            await provider.close()


class Router:
    """`store` keeps pools and breakers and outlives every reload."""

    def __init__(self, config: Config, parts: Parts, store: StateStore, observer: Observer) -> None:
        self._store, self._observer = store, observer
        self._handovers: deque[HandoverSnapshot] = deque(maxlen=KEPT_HANDOVERS)
        self._now = _Generation(config, parts, _Recorder(observer, self._handovers))
        self._recorder: Observer = _Recorder(observer, self._handovers)
        self._retries = StormBudget(config.routing.retry_budget, RETRY_FLOOR)
        self._breakers: dict[str, BreakerView] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        for pool in parts.pools.values():
            store.configure(pool)

    def start(self) -> None:
        """Begins to ask providers for their models, now and then."""
        self._spawn(self._discover(self._now))

    # --- requests ----------------------------------------------------------------------------

    @asynccontextmanager
    async def chat(self, request: ChatRequest, deadline: float) -> AsyncIterator[AsyncIterator[RoutedChatEvent]]:
        """The events of an answer, while the block runs. `deadline` in loop time. Raises RequestFailure."""
        with self._now as generation:
            route, able = generation.parts.plan.chat(request)
            search = self._search(
                generation, request.request_id, deadline, able, chat_bounds(route.timeouts), route.timeouts.short_wait
            )
            run = ChatRun(
                request, route, search, generation.secrets, self._recorder, generation.hedgers.get(route.model)
            )
            try:
                async with aclosing(run.events()) as events:
                    yield events
            except RequestFailure as failure:
                failure.usage = tuple(run.usage_so_far())
                raise

    @asynccontextmanager
    async def image(self, request: ImageRequest, deadline: float) -> AsyncIterator[AsyncIterator[RoutedImageEvent]]:
        """As `chat`; pictures are checked already."""
        with self._now as generation:
            route, able = generation.parts.plan.image(request)
            bounds, wait = image_bounds(route.image_timeouts), route.image_timeouts.short_wait
            search = self._search(generation, request.request_id, deadline, able, bounds, wait)
            run = ImageRun(request, search, generation.secrets, self._recorder, generation.config.images)
            try:
                async with aclosing(run.events()) as events:
                    yield events
            except RequestFailure as failure:
                failure.usage = tuple(run.usage_so_far())
                raise

    def _search(
        self,
        generation: _Generation,
        request_id: str,
        deadline: float,
        able: list[Deployment],
        bounds: Bounds,
        short_wait: float,
    ) -> Search:
        self._retries.request(asyncio.get_running_loop().time())
        parts = generation.parts
        terms = Terms(request_id, deadline, bounds, generation.config.routing.attempts, short_wait)

        def label(pool: str, credential: str) -> str:
            return parts.labels.get((pool, credential), pool)

        def pool_size(pool: str) -> int:
            return len(parts.secrets[pool])

        return Search(terms, able, self._store, self._recorder, self._retries, label, pool_size)

    @property
    def problem(self) -> str:
        """What is wrong with the memory of limits, in a sentence; empty: nothing."""
        return self._store.problem

    def knows(self, model: str) -> bool:
        """Whether a configuration or a list has named this model."""
        return self._now.parts.plan.knows(model)

    # --- configuration -------------------------------------------------------------------------

    async def reload(self, config: Config, environ: Mapping[str, str]) -> list[str]:
        """Puts a configuration in force; running requests end on the old one. What changed, in sentences.

        Raises ConfigProblem, having changed nothing.
        """
        parts = build_parts(config, environ)
        before, self._now = self._now, _Generation(config, parts, self._recorder)
        for pool in parts.pools.values():
            self._store.configure(pool)
            await self._store.lift(pool.name)
        self._spawn(self._retire(before))
        self._spawn(self._discover(self._now))
        return differences(before.parts, parts)

    async def _retire(self, generation: _Generation) -> None:
        await generation.idle.wait()
        await generation.close()

    async def _discover(self, generation: _Generation) -> None:
        """Providers whose lists tell something are asked at once and then every few hours."""
        while generation is self._now:
            for name, provider in generation.parts.plan.providers.items():
                secrets = [value for value in generation.parts.secrets[name].values() if value]
                if not provider.declaration.discovers or not secrets:
                    continue
                try:
                    found = await provider.models(secrets[0])
                except UpstreamFailure:
                    continue  # requests will find out; a list is only a help
                for info in found:
                    full = f"{name}/{info.name}"
                    generation.parts.plan.deployments.setdefault(full, Deployment(full, provider, info.name))
            await asyncio.sleep(DISCOVERY_PERIOD)

    def _spawn(self, work: Coroutine[object, object, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._now.close()
        await self._store.close()

    # --- looking -------------------------------------------------------------------------------

    async def refresh(self) -> None:
        """Looks at every breaker and pool again, for `ready` and `models`."""
        self._breakers = await self._store.breakers(list(self._named()))

    def _named(self) -> dict[str, None]:
        return dict.fromkeys(name for route in self._now.parts.plan.routes for name in route.deployments)

    def ready(self) -> bool:
        """At least one deployment of a route can answer, as of the last `refresh`."""
        return any(self._available(name) for name in self._named())

    def _available(self, deployment: str) -> bool:
        view = self._breakers.get(deployment)
        return (
            view is None
            or view.state in ("closed", "half_open")
            or (view.state == "open" and view.probe_at <= time.time())
        )

    def models(self, *, include_deployments: bool) -> list[PublicModel]:
        """Routes in their order, then deployments by name."""
        plan = self._now.parts.plan
        found = [self._public(route.model, route.aliases, route, is_deployment=False) for route in plan.routes]
        if include_deployments:
            names = sorted(plan.deployments)
            found += [self._public(name, (), Route(name, (name,)), is_deployment=True) for name in names]
        return found

    def _public(self, name: str, aliases: tuple[str, ...], route: Route, *, is_deployment: bool) -> PublicModel:
        able = [self._now.parts.plan.deployments[one].capabilities for one in route.deployments]
        tasks = tuple(task for task in Task if any(one.can(task) for one in able))
        available = any(self._available(one) for one in route.deployments)
        return PublicModel(name, aliases, tasks, route.deployments, union(able), available, is_deployment)

    async def snapshot(self) -> Snapshot:
        """Everything that the status shows about routing."""
        await self.refresh()
        parts = self._now.parts
        named = self._named()
        providers = []
        for name, provider in parts.plan.providers.items():
            views = await self._store.credentials(name)
            mine = [one for one in named if one.partition("/")[0] == name]
            deployments = tuple(
                DeploymentSnapshot(one, view.state, view.probe_at, view.reason)
                for one in mine
                if (view := self._breakers[one])
            )
            credentials = tuple(self._credential(parts, name, view) for view in views)
            providers.append(ProviderSnapshot(name, provider.declaration.kind, credentials, deployments))
        routes = tuple(
            RouteSnapshot(route.model, route.deployments, any(self._available(one) for one in route.deployments))
            for route in parts.plan.routes
        )
        warnings = [*parts.warnings]
        if self._store.backend == "redis_lost":
            warnings.append("Redis cannot be reached: pools and breakers are kept in this process alone until it can.")
        if self._store.problem:
            warnings.append(self._store.problem)
        return Snapshot(
            self.ready(),
            str(self._store.backend),
            tuple(providers),
            routes,
            tuple(reversed(self._handovers)),
            tuple(warnings),
        )

    @staticmethod
    def _credential(parts: Parts, pool: str, view: CredentialView) -> CredentialSnapshot:
        state = "quarantine" if view.quarantined else "cooldown" if view.wakes_at else "ready"
        label = parts.labels.get((pool, view.id), pool)
        return CredentialSnapshot(
            label, state, view.wakes_at, view.in_flight, view.reason, view.calls, view.remaining, view.model_rests
        )


class _Recorder:
    """Remembers handovers for the status and passes everything on."""

    def __init__(self, observer: Observer, handovers: deque[HandoverSnapshot]) -> None:
        self._handovers = handovers
        self._observer = observer
        self.attempt_started: Callable[[str, str, str, int], None] = observer.attempt_started
        self.attempt_ended = observer.attempt_ended
        self.hedged = observer.hedged
        self.waited = observer.waited
        self.state_backend = observer.state_backend

    def handed_over(
        self, request_id: str, from_deployment: str, to_deployment: str, reason: str, keep_chars: int
    ) -> None:
        self._handovers.append(
            HandoverSnapshot(time.time(), request_id, from_deployment, to_deployment, reason, keep_chars)
        )
        self._observer.handed_over(request_id, from_deployment, to_deployment, reason, keep_chars)


def chat_bounds(timeouts: Timeouts) -> Bounds:
    return Bounds(
        timeouts.headers, timeouts.first_token, timeouts.idle, timeouts.total, timeouts.slowest, timeouts.slowest_window
    )


def image_bounds(timeouts: ImageTimeouts) -> Bounds:
    return Bounds(timeouts.headers, timeouts.idle, timeouts.idle, timeouts.total)


def union(able: list[Capabilities]) -> Capabilities:
    """What at least one can do."""
    if not able:
        return Capabilities()
    flags = {
        name: any(getattr(one, name) for one in able)
        for name in ("chat", "vision", "image", "streaming", "prefill", "input_image")
    }
    return msgspec.structs.replace(
        able[0],
        **flags,
        settings=frozenset().union(*(one.settings for one in able)),
        context_tokens=max(one.context_tokens for one in able),
        max_side=max(one.max_side for one in able),
    )


def differences(before: Parts, after: Parts) -> list[str]:
    """What a reload changed, one sentence each."""
    changes = []
    for what, old, new in (
        ("provider", set(before.plan.providers), set(after.plan.providers)),
        ("route", {one.model for one in before.plan.routes}, {one.model for one in after.plan.routes}),
        ("credential", set(before.labels.values()), set(after.labels.values())),
    ):
        changes += [f"The {what} {name} was added." for name in sorted(new - old)]
        changes += [f"The {what} {name} was removed." for name in sorted(old - new)]
    former = {one.model: one for one in before.plan.routes}
    changes += [f"The route {one.model} was changed." for one in after.plan.routes if former.get(one.model, one) != one]
    return changes
