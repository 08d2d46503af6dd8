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
    mended = bool(more.pop("mended", False))
    failure = UpstreamFailure(kind, "words", **more)  # type: ignore[arg-type]
    failure.mended = mended
    decide.learn_failure(about, name, failure, now, began=began, wanted=wanted, spread=0.0)


def denied(about: Facts, name: str, why: Why = Why.RESTING, wait: float | None = None, **more: object) -> None:
    decide.learn_denial(about, name, Denied(why, wait, **more), 0.0)  # type: ignore[arg-type]


def test_the_first_deployment_of_the_route_is_asked_first() -> None:
    assert decide.next_step(facts("a", "b"), 0) == Acquire("a")


# --- every row of the table of failures ----------------------------------------------------------

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


# --- the edges of the rules ----------------------------------------------------------------------


def fail_of(about: Facts, now: float = 0.0) -> Fail:
    step = decide.next_step(about, now)
    assert isinstance(step, Fail), step
    return step


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


def test_of_several_that_may_be_asked_again_the_first_that_wakes_is() -> None:
    about = facts("a", "b")
    failed(about, "a", K.LOADING, wake_after=9.0)
    failed(about, "b", K.LOADING, wake_after=4.0)
    assert decide.next_step(about, 1.0) == Sleep("b", 3.0, retry=True)
    assert decide.next_step(about, 6.0) == Sleep("b", 0.0, retry=True)


@pytest.mark.parametrize(("wake", "asked"), [(99.9, True), (99.99, False), (100.01, False)])
def test_nobody_is_asked_again_at_the_deadline_or_behind_it(wake: float, asked: bool) -> None:
    about = facts("a")
    failed(about, "a", K.LOADING, wake_after=wake)
    assert isinstance(decide.next_step(about, 1.0), Sleep) is asked


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


def test_refused_credentials_leave_calls_only_for_deployments_that_may_still_be_asked() -> None:
    about = facts("a", "b", "c", attempts=4)
    failed(about, "b", K.TIMEOUT)
    failed(about, "c", K.TIMEOUT)
    failed(about, "a", K.RATE_LIMITED)
    assert decide.next_step(about, 0) == Acquire("a")


def test_a_size_that_nobody_knows_rules_out_nobody_else() -> None:
    about = Facts([Candidate("a", 0), Candidate("b", 1), Candidate("c", 0)], 100, 8, 2)
    failed(about, "a", K.CONTEXT_TOO_LONG)
    assert [candidate.name for candidate in about.open()] == ["b", "c"]


# --- what the caller reads -----------------------------------------------------------------------


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


def test_a_standing_begins_with_nothing_known() -> None:
    standing = facts("a").of("a")
    assert [value for value in vars(standing).values() if value] == []
    assert Candidate("a").context == 0
    assert Acquire("a") == Acquire("a", last=False)
    assert Sleep("a", 1.0) == Sleep("a", 1.0, retry=False)
