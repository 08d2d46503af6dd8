"""The state of routing, for readiness, ListModels and the status."""

import time
from collections import deque

import msgspec

from inference_service.credentials.forecast import requests_left
from inference_service.credentials.types import BreakerView, CredentialView, QuotaView, StateStore
from inference_service.domain import Capabilities, Task
from inference_service.routing.build import Parts
from inference_service.routing.generation import Generation
from inference_service.routing.learned import Learned
from inference_service.routing.plan import Route
from inference_service.routing.snapshot import (
    CredentialSnapshot,
    DeploymentSnapshot,
    HandoverSnapshot,
    ProviderSnapshot,
    PublicModel,
    RouteSnapshot,
    Snapshot,
)

KEPT_HANDOVERS = 50
FLAGS = ("chat", "vision", "image", "streaming", "prefill", "input_image")


class Overview:
    """`refresh` looks at every breaker, credential and quota; everything else answers from that snapshot."""

    def __init__(self, store: StateStore, learned: Learned) -> None:
        self._store, self._learned = store, learned
        self._breakers: dict[str, BreakerView] = {}
        self._credentials: dict[str, list[CredentialView]] = {}
        self._quotas: dict[str, list[QuotaView]] = {}
        self.used: dict[str, None] = {}  # deployments that requests have named and no route contains
        self.handovers: deque[HandoverSnapshot] = deque(maxlen=KEPT_HANDOVERS)

    async def refresh(self, generation: Generation) -> None:
        self._breakers = await self._store.breakers(self._named(generation))
        self._credentials = {pool: await self._store.credentials(pool) for pool in generation.parts.pools}
        self._quotas = {pool: await self._store.quotas(pool) for pool in generation.parts.pools}

    def _named(self, generation: Generation) -> list[str]:
        """Deployments of routes, and those that have been used."""
        plan = generation.parts.plan
        names = dict.fromkeys(name for route in plan.routes for name in route.deployments)
        return [*names, *(name for name in self.used if name not in names and name in plan.deployments)]

    def ready(self, generation: Generation) -> bool:
        """At least one deployment of a route can answer."""
        return any(self._available(name) for route in generation.parts.plan.routes for name in route.deployments)

    def _available(self, deployment: str) -> bool:
        """Whether calls would be made: a resting key becomes ready by itself, a quarantined one may never."""
        credentials = self._credentials.get(deployment.partition("/")[0], ())
        if credentials and all(credential.quarantined for credential in credentials):
            return False
        view = self._breakers.get(deployment)
        return (
            view is None
            or view.state in ("closed", "half_open")
            or (view.state == "open" and view.probe_at <= time.time())
        )

    def models(self, generation: Generation, *, include_deployments: bool) -> list[PublicModel]:
        """Routes in order, then deployments by name."""
        plan = generation.parts.plan
        models = [self._public(generation, route, is_deployment=False) for route in plan.routes]
        if include_deployments:
            names = sorted(plan.deployments)
            models += [self._public(generation, Route(name, (name,)), is_deployment=True) for name in names]
        return models

    def _public(self, generation: Generation, route: Route, *, is_deployment: bool) -> PublicModel:
        members = [generation.parts.plan.deployments[name] for name in route.deployments]
        able = [self._learned.known(deployment.name, deployment.capabilities) for deployment in members]
        tasks = tuple(task for task in Task if any(can.can(task) for can in able))
        available = any(self._available(name) for name in route.deployments)
        deployments = [generation.parts.plan.deployments[name] for name in route.deployments]
        left, refills = requests_left(
            self._quotas, [(deployment.provider.settings.name, deployment.model) for deployment in deployments]
        )
        return PublicModel(
            route.model, route.aliases, tasks, route.deployments, union(able), available, is_deployment, left, refills
        )

    async def snapshot(self, generation: Generation) -> Snapshot:
        """Everything that the status shows about routing."""
        await self.refresh(generation)
        parts = generation.parts
        providers = [await self._provider(generation, name) for name in parts.plan.providers]
        routes = tuple(
            RouteSnapshot(route.model, route.deployments, any(self._available(name) for name in route.deployments))
            for route in parts.plan.routes
        )
        warnings = [*parts.warnings]
        if self._store.backend == "redis_lost":
            warnings.append("Redis cannot be reached: each process keeps pools and breakers for itself until it can.")
        if self._store.problem:
            warnings.append(self._store.problem)
        return Snapshot(
            self.ready(generation),
            str(self._store.backend),
            tuple(providers),
            routes,
            tuple(reversed(self.handovers)),
            tuple(warnings),
        )

    async def _provider(self, generation: Generation, name: str) -> ProviderSnapshot:
        parts = generation.parts
        views = self._credentials.get(name, [])
        deployments = tuple(
            DeploymentSnapshot(deployment, view.state, view.probe_at, view.reason)
            for deployment in self._named(generation)
            if deployment.partition("/")[0] == name and (view := self._breakers[deployment])
        )
        credentials = tuple(_credential(parts, name, view) for view in views)
        quotas = tuple(self._quotas.get(name, ()))
        return ProviderSnapshot(name, parts.plan.providers[name].declaration.kind, credentials, deployments, quotas)


def _credential(parts: Parts, pool: str, view: CredentialView) -> CredentialSnapshot:
    resting = bool(view.wakes_at or view.model_rests)
    state = "quarantine" if view.quarantined else "cooldown" if resting else "ready"
    label = parts.labels.get((pool, view.id), pool)
    return CredentialSnapshot(
        label, state, view.wakes_at, view.in_flight, view.reason, view.calls, view.remaining, view.model_rests
    )


def union(able: list[Capabilities]) -> Capabilities:
    """What at least one of them can do."""
    if not able:
        return Capabilities()
    return msgspec.structs.replace(
        able[0],
        **{name: any(getattr(can, name) for can in able) for name in FLAGS},
        settings=frozenset().union(*(can.settings for can in able)),
        context_tokens=max(can.context_tokens for can in able),
        max_side=max(can.max_side for can in able),
    )
