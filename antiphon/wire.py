"""Between protobuf and the client's plain values; the only place of the client that knows both."""

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
LARGEST_IMAGE = 10 * 1024 * 1024  # by the contract


def message(given: events.Message) -> chat_pb2.Message:
    return chat_pb2.Message(role=ROLES[given.role], parts=[_part(part) for part in given.parts])


def _part(part: events.Text | events.Image) -> chat_pb2.Part:
    return chat_pb2.Part(text=part.text) if isinstance(part, events.Text) else chat_pb2.Part(image=picture(part))


def picture(given: events.Image) -> chat_pb2.InlineImage:
    return chat_pb2.InlineImage(mime_type=given.mime, data=given.data)


def sampling(given: events.Sampling) -> chat_pb2.Sampling:
    values = {**asdict(given), "reasoning_effort": EFFORTS[given.reasoning_effort]}
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
    """Raises InvalidRequest for values that do not fit on the wire; ranges are the service's to judge."""
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
        problem = errors.InvalidRequest("size and aspect ratio exclude each other")
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
    """A picture that is too large would be refused by the transport, which cannot say which field it was."""
    found = [
        (
            f"messages[{number}].parts[{place}].image.data",
            f"has {len(part.data)} bytes; 1 to {LARGEST_IMAGE} are allowed",
        )
        for number, turn in enumerate(turns)
        for place, part in enumerate(turn.parts)
        if isinstance(part, events.Image) and len(part.data) > LARGEST_IMAGE
    ]
    if found:
        problem = errors.InvalidRequest(f"{found[0][0]}: {found[0][1]}")
        problem.violations = found
        raise problem


def _unsendable(error: ValueError) -> errors.InvalidRequest:
    """A number beyond its type, or text that is no Unicode (half a character from a terminal in another encoding)."""
    if isinstance(error, UnicodeError):
        return errors.InvalidRequest("the text is not valid Unicode")
    return errors.InvalidRequest("a number is far outside of its range")


# --- events ----------------------------------------------------------------------------------


def seconds(given: Duration) -> float:
    return given.ToNanoseconds() / 1e9


def started(given: common_pb2.Started) -> events.Started:
    return events.Started(given.request_id, deployment(given.deployment), given.attempt)


def progress(given: common_pb2.Progress) -> events.Progress:
    return events.Progress(
        given.stage,
        given.fraction if given.HasField("fraction") else None,
        given.queue_position if given.HasField("queue_position") else None,
        seconds(given.eta) if given.HasField("eta") else None,
        stage(given.kind),
    )


def notice(given: common_pb2.Notice) -> events.Notice:
    kind = common_pb2.NoticeKind.Name(given.kind).removeprefix("NOTICE_KIND_").lower()
    return events.Notice(kind, given.field, given.message)


def handover(given: common_pb2.Handover) -> events.Handover:
    return events.Handover(
        deployment(given.from_deployment),
        deployment(given.to_deployment),
        failure(given.reason),
        given.keep_chars,
        given.attempt,
    )


def usage(given: common_pb2.Usage) -> events.Usage:
    return events.Usage(
        deployment(given.deployment),
        given.prompt_tokens,
        given.completion_tokens,
        given.reasoning_tokens,
        given.images,
        given.estimated,
        given.discarded,
    )


def attempts(given: Sequence[common_pb2.Attempt]) -> tuple[errors.FailedAttempt, ...]:
    return tuple(
        errors.FailedAttempt(deployment(one.deployment), failure(one.failure), one.http_status, seconds(one.duration))
        for one in given
    )


def finished(given: chat_pb2.ChatFinished) -> events.Finished:
    return events.Finished(
        chat_pb2.FinishReason.Name(given.reason).removeprefix("FINISH_REASON_").lower(),
        given.total_chars,
        seconds(given.time_to_first_token) if given.HasField("time_to_first_token") else None,
        given.attempts,
        deployment(given.deployment),
        attempts(given.failed_attempts),
    )


def image_finished(given: image_pb2.ImageFinished) -> events.ImageFinished:
    return events.ImageFinished(
        given.images,
        seconds(given.duration),
        given.attempts,
        deployment(given.deployment),
        attempts(given.failed_attempts),
    )


def model(given: models_pb2.Model) -> events.Model:
    can = given.capabilities
    return events.Model(
        given.name,
        tuple(given.aliases),
        tuple(models_pb2.Task.Name(task).removeprefix("TASK_").lower() for task in given.tasks),
        tuple(map(deployment, given.deployments)),
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
        given.available,
        given.is_deployment,
        given.requests_left if given.HasField("requests_left") else None,
        given.refills_at.ToNanoseconds() / 1e9 if given.HasField("refills_at") else None,
    )
