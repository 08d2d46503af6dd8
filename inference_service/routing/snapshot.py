"""The state of routing, for ListModels and the status. Moments are epoch seconds, 0: none."""

from msgspec import Struct

from inference_service.credentials.types import QuotaView
from inference_service.domain import Capabilities, Task


class PublicModel(Struct, frozen=True):
    name: str
    aliases: tuple[str, ...]
    tasks: tuple[Task, ...]
    deployments: tuple[str, ...]
    capabilities: Capabilities
    available: bool
    is_deployment: bool
    requests_left: int | None = None
    refills_at: float | None = None


class CredentialSnapshot(Struct, frozen=True):
    label: str
    state: str  # ready, cooldown, quarantine
    wakes_at: float
    in_flight: int
    reason: str
    calls: int
    remaining: int | None
    model_rests: dict[str, float]


class DeploymentSnapshot(Struct, frozen=True):
    name: str
    breaker: str
    probe_at: float
    reason: str


class ProviderSnapshot(Struct, frozen=True):
    name: str
    kind: str
    credentials: tuple[CredentialSnapshot, ...]
    deployments: tuple[DeploymentSnapshot, ...]
    quotas: tuple[QuotaView, ...] = ()


class RouteSnapshot(Struct, frozen=True):
    model: str
    deployments: tuple[str, ...]
    available: bool


class HandoverSnapshot(Struct, frozen=True):
    at: float
    request_id: str
    from_deployment: str
    to_deployment: str
    reason: str
    keep_chars: int


class Snapshot(Struct, frozen=True):
    ready: bool
    backend: str
    providers: tuple[ProviderSnapshot, ...]
    routes: tuple[RouteSnapshot, ...]
    handovers: tuple[HandoverSnapshot, ...]
    warnings: tuple[str, ...]
