"""Converts between protobuf and the client's plain values. Nothing else in the client knows both."""

import uuid
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import grpc
from google.protobuf.duration_pb2 import Duration
from google.rpc import error_details_pb2, status_pb2

from antiphon import errors, events
from antiphon.v1 import chat_pb2, common_pb2, errors_pb2, image_pb2, models_pb2

ROLES = {"system": chat_pb2.ROLE_SYSTEM, "user": chat_pb2.ROLE_USER, "assistant": chat_pb2.ROLE_ASSISTANT}
INTERRUPTIONS = {
    None: chat_pb2.ON_INTERRUPTION_UNSPECIFIED,
    "continue": chat_pb2.ON_INTERRUPTION_CONTINUE,
    "restart": chat_pb2.ON_INTERRUPTION_RESTART,
    "fail": chat_pb2.ON_INTERRUPTION_FAIL,
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
REQUEST_ID_KEY, DETAILS_KEY = "antiphon-request-id", "grpc-status-details-bin"
DOMAIN = "antiphon"


def message(turn: events.Message) -> chat_pb2.Message:
    return chat_pb2.Message(role=ROLES[turn.role], parts=[_part(part) for part in turn.parts])


def _part(part: events.Text | events.Image) -> chat_pb2.Part:
    return chat_pb2.Part(text=part.text) if isinstance(part, events.Text) else chat_pb2.Part(image=picture(part))


def picture(image: events.Image) -> chat_pb2.InlineImage:
    return chat_pb2.InlineImage(mime_type=image.mime, data=image.data)


def sampling(settings: events.Sampling) -> chat_pb2.Sampling:
    return chat_pb2.Sampling(**asdict(settings))


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
    return events.Started(message.request_id, message.deployment, message.attempt)


def progress(message: common_pb2.Progress) -> events.Progress:
    return events.Progress(
        message.stage,
        message.fraction if message.HasField("fraction") else None,
        message.queue_position if message.HasField("queue_position") else None,
        seconds(message.eta) if message.HasField("eta") else None,
    )


def notice(message: common_pb2.Notice) -> events.Notice:
    kind = common_pb2.NoticeKind.Name(message.kind).removeprefix("NOTICE_KIND_").lower()
    return events.Notice(kind, message.field, message.message)


def handover(message: common_pb2.Handover) -> events.Handover:
    return events.Handover(
        message.from_deployment, message.to_deployment, message.reason, message.keep_chars, message.attempt
    )


def usage(message: common_pb2.Usage) -> events.Usage:
    return events.Usage(
        message.deployment,
        message.prompt_tokens,
        message.completion_tokens,
        message.reasoning_tokens,
        message.images,
        message.estimated,
        message.discarded,
    )


def attempts(messages: Sequence[common_pb2.Attempt]) -> tuple[errors.FailedAttempt, ...]:
    return tuple(
        errors.FailedAttempt(attempt.deployment, attempt.failure, attempt.http_status, seconds(attempt.duration))
        for attempt in messages
    )


def finished(message: chat_pb2.ChatFinished) -> events.Finished:
    return events.Finished(
        chat_pb2.FinishReason.Name(message.reason).removeprefix("FINISH_REASON_").lower(),
        message.total_chars,
        seconds(message.time_to_first_token) if message.HasField("time_to_first_token") else None,
        message.attempts,
        message.deployment,
        attempts(message.failed_attempts),
    )


def image_finished(message: image_pb2.ImageFinished) -> events.ImageFinished:
    return events.ImageFinished(
        message.images,
        seconds(message.duration),
        message.attempts,
        message.deployment,
        attempts(message.failed_attempts),
    )


def model(message: models_pb2.Model) -> events.Model:
    can = message.capabilities
    return events.Model(
        message.name,
        tuple(message.aliases),
        tuple(models_pb2.Task.Name(task).removeprefix("TASK_").lower() for task in message.tasks),
        tuple(message.deployments),
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


# --- errors ------------------------------------------------------------------------------------


def error_of(failed: grpc.aio.AioRpcError, text: str = "", request_id: str = "") -> errors.AntiphonError:
    """The typed error for a failed call. `text`: the part of the answer that arrived."""
    details = status_pb2.Status()
    for key, value in failed.trailing_metadata() or ():
        if key == REQUEST_ID_KEY:
            request_id = str(value)
        elif key == DETAILS_KEY and isinstance(value, bytes):
            details.ParseFromString(value)
    info, retry_info, bad_request, failed_attempts = _unpack(details)
    kind, text_ = _kind(failed, info, text)
    error = kind(
        text_,
        request_id=request_id,
        retry_after=seconds(retry_info.retry_delay) if retry_info is not None else None,
        attempts=attempts(failed_attempts.attempts) if failed_attempts is not None else (),
        reason=info.reason if info is not None else "",
    )
    if isinstance(error, errors.InvalidRequest) and bad_request is not None:
        error.violations = [(violation.field, violation.description) for violation in bad_request.field_violations]
    if isinstance(error, errors.Interrupted):
        error.text = text
    return error


def nobody_answered(failed: grpc.aio.AioRpcError) -> bool:
    """Whether the connection failed or broke, or the service at the other end is shutting down."""
    return failed.code() == grpc.StatusCode.UNAVAILABLE and error_of(failed).reason in ("", "DRAINING")


def _unpack(
    details: status_pb2.Status,
) -> tuple[
    error_details_pb2.ErrorInfo | None,
    error_details_pb2.RetryInfo | None,
    error_details_pb2.BadRequest | None,
    errors_pb2.FailedAttempts | None,
]:
    info, retry_info = error_details_pb2.ErrorInfo(), error_details_pb2.RetryInfo()
    bad_request, failed_attempts = error_details_pb2.BadRequest(), errors_pb2.FailedAttempts()
    present = [
        any(box.Unpack(into) for box in details.details) for into in (info, retry_info, bad_request, failed_attempts)
    ]
    return (
        info if present[0] and info.domain == DOMAIN else None,
        retry_info if present[1] else None,
        bad_request if present[2] else None,
        failed_attempts if present[3] else None,
    )


def _kind(
    failed: grpc.aio.AioRpcError, info: error_details_pb2.ErrorInfo | None, text: str
) -> tuple[type[errors.AntiphonError], str]:
    details = failed.details() or failed.code().name
    match failed.code():
        case grpc.StatusCode.INVALID_ARGUMENT | grpc.StatusCode.ALREADY_EXISTS | grpc.StatusCode.OUT_OF_RANGE:
            return errors.InvalidRequest, details
        case grpc.StatusCode.NOT_FOUND:
            return errors.UnknownModel, details
        case grpc.StatusCode.FAILED_PRECONDITION:
            refused = info is not None and info.reason == "CONTENT_REFUSED"
            return (errors.ContentRefused if refused else errors.Unsupported), details
        case grpc.StatusCode.UNAUTHENTICATED:
            return errors.Unauthenticated, details
        case grpc.StatusCode.PERMISSION_DENIED:
            return errors.PermissionDenied, details
        case grpc.StatusCode.DEADLINE_EXCEEDED:
            return errors.DeadlineExceeded, "the answer was not complete in time"
        case grpc.StatusCode.RESOURCE_EXHAUSTED:
            if info is not None:
                return errors.QuotaExceeded, details
            # A limit of the transport, not a quota.
            if "larger than max" in details:
                return errors.InvalidRequest, "the request is larger than the service accepts"
            return errors.Unavailable, "the service is overloaded"
        case grpc.StatusCode.UNAVAILABLE if info is None:
            kind = errors.Interrupted if text else errors.ConnectionLost
            return kind, "the connection to the service broke" + (" within the answer" if text else "")
        case grpc.StatusCode.UNIMPLEMENTED:
            return errors.ConnectionLost, "the server at this address is not Antiphon, or an older version"
    return (errors.Interrupted if text else errors.Unavailable), details
