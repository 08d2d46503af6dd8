"""What a request does after a failure: every row of the table, and who is asked again."""

import pytest

from inference_service.credentials.types import Why
from inference_service.failures import FailureKind, Outcome, UpstreamFailure
from inference_service.routing import decide
from inference_service.routing.classify import TABLE, Next
from inference_service.routing.decide import Acquire, Candidate, Facts, Fail, Sleep
from tests.support.facts import NONE, denied, facts, fail_of, failed

K = FailureKind


CREDENTIAL = [K.RATE_LIMITED, K.QUOTA_EXHAUSTED, K.UNAUTHENTICATED, K.FORBIDDEN, K.MODEL_FORBIDDEN]


LATER = [
    K.OVERLOADED, K.SERVER_ERROR, K.CONNECTION_RESET, K.UNAVAILABLE, K.LOADING, K.STREAM_CUT, K.STREAM_ERROR,
    K.INVALID_OUTPUT,
]  # fmt: skip


LEFT = [
    K.MODEL_NOT_FOUND, K.RETIRED, K.BLOCKED, K.UNREACHABLE, K.TIMEOUT, K.BAD_RESPONSE, K.STALLED, K.TOO_SLOW, K.BAD_IMAGE,
    K.REFUSED, K.BAD_REQUEST, K.UNSUPPORTED,
]  # fmt: skip


OWN_TESTS = [K.CONTEXT_TOO_LONG, K.PREFILL_REFUSED, K.FIELD_REFUSED, K.CONTENT_REFUSED]


def test_every_kind_of_failure_has_its_test_here() -> None:
    assert sorted([*CREDENTIAL, *LATER, *LEFT, *OWN_TESTS]) == sorted(K)
    assert set(TABLE) == set(K)


@pytest.mark.parametrize("kind", CREDENTIAL)
def test_after_a_refused_credential_the_same_deployment_is_asked_with_another_one(kind: FailureKind) -> None:
    about = facts("a", "b")
    failed(about, "a", kind)
    assert decide.next_step(about, 0) == Acquire("a")
    denied(about, "a", Why.NONE)
    assert decide.next_step(about, 0) == Acquire("b")


@pytest.mark.parametrize("kind", LATER)
def test_a_fault_that_may_pass_leads_to_the_next_deployment_and_back_when_no_other_can_answer(
    kind: FailureKind,
) -> None:
    about = facts("a", "b")
    failed(about, "a", kind)
    assert decide.next_step(about, 0) == Acquire("b")
    failed(about, "b", K.BAD_RESPONSE)
    step = decide.next_step(about, 0)
    assert isinstance(step, Sleep)
    assert (step.deployment, step.retry) == ("a", True)
    decide.ask_again(about, "a")
    assert decide.next_step(about, 0) == Acquire("a")
    failed(about, "a", kind)
    assert isinstance(decide.next_step(about, 0), Fail)  # twice is enough


@pytest.mark.parametrize("kind", LEFT)
def test_other_faults_leave_the_deployment_for_good(kind: FailureKind) -> None:
    about = facts("a", "b")
    failed(about, "a", kind)
    assert decide.next_step(about, 0) == Acquire("b")
    failed(about, "b", kind)
    assert isinstance(decide.next_step(about, 0), Fail)


@pytest.mark.parametrize("kind", [K.STALLED, K.TOO_SLOW, K.BAD_RESPONSE])
def test_an_answer_that_began_may_be_finished_by_the_same_deployment_when_no_other_is_left(kind: FailureKind) -> None:
    about = facts("a")
    failed(about, "a", kind, began=True)
    assert decide.next_step(about, 1.0) == Sleep("a", 0.0, retry=True)


def test_a_stated_wait_of_a_failure_is_kept_before_the_retry() -> None:
    about = facts("a")
    failed(about, "a", K.LOADING, wake_after=7.0)
    assert decide.next_step(about, 1.0) == Sleep("a", 6.0, retry=True)
    about = facts("a")
    failed(about, "a", K.UNAVAILABLE, wake_after=700.0)
    assert isinstance(decide.next_step(about, 1.0), Fail)  # not before the deadline


def test_a_refused_content_ends_the_request_with_the_providers_reason() -> None:
    about = facts("a", "b")
    failed(about, "a", K.CONTENT_REFUSED)
    step = decide.next_step(about, 0)
    assert isinstance(step, Fail)
    assert (step.outcome, step.message) == (Outcome.REFUSED, "words")


def test_a_refused_field_of_the_callers_is_left_out_once_and_the_deployment_asked_again() -> None:
    about, wanted = facts("a", "b"), frozenset({"sampling.seed"})
    failed(about, "a", K.FIELD_REFUSED, field="sampling.seed", wanted=wanted)
    assert decide.next_step(about, 0) == Acquire("a")
    assert about.of("a").without == {"sampling.seed"}
    failed(about, "a", K.FIELD_REFUSED, field="sampling.seed", wanted=wanted)
    assert decide.next_step(about, 0) == Acquire("b")  # it was left out already


def test_a_refused_field_that_the_caller_did_not_set_is_nobodys_fault() -> None:
    about = facts("a", "b")
    failed(about, "a", K.FIELD_REFUSED, field="sampling.seed")
    assert decide.next_step(about, 0) == Acquire("b")


def test_all_refused_fields_of_the_callers_are_left_out_together() -> None:
    about, wanted = facts("a", "b"), frozenset({"sampling.seed", "sampling.top_p", "sampling.stop"})
    failed(about, "a", K.FIELD_REFUSED, fields=("sampling.seed", "sampling.top_p", "stream_options"), wanted=wanted)
    assert decide.next_step(about, 0) == Acquire("a")
    assert about.of("a").without >= {"sampling.seed", "sampling.top_p"}
    failed(about, "a", K.FIELD_REFUSED, fields=("sampling.seed", "sampling.stop"), wanted=wanted)
    assert decide.next_step(about, 0) == Acquire("a")  # one more has turned up
    failed(about, "a", K.FIELD_REFUSED, fields=("sampling.seed", "sampling.stop"), wanted=wanted)
    assert decide.next_step(about, 0) == Acquire("b")


@pytest.mark.parametrize("kind", [K.FIELD_REFUSED, K.UNSUPPORTED])
def test_a_deployment_whose_adapter_has_mended_its_request_is_asked_again_once(kind: FailureKind) -> None:
    about, wanted = facts("a", "b"), frozenset({"sampling.seed"})
    failed(about, "a", kind, fields=("stream_options", "sampling.seed"), mended=True, wanted=wanted)
    assert decide.next_step(about, 0) == Acquire("a")
    assert about.of("a").without == wanted
    failed(about, "a", kind, fields=("stream_options",), mended=True, wanted=wanted)
    assert decide.next_step(about, 0) == Acquire("b")


def test_a_refused_prefill_is_asked_again_without_and_then_no_more() -> None:
    about = facts("a", "b")
    failed(about, "a", K.PREFILL_REFUSED)
    assert decide.next_step(about, 0) == Acquire("a")
    assert about.of("a").no_prefill
    failed(about, "a", K.PREFILL_REFUSED)
    assert decide.next_step(about, 0) == Acquire("b")


def test_a_request_that_is_too_long_goes_to_a_larger_deployment_only() -> None:
    about = Facts([Candidate("a", 8), Candidate("b", 8), Candidate("c", 0), Candidate("d", 32)], 100, 8, 2)
    failed(about, "a", K.CONTEXT_TOO_LONG)
    assert [candidate.name for candidate in about.open()] == ["c", "d"]
    failed(about, "c", K.CONTEXT_TOO_LONG)
    assert [candidate.name for candidate in about.open()] == ["d"]
    failed(about, "d", K.CONTEXT_TOO_LONG)
    step = decide.next_step(about, 0)
    assert isinstance(step, Fail)
    assert (step.outcome, step.field) == (Outcome.INVALID, "messages")


def test_of_several_that_may_be_asked_again_the_first_that_wakes_is() -> None:
    about = facts("a", "b")
    failed(about, "a", K.LOADING, wake_after=9.0)
    failed(about, "b", K.LOADING, wake_after=4.0)
    assert decide.next_step(about, 1.0) == Sleep("b", 3.0, retry=True)
    assert decide.next_step(about, 6.0) == Sleep("b", 0.0, retry=True)


def test_a_pause_before_the_second_try_is_spread_by_chance() -> None:
    for spread, pause in ((0.0, 0.1), (0.5, 0.15), (1.0, 0.2)):
        about = facts("a")
        failure = UpstreamFailure(K.OVERLOADED)
        decide.learn_failure(about, "a", failure, 10.0, began=False, wanted=NONE, spread=spread)
        step = decide.next_step(about, 10.0)
        assert isinstance(step, Sleep)
        assert step.seconds == pytest.approx(pause)


def test_a_second_chance_can_be_given_up() -> None:
    about = facts("a")
    failed(about, "a", K.OVERLOADED)
    decide.give_up(about, "a")
    assert fail_of(about).outcome is Outcome.UNAVAILABLE


def test_an_answer_that_began_is_finished_by_the_same_deployment_once() -> None:
    about = facts("a")
    failed(about, "a", K.STALLED, began=True)
    decide.ask_again(about, "a")
    failed(about, "a", K.STALLED, began=True)
    assert isinstance(decide.next_step(about, 0), Fail)
    about = facts("a")
    failed(about, "a", K.BLOCKED, began=True)  # nothing that passes by itself
    assert isinstance(decide.next_step(about, 0), Fail)


def test_after_a_failure_every_denial_is_looked_at_again() -> None:
    about = facts("a", "b")
    denied(about, "a")
    failed(about, "b", K.TIMEOUT)
    assert decide.next_step(about, 0) == Acquire("a")


def test_a_size_that_nobody_knows_rules_out_nobody_else() -> None:
    about = Facts([Candidate("a", 0), Candidate("b", 1), Candidate("c", 0)], 100, 8, 2)
    failed(about, "a", K.CONTEXT_TOO_LONG)
    assert [candidate.name for candidate in about.open()] == ["b", "c"]


def test_the_next_steps_of_the_table_are_all_in_use() -> None:
    assert {row.then for row in TABLE.values()} == set(Next)
