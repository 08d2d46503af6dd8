"""Converts between protobuf and the client's plain values. Nothing else in the client knows both."""

import uuid
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from google.protobuf.duration_pb2 import Duration

from antiphon import errors, events
from antiphon.names import deployment, failure, stage
from antiphon.v1 import chat_pb2, common_pb2, image_pb2, models_pb2

ROLES = {"system": chat_pb2.ROLE_SYSTEM, "user": chat_pb2.ROLE_USER, "assistant": chat_pb2.ROLE_ASSISTANT}
INTERRUPTIONS = {
    None: chat_pb2.ON_INTERRUPTION_UNSPECIFIED,
    "continue": chat_pb2.ON_INTERRUPTION_CONTINUE,
    "restart": chat_pb2.ON_INTERRUPTION_RESTART,
    "fail": chat_pb2.ON_INTERRUPTION_FAIL,
}
EFFORTS = {
    None: chat_pb2.REASONING_EFFORT_UNSPECIFIED,
    "none": chat_pb2.REASONING_EFFORT_NONE,
    "low": chat_pb2.REASONING_EFFORT_LOW,
    "medium": chat_pb2.REASONING_EFFORT_MEDIUM,
    "high": chat_pb2.REASONING_EFFORT_HIGH,
}
FORMATS = {
    None: image_pb2.IMAGE_FORMAT_UNSPECIFIED,
    "png": image_pb2.IMAGE_FORMAT_PNG,
    "jpeg": image_pb2.IMAGE_FORMAT_JPEG,
    "webp": image_pb2.IMAGE_FORMAT_WEBP,
}
TASKS = {None: models_pb2.TASK_UNSPECIFIED, "chat": models_pb2.TASK_CHAT, "image": models_pb2.TASK_IMAGE}
STRICT = {True: common_pb2.UNSUPPORTED_SETTING_REFUSE, False: common_pb2.UNSUPPORTED_SETTING_DROP}
LARGEST_IMAGE = 10 * 1024 * 1024  # from the contract


def message(turn: events.Message) -> chat_pb2.Message:
    return chat_pb2.Message(role=ROLES[turn.role], parts=[_part(part) for part in turn.parts])


def _part(part: events.Text | events.Image) -> chat_pb2.Part:
    return chat_pb2.Part(text=part.text) if isinstance(part, events.Text) else chat_pb2.Part(image=picture(part))


def picture(image: events.Image) -> chat_pb2.InlineImage:
    return chat_pb2.InlineImage(mime_type=image.mime, data=image.data)


def sampling(settings: events.Sampling) -> chat_pb2.Sampling:
    values = {**asdict(settings), "reasoning_effort": EFFORTS[settings.reasoning_effort]}
    return chat_pb2.Sampling(**values)


def chat_request(
    model: str,
    turns: Sequence[events.Message],
    chosen: events.Sampling | None,
    on_interruption: str | None,
    strict: bool,
    caller: common_pb2.Caller,
    request_id: str | None,
) -> chat_pb2.ChatRequest:
    """Raises InvalidRequest for values that protobuf cannot hold. The service checks the ranges."""
    _check_sizes(turns)
    try:
        return chat_pb2.ChatRequest(
            model=model,
            messages=[message(turn) for turn in turns],
            sampling=sampling(chosen) if chosen is not None else None,
            on_interruption=INTERRUPTIONS[on_interruption],
            unsupported_setting=STRICT[strict],
            caller=caller,
            request_id=request_id or uuid.uuid4().hex,
        )
    except ValueError as error:
        raise _unsendable(error) from None


def image_request(
    *,
    size: tuple[int, int] | None,
    aspect_ratio: tuple[int, int] | None,
    input_image: events.Image | None,
    request_id: str | None,
    **fields: Any,
) -> image_pb2.ImageRequest:
    """Raises InvalidRequest as `chat_request` does, and for size and aspect ratio together."""
    if size is not None and aspect_ratio is not None:
        problem = errors.InvalidRequest("set a size or an aspect ratio, not both")
        problem.violations = [("shape", "give a size or an aspect ratio, not both")]
        raise problem
    try:
        return image_pb2.ImageRequest(
            size=image_pb2.Size(width=size[0], height=size[1]) if size else None,
            aspect_ratio=image_pb2.AspectRatio(horizontal=aspect_ratio[0], vertical=aspect_ratio[1])
            if aspect_ratio
            else None,
            input_image=picture(input_image) if input_image else None,
            request_id=request_id or uuid.uuid4().hex,
            **fields,
        )
    except ValueError as error:
        raise _unsendable(error) from None


def _check_sizes(turns: Sequence[events.Message]) -> None:
    """Checked here because the transport refuses a large message without naming the field."""
    violations = [
        (
            f"messages[{number}].parts[{place}].image.data",
            f"has {len(part.data)} bytes; 1 to {LARGEST_IMAGE} are allowed",
        )
        for number, turn in enumerate(turns)
        for place, part in enumerate(turn.parts)
        if isinstance(part, events.Image) and len(part.data) > LARGEST_IMAGE
    ]
    if violations:
        problem = errors.InvalidRequest(f"{violations[0][0]}: {violations[0][1]}")
        problem.violations = violations
        raise problem


def _unsendable(error: ValueError) -> errors.InvalidRequest:
    """A number that does not fit its type, or text that is not Unicode (half a character from a terminal in another encoding)."""
    if isinstance(error, UnicodeError):
        return errors.InvalidRequest("the text is not valid Unicode")
    return errors.InvalidRequest("a number is far out of range")


# --- events ----------------------------------------------------------------------------------


def seconds(duration: Duration) -> float:
    return duration.ToNanoseconds() / 1e9


def started(message: common_pb2.Started) -> events.Started:
    return events.Started(message.request_id, deployment(message.deployment), message.attempt)


def progress(message: common_pb2.Progress) -> events.Progress:
    return events.Progress(
        message.stage,
        message.fraction if message.HasField("fraction") else None,
        message.queue_position if message.HasField("queue_position") else None,
        seconds(message.eta) if message.HasField("eta") else None,
        stage(message.kind),
    )


def notice(message: common_pb2.Notice) -> events.Notice:
    kind = common_pb2.NoticeKind.Name(message.kind).removeprefix("NOTICE_KIND_").lower()
    return events.Notice(kind, message.field, message.message)


def handover(message: common_pb2.Handover) -> events.Handover:
    return events.Handover(
        deployment(message.from_deployment),
        deployment(message.to_deployment),
        failure(message.reason),
        message.keep_chars,
        message.attempt,
    )


def usage(message: common_pb2.Usage) -> events.Usage:
    return events.Usage(
        deployment(message.deployment),
        message.prompt_tokens,
        message.completion_tokens,
        message.reasoning_tokens,
        message.images,
        message.estimated,
        message.discarded,
    )


def attempts(messages: Sequence[common_pb2.Attempt]) -> tuple[errors.FailedAttempt, ...]:
    return tuple(
        errors.FailedAttempt(
            deployment(attempt.deployment), failure(attempt.failure), attempt.http_status, seconds(attempt.duration)
        )
        for attempt in messages
    )


def finished(message: chat_pb2.ChatFinished) -> events.Finished:
    return events.Finished(
        chat_pb2.FinishReason.Name(message.reason).removeprefix("FINISH_REASON_").lower(),
        message.total_chars,
        seconds(message.time_to_first_token) if message.HasField("time_to_first_token") else None,
        message.attempts,
        deployment(message.deployment),
        attempts(message.failed_attempts),
    )


def image_finished(message: image_pb2.ImageFinished) -> events.ImageFinished:
    return events.ImageFinished(
        message.images,
        seconds(message.duration),
        message.attempts,
        deployment(message.deployment),
        attempts(message.failed_attempts),
    )


def model(message: models_pb2.Model) -> events.Model:
    can = message.capabilities
    return events.Model(
        message.name,
        tuple(message.aliases),
        tuple(models_pb2.Task.Name(task).removeprefix("TASK_").lower() for task in message.tasks),
        tuple(map(deployment, message.deployments)),
        events.Capabilities(
            can.vision,
            can.streaming,
            can.prefill,
            can.seed,
            can.negative_prompt,
            can.input_image,
            can.context_tokens,
            can.max_side_pixels,
        ),
        message.available,
        message.is_deployment,
        message.requests_left if message.HasField("requests_left") else None,
        message.refills_at.ToNanoseconds() / 1e9 if message.HasField("refills_at") else None,
    )
