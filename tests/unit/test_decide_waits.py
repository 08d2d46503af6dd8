"""When a request waits: for a named rest, in line, and for nothing that comes too late."""

import pytest

from inference_service.credentials.types import Denied, Why
from inference_service.failures import FailureKind, Outcome
from inference_service.routing import decide
from inference_service.routing.decide import Acquire, Fail, Queue, Sleep
from tests.support.facts import denied, facts

K = FailureKind


def test_the_preferred_deployment_is_waited_for_when_its_provider_named_a_short_rest() -> None:
    about = facts("a", "b")
    denied(about, "a", wait=2.0, told=True)
    assert decide.next_step(about, 0.5) == Sleep("a", 1.5)


@pytest.mark.parametrize(
    ("wait", "told"), [(2.6, True), (1.0, False), (None, True)], ids=["longer than short_wait", "not told", "no time"]
)
def test_else_the_next_deployment_is_asked_at_once(wait: float | None, told: bool) -> None:
    about = facts("a", "b")
    denied(about, "a", wait=wait, told=told)
    assert decide.next_step(about, 0.5) == Acquire("b")


def test_a_short_rest_is_waited_for_once() -> None:
    about = facts("a", "b")
    about.of("a").waited = True
    denied(about, "a", wait=1.0, told=True)
    assert decide.next_step(about, 0) == Acquire("b")


def test_only_the_preferred_deployment_is_waited_for_beside_others() -> None:
    about = facts("a", "b", "c")
    denied(about, "a", Why.NONE)
    denied(about, "b", wait=1.0, told=True)
    assert decide.next_step(about, 0) == Acquire("c")


def test_when_all_rest_the_request_waits_in_line_for_the_first() -> None:
    about = facts("a", "b")
    denied(about, "a", wait=30.0)
    denied(about, "b", Why.BUSY)
    assert decide.next_step(about, 1.0) == Queue(("a", "b"), 0.0)


def test_a_rest_beyond_the_deadline_is_refused_at_once_with_the_time() -> None:
    about = facts("a", deadline=10.0)
    denied(about, "a", wait=50.0, reason="rate_limited")
    step = decide.next_step(about, 0)
    assert isinstance(step, Fail)
    assert (step.outcome, step.retry_after, step.reason) == (Outcome.EXHAUSTED, 50.0, "rate_limited")


def test_a_line_that_is_in_vain_ends_the_request_with_the_earliest_moment() -> None:
    about = facts("a", "b")
    denied(about, "a", wait=30.0)
    denied(about, "b", wait=40.0)
    decide.learn_line_denial(about, ("a", "b"), Denied(Why.BUSY, 20.0, "rate_limited"), 5.0)
    step = decide.next_step(about, 5.0)
    assert isinstance(step, Fail)
    assert (step.outcome, step.retry_after) == (Outcome.EXHAUSTED, 20.0)


def test_time_that_has_passed_makes_denials_worth_another_look() -> None:
    about = facts("a")
    denied(about, "a", wait=1.0)
    decide.look_again(about)
    assert decide.next_step(about, 0) == Acquire("a")


def test_the_last_deployment_of_a_route_is_never_benched() -> None:
    about = facts("a", "b")
    denied(about, "a", Why.BENCHED, wait=60.0)
    assert decide.next_step(about, 0) == Acquire("b")
    denied(about, "b", Why.NONE)
    assert decide.next_step(about, 0) == Acquire("a", last=True)
    about.of("a").forced = True
    assert not isinstance(decide.next_step(about, 0), Acquire)


@pytest.mark.parametrize(
    ("wait", "now", "step"),
    [
        (2.0, 0.0, Sleep("a", 2.0)),  # exactly `short_wait`
        (1.0, 3.0, Sleep("a", 0.0)),  # over by now
        (2.1, 0.0, Acquire("b")),
    ],
)
def test_a_stated_rest_is_waited_for_up_to_the_bound(wait: float, now: float, step: object) -> None:
    about = facts("a", "b")
    denied(about, "a", wait=wait, told=True)
    assert decide.next_step(about, now) == step


def test_a_stated_rest_is_not_waited_for_beyond_the_deadline() -> None:
    about = facts("a", "b", deadline=101.5)
    decide.learn_denial(about, "a", Denied(Why.RESTING, 1.49, told=True), 100.0)
    assert decide.next_step(about, 100.0) == Acquire("b")
    decide.learn_denial(about, "a", Denied(Why.RESTING, 1.4, told=True), 100.0)
    step = decide.next_step(about, 100.0)
    assert isinstance(step, Sleep)
    assert step.seconds == pytest.approx(1.4)


@pytest.mark.parametrize(("wait", "waits"), [(99.9, True), (99.99, False), (100.01, False)])
def test_nobody_waits_in_line_for_the_deadline_or_longer(wait: float, waits: bool) -> None:
    about = facts("a")
    denied(about, "a", wait=wait)
    assert isinstance(decide.next_step(about, 0), Queue) is waits


@pytest.mark.parametrize(("wait", "waits"), [(3_599.0, True), (3_600.0, False), (9_000.0, False)])
def test_a_rest_of_an_hour_is_nothing_to_wait_for(wait: float, waits: bool) -> None:
    about = facts("a", deadline=100_000.0)
    denied(about, "a", wait=wait)
    assert isinstance(decide.next_step(about, 0), Queue) is waits


@pytest.mark.parametrize(
    ("why", "wait", "waits"),
    [
        (Why.NONE, 5.0, False),
        (Why.NONE, None, False),
        (Why.BUSY, None, True),
        (Why.BUSY, 5.0, True),
        (Why.RESTING, None, False),
        (Why.BREAKER, 5.0, True),
    ],
)
def test_a_line_leads_somewhere_only_where_a_credential_may_come_free(
    why: Why, wait: float | None, waits: bool
) -> None:
    about = facts("a")
    denied(about, "a", why, wait)
    assert isinstance(decide.next_step(about, 0), Queue) is waits


def test_the_line_is_for_the_first_that_wakes_and_names_only_those_that_do_in_time() -> None:
    about = facts("a", "b", "c", "d")
    denied(about, "a", wait=30.0)
    denied(about, "b", wait=20.0)
    denied(about, "c", wait=500.0)
    denied(about, "d", Why.NONE)
    assert decide.next_step(about, 5.0) == Queue(("a", "b"), 15.0)
