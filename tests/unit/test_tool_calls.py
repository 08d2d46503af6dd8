"""Tool calls: from every shape of a stream to whole calls, once each, whatever breaks on the way."""

import json
import random
from typing import Any

import msgspec
import pytest

from inference_service.domain import Composing, Delta, Finish, FinishReason, Handover, Notice
from inference_service.failures import FailureKind, UpstreamFailure
from inference_service.providers.cohere import EventFormat
from inference_service.providers.kit.answer import Answer
from inference_service.providers.kit.calls import Calls, Fragment
from inference_service.providers.kit.sse import SseEvent
from inference_service.providers.openai.stream import ChunkFormat
from inference_service.tools import Tool, ToolCall, ToolChoice, ToolMode
from tests.support.answers import STOP, A, B, C, Caller, fails
from tests.support.toolstreams import SHAPES, Chunks, chunk, some_calls

K = FailureKind
TOOLS = tuple(Tool(name) for name in ("look_up", "add", "wait-for"))
TWO = [("call_1", "look_up", '{"query": "ice", "n": 1234567890123456789}'), ("call_2", "add", '{"a": {"b": []}}')]
CALLED = Finish(FinishReason.TOOL_CALLS)


def events_of(chunks: Chunks) -> list[SseEvent]:
    return [SseEvent(msgspec.json.encode(chunk)) for chunk in chunks]


def read(chunks: Chunks, *, form: Any = None, size: int = 1) -> list[Any]:
    """Every event of a whole answer that arrives `size` chunks at a time."""
    answer, events = Answer(form or ChunkFormat()), events_of(chunks)
    seen: list[Any] = []
    for at in range(0, len(events), size):
        seen += answer.read(events[at : at + size])
    return [*seen, *answer.end()]


def calls_in(seen: list[Any]) -> list[tuple[str, str, Any]]:
    return [(event.id, event.name, json.loads(event.arguments)) for event in seen if isinstance(event, ToolCall)]


def parsed(calls: list[tuple[str, str, str]]) -> list[tuple[str, str, Any]]:
    return [(call_id, name, json.loads(arguments)) for call_id, name, arguments in calls]


@pytest.mark.parametrize("size", [1, 3, 100])
@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_of_a_stream_gives_the_same_calls(shape: str, size: int) -> None:
    received = read(SHAPES[shape](TWO), size=size)
    assert calls_in(received) == parsed(TWO)
    assert received[-1] == CALLED
    assert all(isinstance(event, ToolCall | Composing | Finish) for event in received)


@pytest.mark.parametrize("shape", sorted(set(SHAPES) - {"objects", "encoded_twice"}))
def test_long_numbers_keep_every_digit(shape: str) -> None:
    received = read(SHAPES[shape](TWO))
    assert '"n": 1234567890123456789}' in next(event.arguments for event in received if isinstance(event, ToolCall))


def test_random_calls_survive_every_shape() -> None:
    chance = random.Random(14)
    for _ in range(1_500):
        calls = some_calls(chance)
        shape = chance.choice(list(SHAPES))
        assert calls_in(read(SHAPES[shape](calls), size=chance.choice([1, 2, 50]))) == parsed(calls), shape


def test_cohere_sends_calls_as_events_of_their_own() -> None:
    chunks: Chunks = [
        {"type": "message-start", "id": "x"},
        {"type": "tool-plan-delta", "delta": {"message": {"tool_plan": "I look it up."}}},
    ]
    for index, (call_id, name, arguments) in enumerate(TWO):
        start = {"id": call_id, "type": "function", "function": {"name": name, "arguments": ""}}
        chunks.append({"type": "tool-call-start", "index": index, "delta": {"message": {"tool_calls": start}}})
        chunks += [
            {"type": "tool-call-delta", "index": index, "delta": {"message": {"tool_calls": {"function": {"arguments": arguments[at : at + 4]}}}}}
            for at in range(0, len(arguments), 4)
        ]  # fmt: skip
        chunks.append({"type": "tool-call-end", "index": index})
    chunks.append({"type": "message-end", "delta": {"finish_reason": "TOOL_CALL"}})
    received = read(chunks, form=EventFormat())
    assert calls_in(received) == parsed(TWO)
    assert received[0].text == "I look it up."
    assert received[-1] == CALLED


@pytest.mark.parametrize("nothing", ["", "{}", "null", "  "])
def test_a_call_without_arguments_has_an_empty_object(nothing: str) -> None:
    (call,) = [one for one in read(SHAPES["whole"]([("c", "add", nothing)])) if isinstance(one, ToolCall)]
    assert json.loads(call.arguments) == {}


def test_the_call_form_that_openai_had_before_tools_is_read() -> None:
    chunks = [chunk(function_call={"name": "add", "arguments": '{"a"'}), chunk(function_call={"arguments": ":1}"})]
    (call,) = [one for one in read([*chunks, chunk("function_call")]) if isinstance(one, ToolCall)]
    assert (call.name, call.arguments) == ("add", '{"a":1}')


def test_calls_without_ids_or_with_the_same_get_ids_of_their_own() -> None:
    for ids in (("", ""), ("same", "same")):
        calls = Calls()
        for index, call_id in enumerate(ids):
            calls.add(Fragment(index, call_id, "add", '{"a":1}'))
        first, second = calls.whole()
        assert first.id
        assert second.id
        assert first.id != second.id
        assert (first.name, first.arguments) == (second.name, second.arguments)


@pytest.mark.parametrize("arguments", ["{", "[1]", '"text"', "not json", '{"a": }', "1", '{"a":1}}'])
def test_a_call_that_nobody_could_run_is_a_failed_attempt(arguments: str) -> None:
    with pytest.raises(UpstreamFailure) as caught:
        read(SHAPES["whole"]([("c", "add", arguments)]))
    assert caught.value.kind is K.INVALID_OUTPUT
    assert arguments not in caught.value.message or len(arguments) < 2


def test_a_call_that_the_token_limit_cut_off_is_dropped_with_a_notice() -> None:
    chunks = [*SHAPES["whole"]([TWO[0]])[:-1], chunk(tool_calls=[{"index": 1, "id": "d", "function": {"name": "add", "arguments": '{"a'}}])]  # fmt: skip
    received = read([*chunks, chunk("length")])
    assert calls_in(received) == parsed(TWO[:1])
    assert [event.field for event in received if isinstance(event, Notice)] == ["sampling.max_tokens"]
    assert received[-1] == Finish(FinishReason.LENGTH)
    with pytest.raises(UpstreamFailure):
        read([chunks[-1], chunk("length")])


def test_words_that_look_like_a_call_stay_words() -> None:
    text = '<tool_call>{"name": "add", "arguments": {}}</tool_call>'
    received = read([chunk(content=text), chunk("stop")])
    assert "".join(event.text for event in received if isinstance(event, Delta)) == text
    assert not calls_in(received)


def test_a_stream_without_end_of_fragments_is_given_up() -> None:
    piece = chunk(
        tool_calls=[{"index": 0, "id": "c", "function": {"name": "add", "arguments": '{"a": "' + "x" * 100_000}}]
    )
    with pytest.raises(UpstreamFailure) as caught:
        read([piece] * 20)
    assert caught.value.kind is K.BAD_RESPONSE


# --- across deployments --------------------------------------------------------------------------


def caller(**more: Any) -> Caller:
    return Caller(request={"tools": TOOLS, **more})


def call(name: str = "add", arguments: str = "{}", call_id: str = "c1") -> ToolCall:
    return ToolCall(call_id, name, arguments)


def test_calls_leave_at_a_good_end_and_not_before() -> None:
    asks = caller()
    opening = asks.opens(A)
    asks.hears(opening, "Let me see.", Composing(9), call())
    assert not [event for event in asks.seen if isinstance(event, ToolCall)]
    asks.hears(opening, CALLED)
    assert asks.seen[-1] == call()
    assert asks.answer.whole
    assert asks.finished(CALLED).tool_calls == 1


def test_an_answer_that_is_only_calls_is_a_good_end() -> None:
    asks = caller()
    asks.says(A, call(), call(call_id="c2"), CALLED)
    assert asks.answer.whole
    assert asks.finished(CALLED).total_chars == 0


def test_an_answer_that_broke_within_a_tool_call_starts_again_from_the_beginning() -> None:
    asks = caller()
    asks.says(A, "Let me look that up for you now. ", Composing(12))
    again = asks.opens(B, "stream_cut")
    assert not again.prefix
    assert again.request.messages == asks.answer.opening(A, *standing()).request.messages
    asks.hears(again, "Let me look again.", call(), CALLED)
    assert asks.text == "Let me look again."
    assert [event for event in asks.seen if isinstance(event, ToolCall)] == [call()]
    asks.checks_out()


def standing() -> tuple[Any, ...]:
    from inference_service.routing.decide import Standing

    return Standing(), 9, "", 50.0


@pytest.mark.parametrize(
    ("choice", "said", "good"),
    [
        (ToolChoice(ToolMode.REQUIRED), ["words"], False),
        (ToolChoice(ToolMode.REQUIRED), [call()], True),
        (ToolChoice(ToolMode.NONE), [call()], False),
        (ToolChoice(ToolMode.NONE), ["words"], True),
        (ToolChoice(ToolMode.REQUIRED, "add"), [call("look_up")], False),
        (ToolChoice(ToolMode.REQUIRED, "add"), [call("add")], True),
        (ToolChoice(ToolMode.AUTO), ["words"], True),
        (None, [call("invented")], False),
        (None, ["words", call("look_up")], True),
    ],
)
def test_the_choice_of_the_caller_holds(choice: ToolChoice | None, said: list[Any], good: bool) -> None:
    asks = caller(tool_choice=choice)
    opening = asks.opens(A)
    asks.hears(opening, *said)
    if good:
        asks.hears(opening, STOP)
        assert asks.answer.whole
    else:
        assert fails(asks, opening) is K.INVALID_OUTPUT


def test_arguments_of_a_strict_tool_follow_their_schema() -> None:
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    for strict, arguments, good in ((True, '{"n": "x"}', False), (True, '{"n": 1}', True), (False, "{}", True)):
        asks = Caller(request={"tools": (Tool("add", "", schema, strict),)})
        opening = asks.opens(A)
        asks.hears(opening, call("add", arguments))
        if good:
            asks.hears(opening, CALLED)
        else:
            assert fails(asks, opening, CALLED) is K.INVALID_OUTPUT


def test_calls_of_tools_that_nobody_offered_are_no_answer() -> None:
    asks = Caller()
    opening = asks.opens(A)
    asks.hears(opening, call())
    assert fails(asks, opening, CALLED) is K.BAD_RESPONSE


def test_ten_thousand_faults_lose_double_and_damage_no_call() -> None:
    """Streams of random shapes are cut anywhere; the next deployment is asked, as routing does it."""
    chance, faults = random.Random(1914), 0
    while faults < 10_000:
        asks, reason, whole = caller(), "", None
        for number in range(chance.randint(2, 12)):
            said = chance.choice(["", "Let me see. ", "One moment, please: "])
            calls = some_calls(chance, most=3)
            chunks = [*([chunk(content=said)] if said else []), *SHAPES[chance.choice(list(SHAPES))](calls)]
            opening = asks.opens((A, B, C)[number % 3], reason)
            # The last chunk tells the end: without it the answer was cut.
            cut = chance.random() < 0.9
            events = events_of(chunks[: chance.randrange(len(chunks))] if cut else chunks)
            answer = Answer(ChunkFormat())
            try:
                for event in answer.read(events):
                    asks.hears(opening, event)
                for event in answer.end(cut=cut):
                    asks.hears(opening, event)
            except UpstreamFailure as failure:
                faults += 1
                reason = failure.kind.value
                continue
            assert not cut
            whole = (said, calls)
            break
        sent = [one for one in asks.seen if isinstance(one, ToolCall)]
        assert calls_in(sent) == (parsed(whole[1]) if whole else [])
        if whole:
            assert asks.text == whole[0]
            assert asks.finished().total_chars == len(asks.text)
            behind = asks.seen[asks.seen.index(sent[0]) :]
            assert not any(isinstance(one, Handover | Delta) for one in behind)
