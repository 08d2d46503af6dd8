"""The order of the deployments, the deadline, and how many calls a request may make."""

import pytest

from inference_service.failures import FailureKind, Outcome
from inference_service.routing import decide
from inference_service.routing.decide import Acquire, Candidate, Fail, Sleep
from tests.support.facts import denied, facts, fail_of, failed

K = FailureKind


def test_the_first_deployment_of_the_route_is_asked_first() -> None:
    assert decide.next_step(facts("a", "b"), 0) == Acquire("a")


def test_no_call_begins_when_the_deadline_is_there() -> None:
    step = decide.next_step(facts("a", deadline=10.0), 9.99)
    assert isinstance(step, Fail)
    assert step.outcome is Outcome.DEADLINE


def test_the_attempts_of_a_request_are_bounded_whatever_the_size_of_the_pool() -> None:
    about = facts("a", attempts=3)
    for _ in range(3):
        assert decide.next_step(about, 0) == Acquire("a")
        failed(about, "a", K.UNAUTHENTICATED)
    assert isinstance(decide.next_step(about, 0), Fail)


def test_refused_credentials_leave_every_other_deployment_one_attempt() -> None:
    about = facts("a", "b", "c", attempts=4)
    failed(about, "a", K.RATE_LIMITED)
    assert decide.next_step(about, 0) == Acquire("a")
    failed(about, "a", K.RATE_LIMITED)
    assert decide.next_step(about, 0) == Acquire("b")


@pytest.mark.parametrize(("now", "calls"), [(9.97, True), (9.99, False), (10.0, False), (12.0, False)])
def test_a_call_begins_until_just_before_the_deadline(now: float, calls: bool) -> None:
    assert isinstance(decide.next_step(facts("a", deadline=10.0), now), Acquire) is calls


def test_a_deadline_that_passes_says_when_to_come_back() -> None:
    about = facts("a", "b", deadline=10.0)
    denied(about, "a", wait=50.0)
    denied(about, "b", wait=40.0)
    assert fail_of(about, 10.0) == Fail(
        Outcome.DEADLINE, "the deadline passed before an answer was complete", retry_after=30.0
    )


@pytest.mark.parametrize("attempts", [1, 2, 5])
def test_exactly_as_many_calls_fail_as_are_allowed(attempts: int) -> None:
    about = facts(*(f"d{number}" for number in range(9)), attempts=attempts)
    for number in range(attempts):
        assert decide.next_step(about, 0) == Acquire(f"d{number}")
        failed(about, f"d{number}", K.TIMEOUT)
    assert fail_of(about).outcome is Outcome.UNAVAILABLE
    assert about.kinds == [K.TIMEOUT] * attempts


@pytest.mark.parametrize(("wake", "asked"), [(99.9, True), (99.99, False), (100.01, False)])
def test_nobody_is_asked_again_at_the_deadline_or_behind_it(wake: float, asked: bool) -> None:
    about = facts("a")
    failed(about, "a", K.LOADING, wake_after=wake)
    assert isinstance(decide.next_step(about, 1.0), Sleep) is asked


def test_refused_credentials_leave_calls_only_for_deployments_that_may_still_be_asked() -> None:
    about = facts("a", "b", "c", attempts=4)
    failed(about, "b", K.TIMEOUT)
    failed(about, "c", K.TIMEOUT)
    failed(about, "a", K.RATE_LIMITED)
    assert decide.next_step(about, 0) == Acquire("a")


def test_a_standing_begins_with_nothing_known() -> None:
    standing = facts("a").of("a")
    assert [value for value in vars(standing).values() if value] == []
    assert Candidate("a").context == 0
    assert Acquire("a") == Acquire("a", last=False)
    assert Sleep("a", 1.0) == Sleep("a", 1.0, retry=False)
