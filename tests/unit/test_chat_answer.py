"""How the words of one or more deployments become one answer: events of providers in, events for the caller out."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference_service.domain import (
    AttemptRecord,
    Delta,
    Finish,
    FinishReason,
    Handover,
    Message,
    Notice,
    NoticeKind,
    OnInterruption,
    Picture,
    Preview,
    Progress,
    Reasoning,
    Retract,
    Role,
    Started,
    TextPart,
    Usage,
)
from inference_service.failures import FailureKind, UpstreamFailure
from inference_service.routing.answer.chat import CONTINUE_WORDS, RETRACTED, ChatAnswer
from inference_service.routing.answer.protocol import MOST_FAILED
from inference_service.routing.decide import Standing
from inference_service.routing.learned import Learned
from inference_service.routing.plan import Deployment, Route
from inference_service.settings import Sampling
from tests.support.answers import (
    BEGUN,
    BOTH,
    CONTINUE,
    FAIL,
    FILTER,
    LENGTH,
    NOW,
    OTHER,
    PREFILLS,
    REQUEST,
    REST,
    RESTART,
    STOP,
    A,
    B,
    C,
    Caller,
    broken,
    deployment,
    fails,
)

K = FailureKind


# --- an answer by one deployment -----------------------------------------------------------------


def test_an_answer_arrives_as_its_provider_wrote_it() -> None:
    caller = Caller()
    caller.says(A, "Ice", " is ", "cold.", STOP)
    assert caller.seen == [Started("p/a", 1), Delta("Ice"), Delta(" is "), Delta("cold.")]
    assert caller.answer.whole
    assert caller.finished().total_chars == len("Ice is cold.")


def test_words_that_repeat_themselves_stay() -> None:
    caller = Caller()
    caller.says(A, "11", "11", "\n", "\n", "22", STOP)
    assert caller.text == "1111\n\n22"


def test_events_without_text_pass_through_unchanged() -> None:
    caller = Caller()
    others = [Reasoning("hm"), Progress("queue", queue_position=2), Usage(1, 2), Notice(NoticeKind.INFO, "x", "y")]
    caller.says(A, *others, "word", STOP)
    assert caller.seen == [Started("p/a", 1), *others, Delta("word")]
    assert caller.finished().total_chars == 4


def test_it_has_begun_with_its_first_word_and_not_before() -> None:
    caller = Caller()
    opening = caller.opens(A)
    assert not caller.answer.began
    caller.hears(opening, Reasoning("thinking"))
    assert not caller.answer.began
    caller.hears(opening, "word")
    assert caller.answer.began
    assert not caller.answer.whole


def test_a_request_that_waits_is_started_once() -> None:
    caller = Caller()
    assert caller.answer.waiting("p/a", 1) == [Started("p/a", 1)]
    assert caller.answer.waiting("p/a", 1) == []
    caller.says(A, "word", STOP)
    assert caller.seen == [Delta("word")]


def test_an_answer_by_another_than_was_waited_for_is_a_handover() -> None:
    caller = Caller()
    caller.answer.waiting("p/a", 1)
    caller.says(B, "word", STOP)
    assert caller.seen == [Handover("p/a", "q/b", "rate_limited", 0, 1), Delta("word")]


def test_a_picture_instead_of_words_is_a_bad_response() -> None:
    async def asked(event: Picture | Preview) -> None:
        await Caller().answer.check(event)

    for event in (Picture(0, b""), Preview(0, "image/png", b"")):
        with pytest.raises(UpstreamFailure) as caught:
            asked(event).send(None)
        assert (caught.value.kind, caught.value.status) == (K.BAD_RESPONSE, 200)


# --- settings that a deployment does not take ----------------------------------------------------


def test_a_setting_that_a_deployment_does_not_honour_is_dropped_with_one_notice() -> None:
    seeded = deployment("p/a", settings=frozenset({"sampling.temperature"}))
    request = msgspec.structs.replace(REQUEST, sampling=BOTH)
    answer = ChatAnswer(request, Route("chat", ()), Learned())
    opening = answer.opening(seeded, Standing(), 1, "", NOW)
    assert opening.request.sampling == Sampling({"temperature": 0.5})
    first = answer.begin(opening)
    assert [event.field for event in first if isinstance(event, Notice)] == ["sampling.seed"]
    again = answer.begin(answer.opening(seeded, Standing(), 2, "stalled", NOW))
    assert [event for event in again if isinstance(event, Notice)] == []
    other = answer.begin(answer.opening(B, Standing(), 3, "stalled", NOW))
    assert sorted(event.field for event in other if isinstance(event, Notice)) == [
        "sampling.seed",
        "sampling.temperature",
    ]


def test_a_refused_setting_is_dropped_by_this_request_and_later_ones() -> None:
    settings = frozenset({"sampling.seed", "sampling.temperature"})
    able = deployment("p/a", settings=settings)
    request = msgspec.structs.replace(REQUEST, sampling=BOTH)
    learned = Learned()
    answer = ChatAnswer(request, Route("chat", ()), learned)
    assert answer.opening(able, Standing(), 1, "", NOW).request.sampling == BOTH
    refused = Standing(without=frozenset({"sampling.seed"}))
    assert answer.opening(able, refused, 1, "", NOW).request.sampling == Sampling({"temperature": 0.5})
    learned.refuses_field("p/a", "sampling.temperature", NOW)
    assert answer.opening(able, refused, 1, "", NOW).request.sampling == Sampling()


# --- what is no answer ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "said",
    [(), ("",), (Reasoning("hm"),), (Progress("x"), Usage(1, 1))],
    ids=["nothing", "empty", "reasoning", "signs"],
)
def test_an_end_without_a_word_is_no_answer(said: tuple[Any, ...]) -> None:
    caller = Caller()
    opening = caller.opens(A)
    caller.hears(opening, *(item for item in said if item != ""))
    assert fails(caller, opening) is K.BAD_RESPONSE


def test_a_filter_that_keeps_everything_back_is_a_refusal_of_the_content() -> None:
    caller = Caller()
    assert fails(caller, caller.opens(A), FILTER) is K.CONTENT_REFUSED


@pytest.mark.parametrize("finish", [STOP, LENGTH, FILTER, OTHER])
def test_words_with_a_documented_end_are_an_answer(finish: Finish) -> None:
    caller = Caller()
    caller.says(A, "words", finish)
    assert caller.answer.whole
    assert caller.finished(finish).reason is finish.reason


# --- continuing by prefill -----------------------------------------------------------------------


def test_a_deployment_that_prefills_goes_on_where_the_answer_broke_off() -> None:
    caller = broken()
    opening = caller.opens(PREFILLS, "stalled")
    assert (opening.prefix, opening.kept, opening.restarts) == (BEGUN, len(BEGUN), False)
    assert opening.request == caller.answer.opening(A, Standing(), 9, "", NOW).request  # the prefix goes beside it
    caller.hears(opening, REST, STOP)
    assert caller.handovers == [Handover("p/a", "q/prefills", "stalled", len(BEGUN), 2)]
    assert caller.text == BEGUN + REST
    caller.checks_out()


def test_an_echo_of_the_whole_text_is_taken_away_and_remembered() -> None:
    caller = broken()
    caller.says(PREFILLS, BEGUN[:10], BEGUN[10:] + REST, STOP, reason="stalled")
    assert caller.text == BEGUN + REST
    assert caller.learned.echoes("q/prefills") is True
    caller.checks_out()


def test_a_continuation_without_an_echo_is_remembered_too() -> None:
    caller = broken()
    caller.says(PREFILLS, REST, STOP, reason="stalled")
    assert caller.learned.echoes("q/prefills") is False
    again = broken(learned=caller.learned)
    again.says(PREFILLS, BEGUN, STOP, reason="stalled")  # says its beginning twice, from one that never echoes
    assert again.text == BEGUN + BEGUN


@pytest.mark.parametrize("how", ["of this request", "of earlier ones"])
def test_a_deployment_that_refused_a_prefill_is_asked_without(how: str) -> None:
    caller, standing = broken(), Standing()
    if how == "of this request":
        standing.no_prefill = True
    else:
        caller.learned.refuses_prefill("q/prefills", NOW)
    opening = caller.opens(PREFILLS, "stalled", standing)
    assert (opening.prefix, opening.restarts) == ("", True)


@pytest.mark.parametrize(("length", "continues"), [(15, False), (16, True)])
def test_a_short_beginning_is_said_again_rather_than_continued(length: int, continues: bool) -> None:
    caller = broken(A, "x" * length)
    opening = caller.opens(PREFILLS, "stalled")
    assert (opening.prefix != "") is continues
    assert opening.restarts is not continues


# --- continuing by an instruction ----------------------------------------------------------------


def test_a_deployment_asked_in_words_goes_on_at_the_last_boundary() -> None:
    caller = broken(by_words=["q/b"])
    opening = caller.opens(B, "stream_cut")
    kept = "The ice creeps over the ground because"
    assert (opening.prefix, opening.kept, opening.restarts) == ("", len(kept), False)
    assert opening.request.messages == (
        *REQUEST.messages,
        Message(Role.ASSISTANT, (TextPart(kept),)),
        Message(Role.USER, (TextPart(CONTINUE_WORDS),)),
    )
    caller.hears(opening, "because calm", REST, STOP)
    assert caller.handovers == [Handover("p/a", "q/b", "stream_cut", len(kept), 2)]
    assert caller.text == BEGUN + REST
    caller.checks_out()


def test_text_held_back_after_an_instruction_is_delivered_at_the_end() -> None:
    caller = broken(by_words=["q/b"])
    caller.says(B, "calm", STOP, reason="stalled")  # one word: it may have been the beginning of a repetition
    assert caller.text == BEGUN
    caller.checks_out()


def test_only_what_the_route_lists_is_asked_in_words() -> None:
    assert broken().opens(B, "stalled").restarts
    assert broken(by_words=["r/c"]).opens(B, "stalled").restarts


def test_prefill_goes_before_words() -> None:
    assert broken(by_words=["q/prefills"]).opens(PREFILLS, "stalled").prefix == BEGUN


def test_a_text_of_one_word_has_no_boundary_and_begins_again() -> None:
    assert broken(A, "x" * 30, by_words=["q/b"]).opens(B, "stalled").restarts


# --- restarts ------------------------------------------------------------------------------------


def test_a_restart_keeps_what_both_say() -> None:
    caller = broken()
    opening = caller.opens(B, "stalled")
    caller.hears(opening, "The ice ")
    assert caller.handovers == []  # nothing is taken back before the texts differ
    caller.hears(opening, "melts.", STOP)
    assert caller.handovers == [Handover("p/a", "q/b", "stalled", len("The ice "), 2)]
    assert caller.text == "The ice melts."
    caller.checks_out()


def test_a_restart_that_says_the_same_takes_nothing_back() -> None:
    caller = broken()
    caller.says(B, BEGUN[:5], BEGUN[5:], REST, STOP, reason="stalled")
    assert [handover.keep_chars for handover in caller.handovers] == [len(BEGUN)]
    assert caller.text == BEGUN + REST


def test_a_restart_that_stops_early_is_the_shorter_answer() -> None:
    caller = broken()
    caller.says(B, BEGUN[:20], STOP, reason="stalled")
    assert caller.text == BEGUN[:20]
    assert caller.answer.whole
    caller.checks_out()


def test_a_restart_without_a_common_word_begins_at_nothing() -> None:
    caller = broken()
    caller.says(B, "Water", " expands.", STOP, reason="stalled")
    assert [handover.keep_chars for handover in caller.handovers] == [0]
    assert caller.text == "Water expands."


def test_a_restart_that_says_nothing_leaves_the_caller_what_it_has() -> None:
    caller = broken()
    assert fails(caller, caller.opens(B, "stalled")) is K.BAD_RESPONSE
    assert caller.text == BEGUN
    assert caller.handovers == []


def test_a_restart_that_falls_silent_before_the_texts_differ_takes_nothing_back() -> None:
    caller = broken()
    caller.says(B, "The ice", reason="stalled")
    assert caller.text == BEGUN
    caller.says(C, "The ice is thin.", STOP, reason="stalled")
    assert caller.text == "The ice is thin."
    assert [handover.from_deployment for handover in caller.handovers] == ["p/a"]
    caller.checks_out()


def test_the_mode_restart_never_continues() -> None:
    for mode, route in ((RESTART, {}), (None, {"on_interruption": RESTART})):
        assert broken(mode=mode, **route).opens(PREFILLS, "stalled").restarts
    assert not broken(mode=CONTINUE, on_interruption=RESTART).opens(PREFILLS, "stalled").restarts


# --- the mode in which an interruption is the end ------------------------------------------------


def test_the_mode_fail_ends_what_has_begun_and_only_that() -> None:
    caller = Caller(mode=FAIL)
    assert not caller.answer.ends_when_interrupted
    caller.says(A, "word")
    assert caller.answer.ends_when_interrupted
    assert not broken(mode=CONTINUE, on_interruption=FAIL).answer.ends_when_interrupted
    assert broken(on_interruption=FAIL).answer.ends_when_interrupted
    assert not broken(mode=RESTART).answer.ends_when_interrupted


# --- handovers -----------------------------------------------------------------------------------


def test_the_same_deployment_that_goes_on_after_a_failure_is_a_handover_too() -> None:
    caller = broken(PREFILLS)
    caller.says(PREFILLS, REST, STOP, reason="stalled")
    assert caller.handovers == [Handover("q/prefills", "q/prefills", "stalled", len(BEGUN), 2)]


def test_every_handover_names_the_one_that_spoke_before() -> None:
    caller = broken()
    caller.says(PREFILLS, REST, reason="stalled")
    caller.says(C, "The ice creeps no more", STOP, reason="timeout")
    assert [(handover.from_deployment, handover.to_deployment, handover.reason) for handover in caller.handovers] == [
        ("p/a", "q/prefills", "stalled"),
        ("q/prefills", "r/c", "timeout"),
    ]
    caller.checks_out()


def test_a_call_that_never_spoke_is_no_handover() -> None:
    caller = broken()
    caller.opens(B, "stalled")
    caller.says(PREFILLS, REST, STOP, reason="timeout")
    assert [(handover.from_deployment, handover.attempt) for handover in caller.handovers] == [("p/a", 3)]


# --- nothing to add ------------------------------------------------------------------------------

WHOLE = "The ice creeps over the ground."


@pytest.mark.parametrize("by", [PREFILLS, B], ids=["prefill", "instruction"])
@pytest.mark.parametrize("said", [(), (" \n",)], ids=["nothing", "white space"])
def test_a_continuation_with_nothing_to_add_confirms_a_text_that_looks_whole(
    by: Deployment, said: tuple[str, ...]
) -> None:
    caller = broken(A, WHOLE, by_words=["q/b"])
    caller.says(by, *said, STOP, reason="stalled")
    assert caller.text.rstrip() == WHOLE
    assert caller.answer.whole
    assert [(handover.to_deployment, handover.keep_chars) for handover in caller.handovers] == [(by.name, len(WHOLE))]
    caller.checks_out()


def test_a_continuation_in_words_takes_nothing_back_before_it_has_words_of_its_own() -> None:
    caller = broken(by_words=["q/b", "r/c"])
    opening = caller.says(B, Reasoning("hm"), reason="stalled")
    assert caller.text == BEGUN
    assert fails(caller, opening) is K.BAD_RESPONSE
    assert caller.answer.settle_for_less() == []
    assert caller.text == BEGUN
    caller.checks_out()


def test_thoughts_of_a_continuation_in_words_that_never_left_take_nothing_back() -> None:
    caller = broken(by_words=["q/b"])
    caller.says(B, "beca", Retract(), "calm" + REST, STOP, reason="stalled")
    assert caller.text == BEGUN + REST
    assert [handover.reason for handover in caller.handovers] == ["stalled"]


def test_retracted_text_is_restored_when_nothing_follows() -> None:
    caller = broken(A, WHOLE, by_words=["q/b"])
    caller.says(B, "and then what?", Retract(), STOP, reason="stalled")
    assert caller.text == WHOLE
    assert caller.answer.whole
    caller.checks_out()


def test_a_text_that_does_not_look_whole_needs_two_that_agree() -> None:
    caller = broken(by_words=["q/b"])
    assert fails(caller, caller.opens(PREFILLS, "stalled")) is K.BAD_RESPONSE
    caller.says(B, STOP, reason="bad_response")
    assert caller.text == BEGUN
    assert caller.answer.whole
    caller.checks_out()


def test_words_between_two_that_add_nothing_start_the_count_anew() -> None:
    caller = broken(by_words=["q/b"])
    assert fails(caller, caller.opens(PREFILLS, "stalled")) is K.BAD_RESPONSE
    caller.says(PREFILLS, " water", reason="stalled")
    assert fails(caller, caller.opens(B, "stalled")) is K.BAD_RESPONSE


def test_a_filter_is_no_agreement() -> None:
    caller = broken(A, WHOLE)
    assert fails(caller, caller.opens(PREFILLS, "stalled"), FILTER) is K.CONTENT_REFUSED
    assert caller.answer.settle_for_less() is None


def test_when_nobody_can_go_on_one_that_had_nothing_to_add_is_believed() -> None:
    caller = broken()
    assert caller.answer.settle_for_less() is None
    assert not caller.answer.whole
    fails(caller, caller.opens(PREFILLS, "stalled"))
    assert caller.answer.settle_for_less() == []
    assert caller.answer.whole
    assert caller.finished(None).reason is FinishReason.STOP
    caller.checks_out()


# --- thoughts that looked like the answer --------------------------------------------------------


def test_retracted_words_become_reasoning_and_the_answer_begins_behind_them() -> None:
    caller = Caller()
    opening = caller.says(A, "Let me ", "think.", Retract(), "Ice.", STOP)
    assert caller.seen == [
        Started("p/a", 1), Delta("Let me "), Delta("think."),
        Handover("p/a", "p/a", RETRACTED, 0, 1), Reasoning("Let me think."), Delta("Ice."),
    ]  # fmt: skip
    assert opening.said
    assert caller.text == "Ice."
    caller.checks_out()


def test_thoughts_alone_are_no_answer() -> None:
    caller = Caller()
    opening = caller.says(A, "Let me think.", Retract())
    assert fails(caller, opening) is K.BAD_RESPONSE
    assert caller.text == ""


def test_a_retraction_of_nothing_says_nothing() -> None:
    caller = Caller()
    caller.says(A, Retract(), "Ice.", STOP)
    assert caller.seen == [Started("p/a", 1), Delta("Ice.")]


def test_a_continuation_that_was_thinking_is_cut_back_to_where_it_began() -> None:
    caller = broken()
    caller.says(PREFILLS, " hm, let me see", Retract(), REST, STOP, reason="stalled")
    assert caller.text == BEGUN + REST
    assert caller.handovers[-1] == Handover("q/prefills", "q/prefills", RETRACTED, len(BEGUN), 2)
    assert Reasoning(" hm, let me see") in caller.seen
    caller.checks_out()


def test_behind_the_thoughts_of_a_continuation_an_echo_is_still_an_echo() -> None:
    caller = broken()
    caller.says(PREFILLS, " hm, let me see", Retract(), BEGUN + REST, STOP, reason="stalled")
    learned = Learned()
    assert learned.echoes("q/prefills") is None
    assert caller.text.startswith(BEGUN)
    caller.checks_out()


def test_behind_thoughts_an_instruction_still_joins_at_the_boundary() -> None:
    caller = broken(by_words=["q/b"])
    caller.says(B, "hmm, so", " what next", Retract(), "calm", REST, STOP, reason="stalled")
    assert caller.text == BEGUN + REST
    caller.checks_out()


def test_thoughts_that_a_restart_still_held_back_never_left() -> None:
    caller = broken()
    caller.says(B, "The ice", Retract(), "Water", STOP, reason="stalled")
    assert caller.text == "Water"
    assert [handover.reason for handover in caller.handovers] == ["stalled"]
    caller.checks_out()


# --- the account ---------------------------------------------------------------------------------


def test_the_last_event_counts_calls_and_lists_what_failed() -> None:
    caller = Caller()
    for number in range(20):
        entry = caller.journal.begin(f"p/{number}", "key", 0.0)
        caller.journal.fail(entry, UpstreamFailure(K.TIMEOUT), 1.0)
    caller.journal.delivers(4.0)
    caller.says(A, "words", LENGTH)
    finished = caller.finished(LENGTH)
    assert (finished.reason, finished.deployment, finished.attempts) == (FinishReason.LENGTH, "p/a", 21)
    assert finished.first_token == 4.0
    assert MOST_FAILED == 16
    assert finished.failed == tuple(AttemptRecord(f"p/{number}", "timeout", 0, 1.0) for number in range(16))


PIECES = st.one_of(
    st.sampled_from(
        [" ", "\n", "The ice ", "creeps", " over the ground because", BEGUN, REST, "calm", "水", "🎈", "```\n"]
    ),
    st.text(max_size=8).filter(bool),
)
CALL = st.tuples(
    st.sampled_from([A, B, C, PREFILLS]),
    st.lists(st.one_of(PIECES, st.just(Retract()), st.just(Reasoning("r"))), max_size=8),
    st.booleans(),
)


@given(st.sampled_from([CONTINUE, RESTART]), st.lists(CALL, min_size=1, max_size=5))
def test_the_text_that_a_client_assembles_is_the_text_that_is_counted(
    mode: OnInterruption, calls: list[tuple[Deployment, list[Any], bool]]
) -> None:
    caller = Caller(mode=mode, by_words=["q/b", "r/c"])
    for by, said, ends in calls:
        opening = caller.opens(by, "stalled" if caller.seen else "")
        caller.hears(opening, *said)
        caller.checks_out()
        if ends:
            try:
                caller.hears(opening, STOP)
            except UpstreamFailure:
                assert not caller.answer.whole
            caller.checks_out()
        if caller.answer.whole:
            break
    assert caller.answer.began == bool(caller.text)


@given(st.text(min_size=40, max_size=120), st.data())
def test_any_answer_cut_anywhere_and_continued_exactly_is_the_answer(text: str, data: st.DataObject) -> None:
    cut = data.draw(st.integers(16, len(text) - 1))
    size = data.draw(st.integers(1, 20))
    rest = [text[start : start + size] for start in range(cut, len(text), size)]
    caller = broken(A, text[:cut], learned=Learned())
    caller.learned.continued("q/prefills", echoed=False)
    opening = caller.opens(PREFILLS, "stalled")
    caller.hears(opening, *rest)
    assert caller.text == text
    caller.checks_out()
