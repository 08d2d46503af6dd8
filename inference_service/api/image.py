"""The Image RPC: pictures are sent in chunks, so that no message is large and a slow reader delays only itself."""

from collections.abc import Iterator

from antiphon.config.model import Scope
from antiphon.v1 import image_pb2
from inference_service.api import convert, status, validate
from inference_service.api.deliver import deliver
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

CHUNK = 256 * 1024  # the fastest chunk size over gRPC, as measured


async def image(shared: Shared, context: Context) -> None:
    async def handle(request: image_pb2.ImageRequest, admission: Admission) -> None:
        violations = await validate.image(request, shared.router.images.max_pixels)
        if violations:
            await status.refuse_violations(context, violations)
        order = convert.image_request(request, admission.request_id, admission.caller)
        pictures = 0

        def respond(event: RoutedImageEvent) -> Iterator[image_pb2.ImageResponse]:
            nonlocal pictures
            pictures += isinstance(event, CheckedPicture)
            return responses(event, admission.request_id, pictures)

        await deliver(
            shared,
            context,
            admission,
            "image",
            order.model,
            order.caller,
            lambda: shared.router.image(order, admission.deadline),
            respond,
            request if request.replay else None,
        )

    longest = shared.door.settings.image_deadline
    await shared.door.run(context, image_pb2.ImageRequest, Scope.IMAGE, longest, handle)


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
