"""The one table: what a failure does to the credential, to the deployment, and to the request.

How an upstream's answer becomes a kind is `providers/kit/errors.py`; here a kind becomes consequences.
"""

from enum import Enum, auto

from msgspec import Struct

from inference_service.credentials.types import Verdict, Vote
from inference_service.failures import FailureKind, UpstreamFailure

K = FailureKind


class Next(Enum):
    """What the request does next. Once the answer has begun, continuing elsewhere is a handover."""

    CREDENTIAL = auto()  # another credential of the same deployment, else the next deployment
    LATER = auto()  # the next deployment; this one once more if no other can answer
    DEPLOYMENT = auto()  # the next deployment; this one is not tried again
    LARGER = auto()  # the next deployment with a larger context
    RESTART = auto()  # the same deployment without a prefix
    WITHOUT_FIELD = auto()  # the same deployment without the field that it refuses
    CALLER = auto()  # reported to the caller, with the provider's reason; no shopping around


class CredentialEffect(Enum):
    """What happens to the credential."""

    NONE = auto()
    COOLDOWN = auto()
    QUARANTINE = auto()


class Consequence(Struct, frozen=True):
    rest: CredentialEffect
    vote: Vote
    then: Next
    request: bool = False  # about this request: if every deployment agrees, it is the caller's fault


TABLE: dict[FailureKind, Consequence] = {
    K.RATE_LIMITED: Consequence(CredentialEffect.COOLDOWN, Vote.SILENT, Next.CREDENTIAL),
    K.QUOTA_EXHAUSTED: Consequence(CredentialEffect.COOLDOWN, Vote.SILENT, Next.CREDENTIAL),
    K.UNAUTHENTICATED: Consequence(CredentialEffect.QUARANTINE, Vote.SILENT, Next.CREDENTIAL),
    K.FORBIDDEN: Consequence(CredentialEffect.COOLDOWN, Vote.SILENT, Next.CREDENTIAL),
    K.MODEL_FORBIDDEN: Consequence(CredentialEffect.COOLDOWN, Vote.SILENT, Next.CREDENTIAL),
    K.MODEL_NOT_FOUND: Consequence(CredentialEffect.NONE, Vote.GONE, Next.DEPLOYMENT),
    K.RETIRED: Consequence(CredentialEffect.NONE, Vote.GONE, Next.DEPLOYMENT),
    K.BLOCKED: Consequence(CredentialEffect.NONE, Vote.BAD, Next.DEPLOYMENT),
    K.OVERLOADED: Consequence(CredentialEffect.NONE, Vote.BAD, Next.LATER),
    K.SERVER_ERROR: Consequence(CredentialEffect.NONE, Vote.BAD, Next.LATER),
    K.CONNECTION_RESET: Consequence(CredentialEffect.NONE, Vote.BAD, Next.LATER),
    K.UNREACHABLE: Consequence(CredentialEffect.NONE, Vote.BAD, Next.DEPLOYMENT),
    K.UNAVAILABLE: Consequence(CredentialEffect.NONE, Vote.BAD, Next.LATER),
    K.LOADING: Consequence(CredentialEffect.NONE, Vote.BAD, Next.LATER),
    K.TIMEOUT: Consequence(CredentialEffect.NONE, Vote.BAD, Next.DEPLOYMENT),
    K.BAD_RESPONSE: Consequence(CredentialEffect.NONE, Vote.BAD, Next.DEPLOYMENT),
    K.STREAM_CUT: Consequence(CredentialEffect.NONE, Vote.BAD, Next.LATER),
    K.STREAM_ERROR: Consequence(CredentialEffect.NONE, Vote.BAD, Next.LATER),
    K.STALLED: Consequence(CredentialEffect.NONE, Vote.BAD, Next.DEPLOYMENT),
    K.TOO_SLOW: Consequence(CredentialEffect.NONE, Vote.BAD, Next.DEPLOYMENT),
    K.BAD_IMAGE: Consequence(CredentialEffect.NONE, Vote.BAD, Next.DEPLOYMENT),
    K.INVALID_OUTPUT: Consequence(CredentialEffect.NONE, Vote.SILENT, Next.LATER),
    K.REFUSED: Consequence(CredentialEffect.NONE, Vote.DOUBT, Next.DEPLOYMENT, request=True),
    K.BAD_REQUEST: Consequence(CredentialEffect.NONE, Vote.SILENT, Next.DEPLOYMENT, request=True),
    K.FIELD_REFUSED: Consequence(CredentialEffect.NONE, Vote.SILENT, Next.WITHOUT_FIELD, request=True),
    K.CONTEXT_TOO_LONG: Consequence(CredentialEffect.NONE, Vote.SILENT, Next.LARGER, request=True),
    K.UNSUPPORTED: Consequence(CredentialEffect.NONE, Vote.SILENT, Next.DEPLOYMENT, request=True),
    K.PREFILL_REFUSED: Consequence(CredentialEffect.NONE, Vote.SILENT, Next.RESTART),
    K.CONTENT_REFUSED: Consequence(CredentialEffect.NONE, Vote.SILENT, Next.CALLER, request=True),
}


# Cooldowns in seconds, if the provider does not state one.
QUOTA_REST = 3_600.0
MODEL_FORBIDDEN_REST = 3_600.0
FORBIDDEN_REST = 60.0
UNTOLD = {
    K.QUOTA_EXHAUSTED: QUOTA_REST,
    K.MODEL_FORBIDDEN: MODEL_FORBIDDEN_REST,
    K.FORBIDDEN: FORBIDDEN_REST,
}


def verdict(failure: UpstreamFailure, *, votes: bool = True) -> Verdict:
    """What a failed call teaches about its credential and its deployment.

    `votes`: false if this request has already counted against the deployment: one request counts once.
    """
    row = TABLE[failure.kind]
    cooldown = failure.wake_after if failure.wake_after is not None else UNTOLD.get(failure.kind)
    return Verdict(
        vote=row.vote if votes else Vote.SILENT,
        reason=failure.kind.value,
        cooldown=cooldown if row.rest is CredentialEffect.COOLDOWN else None,
        told=row.rest is CredentialEffect.COOLDOWN and failure.wake_after is not None,
        backoff=row.rest is CredentialEffect.COOLDOWN and cooldown is None,
        quarantine=row.rest is CredentialEffect.QUARANTINE,
        scope=failure.scope,
        limit=failure.limit,
        # A call that got as far as the model shows that the credential is accepted.
        good_credential=row.rest is CredentialEffect.NONE and failure.status not in (0, 404, 410),
    )
