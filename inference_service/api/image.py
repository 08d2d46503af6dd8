"""The Image RPC: pictures leave in chunks, so that no message is large and a slow reader holds back only itself."""

import time
from collections.abc import Iterator

from antiphon.config.model import Scope
from antiphon.v1 import image_pb2
from inference_service.api import convert, status, validate
from inference_service.api.door import Admission, Context
from inference_service.api.parts import Shared
from inference_service.domain import (
    CheckedPicture,
    Finished,
    Handover,
    Notice,
    Preview,
    Progress,
    RoutedImageEvent,
    Started,
    UsageRecord,
)
from inference_service.failures import RequestFailure

CHUNK = 256 * 1024  # measured: the fastest size over gRPC


async def image(shared: Shared, context: Context) -> None:
    async def handle(request: image_pb2.ImageRequest, admission: Admission) -> None:
        violations = await validate.image(request, shared.router.max_pixels)
        if violations:
            await status.refuse_violations(context, violations)
        await _draw(shared, request, context, admission)

    longest = shared.door.settings.image_deadline
    await shared.door.run(context, image_pb2.ImageRequest, Scope.IMAGE, longest, handle)


async def _draw(shared: Shared, request: image_pb2.ImageRequest, context: Context, admission: Admission) -> None:
    asked = convert.image_request(request, admission.request_id, admission.caller)
    records: list[UsageRecord] = []
    began, failure, pictures = time.monotonic(), "cancelled", 0
    span = shared.traces.request("image", asked.model, admission)
    try:
        async with shared.router.image(asked, admission.deadline) as events:
            async for event in events:
                pictures += isinstance(event, CheckedPicture)
                if isinstance(event, UsageRecord):
                    records.append(event)
                for response in responses(event, admission.request_id, pictures):
                    await context.write(response)
        failure = ""
    except RequestFailure as failed:
        failure = status.CODES[failed.outcome][0].name.lower()
        records.extend(failed.usage)
        raise
    finally:
        span.end(failure)
        shared.metrics.request_ended(
            "image", shared.known_model(asked.model), time.monotonic() - began, failure, None, records
        )
        shared.ledger.record(asked.caller, records)
        tokens = sum(one.usage.prompt_tokens + one.usage.completion_tokens for one in records)
        await shared.door.budgets.settle(admission.caller, admission.config, tokens)


def responses(event: RoutedImageEvent, request_id: str, pictures: int) -> Iterator[image_pb2.ImageResponse]:
    match event:
        case Started():
            yield image_pb2.ImageResponse(started=convert.started(event, request_id))
        case Progress():
            yield image_pb2.ImageResponse(progress=convert.progress(event))
        case Preview():
            yield image_pb2.ImageResponse(preview=convert.preview(event))
        case Notice():
            yield image_pb2.ImageResponse(notice=convert.notice(event))
        case Handover():
            yield image_pb2.ImageResponse(handover=convert.handover(event))
        case UsageRecord():
            yield image_pb2.ImageResponse(usage=convert.usage(event))
        case CheckedPicture():
            yield image_pb2.ImageResponse(image=convert.image_header(event))
            for start in range(0, len(event.data), CHUNK):
                yield image_pb2.ImageResponse(chunk=event.data[start : start + CHUNK])
        case Finished():
            yield image_pb2.ImageResponse(finished=convert.image_finished(event, pictures))
