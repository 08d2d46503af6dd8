"""ListModels and GetUsage."""

import math
import time
from collections.abc import Sequence
from typing import Any, TypeVar

from google.protobuf.timestamp_pb2 import Timestamp

from antiphon.config.model import Scope
from antiphon.names import deployment_of, deployments_of
from antiphon.v1 import models_pb2, usage_pb2
from inference_service.api import convert, status, validate
from inference_service.api.door import LOCAL, Admission, Context
from inference_service.api.parts import Shared
from inference_service.api.turns import InvalidRequestError
from inference_service.routing.snapshot import PublicModel
from inference_service.usage.grouping import Dimension, Group, WrongPageError, grouped, page_of
from inference_service.usage.ledger import HOUR, KEPT_HOURS, Sums

T = TypeVar("T")
DEFAULT_PAGE = MOST_ROWS = 1_000
DIMENSIONS = {
    usage_pb2.USAGE_DIMENSION_DEPLOYMENT: Dimension.DEPLOYMENT,
    usage_pb2.USAGE_DIMENSION_CALLER: Dimension.CALLER,
    usage_pb2.USAGE_DIMENSION_TENANT: Dimension.TENANT,
    usage_pb2.USAGE_DIMENSION_USER: Dimension.USER,
    usage_pb2.USAGE_DIMENSION_MODEL: Dimension.MODEL,
    usage_pb2.USAGE_DIMENSION_DAY: Dimension.DAY,
}
SOON = 10.0  # seconds a listing may take


async def list_models(shared: Shared, context: Context) -> None:
    async def handle(request: models_pb2.ListModelsRequest, _: Admission) -> None:
        answer = models_pb2.ListModelsResponse(max_request_bytes=shared.door.settings.max_request_bytes)
        if request.task not in models_pb2.Task.values():
            await status.refuse_violations(context, [("task", "is not one of CHAT, IMAGE, EMBED, TRANSCRIBE")])
        if request.page_size > MOST_ROWS:
            raise InvalidRequestError([("page_size", f"is {request.page_size}; 1 to {MOST_ROWS:,} is allowed")])
        await shared.router.refresh()
        models = map(_model, shared.router.models(include_deployments=request.include_deployments))
        wanted = [model for model in models if request.task in (models_pb2.TASK_UNSPECIFIED, *model.tasks)]
        page, answer.next_page_token = paged(wanted, request)
        answer.models.extend(page)
        await context.write(answer)

    await shared.door.run(context, models_pb2.ListModelsRequest, None, SOON, handle)


def _model(model: PublicModel) -> models_pb2.Model:
    listed = models_pb2.Model(
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
        listed.refills_at.CopyFrom(convert.timestamp(model.refills_at))
    return listed


async def get_usage(shared: Shared, context: Context) -> None:
    async def handle(request: usage_pb2.GetUsageRequest, admission: Admission) -> None:
        answer = usage_pb2.GetUsageResponse()
        if violations := validate.usage(request):
            raise InvalidRequestError(violations)
        oldest = max(await shared.ledger.began(), time.time() - KEPT_HOURS * HOUR)
        since = max(oldest, seconds(request.since)) if request.HasField("since") else oldest
        since -= since % HOUR
        everybody = admission.caller == LOCAL or Scope.OPERATE in admission.config.scopes
        rows = await shared.ledger.rows(
            caller=None if everybody else admission.caller,
            tenant=request.caller.tenant_id,
            user=request.caller.user_id,
            since=since,
            until=seconds(request.until) if request.HasField("until") else math.inf,
        )
        by = [DIMENSIONS[dimension] for dimension in request.group_by] or [Dimension.DEPLOYMENT]
        page, answer.next_page_token = paged(grouped(rows, by), request, DEFAULT_PAGE)
        answer.rows.extend(usage_row(group, sums) for group, sums in page)
        answer.since.CopyFrom(convert.timestamp(since))
        await context.write(answer)

    await shared.door.run(context, usage_pb2.GetUsageRequest, None, SOON, handle)


def seconds(moment: Timestamp) -> float:
    return float(moment.seconds + moment.nanos / 1e9)


def usage_row(group: Group, sums: Sums) -> usage_pb2.UsageRow:
    return usage_pb2.UsageRow(
        deployment=deployment_of(group.deployment),
        caller=group.caller,
        tenant_id=group.tenant,
        user_id=group.user,
        model=group.model,
        day=convert.timestamp(group.day) if group.day else None,
        **{name: number for name, number in vars(sums).items() if name != "questions"},
    )


def paged(rows: Sequence[T], request: Any, usual: int = 0) -> tuple[Sequence[T], str]:
    """One page of what the request lists; a page token is valid only for the same request. Raises InvalidRequestError."""
    same = type(request)()
    same.CopyFrom(request)
    same.ClearField("page_token")
    try:
        return page_of(rows, request.page_size or usual, request.page_token, same.SerializeToString(deterministic=True))
    except WrongPageError:
        raise InvalidRequestError(
            [("page_token", "does not belong to this list: request the first page again")]
        ) from None
