"""A request that cannot be answered says why, and when to come back, whatever is known."""

import pytest

from inference_service.credentials.types import Why
from inference_service.failures import FailureKind, Outcome
from inference_service.routing import decide
from tests.support.facts import denied, facts, fail_of, failed

K = FailureKind


@pytest.mark.parametrize(
    ("why", "reason", "outcome", "wait"),
    [
        (Why.NONE, "quota_exhausted", Outcome.EXHAUSTED, 3_600.0),
        (Why.NONE, "rate_limited", Outcome.EXHAUSTED, 60.0),
        (Why.NONE, "unauthenticated", Outcome.UNAVAILABLE, 300.0),
        (Why.BREAKER, "server_error", Outcome.UNAVAILABLE, decide.USUAL),
        (Why.BUSY, "", Outcome.EXHAUSTED, decide.USUAL),
    ],
)
def test_every_refusal_says_why_and_when_to_come_back_even_without_a_stated_time(
    why: Why, reason: str, outcome: Outcome, wait: float
) -> None:
    about = facts("a")
    about.line_closed = True
    denied(about, "a", why, reason=reason)
    step = fail_of(about)
    assert (step.outcome, step.reason, step.retry_after) == (outcome, reason, wait)


def test_a_benched_deployment_that_is_asked_all_the_same_says_when_to_come_back() -> None:
    about = facts("a")
    failed(about, "a", K.MODEL_NOT_FOUND)
    step = fail_of(about)
    assert (step.outcome, step.reason, step.retry_after) == (Outcome.UNAVAILABLE, "model_not_found", 60.0)
