"""What a provider's stream means: which ends are ends, which text is answer, and what odd chunks cost."""

import json
from collections.abc import Iterable
from itertools import cycle, islice
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference_service.domain import ChatEvent, Delta, Finish, FinishReason, Reasoning, Retract, Usage
from inference_service.failures import FailureKind, UpstreamFailure
from inference_service.providers.kit.answer import Answer
from inference_service.providers.kit.sse import SseEvent
from inference_service.providers.kit.think import MOST_BLANK
from inference_service.providers.openai.stream import ChunkFormat

DONE = SseEvent(b"[DONE]")
STOP, LENGTH = FinishReason.STOP, FinishReason.LENGTH


def event(value: Any) -> SseEvent:
    return SseEvent(value if isinstance(value, bytes) else json.dumps(value).encode())


def chunk(finish: Any = None, **delta: Any) -> SseEvent:
    return event({"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]})


def words(*texts: str) -> list[SseEvent]:
    return [chunk(content=text) for text in texts]


def counted(**more: Any) -> SseEvent:
    return event({"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 5}, **more})


def heard(events: Iterable[SseEvent], *, cut: bool = False, **options: Any) -> list[ChatEvent]:
    """Each event arrives in a read of its own."""
    answer = Answer(ChunkFormat(), **options)
    seen: list[ChatEvent] = []
    for event in events:
        if not answer.done:
            seen += answer.read([event])
    return [*seen, *answer.end(cut=cut)]


def text_of(seen: list[ChatEvent]) -> str:
    """As a caller assembles it."""
    text = ""
    for event in seen:
        text = "" if isinstance(event, Retract) else text + event.text if isinstance(event, Delta) else text
    return text


def read(events: Iterable[SseEvent], **options: Any) -> tuple[str, FinishReason]:
    received = heard(events, **options)
    assert isinstance(received[-1], Finish)
    return text_of(received), received[-1].reason


def broken(events: Iterable[SseEvent], **options: Any) -> FailureKind:
    with pytest.raises(UpstreamFailure) as caught:
        read(events, **options)
    return caught.value.kind


# --- ends ------------------------------------------------------------------------------------

GOOD = {
    STOP: ["stop", "STOP", "Stop", "stop_sequence", "stopSequence", "eos", "eos_token", "end_turn", "endTurn", "END_TURN", "COMPLETE", "complete", "FINISH_REASON_STOP", " stop ",
           # Without a call in it, an answer that ends by a call for tools is an answer in words.
           "tool_calls", "function_call", "tool_use", "TOOL_CALL", "toolCalls"],
    LENGTH: ["length", "LENGTH", "max_tokens", "MAX_TOKENS", "maxTokens", "model_length", "model_context_window_exceeded", "max_output_tokens"],
}  # fmt: skip


@pytest.mark.parametrize(("word", "reason"), [(word, reason) for reason, listed in GOOD.items() for word in listed])
def test_a_known_good_finish_reason_is_an_end_also_without_a_marker(word: str, reason: FinishReason) -> None:
    assert read([*words("ice"), chunk(word)]) == ("ice", reason)
    camel = event({"choices": [{"delta": {}, "finishReason": word}]})
    assert read([*words("ice"), camel]) == ("ice", reason)


@pytest.mark.parametrize(
    "word", ["insufficient_system_resource", "network_error", "error", "abort", "cancelled", "ERROR", "TIMEOUT", "MALFORMED_FUNCTION_CALL", "never seen", "ok?", "stopped by operator"]
)  # fmt: skip
def test_any_other_finish_reason_is_a_failure_also_beside_a_good_one(word: str) -> None:
    assert broken([*words("ice"), chunk(word)]) is FailureKind.STREAM_ERROR
    assert broken([*words("ice"), chunk(word), DONE]) is FailureKind.STREAM_ERROR
    assert broken([*words("ice"), chunk("stop"), chunk(word)]) is FailureKind.STREAM_ERROR
    assert broken([chunk(word, content="ice")]) is FailureKind.STREAM_ERROR


@pytest.mark.parametrize("nothing", ["", "null", "None", None, "FINISH_REASON_UNSPECIFIED", 0, 7, [], {}])
def test_an_unknown_finish_reason_is_no_end(nothing: Any) -> None:
    assert broken([chunk(nothing, content="ice"), chunk(nothing, content=" cr")]) is FailureKind.STREAM_CUT
    assert read([chunk(nothing, content="ice"), DONE]) == ("ice", STOP)


@pytest.mark.parametrize("word", ["content_filter", "SAFETY", "sensitive", "content_filter: RECITATION", "refusal"])
def test_a_filter_is_a_refusal_before_the_first_word_and_an_end_behind_it(word: str) -> None:
    assert broken([chunk(word)]) is FailureKind.CONTENT_REFUSED
    assert broken([chunk(content=" "), chunk(word), DONE]) is FailureKind.CONTENT_REFUSED
    assert read([*words("ice"), chunk(word)]) == ("ice", FinishReason.CONTENT_FILTER)


def test_text_behind_a_finish_reason_belongs_to_the_answer_and_must_end_again() -> None:
    early = [*words("ice"), chunk("stop"), *words(" creeps")]
    assert read([*early, DONE]) == ("ice creeps", STOP)
    assert broken(early) is FailureKind.STREAM_CUT
    assert read([*early, chunk("stop")]) == ("ice creeps", STOP)
    assert broken([*early, chunk("stop")], cut=True) is FailureKind.STREAM_CUT  # an early end may be one again


def test_a_finish_reason_with_every_chunk_ends_with_the_body_only() -> None:
    gemini = [chunk("stop", content=text) for text in ("ice", " creeps", " down")]
    answer = Answer(ChunkFormat())
    for one in gemini:
        list(answer.read([one]))
        assert not answer.certain
    assert read(gemini) == ("ice creeps down", STOP)
    assert broken(gemini, cut=True) is FailureKind.STREAM_CUT
    assert read([*gemini, DONE], cut=True) == ("ice creeps down", STOP)


@pytest.mark.parametrize(
    "stream",
    [
        [*words("ice", " creeps"), chunk("stop")],
        [*words("ice"), chunk("stop", content=" creeps")],
        [chunk(reasoning="hm"), chunk("stop", content="ice creeps")],
        [*words("ice", " creeps"), counted()],
    ],
)
def test_a_reason_or_usage_that_comes_once_survives_a_cut_behind_it(stream: list[SseEvent]) -> None:
    assert read(stream, cut=True) == ("ice creeps", STOP)


def test_usage_with_every_chunk_is_no_end() -> None:
    usage = {"prompt_tokens": 3, "completion_tokens": 1}
    stream = [event({"choices": [{"delta": {"content": text}}], "usage": usage}) for text in ("ice", " cr")]
    assert broken(stream) is FailureKind.STREAM_CUT
    assert broken([*words("ice"), counted(), *words(" cr")]) is FailureKind.STREAM_CUT


def test_words_and_nothing_that_says_end_are_cut() -> None:
    assert broken(words("ice", " creeps")) is FailureKind.STREAM_CUT
    assert broken([]) is FailureKind.STREAM_CUT


@pytest.mark.parametrize(
    "nothing",
    [
        [chunk("stop")],
        [DONE],
        [counted(), DONE],
        [*words("\n", "  "), chunk("stop"), DONE],
        [*words("\u200b", "\ufeff \u2060"), chunk("stop"), DONE],
        [chunk(reasoning_content="I should greet."), chunk("stop"), DONE],
        [*words("<think>I should greet."), chunk("stop")],
        [*words("<think>I should"), chunk("length"), DONE],
        [*words("<think>I should greet.</think>\n"), chunk("stop")],
    ],
)
def test_without_a_word_there_is_no_answer(nothing: list[SseEvent]) -> None:
    assert broken(nothing) is FailureKind.BAD_RESPONSE


def test_a_continuation_may_have_nothing_to_add() -> None:
    assert read([chunk("stop"), DONE], continues=True) == ("", STOP)
    assert broken([chunk("content_filter")], continues=True) is FailureKind.CONTENT_REFUSED
    assert broken([], continues=True) is FailureKind.STREAM_CUT
    # All of it as reasoning: the deployment has not continued, its parser is confused.
    assert broken([chunk(reasoning=" and on"), chunk("stop")], continues=True) is FailureKind.BAD_RESPONSE


ERROR = {"message": "Token limit reached", "code": 400}


def test_an_error_beside_a_good_end_is_a_failure_unless_the_answer_was_counted_or_reached_its_limit() -> None:
    assert broken([*words("ice"), chunk("stop"), event({"error": ERROR})]) is FailureKind.STREAM_ERROR
    assert broken([*words("ice"), event({"error": ERROR, "choices": [{"finish_reason": "error"}]})]) is FailureKind.STREAM_ERROR  # fmt: skip
    within = event({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop", "error": ERROR}]})
    assert broken([*words("ice"), within, DONE]) is FailureKind.STREAM_ERROR
    assert read([*words("ice"), chunk("length"), event({"error": ERROR})]) == ("ice", LENGTH)
    assert read([*words("ice"), chunk("stop"), counted(error=ERROR)]) == ("ice", STOP)


@pytest.mark.parametrize(
    "nothing", [{"code": None, "message": ""}, {"code": 0, "details": []}, "", [], {}, False, {"message": "null"}]
)
def test_an_error_of_nothings_is_none(nothing: Any) -> None:
    stream = [event({"choices": [{"delta": {"content": text}}], "error": nothing}) for text in ("ice", " creeps")]
    assert read([*stream, chunk("stop")]) == ("ice creeps", STOP)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ({"error": "Model too busy"}, FailureKind.OVERLOADED),
        ({"message": "Rate limit exceeded", "type": "rate_limited", "code": "1300"}, FailureKind.RATE_LIMITED),
        ({"code": 50505, "message": "Model service overloaded. Please try again later.", "data": None}, FailureKind.OVERLOADED),
        ({"detail": "Model too busy"}, FailureKind.OVERLOADED),
        ({"detail": [{"loc": ["body"], "msg": "Rate limit exceeded", "type": "x"}]}, FailureKind.RATE_LIMITED),
        ({"success": False, "errors": [{"code": 3040, "message": "Capacity temporarily exceeded"}]}, FailureKind.OVERLOADED),
        ({"object": "error", "message": "The engine is overloaded"}, FailureKind.OVERLOADED),
    ],
    ids=lambda value: str(value)[:50],
)  # fmt: skip
def test_an_error_in_any_family_of_bodies_is_one(error: Any, kind: FailureKind) -> None:
    assert broken([event(error)]) is kind
    assert broken([*words("ice"), event(error), *words(" cr"), chunk("stop")]) in (kind, FailureKind.STREAM_ERROR)


@pytest.mark.parametrize("marker", [b"[DONE]", b"[done]", b'"[DONE]"', b" [DONE] ", b"[DONE] bye"])
def test_an_end_marker_is_one_in_any_spelling(marker: bytes) -> None:
    assert read([*words("ice"), SseEvent(marker), *words(" never")]) == ("ice", STOP)
    assert read([*words("ice"), SseEvent(b"{}", "done")]) == ("ice", STOP)


def test_a_word_that_keeps_the_connection_alive_costs_nothing() -> None:
    alive = [event(data) for data in (b"ping", b"keep-alive", b"null", b"{}", b'""', b"true", b":)", b"")] * 5
    assert read([*alive, *words("ice"), *alive, chunk("stop")]) == ("ice", STOP)


# --- white space and tags ----------------------------------------------------------------------


def test_white_space_waits_for_its_word_and_is_not_lost() -> None:
    assert read([*words("ice", "\n", "\n  ", "creeps", "\n"), chunk("stop")]) == ("ice\n\n  creeps\n", STOP)


def test_endless_white_space_is_an_end_of_patience_and_of_memory() -> None:
    blank = words(*([" " * 1_000] * (MOST_BLANK // 1_000 + 1)))
    assert broken(blank) is FailureKind.TIMEOUT
    assert broken([*words("ice"), *blank]) is FailureKind.STALLED


TAGS = ["<think>", "<thinking>", "<thought>", "<reasoning>", "[THINK]", "<Think>"]


@pytest.mark.parametrize("tag", TAGS)
@pytest.mark.parametrize("size", [1, 3, 1_000])
def test_reasoning_in_tags_at_the_start_is_no_answer(tag: str, size: int) -> None:
    closing = tag[0] + "/" + tag[1:]
    whole = f"\n{tag}a<b, so: yes{closing}\n\n{tag}sure{closing} Hello <b>you</b> {tag} {closing}"
    received = heard([*words(*(whole[at : at + size] for at in range(0, len(whole), size))), chunk("stop")])
    assert text_of(received) == f"Hello <b>you</b> {tag} {closing}"
    assert "".join(event.text for event in received if isinstance(event, Reasoning)) == "a<b, so: yessure"


@pytest.mark.parametrize("size", [1, 3, 7, 1_000])
@pytest.mark.parametrize("joint", ["\n</think>\n\n", "</think>", ".\n\n</think>", " </think>", "</thinking> "])
def test_thoughts_that_are_only_closed_are_taken_back(joint: str, size: int) -> None:
    before = "The person says hello. So do I." if joint == " </think>" else "The person says hello"
    whole = f"{before}{joint}Hello there!"
    pieces = [whole[at : at + size] for at in range(0, len(whole), size)]
    received = heard([*words(*pieces), chunk("stop")])
    assert text_of(received) == "Hello there!"
    thoughts = "".join(event.text for event in received if isinstance(event, Reasoning))
    assert thoughts == whole[: whole.index("</")]


@pytest.mark.parametrize("size", [1, 3, 7, 1_000])
@pytest.mark.parametrize(
    "honest",
    [
        "Models close it with `</think>` and then answer.",
        "The tag </think> ends the block.",
        "Use <think> to begin and </think>\nto end.",
        "```xml\n<a>\n</think>\n```\nis wrong.",
        "He wrote “</think>” there.",
        "<p>one</p>\n<p>two</p>",
        "a </thin ice",
    ],
)
def test_a_tag_that_the_text_speaks_about_stays(honest: str, size: int) -> None:
    pieces = [honest[at : at + size] for at in range(0, len(honest), size)]
    assert read([*words(*pieces), chunk("stop")]) == (honest, STOP)


def test_a_conversation_about_the_tag_gets_it() -> None:
    assert read([*words("It is:\n</think>\n"), chunk("stop")], lone_closing=False) == ("It is:\n</think>\n", STOP)


def test_a_closing_tag_before_the_first_word_goes_without_a_word() -> None:
    assert read([*words("</think>", "\n\n", "Hello"), chunk("stop")]) == ("Hello", STOP)


# --- odd chunks --------------------------------------------------------------------------------


def odd(choice: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": {"content": "creeps"}, "finish_reason": None, **choice}], **more}


ODD: dict[str, Any] = {
    "index as text": odd({"index": "0"}),
    "index null": odd({"index": None}),
    "index a float": odd({"index": 0.0}),
    "a number nobody reads is none": b'{"choices":[{"delta":{"content":"creeps"},"logprobs":NaN}],"time":-Infinity}',
    "a raw line feed": b'{"choices":[{"delta":{"content":"creeps"},"note":"a\nb"}]}',
    "usage as text": odd({}, usage="none"),
    "usage a list": odd({}, usage=[1, 2]),
    "usage in floats": odd({}, usage={"prompt_tokens": 3.0, "completion_tokens": "5"}),
    "usage out of range": odd({}, usage={"prompt_tokens": -1, "completion_tokens": 2**64 - 1}),
    "finish reason a number": odd({"finish_reason": 0}),
    "choices an object": {"choices": odd({})["choices"][0]},
    "content in parts": odd({"delta": {"content": [{"type": "text", "text": "creeps"}, {"type": "image_url"}, None, {}]}}),
    "content of plain strings": odd({"delta": {"content": ["cre", "eps"]}}),
    "content an object": odd({"delta": {"content": {"type": "output_text", "text": "creeps"}}}),
    "text inside text": odd({"delta": {"content": [{"type": "text", "text": {"value": "creeps", "annotations": []}}]}}),
    "a delta that is text": odd({"delta": "creeps"}),
    "role a number": odd({"delta": {"role": 3, "content": "creeps"}}),
    "tool calls an object": odd({"delta": {"content": "creeps", "tool_calls": {}}}),
    "reasoning a number": odd({"delta": {"content": "creeps", "reasoning": True}}),
    "two values in one event": b'{"choices":[{"delta":{"content":"cre"}}]}\n{"choices":[{"delta":{"content":"eps"}}]}',
    "a list of chunks": [odd({})],
    "a text completion": {"choices": [{"index": 0, "text": "creeps"}]},
}  # fmt: skip


@pytest.mark.parametrize("name", ODD)
def test_an_odd_value_never_costs_the_words_beside_it(name: str) -> None:
    assert read([event(ODD[name]), chunk("stop"), DONE]) == ("creeps", STOP)


@pytest.mark.parametrize(
    "empty", [{"delta": []}, {"delta": None}, {"delta": {}}, {"delta": 7}, {}, {"delta": {"content": None}}, None, 3]
)
def test_a_chunk_without_words_costs_nothing(empty: Any) -> None:
    assert read([*words("ice"), event({"choices": [empty]}), *words(" creeps"), chunk("stop")]) == ("ice creeps", STOP)


@pytest.mark.parametrize("choices", [None, [], {}, "x", 0, [[]]])
def test_a_chunk_without_choices_costs_nothing(choices: Any) -> None:
    assert read([*words("ice"), event({"choices": choices}), chunk("stop")]) == ("ice", STOP)


THOUGHTS: list[Any] = [
    {"reasoning": "hm"},
    {"reasoning_content": "hm", "reasoning": "hm"},
    {"reasoning": {"text": "hm"}},
    {"reasoning_content": {"content": "hm"}},
    {"reasoning": [{"type": "reasoning.text", "text": "h"}, {"text": "m"}]},
    {"reasoning_details": [{"type": "reasoning.text", "text": "hm", "format": None}, {"type": "reasoning.encrypted", "data": "x"}]},
    {"reasoning_details": [{"type": "reasoning.summary", "summary": "hm"}]},
    {"reasoning": "hm", "reasoning_details": [{"type": "reasoning.text", "text": "hm"}]},
    {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}, {"type": "reference", "reference_ids": [1]}]}]},
    {"content": [{"type": "thinking", "thinking": "hm"}]},
    {"content": [{"type": "reasoning_content", "text": "hm"}]},
    {"content": "<thought>hm", "extra_content": {"google": {"thought": True}}},
]  # fmt: skip


@pytest.mark.parametrize("delta", THOUGHTS)
def test_reasoning_is_read_in_every_known_shape(delta: dict[str, Any]) -> None:
    received = heard([chunk(**delta), *words("ice"), chunk("stop")])
    assert [event.text for event in received if isinstance(event, Reasoning)] == ["hm"]
    assert text_of(received) == "ice"


def test_a_message_counts_only_where_no_delta_came() -> None:
    whole = {"role": "assistant", "content": "ice creeps"}
    last = event({"choices": [{"index": 0, "message": whole, "finish_reason": "stop"}]})
    both = event({"choices": [{"index": 0, "delta": {}, "message": whole, "finish_reason": "stop"}]})
    assert read([last]) == ("ice creeps", STOP)
    for end in (last, both):
        assert read([*words("ice", " creeps"), end]) == ("ice creeps", STOP)
        assert read([chunk(reasoning="hm"), end]) == ("ice creeps", STOP)


@pytest.mark.parametrize(
    ("reported", "known"),
    [
        ({"prompt_tokens": 3, "completion_tokens": 5}, Usage(3, 5)),
        ({"prompt_tokens": "3", "completion_tokens": 5.0}, Usage(3, 5)),
        ({"completion_tokens": 5}, Usage(0, 5)),
        ({"prompt_tokens": 3, "completion_tokens": 5, "completion_tokens_details": {"reasoning_tokens": 9}}, Usage(3, 14, 9)),
        ({"prompt_tokens": 3, "completion_tokens": 5, "completion_tokens_details": [1]}, Usage(3, 5)),
        ({"prompt_tokens": 3, "completion_tokens": -5}, None),
        ({"prompt_tokens": 2**64 - 1, "completion_tokens": 5}, None),
        ({"prompt_tokens": 3, "completion_tokens": True}, None),
        ({"prompt_tokens": 3, "completion_tokens": "many"}, None),
        ({"prompt_tokens": 3, "completion_tokens": 0}, None),
        ({"prompt_tokens": 3, "completion_tokens": 1e400}, None),
        ({}, None),
        ("a lot", None),
    ],
)  # fmt: skip
def test_usage_is_a_sensible_number_or_not_reported(reported: Any, known: Usage | None) -> None:
    for where in ({"usage": reported}, {"x_groq": {"usage": reported}}):
        last = event({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}], **where})
        received = heard([*words("ice"), last, DONE])
        assert [one for one in received if isinstance(one, Usage)] == ([] if known is None else [known])


def test_a_character_in_two_halves_is_joined_and_a_lone_half_replaced() -> None:
    halves = [event(b'{"choices":[{"delta":{"content":"a\\ud83d"}}]}'), event(b'{"choices":[{"delta":{"content":"\\ude00b"}}]}')]  # fmt: skip
    assert read([*halves, chunk("stop")]) == ("a😀b", STOP)
    assert read([halves[0], *words("b"), chunk("stop")]) == ("a\ufffdb", STOP)
    assert read([*words("x"), halves[0], chunk("stop")]) == ("xa\ufffd", STOP)


def test_a_broken_chunk_with_words_is_a_hole_and_one_without_is_passed_over() -> None:
    hole, noise = event(b'{"choices":[{"delta":{"content":"cre"'), event(b"{broken")
    assert broken([*words("ice"), hole, chunk("stop")]) is FailureKind.BAD_RESPONSE
    assert read([*words("ice"), noise, chunk("stop")]) == ("ice", STOP)
    assert broken([*words("ice"), *[noise] * 10]) is FailureKind.BAD_RESPONSE


# --- properties --------------------------------------------------------------------------------

STREAMS = st.lists(st.sampled_from(["ice", " creeps", " ha", "=", "\n", " down", " over"]), max_size=30).map(
    lambda texts: [chunk(role="assistant"), *words(*texts), chunk("stop"), DONE]
)


@given(STREAMS, st.lists(st.integers(1, 40), min_size=1))
def test_however_the_events_fall_into_reads_the_answer_is_the_same(stream: list[SseEvent], sizes: list[int]) -> None:
    answer, rest, seen = Answer(ChunkFormat()), iter(stream), []
    for size in cycle(sizes):
        group = list(islice(rest, size))
        if not group:
            break
        seen += answer.read(group)
    try:
        seen += answer.end()
        assert (text_of(seen), seen[-1].reason) == read(stream)
    except UpstreamFailure as failure:
        assert broken(stream) is failure.kind


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["delta", "message", "content", "text", "index", "finish_reason", "reasoning", "usage", "error", "type", "x"]), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


@given(st.lists(JSON, max_size=4), st.booleans())
def test_any_json_ends_in_events_or_in_a_failure(choices: list[Any], cut: bool) -> None:
    stream = [event({"choices": choices, "usage": choices}), event(choices), *words("ice"), chunk("stop")]
    try:
        received = heard(stream, cut=cut)
    except UpstreamFailure:
        return
    assert all(one.text.encode() for one in received if isinstance(one, Delta | Reasoning))
