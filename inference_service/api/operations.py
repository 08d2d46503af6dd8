"""OperationsService: the status, once or as a stream, and reloads."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from importlib import metadata

from antiphon.config.load import ConfigError
from antiphon.config.model import Scope
from antiphon.names import deployment_of, deployments_of, failure_of
from antiphon.v1 import operations_pb2 as pb
from antiphon.v1 import quotas_pb2
from inference_service.api import convert, status
from inference_service.api.door import Admission, Context
from inference_service.api.parts import Shared
from inference_service.credentials.types import QuotaView
from inference_service.quotas import Clock, Unit
from inference_service.routing.snapshot import CredentialSnapshot, DeploymentSnapshot, Snapshot
from inference_service.telemetry.hour import Sums

SHORTEST, LONGEST, USUAL = 0.25, 60.0, 1.0
A_DAY = 86_400.0
STARTED = time.time()
BACKENDS = {
    "memory": pb.STATE_BACKEND_MEMORY,
    "redis": pb.STATE_BACKEND_REDIS,
    "redis_lost": pb.STATE_BACKEND_REDIS_LOST,
}
CREDENTIALS = {
    "ready": pb.CREDENTIAL_STATE_READY,
    "cooldown": pb.CREDENTIAL_STATE_COOLDOWN,
    "quarantine": pb.CREDENTIAL_STATE_QUARANTINE,
}
BREAKERS = {
    "closed": pb.BREAKER_STATE_CLOSED,
    "open": pb.BREAKER_STATE_OPEN,
    "half_open": pb.BREAKER_STATE_HALF_OPEN,
    "benched": pb.BREAKER_STATE_BENCHED,
}
UNITS = {
    Unit.REQUESTS: quotas_pb2.QUOTA_UNIT_REQUESTS,
    Unit.TOKENS: quotas_pb2.QUOTA_UNIT_TOKENS,
    Unit.PICTURES: quotas_pb2.QUOTA_UNIT_PICTURES,
    Unit.MONEY: quotas_pb2.QUOTA_UNIT_MONEY,
    Unit.CONCURRENT: quotas_pb2.QUOTA_UNIT_CONCURRENT,
}
CLOCKS = {
    Clock.ROLLING: quotas_pb2.QUOTA_CLOCK_ROLLING,
    Clock.WALL: quotas_pb2.QUOTA_CLOCK_WALL,
    Clock.PACIFIC: quotas_pb2.QUOTA_CLOCK_PACIFIC,
    Clock.FIRST_USE: quotas_pb2.QUOTA_CLOCK_FIRST_USE,
}
Reload = Callable[[], Awaitable[list[str]]]


async def get_status(shared: Shared, context: Context) -> None:
    async def handle(_: pb.GetStatusRequest, __: Admission) -> None:
        await context.write(pb.GetStatusResponse(status=await now(shared)))

    await shared.door.run(context, pb.GetStatusRequest, Scope.OPERATE, 10.0, handle)


async def watch_status(shared: Shared, context: Context) -> None:
    async def handle(request: pb.WatchStatusRequest, _: Admission) -> None:
        seconds = request.interval.seconds + request.interval.nanos / 1e9 if request.HasField("interval") else USUAL
        if not SHORTEST <= seconds <= LONGEST:
            await status.refuse_violations(
                context, [("interval", f"is {seconds:g} s; {SHORTEST} s to {LONGEST:g} s is allowed")]
            )
        while not shared.door.draining:
            await context.write(pb.WatchStatusResponse(status=await now(shared)))
            await asyncio.sleep(seconds)

    await shared.door.run(context, pb.WatchStatusRequest, Scope.OPERATE, A_DAY, handle)


async def reload(shared: Shared, context: Context, do_reload: Reload) -> None:
    async def handle(_: pb.ReloadConfigRequest, __: Admission) -> None:
        try:
            changes = await do_reload()
        except ConfigError as error:
            problems = [(key, f"{text} (in {error.source})") for key, text in error.problems]
            await status.refuse_violations(context, problems)
        await context.write(pb.ReloadConfigResponse(changes=changes))

    await shared.door.run(context, pb.ReloadConfigRequest, Scope.OPERATE, 60.0, handle)


async def now(shared: Shared) -> pb.Status:
    """The current status."""
    snapshot = await shared.router.snapshot()
    status = pb.Status(
        time=convert.timestamp(time.time()),
        version=metadata.version("antiphon"),
        uptime=convert.duration(time.time() - STARTED),
        ready=snapshot.ready and not shared.door.leaving,
        draining=shared.door.leaving,
        state_backend=BACKENDS[snapshot.backend],
        live_requests=shared.door.working,
        warnings=snapshot.warnings,
        openai_url=shared.openai_url,
    )
    _providers(status, snapshot, shared)
    for route in snapshot.routes:
        members = deployments_of(route.deployments)
        status.routes.append(pb.RouteStatus(model=route.model, deployments=members, available=route.available))
    for handover in snapshot.handovers:
        status.recent_handovers.append(
            pb.HandoverRecord(
                time=convert.timestamp(handover.at),
                request_id=handover.request_id,
                from_deployment=deployment_of(handover.from_deployment),
                to_deployment=deployment_of(handover.to_deployment),
                reason=failure_of(handover.reason),
                keep_chars=handover.keep_chars,
            )
        )
    hour = shared.metrics.hour()
    status.last_hour.requests, status.last_hour.failures = hour.count, hour.failed
    status.last_hour.completion_tokens = hour.tokens
    status.last_hour.requests_by_minute.extend(hour.by_minute)
    if hour.median is not None:
        status.last_hour.median_first_token.CopyFrom(convert.duration(hour.median))
    if hour.p95 is not None:
        status.last_hour.p95_first_token.CopyFrom(convert.duration(hour.p95))
    return status


def _providers(status: pb.Status, snapshot: Snapshot, shared: Shared) -> None:
    counted = shared.metrics.deployments()
    shared.metrics.see(snapshot)
    for provider in snapshot.providers:
        status.providers.append(
            pb.ProviderStatus(
                name=provider.name,
                kind=provider.kind,
                credentials=[_credential(deployment) for deployment in provider.credentials],
                deployments=[
                    _deployment(deployment, counted.get(deployment.name)) for deployment in provider.deployments
                ],
                quotas=[_quota(view) for view in provider.quotas],
            )
        )


def _credential(credential: CredentialSnapshot) -> pb.CredentialStatus:
    status = pb.CredentialStatus(
        name=credential.label,
        state=CREDENTIALS[credential.state],
        in_flight=credential.in_flight,
        reason=failure_of(credential.reason),
        calls=credential.calls,
    )
    if credential.wakes_at:
        status.wakes_at.CopyFrom(convert.timestamp(credential.wakes_at))
    if credential.remaining is not None:
        status.remaining_requests = credential.remaining
    for model, until in credential.model_rests.items():
        status.model_limits.append(pb.ModelLimit(upstream_model=model, wakes_at=convert.timestamp(until)))
    return status


def _quota(view: QuotaView) -> quotas_pb2.QuotaStatus:
    status = quotas_pb2.QuotaStatus(
        unit=UNITS[view.unit],
        upstream_model=view.model,
        clock=CLOCKS[view.clock] if view.window else quotas_pb2.QUOTA_CLOCK_UNSPECIFIED,
        limit=view.limit,
        used=view.used,
        left=view.left,
        declared=view.declared,
    )
    if view.window:
        status.window.CopyFrom(convert.duration(view.window))
    if view.refills_at is not None:
        status.refills_at.CopyFrom(convert.timestamp(view.refills_at))
    if view.runs_out_at is not None:
        status.runs_out_at.CopyFrom(convert.timestamp(view.runs_out_at))
    return status


def _deployment(deployment: DeploymentSnapshot, hour: Sums | None) -> pb.DeploymentStatus:
    status = pb.DeploymentStatus(
        deployment=deployment_of(deployment.name),
        breaker=BREAKERS[deployment.breaker],
        reason=failure_of(deployment.reason),
    )
    if deployment.probe_at:
        status.probe_at.CopyFrom(convert.timestamp(deployment.probe_at))
    if hour is not None:
        status.attempts, status.failures = hour.count, hour.failed
        if hour.median is not None:
            status.median_first_token.CopyFrom(convert.duration(hour.median))
    return status
