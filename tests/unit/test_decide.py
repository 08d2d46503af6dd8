"""What a request does next, rule by rule: facts in, step out."""

import pytest

from inference_service.credentials.types import Denied, Why
from inference_service.failures import FailureKind, Outcome, UpstreamFailure
from inference_service.routing import decide
from inference_service.routing.classify import TABLE, Next
from inference_service.routing.decide import Acquire, Candidate, Facts, Fail, Queue, Sleep

K = FailureKind
NONE = frozenset[str]()


def facts(*names: str, attempts: int = 8, deadline: float = 100.0, short_wait: float = 2.0) -> Facts:
    return Facts([Candidate(name) for name in names], deadline, attempts, short_wait)


def failed(about: Facts, name: str, kind: FailureKind, now: float = 0.0, **more: object) -> None:
    began = bool(more.pop("began", False))
    wanted = more.pop("wanted", NONE)
    assert isinstance(wanted, frozenset)
    failure = UpstreamFailure(kind, "words", **more)  # type: ignore[arg-type]
    decide.learn_failure(about, name, failure, now, began=began, wanted=wanted, spread=0.0)


def denied(about: Facts, name: str, why: Why = Why.RESTING, wait: float | None = None, **more: object) -> None:
    decide.learn_denial(about, name, Denied(why, wait, **more), 0.0)  # type: ignore[arg-type]


def test_the_first_deployment_of_the_route_is_asked_first() -> None:
    assert decide.next_step(facts("a", "b"), 0) == Acquire("a")


# --- every row of the table of failures ----------------------------------------------------------

CREDENTIAL = [K.RATE_LIMITED, K.QUOTA_EXHAUSTED, K.UNAUTHENTICATED, K.FORBIDDEN, K.MODEL_FORBIDDEN]
LATER = [
    K.OVERLOADED, K.SERVER_ERROR, K.CONNECTION_RESET, K.UNAVAILABLE, K.LOADING, K.STREAM_CUT, K.STREAM_ERROR,
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


def test_a_told_wait_of_a_failure_is_kept_before_it_is_asked_again() -> None:
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


def test_a_refused_prefill_is_asked_again_without_and_then_no_more() -> None:
    about = facts("a", "b")
    failed(about, "a", K.PREFILL_REFUSED)
    assert decide.next_step(about, 0) == Acquire("a")
    assert about.of("a").no_prefill
    failed(about, "a", K.PREFILL_REFUSED)
    assert decide.next_step(about, 0) == Acquire("b")


def test_what_is_too_long_goes_to_a_larger_deployment_only() -> None:
    about = Facts([Candidate("a", 8), Candidate("b", 8), Candidate("c", 0), Candidate("d", 32)], 100, 8, 2)
    failed(about, "a", K.CONTEXT_TOO_LONG)
    assert [candidate.name for candidate in about.open()] == ["c", "d"]
    failed(about, "c", K.CONTEXT_TOO_LONG)
    assert [candidate.name for candidate in about.open()] == ["d"]
    failed(about, "d", K.CONTEXT_TOO_LONG)
    step = decide.next_step(about, 0)
    assert isinstance(step, Fail)
    assert (step.outcome, step.field) == (Outcome.INVALID, "messages")


# --- waiting -------------------------------------------------------------------------------------


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


def test_what_wakes_after_the_deadline_is_refused_at_once_with_the_time() -> None:
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


# --- bounds --------------------------------------------------------------------------------------


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


# --- the one error -------------------------------------------------------------------------------


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


def test_the_next_steps_of_the_table_are_all_in_use() -> None:
    assert {row.then for row in TABLE.values()} == set(Next)
