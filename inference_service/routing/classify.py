"""The one table: what a failure does to the credential, to the deployment, and what comes next.

How an answer of an upstream becomes a kind is `providers/errors.py`; here it becomes an action.
"""

from enum import Enum, auto

from msgspec import Struct

from inference_service.credentials.types import Verdict, Vote
from inference_service.failures import FailureKind, UpstreamFailure

K = FailureKind


class Next(Enum):
    """What the request does. Past the first token every one but the last two is a handover."""

    CREDENTIAL = auto()  # another credential at once, else a short wait, else the next deployment
    RETRY = auto()  # the same deployment once more, then the next
    WAIT = auto()  # wait as long as was told if that is short, else the next deployment
    DEPLOYMENT = auto()  # the next deployment; this one is not asked twice
    LARGER = auto()  # the next deployment with a larger context
    RESTART = auto()  # the same deployment without a prefix
    CALLER = auto()  # the caller's to know; no retry
    REFUSED = auto()  # the same, with the provider's reason; no shopping around


class Rest(Enum):
    """What happens to the credential."""

    NONE = auto()
    COOLDOWN = auto()
    QUARANTINE = auto()


class Row(Struct, frozen=True):
    rest: Rest
    vote: Vote
    then: Next
    reached: bool = True  # counts against the attempts that reached a model


TABLE: dict[FailureKind, Row] = {
    K.RATE_LIMITED: Row(Rest.COOLDOWN, Vote.SILENT, Next.CREDENTIAL, reached=False),
    K.QUOTA_EXHAUSTED: Row(Rest.COOLDOWN, Vote.SILENT, Next.CREDENTIAL, reached=False),
    K.UNAUTHENTICATED: Row(Rest.QUARANTINE, Vote.SILENT, Next.CREDENTIAL, reached=False),
    K.FORBIDDEN: Row(Rest.QUARANTINE, Vote.SILENT, Next.CREDENTIAL, reached=False),
    K.MODEL_FORBIDDEN: Row(Rest.COOLDOWN, Vote.SILENT, Next.CREDENTIAL, reached=False),
    K.MODEL_NOT_FOUND: Row(Rest.NONE, Vote.GONE, Next.DEPLOYMENT, reached=False),
    K.RETIRED: Row(Rest.NONE, Vote.GONE, Next.DEPLOYMENT, reached=False),
    K.OVERLOADED: Row(Rest.NONE, Vote.BAD, Next.DEPLOYMENT),
    K.SERVER_ERROR: Row(Rest.NONE, Vote.BAD, Next.RETRY),
    K.CONNECTION_RESET: Row(Rest.NONE, Vote.BAD, Next.RETRY),
    K.UNREACHABLE: Row(Rest.NONE, Vote.BAD, Next.DEPLOYMENT),
    K.UNAVAILABLE: Row(Rest.NONE, Vote.BAD, Next.DEPLOYMENT),
    K.LOADING: Row(Rest.NONE, Vote.BAD, Next.WAIT),
    K.TIMEOUT: Row(Rest.NONE, Vote.BAD, Next.DEPLOYMENT),
    K.BAD_RESPONSE: Row(Rest.NONE, Vote.BAD, Next.DEPLOYMENT),
    K.BLOCKED: Row(Rest.NONE, Vote.BAD, Next.DEPLOYMENT, reached=False),
    K.REFUSED: Row(Rest.NONE, Vote.SILENT, Next.DEPLOYMENT),
    K.STREAM_CUT: Row(Rest.NONE, Vote.BAD, Next.DEPLOYMENT),
    K.STALLED: Row(Rest.NONE, Vote.BAD, Next.DEPLOYMENT),
    K.TOO_SLOW: Row(Rest.NONE, Vote.BAD, Next.DEPLOYMENT),
    K.STREAM_ERROR: Row(Rest.NONE, Vote.BAD, Next.DEPLOYMENT),
    K.BAD_IMAGE: Row(Rest.NONE, Vote.BAD, Next.DEPLOYMENT),
    K.CONTEXT_TOO_LONG: Row(Rest.NONE, Vote.SILENT, Next.LARGER),
    K.PREFILL_REFUSED: Row(Rest.NONE, Vote.SILENT, Next.RESTART, reached=False),
    K.UNSUPPORTED: Row(Rest.NONE, Vote.SILENT, Next.DEPLOYMENT),
    K.FIELD_REFUSED: Row(Rest.NONE, Vote.SILENT, Next.DEPLOYMENT, reached=False),
    K.BAD_REQUEST: Row(Rest.NONE, Vote.SILENT, Next.CALLER),
    K.CONTENT_REFUSED: Row(Rest.NONE, Vote.SILENT, Next.REFUSED),
}


# A used-up quota without a time rests as long as the pause between two looks at it is worth.
QUOTA_REST = 3_600.0


def verdict(failure: UpstreamFailure) -> Verdict:
    """What the failed call teaches about its credential and its deployment."""
    row = TABLE[failure.kind]
    cooldown = failure.wake_after
    if failure.kind is K.QUOTA_EXHAUSTED and cooldown is None:
        cooldown = QUOTA_REST
    return Verdict(
        vote=row.vote,
        reason=failure.kind.value,
        cooldown=cooldown if row.rest is Rest.COOLDOWN else None,
        backoff=row.rest is Rest.COOLDOWN and cooldown is None,
        quarantine=row.rest is Rest.QUARANTINE,
        scope=failure.scope,
        # Whoever got as far as the model has a credential that was accepted.
        good_credential=row.rest is Rest.NONE and failure.status not in (0, 404, 410),
    )
