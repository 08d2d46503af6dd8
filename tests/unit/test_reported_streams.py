"""Streams that people have reported to clients and gateways as bugs, each with its report: what they mean here.

The bodies are shortened to what matters. Every one is read in one piece, byte by byte and in pieces of 7 bytes.
"""

import json
from typing import Any

import pytest

from inference_service.domain import ChatEvent, Delta, Finish, FinishReason, Reasoning, Retract, Usage
from inference_service.failures import FailureKind, UpstreamFailure
from inference_service.providers.kit.answer import Answer
from inference_service.providers.kit.frames import frames, without_mark
from inference_service.providers.openai.stream import ChunkFormat
from inference_service.tools import ToolCall

K = FailureKind
STOP, LENGTH, TOOLS, FILTER = (
    FinishReason.STOP,
    FinishReason.LENGTH,
    FinishReason.TOOL_CALLS,
    FinishReason.CONTENT_FILTER,
)
DONE = "data: [DONE]\n\n"


def data(*values: Any) -> str:
    """Events of JSON objects, or of texts as they are."""
    return "".join(f"data: {value if isinstance(value, str) else json.dumps(value)}\n\n" for value in values)


def chunk(finish: Any = None, **delta: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}


def call(index: Any = None, name: Any = None, arguments: Any = None, **more: Any) -> dict[str, Any]:
    """A fragment of a tool call; what is None is left out."""
    function = {key: value for key, value in (("name", name), ("arguments", arguments)) if value is not None}
    return {**({} if index is None else {"index": index}), "function": function, **more}


def calls(*fragments: dict[str, Any], finish: Any = None) -> dict[str, Any]:
    return chunk(finish, tool_calls=list(fragments))


ICE, CREEPS = chunk(content="Ice"), chunk(content=" creeps.")
READ, FIND = '{"path": "a.rs"}', '{"path": "b.rs"}'

# --- answers ---------------------------------------------------------------------------------------

WORDS: dict[str, tuple[str, FinishReason]] = {
    # open-webui/open-webui#16377, su-kaka/gcli2api#403
    "a good end with every thought": (
        data(chunk("stop", reasoning_content="hm"), chunk("stop", reasoning_content=" so"), chunk("stop", content="Ice"),
             chunk("stop", content=" creeps.")) + DONE, STOP),
    # BerriAI/litellm#2195, QuantumNous/new-api#378, MartialBE/one-hub#418
    "a good end with every word": (
        data(*[{**chunk("stop", content=text), "usage": None} for text in ("Ice", " creeps.")]) + DONE, STOP),
    # jakobdylanc/llmcord#84
    "the reason under another name": (
        data(ICE, CREEPS, {"choices": [{"delta": {}, "finish_reason": None, "finishReason": "stop"}]}), STOP),
    # ollama/ollama#4357
    "an empty reason with every word": (data(chunk("", content="Ice"), chunk("", content=" creeps."), chunk("stop")) + DONE, STOP),
    # vllm-project/vllm#27572
    "no reason before the end marker": (data(chunk(role="assistant", content=""), ICE, CREEPS) + DONE, STOP),
    # vllm-project/vllm#35705
    "the last word beside the reason": (data(ICE, chunk("length", content=" creeps.")) + DONE, LENGTH),
    # vllm-project/vllm#30866
    "a chunk of nulls": (data(chunk(content=None, reasoning_content=None), ICE, CREEPS, chunk("stop")) + DONE, STOP),
    # BerriAI/litellm#1571
    "another id and an empty usage with every chunk": (
        data({"id": "1", "usage": {}, **ICE}, {"id": "2", "usage": {}, **CREEPS}, {"id": "3", **chunk("stop")}) + DONE, STOP),
    # vercel/ai#4031
    "no index": (data(*[{"choices": [{"delta": {"content": text}}]} for text in ("Ice", " creeps.")]) + DONE, STOP),
    # vercel/ai#7417
    "usage without choices": (data(ICE, CREEPS, chunk("stop"), {"usage": {"prompt_tokens": 3, "completion_tokens": 5}}), STOP),
    # vercel/ai#16530: the whole text so far beside every delta
    "a message that grows beside the deltas": (
        data({"choices": [{"delta": {"content": "Ice"}, "message": {"content": "Ice"}}]},
             {"choices": [{"delta": {"content": " creeps."}, "message": {"content": "Ice creeps."}, "finish_reason": "stop"}]}), STOP),
    # zeitlings/ayai-gpt-nexus#2
    "another word for a good end": (data(ICE, CREEPS, chunk("end_turn")) + DONE, STOP),
    # tmc/langchaingo#942, CopilotC-Nvim/CopilotChat.nvim#944, brainlid/langchain#259
    "comments that keep the connection alive": (
        ": OPENROUTER PROCESSING\n\n: keep-alive\n\n" + data(ICE) + ":\n\n: ping\n" + data(CREEPS, chunk("stop")) + DONE, STOP),
    # openai/openai-python#2722: a comment, a blank line, and an id from before
    "events without data": ("id: 1\n" + data(ICE) + ": ping\n\nid: 2\n\n" + data(CREEPS, chunk("stop")) + DONE, STOP),
    # Growth-Circle/cadis#2329, netease-lcap/wave-agent#1326
    "empty data lines": ("data: \n\n" + data(ICE) + "data:\n\n" + data(CREEPS, chunk("stop")) + DONE, STOP),
    # openai/openai-python#498, SamSaffron/term-llm#487
    "no space behind the colon": ((data(ICE, CREEPS, chunk("stop")) + DONE).replace("data: ", "data:"), STOP),
    "values that are no chunks": (data("null", "{}", "[]", '"ping"', "1", ICE, CREEPS, chunk("stop")) + DONE, STOP),
    # A filter's report before the first word and in a choice of its own: Azure, GitHub Models.
    "a report of filters": (
        data({"choices": [], "prompt_filter_results": [{"prompt_index": 0}]}, ICE, CREEPS,
             {"choices": [{"index": 0, "finish_reason": None, "content_filter_results": {}, "content_filter_offsets": {}}]},
             chunk("stop")) + DONE, STOP),
    "a second choice that nobody asked for": (
        data(ICE, {"choices": [{"index": 1, "delta": {"content": "Snow"}}]}, CREEPS, chunk("stop")) + DONE, STOP),
    "an end marker without its blank line": (data(ICE, CREEPS, chunk("stop")) + "data: [DONE]", STOP),
    "an answer in one piece": (
        json.dumps({"choices": [{"message": {"content": "Ice creeps."}, "finish_reason": "stop"}]}), STOP),
    "an answer in one piece as an event": (
        data({"choices": [{"message": {"content": "Ice creeps."}, "finish_reason": "stop"}]}) + DONE, STOP),
    "reasoning in two fields": (
        data(chunk(reasoning="hm so", reasoning_content="hm so", content=""), ICE, CREEPS, chunk("stop")) + DONE, STOP),
    # A reason as an object: the server of SGLang.
    "a reason with what it matched": (data(ICE, CREEPS, chunk({"type": "stop", "matched": 151645})), STOP),
    "null behind the end marker": (data(ICE, CREEPS, chunk("stop")) + DONE + data("null") + DONE, STOP),
    "an error of nothings beside every word": (
        data({**ICE, "error": None}, {**CREEPS, "error": {"message": "", "code": 0}}, {**chunk("stop"), "error": ""}) + DONE, STOP),
}  # fmt: skip


def events(body: str, size: int) -> list[ChatEvent]:
    answer, raw = Answer(ChunkFormat()), without_mark(body.encode())
    reader = frames(raw)
    seen: list[ChatEvent] = []
    for start in range(0, len(raw), size):
        if not answer.done:
            seen += answer.read(reader.feed(raw[start : start + size]))
    if not answer.done:
        seen += answer.read(reader.flush())
    return [*seen, *answer.end()]


def text_of(seen: list[ChatEvent]) -> str:
    text = ""
    for event in seen:
        text = "" if isinstance(event, Retract) else text + event.text if isinstance(event, Delta) else text
    return text


SIZES = [1, 7, 100_000]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", WORDS)
def test_a_reported_stream_of_words_is_a_whole_answer(name: str, size: int) -> None:
    body, reason = WORDS[name]
    seen = events(body, size)
    assert text_of(seen) == "Ice creeps."
    assert seen[-1] == Finish(reason)


# --- tool calls --------------------------------------------------------------------------------------

ONE, BOTH = [("read", READ)], [("read", READ), ("read", FIND)]
CALLS: dict[str, tuple[str, list[tuple[str, str]]]] = {
    # openclaw/openclaw#98575
    "no reason before the end marker": (data(calls(call(0, "read", READ, id="a"))) + DONE, ONE),
    # su-kaka/gcli2api#407, pydantic/pydantic-ai#2631
    "a stop far behind the call": (data(calls(call(0, "read", READ, id="a")), chunk("STOP")) + DONE, ONE),
    # BerriAI/litellm#33678, agno-agi/agno#3826: every call has the index 0
    "one index for all": (
        data(calls(call(0, "read", READ, id="a")), calls(call(0, "read", FIND, id="b")), chunk("tool_calls")) + DONE, BOTH),
    "one index for all and no ids": (
        data(calls(call(0, "read", READ)), calls(call(0, "read", FIND)), chunk("tool_calls")) + DONE, BOTH),
    "one index for all in one chunk": (
        data(calls(call(0, "read", READ, id="a"), call(0, "read", FIND, id="b")), chunk("stop")) + DONE, BOTH),
    # openai/openai-python#3201
    "the same index twice in the first chunk": (
        data(calls(call(0, "read", id="read:0"), call(0, arguments=' {"')), calls(call(0, arguments='path": "a.rs"}')),
             chunk("tool_calls")) + DONE, ONE),
    # SamSaffron/term-llm#314, vercel/ai#7238
    "no index": (
        data(calls(call(None, "read", READ, id="a"), call(None, "read", FIND, id="b"), finish="tool_calls")) + DONE, BOTH),
    "no index, in fragments": (
        data(calls(call(None, "read", "", id="a")), calls(call(None, arguments='{"path": ')),
             calls(call(None, arguments='"a.rs"}')), chunk("tool_calls")) + DONE, ONE),
    # BerriAI/litellm#20711
    "an id in the first fragment and null behind it": (
        data(calls(call(0, "read", "", id="a")), calls({"index": 0, "id": None, "type": None, "function": {"name": None, "arguments": READ}}),
             chunk("tool_calls")) + DONE, ONE),
    # BerriAI/litellm#8990, langchain4j/langchain4j#4544
    "the whole id with every fragment": (
        data(*[calls(call(0, None if at else "read", READ[at:at + 4], id="a")) for at in range(0, len(READ), 4)], chunk("tool_calls")) + DONE, ONE),
    "the name with every fragment": (
        data(*[calls(call(0, "read", READ[at:at + 4], id="a")) for at in range(0, len(READ), 4)], chunk("tool_calls")) + DONE, ONE),
    "empty ids and names behind the first fragment": (
        data(calls(call(0, "read", "", id="a")), *[calls(call(0, "", READ[at:at + 4], id="")) for at in range(0, len(READ), 4)], chunk("tool_calls")) + DONE, ONE),
    # vercel/ai#19178
    "arguments in fragments from a provider that sends them whole": (
        data(calls(call(0, "read", id="a")), calls(call(0, arguments='{"path"')), calls(call(0, arguments=': "a.rs"}'), finish="tool_calls")) + DONE, ONE),
    "arguments as an object": (data(calls(call(0, "read", {"path": "a.rs"}, id="a"), finish="tool_calls")) + DONE, [("read", '{"path":"a.rs"}')]),
    "an index as text": (
        data(calls(call("0", "read", READ, id="a")), calls(call("1", "read", FIND, id="b")), chunk("tool_calls")) + DONE, BOTH),
    "indexes that begin at one": (
        data(calls(call(1, "read", READ, id="a")), calls(call(2, "read", FIND, id="b")), chunk("tool_calls")) + DONE, BOTH),
    "fragments of two calls that take turns": (
        data(calls(call(0, "read", READ[:5], id="a"), call(1, "read", FIND[:5], id="b")), calls(call(1, arguments=FIND[5:]), call(0, arguments=READ[5:])),
             chunk("tool_calls")) + DONE, BOTH),
    "null instead of a function": (
        data(calls({"index": 0, "id": "a", "function": None}), calls(call(0, "read", READ)), chunk("tool_calls")) + DONE, ONE),
    "a call in a whole message": (
        json.dumps({"choices": [{"message": {"content": None, "tool_calls": [call(None, "read", READ, id="a")]}, "finish_reason": "tool_calls"}]}), ONE),
}  # fmt: skip


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", CALLS)
def test_a_reported_stream_of_calls_gives_each_call_once(name: str, size: int) -> None:
    body, expected = CALLS[name]
    seen = events(body, size)
    assert [(event.name, json.loads(event.arguments)) for event in seen if isinstance(event, ToolCall)] == [
        (called, json.loads(arguments)) for called, arguments in expected
    ]
    assert len({event.id for event in seen if isinstance(event, ToolCall)}) == len(expected)
    assert seen[-1] == Finish(TOOLS)


# --- what is no answer -------------------------------------------------------------------------------

FAILURES: dict[str, tuple[str, FailureKind]] = {
    # Aider-AI/aider#3550
    "a limit instead of the first word": (
        data({"error": {"message": "Rate limit exceeded: free-models-per-day", "code": 429, "metadata": {"headers": {"X-RateLimit-Remaining": "0"}}}, "user_id": "u"}),
        K.QUOTA_EXHAUSTED),
    # damianvtran/local-operator#223, gethouston/houston#1211
    "an error beside the reason error": (
        data(ICE, {"error": {"code": 502, "message": "Upstream error"}, **chunk("error", content="")}) + DONE, K.STREAM_ERROR),
    "the reason error alone": (data(ICE, CREEPS, chunk("error")) + DONE, K.STREAM_ERROR),
    # maximhq/bifrost#5425
    "half a message with the reason error": (
        json.dumps({"choices": [{"index": 0, "message": {"content": '{"title": "part'}, "finish_reason": "error"}],
                    "usage": {"prompt_tokens": None, "completion_tokens": None, "total_tokens": 0}}), K.STREAM_ERROR),
    # vllm-project/vllm#40816
    "the answer in the reasoning": (data(chunk(reasoning="Ice creeps."), chunk("stop", content="")) + DONE, K.BAD_RESPONSE),
    # BerriAI/litellm#37710
    "the budget spent on thoughts": (data(chunk(reasoning_content="hm"), chunk("length")) + DONE, K.BAD_RESPONSE),
    # ollama/ollama#8258, ollama/ollama#8948
    "the model's process has died": (
        data(ICE, {"error": {"message": "an error was encountered while running the model: unexpected EOF", "type": "api_error"}}), K.STREAM_ERROR),
    "the model's process has died, in the native format": (
        '{"response":"Ice","done":false}\n{"error":"an error was encountered while running the model: unexpected EOF"}\n', K.STREAM_ERROR),
    # earendil-works/pi#6225: nothing says that no second call was to come
    "calls and then nothing": (data(calls(call(0, "read", READ, id="a"))), K.STREAM_CUT),
    # 14790897/MiqroForge-Desktop#1100
    "arguments that the limit has cut off": (data(calls(call(0, "read", '{"path": "a', id="a")), chunk("length")) + DONE, K.INVALID_OUTPUT),
    # ranxianglei/billion-context-pi#92
    "words and then nothing": (data(ICE, CREEPS), K.STREAM_CUT),
    "a sentence for people behind words": (
        data(ICE) + "upstream connect error or disconnect/reset before headers. reset reason: connection termination", K.STREAM_CUT),
    # DeepSeek's and Z.ai's own words for giving up: genkit-ai/genkit#6259
    "no resources left": (data(ICE, chunk("insufficient_system_resource")) + DONE, K.STREAM_ERROR),
    "a network error": (data(ICE, chunk("network_error")) + DONE, K.STREAM_ERROR),
    # anomalyco/opencode#44092
    "a filter before the first word": (data(chunk("sensitive", content="")) + DONE, K.CONTENT_REFUSED),
    "a queue that is full": (
        data({"message": "We're experiencing high traffic right now! Please try again soon!", "type": "too_many_requests_error",
              "param": "queue", "code": "queue_exceeded"}), K.OVERLOADED),
    "an event of the name error": ("event: error\n" + data({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}), K.OVERLOADED),
    "an error object of vLLM": (
        data({"object": "error", "message": "This model's maximum context length is 8192 tokens.", "type": "BadRequestError", "code": 400}), K.CONTEXT_TOO_LONG),
    "a reason that says abort": (data(ICE, chunk({"type": "abort", "message": "Request is aborted"})) + DONE, K.STREAM_ERROR),
    "nothing but the end marker": (DONE, K.BAD_RESPONSE),
    "nothing but comments": (": keep-alive\n\n" * 3, K.STREAM_CUT),
    "nothing but a role": (data(chunk(role="assistant", content=""), chunk("stop")) + DONE, K.BAD_RESPONSE),
}  # fmt: skip


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", FAILURES)
def test_a_reported_stream_that_is_no_answer_is_a_failed_attempt(name: str, size: int) -> None:
    body, kind = FAILURES[name]
    with pytest.raises(UpstreamFailure) as caught:
        events(body, size)
    assert caught.value.kind is kind


# --- usage -------------------------------------------------------------------------------------------

USAGE: dict[str, tuple[dict[str, Any], Usage | None]] = {
    "in a chunk without choices": ({"usage": {"prompt_tokens": 3, "completion_tokens": 5}}, Usage(3, 5)),
    # Moonshot's API reference: in the choice that ends
    "in the choice": (
        {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop", "usage": {"prompt_tokens": 3, "completion_tokens": 5}}]}, Usage(3, 5)),
    "in a choice of its own": ({"choices": [{"index": 0, "delta": {}, "usage": {"prompt_tokens": 3, "completion_tokens": 5}}]}, Usage(3, 5)),
    "where Groq puts it": ({"choices": [], "x_groq": {"usage": {"prompt_tokens": 3, "completion_tokens": 5}}}, Usage(3, 5)),
    "as texts and floats": ({"choices": [], "usage": {"prompt_tokens": "3", "completion_tokens": 5.0}}, Usage(3, 5)),
    "with cached tokens": (
        {"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 5, "prompt_tokens_details": {"cached_tokens": 2}}}, Usage(3, 5, cached_tokens=2)),
    "negative": ({"choices": [], "usage": {"prompt_tokens": -1, "completion_tokens": 5}}, None),
    "of nulls": ({"choices": [], "usage": {"prompt_tokens": None, "completion_tokens": None, "total_tokens": 0}}, None),
    "an empty object": ({"choices": [], "usage": {}}, None),
    "larger than any model": ({"choices": [], "usage": {"prompt_tokens": 2**64 - 1, "completion_tokens": 5}}, None),
}  # fmt: skip


@pytest.mark.parametrize("name", USAGE)
def test_usage_is_read_wherever_providers_put_it(name: str) -> None:
    last, usage = USAGE[name]
    finished = [] if name == "in the choice" else [chunk("stop")]
    seen = events(data(ICE, CREEPS, *finished, last) + DONE, 100_000)
    assert [event for event in seen if isinstance(event, Usage)] == ([] if usage is None else [usage])
    assert text_of(seen) == "Ice creeps."


def test_thoughts_in_two_fields_are_heard_once() -> None:
    seen = events(WORDS["reasoning in two fields"][0], 7)
    assert "".join(event.text for event in seen if isinstance(event, Reasoning)) == "hm so"
