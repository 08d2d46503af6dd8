"""Between protobuf and the client's plain values; the only place of the client that knows both."""

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
LARGEST_IMAGE = 10 * 1024 * 1024  # by the contract
REQUEST_ID_KEY, DETAILS_KEY = "antiphon-request-id", "grpc-status-details-bin"
DOMAIN = "antiphon"


def message(given: events.Message) -> chat_pb2.Message:
    return chat_pb2.Message(role=ROLES[given.role], parts=[_part(part) for part in given.parts])


def _part(part: events.Text | events.Image) -> chat_pb2.Part:
    return chat_pb2.Part(text=part.text) if isinstance(part, events.Text) else chat_pb2.Part(image=picture(part))


def picture(given: events.Image) -> chat_pb2.InlineImage:
    return chat_pb2.InlineImage(mime_type=given.mime, data=given.data)


def sampling(given: events.Sampling) -> chat_pb2.Sampling:
    return chat_pb2.Sampling(**asdict(given))


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
    return events.Started(given.request_id, given.deployment, given.attempt)


def progress(given: common_pb2.Progress) -> events.Progress:
    return events.Progress(
        given.stage,
        given.fraction if given.HasField("fraction") else None,
        given.queue_position if given.HasField("queue_position") else None,
        seconds(given.eta) if given.HasField("eta") else None,
    )


def notice(given: common_pb2.Notice) -> events.Notice:
    kind = common_pb2.NoticeKind.Name(given.kind).removeprefix("NOTICE_KIND_").lower()
    return events.Notice(kind, given.field, given.message)


def handover(given: common_pb2.Handover) -> events.Handover:
    return events.Handover(given.from_deployment, given.to_deployment, given.reason, given.keep_chars, given.attempt)


def usage(given: common_pb2.Usage) -> events.Usage:
    return events.Usage(
        given.deployment,
        given.prompt_tokens,
        given.completion_tokens,
        given.reasoning_tokens,
        given.images,
        given.estimated,
        given.discarded,
    )


def attempts(given: Sequence[common_pb2.Attempt]) -> tuple[errors.FailedAttempt, ...]:
    return tuple(
        errors.FailedAttempt(one.deployment, one.failure, one.http_status, seconds(one.duration)) for one in given
    )


def finished(given: chat_pb2.ChatFinished) -> events.Finished:
    return events.Finished(
        chat_pb2.FinishReason.Name(given.reason).removeprefix("FINISH_REASON_").lower(),
        given.total_chars,
        seconds(given.time_to_first_token) if given.HasField("time_to_first_token") else None,
        given.attempts,
        given.deployment,
        attempts(given.failed_attempts),
    )


def image_finished(given: image_pb2.ImageFinished) -> events.ImageFinished:
    return events.ImageFinished(
        given.images, seconds(given.duration), given.attempts, given.deployment, attempts(given.failed_attempts)
    )


def model(given: models_pb2.Model) -> events.Model:
    can = given.capabilities
    return events.Model(
        given.name,
        tuple(given.aliases),
        tuple(models_pb2.Task.Name(task).removeprefix("TASK_").lower() for task in given.tasks),
        tuple(given.deployments),
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


# --- errors ------------------------------------------------------------------------------------


def error_of(failed: grpc.aio.AioRpcError, text: str = "", request_id: str = "") -> errors.AntiphonError:
    """The typed error of a call that failed. `text`: what of the answer had arrived."""
    details = status_pb2.Status()
    for key, value in failed.trailing_metadata() or ():
        if key == REQUEST_ID_KEY:
            request_id = str(value)
        elif key == DETAILS_KEY and isinstance(value, bytes):
            details.ParseFromString(value)
    info, retry, bad, tried = _unpack(details)
    kind, message_ = _kind(failed, info, text)
    made = kind(
        message_,
        request_id=request_id,
        retry_after=seconds(retry.retry_delay) if retry is not None else None,
        attempts=attempts(tried.attempts) if tried is not None else (),
        reason=info.reason if info is not None else "",
    )
    if isinstance(made, errors.InvalidRequest) and bad is not None:
        made.violations = [(one.field, one.description) for one in bad.field_violations]
    if isinstance(made, errors.Interrupted):
        made.text = text
    return made


def nobody_answered(failed: grpc.aio.AioRpcError) -> bool:
    """Whether there was no connection, or it broke, or a service that is leaving was at its other end."""
    return failed.code() == grpc.StatusCode.UNAVAILABLE and error_of(failed).reason in ("", "DRAINING")


def _unpack(
    details: status_pb2.Status,
) -> tuple[
    error_details_pb2.ErrorInfo | None,
    error_details_pb2.RetryInfo | None,
    error_details_pb2.BadRequest | None,
    errors_pb2.FailedAttempts | None,
]:
    info, retry = error_details_pb2.ErrorInfo(), error_details_pb2.RetryInfo()
    bad, tried = error_details_pb2.BadRequest(), errors_pb2.FailedAttempts()
    found = [any(box.Unpack(into) for box in details.details) for into in (info, retry, bad, tried)]
    return (
        info if found[0] and info.domain == DOMAIN else None,
        retry if found[1] else None,
        bad if found[2] else None,
        tried if found[3] else None,
    )


def _kind(
    failed: grpc.aio.AioRpcError, info: error_details_pb2.ErrorInfo | None, text: str
) -> tuple[type[errors.AntiphonError], str]:
    said = failed.details() or failed.code().name
    match failed.code():
        case grpc.StatusCode.INVALID_ARGUMENT | grpc.StatusCode.ALREADY_EXISTS | grpc.StatusCode.OUT_OF_RANGE:
            return errors.InvalidRequest, said
        case grpc.StatusCode.NOT_FOUND:
            return errors.UnknownModel, said
        case grpc.StatusCode.FAILED_PRECONDITION:
            refused = info is not None and info.reason == "CONTENT_REFUSED"
            return (errors.ContentRefused if refused else errors.Unsupported), said
        case grpc.StatusCode.UNAUTHENTICATED:
            return errors.Unauthenticated, said
        case grpc.StatusCode.PERMISSION_DENIED:
            return errors.PermissionDenied, said
        case grpc.StatusCode.DEADLINE_EXCEEDED:
            return errors.DeadlineExceeded, "the answer was not whole in time"
        case grpc.StatusCode.RESOURCE_EXHAUSTED:
            if info is not None:
                return errors.QuotaExceeded, said
            # A limit of the transport itself, not of any quota.
            if "larger than max" in said:
                return errors.InvalidRequest, "the request is larger than the service accepts"
            return errors.Unavailable, "the service has more to do than it accepts"
        case grpc.StatusCode.UNAVAILABLE if info is None:
            kind = errors.Interrupted if text else errors.ConnectionLost
            return kind, "the connection to the service broke" + (" within the answer" if text else "")
        case grpc.StatusCode.UNIMPLEMENTED:
            return errors.ConnectionLost, "whatever listens there is not Antiphon, or an older one"
    return (errors.Interrupted if text else errors.Unavailable), said
