"""The one error of a request that nobody answers: whose fault it is, why, and when to come back."""

import pytest

from inference_service.credentials.types import Why
from inference_service.failures import FailureKind, Outcome
from inference_service.routing import decide
from inference_service.routing.decide import Fail
from tests.support.facts import denied, facts, fail_of, failed

K = FailureKind


def outcome_of(*kinds: FailureKind) -> Outcome:
    about = facts(*(f"d{number}" for number in range(len(kinds))))
    for number, kind in enumerate(kinds):
        failed(about, f"d{number}", kind)
        about.of(f"d{number}").left, about.of(f"d{number}").again_at = True, None
    step = decide.next_step(about, 0)
    assert isinstance(step, Fail)
    return step.outcome


@pytest.mark.parametrize(
    ("kinds", "outcome"),
    [
        ([K.BAD_REQUEST, K.BAD_REQUEST], Outcome.INVALID),
        ([K.REFUSED, K.BAD_REQUEST], Outcome.INVALID),
        ([K.REFUSED], Outcome.INVALID),
        ([K.UNSUPPORTED, K.UNSUPPORTED], Outcome.UNSUPPORTED),
        ([K.CONTEXT_TOO_LONG], Outcome.INVALID),
        ([K.REFUSED, K.SERVER_ERROR], Outcome.UNAVAILABLE),
        ([K.SERVER_ERROR], Outcome.UNAVAILABLE),
        ([K.UNAUTHENTICATED], Outcome.UNAVAILABLE),
    ],
)
def test_the_callers_fault_is_what_every_deployment_agrees_on(kinds: list[FailureKind], outcome: Outcome) -> None:
    assert outcome_of(*kinds) is outcome


def test_a_request_that_fits_no_limit_is_refused_with_the_number() -> None:
    about = facts("a", "b")
    denied(about, "a", Why.TOO_LARGE, limit=6_000)
    denied(about, "b", Why.TOO_LARGE, limit=8_000)
    step = decide.next_step(about, 0)
    assert isinstance(step, Fail)
    assert step.outcome is Outcome.INVALID
    assert "8,000" in step.message


def test_the_second_request_still_learns_why_everything_rests() -> None:
    about = facts("a")
    denied(about, "a", Why.NONE, reason="unauthenticated")
    step = decide.next_step(about, 0)
    assert isinstance(step, Fail)
    assert (step.outcome, step.reason) == (Outcome.UNAVAILABLE, "unauthenticated")
    assert "unauthenticated" in step.message


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.2, "1 s"), (40, "40 s"), (89, "89 s"), (90, "2 min"), (5_000, "83 min"), (7_200, "2 h")]
)
def test_a_wait_is_said_as_people_say_it(seconds: float, text: str) -> None:
    assert decide.duration(seconds) == text


def test_the_moment_to_come_back_is_the_first_at_which_anything_may_have_changed() -> None:
    about = facts("a", "b", "c", deadline=10.0)
    failed(about, "a", K.LOADING, wake_after=40.0)
    failed(about, "b", K.LOADING, wake_after=30.0)
    denied(about, "c", wait=70.0)
    assert decide.retry_after(about, 5.0) == 25.0
    assert decide.retry_after(about, 50.0) == 0.0
    assert decide.retry_after(facts("a"), 0.0) is None
    denied(about := facts("a"), "a", wait=7.0)
    assert decide.retry_after(about, 2.0) == 5.0


def test_refused_credentials_that_rest_exhaust_the_request() -> None:
    about = facts("a", "b", deadline=10.0)
    failed(about, "a", K.RATE_LIMITED)
    failed(about, "a", K.UNAUTHENTICATED)
    denied(about, "a", wait=90.0)
    denied(about, "b", Why.NONE)
    step = fail_of(about)
    assert (step.outcome, step.retry_after, step.reason) == (Outcome.EXHAUSTED, 90.0, "unauthenticated")
    assert "2 min" in step.message


@pytest.mark.parametrize("why", [Why.NONE, Why.BREAKER, Why.BENCHED])
def test_deployments_that_do_not_rest_are_unavailable_rather_than_exhausted(why: Why) -> None:
    about = facts("a", deadline=10.0)
    about.of("a").forced = True
    denied(about, "a", why, wait=90.0)
    assert fail_of(about).outcome is Outcome.UNAVAILABLE


def test_other_failures_beside_the_limits_make_it_unavailable_with_the_last_words() -> None:
    about = facts("a", "b", deadline=10.0)
    failed(about, "b", K.SERVER_ERROR)
    decide.give_up(about, "b")
    denied(about, "a", wait=90.0)
    step = fail_of(about)
    assert (step.outcome, step.retry_after, step.reason) == (Outcome.UNAVAILABLE, 90.0, "server_error")
    assert step.message.endswith("words")


def test_without_any_reason_the_request_says_only_that() -> None:
    about = facts("a")
    denied(about, "a", Why.NONE)
    step = fail_of(about)
    assert (step.outcome, step.reason, step.retry_after) == (Outcome.UNAVAILABLE, "", decide.USUAL)
    assert step.message == "no deployment can answer now"


def test_an_untold_rest_has_room_for_a_reason_that_is_missing() -> None:
    about = facts("a", deadline=10.0)
    denied(about, "a", wait=30.0)
    assert fail_of(about).message == "every credential is resting: no room; the first is ready in 30 s"
    about = facts("a", deadline=10.0)
    denied(about, "a", wait=30.0, reason="quota_exhausted")
    assert ": quota exhausted;" in fail_of(about).message


def test_too_large_is_the_callers_only_where_every_deployment_says_so() -> None:
    about = facts("a", "b")
    denied(about, "a", Why.TOO_LARGE, limit=6_000)
    denied(about, "b", Why.NONE)
    assert fail_of(about).outcome is Outcome.UNAVAILABLE
    about = facts("a")
    denied(about, "a", Why.TOO_LARGE, limit=6_000)
    assert fail_of(about).field == "messages"
    about = facts("a", "b")
    denied(about, "b", Why.TOO_LARGE, limit=6_000)
    failed(about, "a", K.TIMEOUT)
    denied(about, "b", Why.TOO_LARGE, limit=6_000)
    assert fail_of(about).outcome is Outcome.UNAVAILABLE  # a failure is told before a limit
    assert fail_of(facts()).outcome is Outcome.UNAVAILABLE


@pytest.mark.parametrize(
    ("kinds", "field", "message"),
    [
        ([K.UNSUPPORTED], "messages", "words"),
        ([K.CONTEXT_TOO_LONG], "messages", "words"),
        ([K.BAD_REQUEST], "sampling.seed", "words"),
        ([K.CONTEXT_TOO_LONG, K.BAD_REQUEST], "sampling.seed", "words"),
    ],
)
def test_a_request_that_every_deployment_refuses_says_what_to_change(
    kinds: list[FailureKind], field: str, message: str
) -> None:
    about = facts("a", "b")
    for name, kind in zip(("a", "b"), kinds, strict=False):
        failed(about, name, kind, field="sampling.seed")
    for name in ("a", "b"):
        about.of(name).left = True
    step = fail_of(about)
    assert (step.field, step.message) == (field, message)


@pytest.mark.parametrize(
    ("kind", "seconds"),
    [
        (K.QUOTA_EXHAUSTED, 3_600), (K.RATE_LIMITED, 60), (K.UNAUTHENTICATED, 300), (K.FORBIDDEN, 60), (K.MODEL_FORBIDDEN, 3_600),
        (K.MODEL_NOT_FOUND, 60), (K.RETIRED, 3_600), (K.BLOCKED, 300), (K.TIMEOUT, 10), (K.BAD_RESPONSE, 10),
    ],
)  # fmt: skip
def test_without_a_named_time_the_moment_to_come_back_follows_the_reason(kind: FailureKind, seconds: float) -> None:
    about = facts("a")
    failed(about, "a", kind)
    denied(about, "a", Why.NONE)
    assert fail_of(about).retry_after == seconds
    earlier = facts("a")
    denied(earlier, "a", Why.NONE, reason=kind.value)  # another request has met it
    assert fail_of(earlier).retry_after == seconds
