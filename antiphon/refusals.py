"""How a call that failed becomes one of the errors of `antiphon.errors`."""

import grpc
from google.rpc import error_details_pb2, status_pb2

from antiphon import errors
from antiphon.v1 import errors_pb2
from antiphon.wire import attempts, seconds

REQUEST_ID_KEY, DETAILS_KEY = "antiphon-request-id", "grpc-status-details-bin"
DOMAIN = "antiphon"


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
