"""Between protobuf and the values of the domain. Requests are checked before they come here."""

from collections.abc import Callable
from typing import Any

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from antiphon.names import deployment_of, failure_of, stage_of
from antiphon.v1 import chat_pb2, common_pb2, image_pb2, models_pb2
from inference_service import domain, settings
from inference_service.domain import (
    Caller,
    CheckedPicture,
    Delta,
    Finished,
    FinishReason,
    Handover,
    ImageFormat,
    ImagePart,
    Message,
    Notice,
    NoticeKind,
    OnInterruption,
    Preview,
    Progress,
    Reasoning,
    Role,
    Started,
    Task,
    TextPart,
    UsageRecord,
)

ROLES = {chat_pb2.ROLE_SYSTEM: Role.SYSTEM, chat_pb2.ROLE_USER: Role.USER, chat_pb2.ROLE_ASSISTANT: Role.ASSISTANT}
INTERRUPTIONS = {
    chat_pb2.ON_INTERRUPTION_CONTINUE: OnInterruption.CONTINUE,
    chat_pb2.ON_INTERRUPTION_RESTART: OnInterruption.RESTART,
    chat_pb2.ON_INTERRUPTION_FAIL: OnInterruption.FAIL,
}
FINISHES = {
    FinishReason.STOP: chat_pb2.FINISH_REASON_STOP,
    FinishReason.LENGTH: chat_pb2.FINISH_REASON_LENGTH,
    FinishReason.CONTENT_FILTER: chat_pb2.FINISH_REASON_CONTENT_FILTER,
    FinishReason.OTHER: chat_pb2.FINISH_REASON_OTHER,
}
NOTICES = {
    NoticeKind.DROPPED: common_pb2.NOTICE_KIND_DROPPED,
    NoticeKind.CHANGED: common_pb2.NOTICE_KIND_CHANGED,
    NoticeKind.INFO: common_pb2.NOTICE_KIND_INFO,
}
FORMATS = {
    image_pb2.IMAGE_FORMAT_PNG: ImageFormat.PNG,
    image_pb2.IMAGE_FORMAT_JPEG: ImageFormat.JPEG,
    image_pb2.IMAGE_FORMAT_WEBP: ImageFormat.WEBP,
}
TASKS = {Task.CHAT: models_pb2.TASK_CHAT, Task.IMAGE: models_pb2.TASK_IMAGE}
REFUSE = common_pb2.UNSUPPORTED_SETTING_REFUSE
LONGEST_STAGE = 80
NOTHING_CHOSEN = settings.Sampling()


def caller_of(name: str, given: common_pb2.Caller) -> Caller:
    return Caller(name, given.tenant_id, given.user_id)


def chat_request(given: chat_pb2.ChatRequest, request_id: str, caller: str) -> domain.ChatRequest:
    return domain.ChatRequest(
        request_id=request_id,
        model=given.model,
        messages=tuple(Message(ROLES[one.role], tuple(_part(part) for part in one.parts)) for one in given.messages),
        sampling=settings.taken(given),
        on_interruption=INTERRUPTIONS.get(given.on_interruption),
        strict=given.unsupported_setting == REFUSE,
        caller=caller_of(caller, given.caller),
    )


def _part(part: chat_pb2.Part) -> domain.Part:
    return TextPart(part.text) if part.WhichOneof("content") == "text" else _picture(part.image)


def _picture(given: chat_pb2.InlineImage) -> ImagePart:
    return ImagePart(given.mime_type, given.data)


def image_request(given: image_pb2.ImageRequest, request_id: str, caller: str) -> domain.ImageRequest:
    shape = given.WhichOneof("shape")
    return domain.ImageRequest(
        request_id=request_id,
        model=given.model,
        prompt=given.prompt,
        negative_prompt=given.negative_prompt,
        size=(given.size.width, given.size.height) if shape == "size" else None,
        aspect_ratio=(given.aspect_ratio.horizontal, given.aspect_ratio.vertical) if shape == "aspect_ratio" else None,
        seed=given.seed if given.HasField("seed") else None,
        steps=given.steps if given.HasField("steps") else None,
        guidance_scale=given.guidance_scale if given.HasField("guidance_scale") else None,
        count=given.count or 1,
        format=FORMATS.get(given.format),
        max_bytes=given.max_bytes or None,
        input_image=_picture(given.input_image) if given.HasField("input_image") else None,
        strict=given.unsupported_setting == REFUSE,
        caller=caller_of(caller, given.caller),
    )


# --- answers ---------------------------------------------------------------------------------


def chat_response(event: domain.RoutedChatEvent, request_id: str) -> chat_pb2.ChatResponse:
    if type(event) is Started:
        return chat_pb2.ChatResponse(started=started(event, request_id))
    return CHAT_RESPONSES[type(event)](event)


def started(event: Started, request_id: str) -> common_pb2.Started:
    return common_pb2.Started(request_id=request_id, deployment=deployment_of(event.deployment), attempt=event.attempt)


def progress(event: Progress) -> common_pb2.Progress:
    made = common_pb2.Progress(stage=event.stage[:LONGEST_STAGE], kind=stage_of(event.stage))
    if event.fraction is not None:
        made.fraction = min(1.0, max(0.0, event.fraction))
    if event.queue_position is not None:
        made.queue_position = max(1, event.queue_position)
    if event.eta is not None:
        made.eta.CopyFrom(duration(event.eta))
    return made


def notice(event: Notice) -> common_pb2.Notice:
    return common_pb2.Notice(kind=NOTICES[event.kind], field=event.field, message=event.message)


def handover(event: Handover) -> common_pb2.Handover:
    return common_pb2.Handover(
        from_deployment=deployment_of(event.from_deployment),
        to_deployment=deployment_of(event.to_deployment),
        reason=failure_of(event.reason),
        keep_chars=event.keep_chars,
        attempt=event.attempt,
    )


def usage(record: UsageRecord) -> common_pb2.Usage:
    return common_pb2.Usage(
        deployment=deployment_of(record.deployment),
        prompt_tokens=record.usage.prompt_tokens,
        completion_tokens=record.usage.completion_tokens,
        reasoning_tokens=record.usage.reasoning_tokens,
        images=record.usage.images,
        estimated=record.estimated,
        discarded=record.discarded,
    )


def attempts(failed: tuple[domain.AttemptRecord, ...]) -> list[common_pb2.Attempt]:
    return [
        common_pb2.Attempt(
            deployment=deployment_of(one.deployment),
            failure=failure_of(one.failure),
            http_status=one.http_status,
            duration=duration(one.duration),
        )
        for one in failed
    ]


def chat_finished(event: Finished) -> chat_pb2.ChatFinished:
    return chat_pb2.ChatFinished(
        reason=FINISHES[event.reason],
        total_chars=event.total_chars,
        attempts=event.attempts,
        failed_attempts=attempts(event.failed),
        deployment=deployment_of(event.deployment),
        time_to_first_token=None if event.first_token is None else duration(event.first_token),
    )


# By type: for each class of ours that an event is not of, a pattern would call a method.
CHAT_RESPONSES: dict[type[Any], Callable[[Any], chat_pb2.ChatResponse]] = {
    Delta: lambda event: chat_pb2.ChatResponse(delta=event.text),
    Reasoning: lambda event: chat_pb2.ChatResponse(reasoning=event.text),
    Progress: lambda event: chat_pb2.ChatResponse(progress=progress(event)),
    Notice: lambda event: chat_pb2.ChatResponse(notice=notice(event)),
    Handover: lambda event: chat_pb2.ChatResponse(handover=handover(event)),
    UsageRecord: lambda event: chat_pb2.ChatResponse(usage=usage(event)),
    Finished: lambda event: chat_pb2.ChatResponse(finished=chat_finished(event)),
}


def image_finished(event: Finished, images: int) -> image_pb2.ImageFinished:
    return image_pb2.ImageFinished(
        images=images,
        duration=duration(event.first_token or 0.0),
        attempts=event.attempts,
        failed_attempts=attempts(event.failed),
        deployment=deployment_of(event.deployment),
    )


def image_header(picture: CheckedPicture) -> image_pb2.ImageHeader:
    made = image_pb2.ImageHeader(
        index=picture.index,
        mime_type=picture.mime,
        width=picture.width,
        height=picture.height,
        total_bytes=len(picture.data),
    )
    if picture.seed is not None:
        made.seed = picture.seed
    return made


def preview(event: Preview) -> image_pb2.Preview:
    return image_pb2.Preview(index=event.index, mime_type=event.mime, data=event.data)


def capabilities(can: domain.Capabilities) -> models_pb2.Capabilities:
    return models_pb2.Capabilities(
        vision=can.vision,
        streaming=can.streaming,
        prefill=can.prefill,
        seed=bool(can.settings & {"seed", "sampling.seed"}),
        negative_prompt="negative_prompt" in can.settings,
        input_image=can.input_image,
        context_tokens=can.context_tokens,
        max_side_pixels=can.max_side or max((max(size) for size in can.sizes), default=0),
    )


def duration(seconds: float) -> Duration:
    whole, part = divmod(int(max(0.0, seconds) * 1e9), 1_000_000_000)
    return Duration(seconds=whole, nanos=part)


def timestamp(epoch: float) -> Timestamp:
    made = Timestamp()
    made.FromNanoseconds(int(epoch * 1e9))
    return made
