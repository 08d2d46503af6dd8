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
            told = [(key, f"{text} (in {error.source})") for key, text in error.problems]
            await status.refuse_violations(context, told)
        await context.write(pb.ReloadConfigResponse(changes=changes))

    await shared.door.run(context, pb.ReloadConfigRequest, Scope.OPERATE, 60.0, handle)


async def now(shared: Shared) -> pb.Status:
    """The current status."""
    seen = await shared.router.snapshot()
    made = pb.Status(
        time=convert.timestamp(time.time()),
        version=metadata.version("antiphon"),
        uptime=convert.duration(time.time() - STARTED),
        ready=seen.ready and not shared.door.leaving,
        draining=shared.door.leaving,
        state_backend=BACKENDS[seen.backend],
        live_requests=shared.door.working,
        warnings=seen.warnings,
        openai_url=shared.openai_url,
    )
    _providers(made, seen, shared)
    for route in seen.routes:
        members = deployments_of(route.deployments)
        made.routes.append(pb.RouteStatus(model=route.model, deployments=members, available=route.available))
    for one in seen.handovers:
        made.recent_handovers.append(
            pb.HandoverRecord(
                time=convert.timestamp(one.at),
                request_id=one.request_id,
                from_deployment=deployment_of(one.from_deployment),
                to_deployment=deployment_of(one.to_deployment),
                reason=failure_of(one.reason),
                keep_chars=one.keep_chars,
            )
        )
    hour = shared.metrics.hour()
    made.last_hour.requests, made.last_hour.failures = hour.count, hour.failed
    made.last_hour.completion_tokens = hour.tokens
    made.last_hour.requests_by_minute.extend(hour.by_minute)
    if hour.median is not None:
        made.last_hour.median_first_token.CopyFrom(convert.duration(hour.median))
    if hour.p95 is not None:
        made.last_hour.p95_first_token.CopyFrom(convert.duration(hour.p95))
    return made


def _providers(made: pb.Status, seen: Snapshot, shared: Shared) -> None:
    counted = shared.metrics.deployments()
    shared.metrics.see(seen)
    for provider in seen.providers:
        made.providers.append(
            pb.ProviderStatus(
                name=provider.name,
                kind=provider.kind,
                credentials=[_credential(one) for one in provider.credentials],
                deployments=[_deployment(one, counted.get(one.name)) for one in provider.deployments],
                quotas=[_quota(view) for view in provider.quotas],
            )
        )


def _credential(one: CredentialSnapshot) -> pb.CredentialStatus:
    made = pb.CredentialStatus(
        name=one.label,
        state=CREDENTIALS[one.state],
        in_flight=one.in_flight,
        reason=failure_of(one.reason),
        calls=one.calls,
    )
    if one.wakes_at:
        made.wakes_at.CopyFrom(convert.timestamp(one.wakes_at))
    if one.remaining is not None:
        made.remaining_requests = one.remaining
    for model, until in one.model_rests.items():
        made.model_limits.append(pb.ModelLimit(upstream_model=model, wakes_at=convert.timestamp(until)))
    return made


def _quota(view: QuotaView) -> quotas_pb2.QuotaStatus:
    made = quotas_pb2.QuotaStatus(
        unit=UNITS[view.unit],
        upstream_model=view.model,
        clock=CLOCKS[view.clock] if view.window else quotas_pb2.QUOTA_CLOCK_UNSPECIFIED,
        limit=view.limit,
        used=view.used,
        left=view.left,
        declared=view.declared,
    )
    if view.window:
        made.window.CopyFrom(convert.duration(view.window))
    if view.refills_at is not None:
        made.refills_at.CopyFrom(convert.timestamp(view.refills_at))
    if view.runs_out_at is not None:
        made.runs_out_at.CopyFrom(convert.timestamp(view.runs_out_at))
    return made


def _deployment(one: DeploymentSnapshot, hour: Sums | None) -> pb.DeploymentStatus:
    made = pb.DeploymentStatus(
        deployment=deployment_of(one.name), breaker=BREAKERS[one.breaker], reason=failure_of(one.reason)
    )
    if one.probe_at:
        made.probe_at.CopyFrom(convert.timestamp(one.probe_at))
    if hour is not None:
        made.attempts, made.failures = hour.count, hour.failed
        if hour.median is not None:
            made.median_first_token.CopyFrom(convert.duration(hour.median))
    return made
