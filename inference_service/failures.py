"""The typed error inside the service, and its kinds.

Adapters raise `UpstreamFailure`; the router looks up its kind in `routing/classify.py`.
A request that cannot be answered leaves the router as `RequestFailure`, which the API
turns into a gRPC status. Messages are our own text. They never contain a credential or
a provider's body.
"""

from enum import StrEnum

from inference_service.domain import AttemptRecord
from inference_service.quotas import LimitFact


class FailureKind(StrEnum):
    """What happened to an upstream call. The values are part of the contract (Attempt.failure)."""

    # the credential's
    RATE_LIMITED = "rate_limited"  # 429 for this credential; wake_after if the provider states a time
    QUOTA_EXHAUSTED = "quota_exhausted"  # a day's or month's quota is used up, or 402
    UNAUTHENTICATED = "unauthenticated"  # 401
    FORBIDDEN = "forbidden"  # a 403 that names neither the key nor a model
    MODEL_FORBIDDEN = "model_forbidden"  # this credential may not use this model; others may
    # the deployment's
    MODEL_NOT_FOUND = "model_not_found"  # 404 for a model
    RETIRED = "retired"  # 410, or a known retirement answer
    OVERLOADED = "overloaded"  # the provider's own load, "model busy"
    SERVER_ERROR = "server_error"  # 500, 502
    CONNECTION_RESET = "connection_reset"  # before the response headers
    UNREACHABLE = "unreachable"  # refused, DNS, TLS: no connection at all
    UNAVAILABLE = "unavailable"  # 503, 529, 504
    LOADING = "loading"  # the model is being loaded; wake_after is the estimate
    TIMEOUT = "timeout"  # no headers or no first token in time
    BAD_RESPONSE = "bad_response"  # HTML, wrong content type, or not what the API documents
    BLOCKED = "blocked"  # a region rule or a firewall page: the provider cannot be used from here
    REFUSED = "refused"  # a refusal without a recognised reason: blames nothing until it repeats
    # of a stream that began
    STREAM_CUT = "stream_cut"
    STALLED = "stalled"  # idle too long
    TOO_SLOW = "too_slow"  # below the lowest throughput
    STREAM_ERROR = "stream_error"  # an error event inside the stream
    # the request's
    CONTEXT_TOO_LONG = "context_too_long"
    BAD_REQUEST = "bad_request"  # the provider says that the request itself is invalid
    FIELD_REFUSED = "field_refused"  # names an optional field of the request; a retry without it may work
    CONTENT_REFUSED = "content_refused"
    PREFILL_REFUSED = "prefill_refused"  # the deployment does not accept a partial answer after all
    UNSUPPORTED = "unsupported"  # the deployment cannot do what was requested
    BAD_IMAGE = "bad_image"  # the returned bytes are not an acceptable picture
    INVALID_OUTPUT = "invalid_output"  # not the requested document, or a tool call that cannot be run


class Scope(StrEnum):
    """What a refusal or a limit applies to: the smallest scope that the provider's evidence names."""

    CREDENTIAL_MODEL = "credential_model"
    CREDENTIAL = "credential"
    GROUP_MODEL = "group_model"  # one model, for all credentials of a quota group
    GROUP = "group"  # all credentials of a quota group: an account, a project, an organisation


class UpstreamFailure(Exception):
    """One upstream call failed.

    message: our own text, safe to show to a caller; at most 300 characters.
    status: the HTTP status, 0 when there was none.
    wake_after: seconds until the provider accepts another call; None if unknown.
    scope: what a rate limit or quota applies to.
    limit: the limit that was reached, if the provider names it.
    fields: for FIELD_REFUSED, every field that the upstream names, as dotted paths ("sampling.seed"); `field` is the first.
    capability: for UNSUPPORTED, what the deployment lacks: "vision", "tools", "system", "input_image", …
    mended: the adapter has changed how it writes the request, so a second try makes sense.
    """

    def __init__(
        self,
        kind: FailureKind,
        message: str = "",
        *,
        status: int = 0,
        wake_after: float | None = None,
        scope: Scope = Scope.CREDENTIAL_MODEL,
        limit: LimitFact | None = None,
        fields: tuple[str, ...] = (),
        capability: str = "",
        field: str = "",
    ) -> None:
        super().__init__(message or kind.value)
        self.kind = kind
        self.message = (message or kind.value.replace("_", " "))[:300]
        self.status = status
        self.wake_after = wake_after
        self.scope = scope
        self.limit = limit
        self.fields = fields or ((field,) if field else ())
        self.capability = capability
        self.mended = False

    @property
    def field(self) -> str:
        return self.fields[0] if self.fields else ""


class Outcome(StrEnum):
    """How a request ended for the caller; one gRPC code each (api/status.py)."""

    UNKNOWN_MODEL = "unknown_model"  # NOT_FOUND
    INVALID = "invalid"  # INVALID_ARGUMENT
    UNSUPPORTED = "unsupported"  # FAILED_PRECONDITION
    FORBIDDEN = "forbidden"  # PERMISSION_DENIED: the operator does not allow it
    REFUSED = "refused"  # FAILED_PRECONDITION: the content
    EXHAUSTED = "exhausted"  # RESOURCE_EXHAUSTED: every credential is resting
    UNAVAILABLE = "unavailable"  # UNAVAILABLE
    DEADLINE = "deadline"  # DEADLINE_EXCEEDED


class RequestFailure(Exception):
    """The request cannot be answered.

    retry_after: seconds until a retry makes sense; None if it never does or is unknown.
    attempts: the upstream calls that failed, in order.
    field: the request's field that is wrong, as a dotted path, for INVALID and UNSUPPORTED.
    reason: a FailureKind value, if it is known why the deployments cannot answer.
    """

    def __init__(
        self,
        outcome: Outcome,
        message: str,
        *,
        retry_after: float | None = None,
        attempts: tuple[AttemptRecord, ...] = (),
        field: str = "",
        reason: str = "",
    ) -> None:
        super().__init__(message)
        self.outcome = outcome
        self.message = message
        self.retry_after = retry_after
        self.attempts = attempts
        self.field = field
        self.reason = reason
