"""How a failed request ends: one canonical code with google.rpc details, never a stack trace or an upstream's words."""

from typing import NoReturn

import grpc
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.message import Message
from google.rpc import code_pb2, error_details_pb2, status_pb2

from antiphon.v1 import errors_pb2
from inference_service import transport
from inference_service.api import convert
from inference_service.api.turns import Violation
from inference_service.failures import Outcome, RequestFailure

DOMAIN = "antiphon"
MOST_ATTEMPTS = 16
PUSHBACK_KEY = "grpc-retry-pushback-ms"
DETAILS_KEY = "grpc-status-details-bin"
CODES: dict[Outcome, tuple[grpc.StatusCode, str]] = {
    Outcome.UNKNOWN_MODEL: (grpc.StatusCode.NOT_FOUND, "UNKNOWN_MODEL"),
    Outcome.INVALID: (grpc.StatusCode.INVALID_ARGUMENT, "INVALID"),
    Outcome.UNSUPPORTED: (grpc.StatusCode.FAILED_PRECONDITION, "UNSUPPORTED"),
    Outcome.FORBIDDEN: (grpc.StatusCode.PERMISSION_DENIED, "NOT_ALLOWED"),
    Outcome.REFUSED: (grpc.StatusCode.FAILED_PRECONDITION, "CONTENT_REFUSED"),
    Outcome.EXHAUSTED: (grpc.StatusCode.RESOURCE_EXHAUSTED, "CREDENTIALS_EXHAUSTED"),
    Outcome.UNAVAILABLE: (grpc.StatusCode.UNAVAILABLE, "NO_DEPLOYMENT_ANSWERED"),
    Outcome.DEADLINE: (grpc.StatusCode.DEADLINE_EXCEEDED, "DEADLINE_EXCEEDED"),
}


def info(reason: str, **metadata: str) -> error_details_pb2.ErrorInfo:
    return error_details_pb2.ErrorInfo(reason=reason, domain=DOMAIN, metadata=metadata)


def retry_info(seconds: float) -> error_details_pb2.RetryInfo:
    return error_details_pb2.RetryInfo(retry_delay=convert.duration(seconds))


def bad_request(violations: list[Violation]) -> error_details_pb2.BadRequest:
    fields = [error_details_pb2.BadRequest.FieldViolation(field=field, description=text) for field, text in violations]
    return error_details_pb2.BadRequest(field_violations=fields)


async def refuse(context: transport.Call, code: grpc.StatusCode, message: str, *details: Message) -> NoReturn:
    """Ends the call. Details travel as trailing metadata, so they are few and small."""
    packed = []
    for detail in details:
        box = AnyMessage()
        box.Pack(detail)
        packed.append(box)
    status = status_pb2.Status(code=getattr(code_pb2, code.name), message=message, details=packed)
    # What was set before (the request id) is kept.
    before = context.trailing_metadata() or ()
    # The router has tried everything there is; a client that retries at once would only double the attempts.
    push_back = () if any(key == PUSHBACK_KEY for key, _ in before) else ((PUSHBACK_KEY, "-1"),)
    trailing = (*before, *push_back, (DETAILS_KEY, status.SerializeToString()))
    await context.abort(code, message, trailing)
    raise AssertionError("abort has raised")  # pragma: no cover


async def refuse_violations(context: transport.Call, violations: list[Violation]) -> NoReturn:
    first = "; ".join(f"{field}: {text}" for field, text in violations[:3])
    await refuse(context, grpc.StatusCode.INVALID_ARGUMENT, first, bad_request(violations), info("INVALID"))


async def refuse_failure(context: transport.Call, failure: RequestFailure) -> NoReturn:
    code, reason = CODES[failure.outcome]
    details: list[Message] = [info(reason, **({"cause": failure.reason} if failure.reason else {}))]
    if failure.field:
        details.append(bad_request([(failure.field, failure.message)]))
    if failure.outcome in (Outcome.REFUSED, Outcome.UNSUPPORTED):
        violation = error_details_pb2.PreconditionFailure.Violation(
            type=reason, subject=failure.field, description=failure.message
        )
        details.append(error_details_pb2.PreconditionFailure(violations=[violation]))
    if failure.retry_after is not None:
        details.append(retry_info(failure.retry_after))
    if failure.attempts:
        listed = failure.attempts[:MOST_ATTEMPTS]
        details.append(
            errors_pb2.FailedAttempts(attempts=convert.attempts(listed), omitted=len(failure.attempts) - len(listed))
        )
    await refuse(context, code, failure.message, *details)
