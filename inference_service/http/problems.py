"""Translates a gRPC status and its details to an HTTP status and an error object in OpenAI's format. Pure."""

import json
import math
from collections.abc import Callable
from typing import Any

import grpc
from google.rpc import error_details_pb2, status_pb2
from msgspec import Struct

from antiphon import names
from antiphon.v1 import errors_pb2
from inference_service.api.status import DETAILS_KEY

Kind = tuple[int, str, str]  # HTTP status, type, code
Violation = tuple[str, str]  # parameter, what is wrong with it

INVALID, SERVER = "invalid_request_error", "server_error"
MOST_NAMED = 3  # violations in one message
SOON = 5.0  # seconds until a retry, if nobody stated a time
LONGEST_RETRY = 60.0  # seconds; clients that wait for longer on their own would only hold their callers

CODES: dict[grpc.StatusCode, Kind] = {
    grpc.StatusCode.INVALID_ARGUMENT: (400, INVALID, "invalid_value"),
    grpc.StatusCode.FAILED_PRECONDITION: (400, INVALID, "unsupported_value"),
    grpc.StatusCode.UNAUTHENTICATED: (401, "authentication_error", "invalid_api_key"),
    grpc.StatusCode.PERMISSION_DENIED: (403, "permission_error", "insufficient_permissions"),
    grpc.StatusCode.NOT_FOUND: (404, "not_found_error", "model_not_found"),
    grpc.StatusCode.ALREADY_EXISTS: (409, INVALID, "request_id_running"),
    grpc.StatusCode.RESOURCE_EXHAUSTED: (429, "rate_limit_error", "rate_limit_exceeded"),
    grpc.StatusCode.UNIMPLEMENTED: (501, SERVER, "not_implemented"),
    grpc.StatusCode.UNAVAILABLE: (503, SERVER, "service_unavailable"),
    grpc.StatusCode.DEADLINE_EXCEEDED: (504, SERVER, "timeout"),
}
# Codes for which the reason is more specific.
REASONS: dict[str, Kind] = {
    "CONTENT_REFUSED": (400, INVALID, "content_filter"),
    "SERVICE_BUSY": (503, "overloaded_error", "overloaded"),
    "DRAINING": (503, "overloaded_error", "shutting_down"),
}
# Codes for failures that every attempt shares.
FAILURES: dict[str, Kind] = {
    "context_too_long": (400, INVALID, "context_length_exceeded"),
    "invalid_output": (503, SERVER, "invalid_output"),
}
# Nothing was tried for these, so a client's own retry is welcome.
UNTRIED = ("SERVICE_BUSY", "DRAINING", "CALLER_LIMIT")


class Problem(Struct, frozen=True):
    """An error response. `headers` go with it, `extra` into the error's `antiphon` field."""

    status: int
    type: str
    code: str
    message: str
    param: str | None = None
    headers: dict[str, str] = {}
    extra: dict[str, Any] = {}

    def body(self) -> bytes:
        error: dict[str, Any] = {
            "message": self.message,
            "type": self.type,
            "param": self.param,
            "code": self.code,
        }
        if self.extra:
            error["antiphon"] = self.extra
        return json.dumps({"error": error}, ensure_ascii=False).encode()


class Refusal(Exception):
    """The request cannot be translated; nothing was sent to a provider."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.message)
        self.problem = problem


def invalid(param: str | None, text: str, code: str = "invalid_value") -> Refusal:
    return Refusal(Problem(400, INVALID, code, f"{param}: {text}" if param else text, param))


def violated(violations: list[Violation], code: str = "invalid_value") -> Refusal:
    """All violations in one message; `param` is the first."""
    return Refusal(Problem(400, INVALID, code, _sentence(violations), violations[0][0]))


def too_large(limit: int) -> Refusal:
    text = f"the body is larger than {limit:,} bytes, the maximum (service.max_request_bytes)"
    return Refusal(Problem(413, INVALID, "request_too_large", text, headers={"Connection": "close"}))


def not_found(path: str) -> Problem:
    text = f"there is no endpoint {path[:200]!r}; try /v1/models, /v1/chat/completions or /v1/images/generations"
    return Problem(404, "not_found_error", "unknown_url", text)


def of_status(code: grpc.StatusCode, text: str, trailing: Any, spell: Callable[[str], str]) -> Problem:
    """Converts the status of an aborted call. `spell` maps a field of the contract to the caller's parameter."""
    reason, retry, violations = "", None, list[Violation]()
    extra: dict[str, Any] = {}
    for detail in _details(trailing):
        match detail:
            case error_details_pb2.ErrorInfo():
                reason = detail.reason
            case error_details_pb2.RetryInfo():
                retry = detail.retry_delay.seconds + detail.retry_delay.nanos / 1e9
            case error_details_pb2.BadRequest():
                violations = [(spell(violation.field), violation.description) for violation in detail.field_violations]
            case errors_pb2.FailedAttempts():
                extra = {
                    "failed_attempts": [_attempt(violation) for violation in detail.attempts],
                    "omitted": detail.omitted,
                }
    failures = {violation["failure"] for violation in extra.get("failed_attempts", ())}
    named = FAILURES.get(failures.pop()) if len(failures) == 1 else None
    status, kind, name = named or REASONS.get(reason) or CODES.get(code, (500, SERVER, "internal_error"))
    others = [violation for violation in violations if violation[1] != text]
    message = _sentence(others) if others else text
    param = violations[0][0] if violations else None
    return Problem(status, kind, name, message, param or None, _retry_headers(status, reason, retry), extra)


def _details(trailing: Any) -> list[Any]:
    packed = next((value for key, value in trailing or () if key == DETAILS_KEY), b"")
    kinds = (
        error_details_pb2.ErrorInfo,
        error_details_pb2.RetryInfo,
        error_details_pb2.BadRequest,
        errors_pb2.FailedAttempts,
    )
    details = []
    for box in status_pb2.Status.FromString(packed).details:
        for kind in kinds:
            if box.Is(kind.DESCRIPTOR):
                message = kind()
                box.Unpack(message)
                details.append(message)
    return details


def _attempt(attempt: Any) -> dict[str, Any]:
    return {
        "deployment": names.deployment(attempt.deployment),
        "failure": names.failure(attempt.failure),
        "http_status": attempt.http_status,
    }


def _retry_headers(status: int, reason: str, retry: float | None) -> dict[str, str]:
    """When to come back, and whether a client should retry by itself: failover has already tried every deployment."""
    if status not in (409, 429, 500, 503, 504):
        return {}
    headers = {}
    if status in (429, 503):
        seconds = SOON if retry is None else retry
        headers = {"Retry-After": str(max(1, math.ceil(seconds))), "Retry-After-Ms": str(math.ceil(seconds * 1_000))}
    again = retry is not None and retry <= LONGEST_RETRY and (reason in UNTRIED or status == 429)
    return {**headers, "X-Should-Retry": "true" if again else "false"}


def _sentence(violations: list[Violation]) -> str:
    named = "; ".join(f"{param}: {text}" if param else text for param, text in violations[:MOST_NAMED])
    more = len(violations) - MOST_NAMED
    return f"{named}; and {more} more" if more > 0 else named
