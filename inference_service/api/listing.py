"""ListModels and GetUsage."""

import time
from typing import Any

from antiphon.config.model import Scope
from antiphon.names import deployment_of, deployments_of
from antiphon.v1 import models_pb2, usage_pb2
from inference_service.api import convert, status, validate
from inference_service.api.door import LOCAL, Admission, Context
from inference_service.api.parts import Shared
from inference_service.routing.snapshot import PublicModel
from inference_service.usage.ledger import HOUR, KEPT_HOURS

SOON = 10.0  # seconds a listing may take


async def list_models(shared: Shared, context: Context) -> None:
    async def handle(request: models_pb2.ListModelsRequest, _: Admission) -> None:
        answer = models_pb2.ListModelsResponse(max_request_bytes=shared.door.settings.max_request_bytes)
        if request.task not in models_pb2.Task.values():
            await status.refuse_violations(context, [("task", "is not one of CHAT, IMAGE")])
        await shared.router.refresh()
        for model in shared.router.models(include_deployments=request.include_deployments):
            made = _model(model)
            if request.task == models_pb2.TASK_UNSPECIFIED or request.task in made.tasks:
                answer.models.append(made)
        await context.write(answer)

    await shared.door.run(context, models_pb2.ListModelsRequest, None, SOON, handle)


def _model(model: PublicModel) -> models_pb2.Model:
    made = models_pb2.Model(
        name=model.name,
        aliases=model.aliases,
        tasks=[convert.TASKS[task] for task in model.tasks],
        deployments=deployments_of(model.deployments),
        capabilities=convert.capabilities(model.capabilities),
        available=model.available,
        is_deployment=model.is_deployment,
        requests_left=model.requests_left,
    )
    if model.refills_at is not None:
        made.refills_at.CopyFrom(convert.timestamp(model.refills_at))
    return made


async def get_usage(shared: Shared, context: Context) -> None:
    async def handle(request: usage_pb2.GetUsageRequest, admission: Admission) -> None:
        answer = usage_pb2.GetUsageResponse()
        violations = validate.usage(request)
        if violations:
            await status.refuse_violations(context, violations)
        oldest = max(await shared.ledger.began(), time.time() - KEPT_HOURS * HOUR)
        since = max(oldest, request.since.seconds + request.since.nanos / 1e9) if request.HasField("since") else oldest
        since -= since % HOUR
        everybody = admission.caller == LOCAL or Scope.OPERATE in admission.config.scopes
        rows = await shared.ledger.rows(
            caller=None if everybody else admission.caller,
            tenant=request.caller.tenant_id,
            user=request.caller.user_id,
            since=since,
        )
        for deployment, sums in rows:
            values: dict[str, Any] = vars(sums)
            answer.rows.append(usage_pb2.UsageRow(deployment=deployment_of(deployment), **values))
        answer.since.CopyFrom(convert.timestamp(since))
        await context.write(answer)

    await shared.door.run(context, usage_pb2.GetUsageRequest, None, SOON, handle)
