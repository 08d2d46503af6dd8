"""The one table of consequences: what each kind of failure does to the credential, the deployment and the request."""

import pytest

from inference_service.credentials.types import Verdict, Vote
from inference_service.failures import FailureKind, Scope, UpstreamFailure
from inference_service.quotas import LimitFact, Unit
from inference_service.routing.classify import TABLE, Consequence, CredentialEffect, Next, verdict

K = FailureKind
RESTS = [K.RATE_LIMITED, K.QUOTA_EXHAUSTED, K.FORBIDDEN, K.MODEL_FORBIDDEN]
BAD = [
    K.BLOCKED, K.OVERLOADED, K.SERVER_ERROR, K.CONNECTION_RESET, K.UNREACHABLE, K.UNAVAILABLE, K.LOADING, K.TIMEOUT,
    K.BAD_RESPONSE, K.STREAM_CUT, K.STREAM_ERROR, K.STALLED, K.TOO_SLOW, K.BAD_IMAGE,
]  # fmt: skip
GONE = [K.MODEL_NOT_FOUND, K.RETIRED]
OF_THE_REQUEST = [
    K.REFUSED, K.BAD_REQUEST, K.FIELD_REFUSED, K.CONTEXT_TOO_LONG, K.UNSUPPORTED, K.CONTENT_REFUSED,
]  # fmt: skip


def of(kind: FailureKind, **more: object) -> Verdict:
    return verdict(UpstreamFailure(kind, status=400, **more))  # type: ignore[arg-type]


def test_every_kind_has_a_row() -> None:
    listed = [*RESTS, K.UNAUTHENTICATED, *BAD, *GONE, *OF_THE_REQUEST, K.PREFILL_REFUSED, K.INVALID_OUTPUT]
    assert sorted(listed) == sorted(K) == sorted(TABLE)


# --- the credential ------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", RESTS)
def test_a_stated_time_is_how_long_the_credential_rests(kind: FailureKind) -> None:
    given = of(kind, wake_after=7.0)
    assert (given.cooldown, given.told, given.backoff, given.quarantine) == (7.0, True, False, False)
    assert of(kind, wake_after=0.0).cooldown == 0.0
    assert of(kind, wake_after=0.0).told


@pytest.mark.parametrize(
    ("kind", "seconds"), [(K.QUOTA_EXHAUSTED, 3_600.0), (K.MODEL_FORBIDDEN, 3_600.0), (K.FORBIDDEN, 60.0)]
)
def test_without_a_stated_time_it_rests_as_long_as_such_refusals_usually_last(
    kind: FailureKind, seconds: float
) -> None:
    given = of(kind)
    assert (given.cooldown, given.told, given.backoff) == (seconds, False, False)


def test_a_rate_limit_without_a_time_backs_off() -> None:
    given = of(K.RATE_LIMITED)
    assert (given.cooldown, given.told, given.backoff) == (None, False, True)


def test_a_refused_credential_is_quarantined_whatever_time_was_stated() -> None:
    given = of(K.UNAUTHENTICATED, wake_after=5.0)
    assert (given.quarantine, given.cooldown, given.told, given.backoff) == (True, None, False, False)


@pytest.mark.parametrize("kind", [*BAD, *GONE, *OF_THE_REQUEST, K.PREFILL_REFUSED, K.INVALID_OUTPUT])
def test_every_other_failure_leaves_the_credential_alone(kind: FailureKind) -> None:
    given = of(kind, wake_after=5.0)
    assert (given.quarantine, given.cooldown, given.told, given.backoff) == (False, None, False, False)


@pytest.mark.parametrize(
    ("kind", "status", "good"),
    [
        (K.SERVER_ERROR, 500, True),
        (K.CONTEXT_TOO_LONG, 400, True),
        (K.UNREACHABLE, 0, False),  # nobody has looked at the credential
        (K.MODEL_NOT_FOUND, 404, False),
        (K.RETIRED, 410, False),
        (K.MODEL_NOT_FOUND, 400, True),
        (K.RATE_LIMITED, 429, False),
        (K.UNAUTHENTICATED, 400, False),
    ],
)
def test_a_call_that_got_as_far_as_the_model_shows_that_the_credential_is_accepted(
    kind: FailureKind, status: int, good: bool
) -> None:
    assert verdict(UpstreamFailure(kind, status=status)).good_credential is good


def test_scope_limit_and_reason_travel_with_the_verdict() -> None:
    limit = LimitFact(Unit.TOKENS, 60.0)
    given = of(K.RATE_LIMITED, scope=Scope.GROUP, limit=limit)
    assert (given.scope, given.limit, given.reason) == (Scope.GROUP, limit, "rate_limited")
    assert of(K.RATE_LIMITED).scope is Scope.CREDENTIAL_MODEL


# --- the deployment ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kinds", "vote"),
    [
        (BAD, Vote.BAD),
        (GONE, Vote.GONE),
        ([K.REFUSED], Vote.DOUBT),
        ([*RESTS, K.UNAUTHENTICATED, K.PREFILL_REFUSED, K.INVALID_OUTPUT], Vote.SILENT),
        ([kind for kind in OF_THE_REQUEST if kind is not K.REFUSED], Vote.SILENT),
    ],
)
def test_only_faults_of_the_deployment_count_against_it(kinds: list[FailureKind], vote: Vote) -> None:
    for kind in kinds:
        assert of(kind).vote is vote
        assert verdict(UpstreamFailure(kind), votes=False).vote is Vote.SILENT


# --- the request ---------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", list(K))
def test_a_refusal_about_the_request_may_be_the_callers_fault(kind: FailureKind) -> None:
    assert TABLE[kind].request is (kind in OF_THE_REQUEST)


NEXT = {
    Next.CREDENTIAL: [*RESTS, K.UNAUTHENTICATED],
    Next.LATER: [
        K.OVERLOADED, K.SERVER_ERROR, K.CONNECTION_RESET, K.UNAVAILABLE, K.LOADING, K.STREAM_CUT, K.STREAM_ERROR,
        K.INVALID_OUTPUT,
    ],
    Next.DEPLOYMENT: [
        *GONE, K.BLOCKED, K.UNREACHABLE, K.TIMEOUT, K.BAD_RESPONSE, K.STALLED, K.TOO_SLOW, K.BAD_IMAGE, K.REFUSED,
        K.BAD_REQUEST, K.UNSUPPORTED,
    ],
    Next.LARGER: [K.CONTEXT_TOO_LONG],
    Next.RESTART: [K.PREFILL_REFUSED],
    Next.WITHOUT_FIELD: [K.FIELD_REFUSED],
    Next.CALLER: [K.CONTENT_REFUSED],
}  # fmt: skip


@pytest.mark.parametrize("step", list(Next))
def test_what_a_request_does_next(step: Next) -> None:
    assert [kind for kind, row in TABLE.items() if row.then is step] == [kind for kind in TABLE if kind in NEXT[step]]


def test_nothing_speaks_about_the_request_unless_its_row_says_so() -> None:
    assert not Consequence(CredentialEffect.NONE, Vote.BAD, Next.LATER).request
