"""Turns a failed call into one of the errors of `antiphon.errors`."""

import grpc
from google.rpc import error_details_pb2, status_pb2

from antiphon import errors
from antiphon.v1 import errors_pb2
from antiphon.wire import attempts, seconds

REQUEST_ID_KEY, DETAILS_KEY = "antiphon-request-id", "grpc-status-details-bin"
DOMAIN = "antiphon"


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
