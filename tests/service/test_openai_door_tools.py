"""Tools and forms of answers through the OpenAI-compatible door."""

import json
from typing import Any

from tests.fakes.upstream.scripted import CUT, KEY, ScriptedUpstream, routes
from tests.support.http import HELLO, Answer, http_door
from tests.support.toolstreams import SHAPES, chunk

WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Tells the weather.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
CLOCK = {"type": "function", "function": {"name": "clock"}}
CALLS = [("call_1", "get_weather", '{"city": "Köln", "day": 1234567890123456789}'), ("call_2", "clock", "{}")]
SCHEMA = {
    "type": "object",
    "properties": {"answer": {"type": "integer"}},
    "required": ["answer"],
    "additionalProperties": False,
}
FORM = {"type": "json_schema", "json_schema": {"name": "sum", "schema": SCHEMA, "strict": True}}


def calls_of(answer: Answer) -> list[tuple[str, str, str]]:
    if not answer.events:
        found = answer.json["choices"][0]["message"]["tool_calls"]
    else:
        deltas = [choice["delta"] for event in answer.events for choice in event["choices"]]
        found = [call for delta in deltas for call in delta.get("tool_calls", ())]
        assert [call["index"] for call in found] == list(range(len(found)))
    assert all(call["type"] == "function" for call in found)
    return [(call["id"], call["function"]["name"], call["function"]["arguments"]) for call in found]


async def test_a_conversation_with_tools_from_the_question_to_the_answer() -> None:
    said = [chunk(role="assistant", content="One moment. ")]
    async with ScriptedUpstream() as upstream:
        asks = [*said, *SHAPES["openai"](CALLS)]
        upstream.on("m", asks, asks, [chunk(content="Sunny."), chunk("stop")])
        async with http_door(routes(upstream, "m"), KEY) as door:
            for stream in (False, True):
                answer = await door.chat(tools=[WEATHER, CLOCK], tool_choice="required", stream=stream)
                assert calls_of(answer) == CALLS
                assert (answer.finish, answer.content) == ("tool_calls", "One moment. ")
            message = {
                "role": "assistant",
                "content": None,
                "tool_calls": [
                    {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}
                    for call_id, name, arguments in CALLS
                ],
            }
            results = [
                {"role": "tool", "tool_call_id": "call_1", "content": "clear"},
                {"role": "tool", "tool_call_id": "call_2", "content": [{"type": "text", "text": "12:00"}]},
            ]
            answer = await door.chat(messages=[*HELLO, message, *results], tools=[WEATHER, CLOCK])
            assert (answer.content, answer.finish) == ("Sunny.", "stop")
        first, _, last = upstream.bodies
        assert first["tools"][0]["function"] == WEATHER["function"]
        assert first["tool_choice"] == "required"
        assert [turn["role"] for turn in last["messages"]] == ["user", "assistant", "tool", "tool"]
        assert [turn["content"] for turn in last["messages"][2:]] == ["clear", "12:00"]


async def test_calls_without_words_have_no_content() -> None:
    async with ScriptedUpstream() as upstream:
        upstream.on("m", SHAPES["whole"](CALLS))
        async with http_door(routes(upstream, "m"), KEY) as door:
            answer = await door.chat(tools=[WEATHER, CLOCK])
            assert answer.json["choices"][0]["message"]["content"] is None


async def test_a_cut_within_a_call_shows_every_call_once() -> None:
    async with ScriptedUpstream() as upstream:
        upstream.on("m", [*SHAPES["openai"](CALLS)[:3], CUT])
        upstream.on("n", SHAPES["whole"](CALLS))
        async with http_door(routes(upstream, "m", "n"), KEY) as door:
            answer = await door.chat(tools=[WEATHER, CLOCK], stream=True)
            assert calls_of(answer) == CALLS
            assert answer.done
            assert answer.events[-1]["antiphon"]["deployment"] == "b/n"


async def test_a_document_of_the_wanted_form_or_an_error_that_names_the_violation() -> None:
    good, bad = '{"answer": 42}', '{"answer": "forty-two"}'
    async with ScriptedUpstream() as upstream:
        upstream.on("bad", [chunk(content=bad), chunk("stop")])
        upstream.on("good", [chunk(content=good), chunk("stop")])
        async with http_door(routes(upstream, "bad", "good"), KEY) as door:
            for stream in (False, True):
                answer = await door.chat(response_format=FORM, stream=stream)
                assert json.loads(answer.content) == {"answer": 42}, answer.text
            refused = await door.chat(model="a/bad", response_format=FORM, stream=True)
            assert (refused.status, refused.error["code"]) == (503, "invalid_output")
            assert "answer" in refused.error["message"]
            assert "forty-two" not in refused.text


BAD: list[tuple[dict[str, Any], str]] = [
    ({"tools": "weather"}, "tools"),
    ({"tools": ["weather"]}, "tools[0]"),
    ({"tools": [{"type": "web_search"}]}, "tools[0]"),
    ({"tools": [{"type": "function", "function": {}}]}, "tools[0].function.name"),
    ({"tools": [{"type": "function", "function": {"name": "get the weather"}}]}, "tools[0].function.name"),
    ({"tools": [CLOCK, CLOCK]}, "tools[1].function.name"),
    ({"tools": [{"type": "function", "function": {"name": "f", "parameters": "none"}}]}, "tools[0].function.parameters"),
    ({"tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "nothing"}}}]}, "tools[0].function.parameters"),
    ({"tools": [CLOCK], "tool_choice": {"type": "function", "function": {"name": "watch"}}}, "tool_choice.function.name"),
    ({"tools": [CLOCK], "tool_choice": "perhaps"}, "tool_choice"),
    ({"tool_choice": "required"}, "tool_choice"),
    ({"response_format": "json"}, "response_format"),
    ({"response_format": {"type": "xml"}}, "response_format.type"),
    ({"response_format": {"type": "json_schema"}}, "response_format.json_schema"),
    ({"response_format": {"type": "json_schema", "json_schema": {"name": "x"}}}, "response_format.json_schema.schema"),
    ({"response_format": {"type": "json_schema", "json_schema": {"schema": {"type": 7}}}}, "response_format.json_schema.schema"),
    ({"response_format": {"type": "json_schema", "json_schema": {"name": "a b", "schema": {}}}}, "response_format.json_schema.name"),
    ({"messages": [*HELLO, {"role": "tool", "tool_call_id": "call_9", "content": "x"}]}, "messages[1].tool_call_id"),
    ({"messages": [*HELLO, {"role": "tool", "content": "x"}]}, "messages[1].tool_call_id"),
    ({"messages": [*HELLO, {"role": "assistant", "tool_calls": [{"id": "c", "function": {"name": "f g", "arguments": "{}"}}]}, {"role": "tool", "tool_call_id": "c", "content": "x"}]}, "messages[1].tool_calls[0].function.name"),
    ({"messages": [*HELLO, {"role": "assistant", "tool_calls": [{"id": "c", "function": {"name": "f", "arguments": "{"}}]}, {"role": "tool", "tool_call_id": "c", "content": "x"}]}, "messages[1].tool_calls[0].function.arguments"),
    ({"messages": [*HELLO, {"role": "assistant", "tool_calls": [{"id": "c", "function": {"name": "f"}}]}, *HELLO]}, "messages[1].tool_calls[0]"),
    ({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "http://127.0.0.1/x.png"}}]}]}, "messages[0].content[0].image_url.url"),
    ({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://10.0.0.1/x.png"}}]}]}, "messages[0].content[0].image_url.url"),
    ({"messages": [{"role": "user", "content": [{"type": "input_audio", "input_audio": {"data": "QUJD", "format": "tape"}}]}]}, "messages[0].content[0].input_audio.format"),
    ({"messages": [{"role": "user", "content": [{"type": "input_audio", "input_audio": {"data": "QUJD", "format": "wav"}}]}]}, "messages[0].content[0].input_audio.data"),
    ({"messages": [{"role": "user", "content": [{"type": "file", "file": {"file_id": "file-1"}}]}]}, "messages[0].content[0].file.file_id"),
    ({"messages": [{"role": "user", "content": [{"type": "file", "file": {"file_data": "data:application/pdf;base64,QUJD"}}]}]}, "messages[0].content[0].file.file_data"),
    ({"reasoning_effort": "extreme"}, "reasoning_effort"),
    ({"frequency_penalty": 3}, "frequency_penalty"),
    ({"top_logprobs": 50}, "top_logprobs"),
]  # fmt: skip


async def test_invalid_tools_forms_and_files_are_named_and_nothing_is_spent() -> None:
    async with ScriptedUpstream() as upstream:
        upstream.on("m", [chunk(content="no"), chunk("stop")])
        async with http_door(routes(upstream, "m"), KEY) as door:
            wrong = []
            for change, param in BAD:
                answer = await door.chat(**change)
                if answer.status != 400 or answer.error["param"] != param:
                    wrong.append((change, param, answer.text))
            assert wrong == []
        assert upstream.bodies == []


async def test_an_answer_that_was_begun_is_continued() -> None:
    async with ScriptedUpstream() as upstream:
        upstream.on("m", [chunk(content=" there."), chunk("stop")])
        async with http_door(routes(upstream, "m", preset="vllm"), KEY) as door:
            answer = await door.chat(messages=[*HELLO, {"role": "assistant", "content": "Hello"}])
            assert answer.content == " there."
        assert upstream.bodies[0]["messages"][-1] == {"role": "assistant", "content": "Hello"}


async def test_effort_and_penalties_arrive_and_parallel_calls_without_tools_are_ignored() -> None:
    async with ScriptedUpstream() as upstream:
        upstream.on("m", [chunk(content="yes"), chunk("stop")])
        async with http_door(routes(upstream, "m"), KEY) as door:
            answer = await door.chat(
                reasoning_effort="minimal", presence_penalty=1, parallel_tool_calls=True, tool_choice="auto"
            )
            assert answer.status == 200, answer.text
            assert answer.headers["x-antiphon-ignored"] == "parallel_tool_calls"
        assert (upstream.bodies[0]["reasoning_effort"], upstream.bodies[0]["presence_penalty"]) == ("low", 1)
