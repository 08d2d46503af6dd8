"""Tools over real sockets: what the caller declares reaches the provider, and calls reach the caller whole, once each."""

import json
from typing import Any

import pytest

from antiphon import errors, events
from antiphon.events import Message, Tool, ToolResult
from tests.fakes.upstream.scripted import CUT, KEY, ScriptedUpstream, routes
from tests.support.service import serving
from tests.support.toolstreams import SHAPES, chunk

WEATHER = Tool(
    "get_weather",
    "Tells the weather.",
    {"type": "object", "properties": {"city": {"type": "string"}, "day": {"type": "integer"}}, "required": ["city"]},
)
CLOCK = Tool("clock")
CALLS = [("call_1", "get_weather", '{"city": "Köln", "day": 1234567890123456789}'), ("call_2", "clock", "{}")]
SAID = [chunk(role="assistant", content="One moment. ")]
USAGE = {"usage": {"prompt_tokens": 20, "completion_tokens": 9, "prompt_tokens_details": {"cached_tokens": 12}}}


def calls_of(stream: Any) -> list[tuple[str, str, dict[str, Any]]]:
    return [(call.id, call.name, call.parsed) for call in stream.tool_calls]


EXPECTED = [(call_id, name, json.loads(arguments)) for call_id, name, arguments in CALLS]


async def test_a_conversation_with_tools_from_the_question_to_the_answer() -> None:
    async with ScriptedUpstream() as upstream:
        last = [chunk(content="Sunny."), chunk("stop") | USAGE]
        upstream.on("m", [*SAID, *SHAPES["openai"](CALLS)], last)
        async with serving(routes(upstream, "m"), KEY) as (_, client):
            stream = client.chat("Weather?", tools=[WEATHER, CLOCK], tool_choice="required", parallel_tool_calls=True)
            received = [event async for event in stream]
            assert calls_of(stream) == EXPECTED
            assert '"day": 1234567890123456789' in stream.tool_calls[0].arguments
            assert stream.finished is not None
            assert (stream.finished.reason, stream.finished.tool_calls) == ("tool_calls", 2)
            assert not any(isinstance(event, events.Handover) for event in received)
            results = Message.tool(ToolResult("call_1", '{"sky": "clear"}'), ToolResult("call_2", "12:00"))
            turns = [Message.user("Weather?"), stream.message, results]
            answer = await client.complete(turns, tools=[WEATHER, CLOCK], tool_choice="auto")
            assert (answer.text, answer.finished.reason) == ("Sunny.", "stop")
            assert answer.finished.usage is not None
            assert (answer.finished.usage.prompt_tokens, answer.finished.usage.cached_tokens) == (20, 12)
        first, second = upstream.bodies
        assert first["tools"][0] == {
            "type": "function",
            "function": {"name": "get_weather", "description": WEATHER.description, "parameters": WEATHER.parameters},
        }
        assert list(first["tools"][0]["function"]["parameters"]["properties"]) == ["city", "day"]
        assert first["tool_choice"] == "required"
        assert first["parallel_tool_calls"] is True
        assert second["tool_choice"] == "auto"
        assistant, *tools = second["messages"][1:]
        assert (assistant["role"], assistant["content"]) == ("assistant", "One moment. ")
        assert [(one["id"], one["function"]["name"]) for one in assistant["tool_calls"]] == [
            ("call_1", "get_weather"),
            ("call_2", "clock"),
        ]
        assert [(one["role"], one["tool_call_id"], one["content"]) for one in tools] == [
            ("tool", "call_1", '{"sky": "clear"}'),
            ("tool", "call_2", "12:00"),
        ]


@pytest.mark.parametrize("cut_at", [1, 3, 6])
async def test_a_cut_within_a_call_leads_to_the_next_deployment_and_every_call_comes_once(cut_at: int) -> None:
    async with ScriptedUpstream() as upstream:
        upstream.on("m", [*SAID, *SHAPES["openai"](CALLS)[:cut_at], CUT])
        upstream.on("n", [*SAID, *SHAPES["whole"](CALLS)])
        async with serving(routes(upstream, "m", "n"), KEY) as (_, client):
            stream = client.chat("Weather?", tools=[WEATHER, CLOCK])
            received = [event async for event in stream]
        assert calls_of(stream) == EXPECTED
        assert stream.text == "One moment. "
        assert [type(event) for event in received if isinstance(event, events.ToolCall)] == [events.ToolCall] * 2
        assert stream.finished is not None
        assert stream.finished.deployment == "b/n"
        assert [failed_attempt.deployment for failed_attempt in stream.finished.failed_attempts][:1] == ["a/m"]
        # The turn is asked again as it was: nothing of the half answer is in it.
        assert upstream.of("n")[0]["messages"] == upstream.of("m")[0]["messages"]


async def test_a_broken_call_is_asked_elsewhere_and_in_the_end_an_error_names_it() -> None:
    broken = SHAPES["whole"]([("c", "clock", "{not json")])
    async with ScriptedUpstream() as upstream:
        upstream.on("m", broken)
        upstream.on("n", broken)
        async with serving(routes(upstream, "m", "n"), KEY) as (_, client):
            with pytest.raises(errors.Unavailable, match="arguments that are not a JSON object") as caught:
                await client.complete("Weather?", tools=[CLOCK])
        assert {attempt.failure for attempt in caught.value.attempts} == {"invalid_output"}
        assert {attempt.deployment for attempt in caught.value.attempts} == {"a/m", "b/n"}


async def test_a_model_that_refuses_tools_is_passed_over_and_remembered() -> None:
    async with ScriptedUpstream() as upstream:
        upstream.on("m", {"error": {"message": "this model does not support tools", "code": 400}}, status=400)
        upstream.on("n", SHAPES["openai"](CALLS[:1]))
        async with serving(routes(upstream, "m", "n"), KEY) as (_, client):
            for _ in range(2):
                answer = await client.complete("Weather?", tools=[WEATHER], tool_choice=WEATHER)
                assert [call.name for call in answer.tool_calls] == ["get_weather"]
        assert len(upstream.of("m")) == 1
        assert upstream.of("n")[0]["tool_choice"] == {"type": "function", "function": {"name": "get_weather"}}


async def test_mistral_gets_ids_as_it_takes_them() -> None:
    async with ScriptedUpstream() as upstream:
        upstream.on("m", [chunk(content="Noon."), chunk("stop")])
        async with serving(routes(upstream, "m", kind="mistral"), KEY) as (_, client):
            call = events.ToolCall("call_of_another_provider", "clock", "{}")
            turns = [Message.user("?"), Message.assistant("", call), Message.tool(ToolResult(call.id, "12:00"))]
            await client.complete(turns, tools=[CLOCK])
        messages = upstream.bodies[0]["messages"]
        known = messages[1]["tool_calls"][0]["id"]
        assert len(known) == 9
        assert known.isalnum()
        assert messages[2]["tool_call_id"] == known


BAD: list[tuple[dict[str, Any], str]] = [
    ({"tools": [Tool("with spaces")]}, "tools[0].name"),
    ({"tools": [CLOCK, CLOCK]}, "tools[1].name"),
    ({"tools": [Tool("t", "", {"type": "objekt"})]}, "tools[0].parameters"),
    ({"tools": [Tool("t", "", {"type": "string"})]}, "tools[0].parameters"),
    ({"tools": [Tool("t", "", {"$ref": "https://example.com/schema"})]}, "tools[0].parameters"),
    ({"tools": [Tool(f"t{number}") for number in range(129)]}, "tools"),
    ({"tools": [CLOCK], "tool_choice": WEATHER}, "tool_choice.name"),
    ({"tool_choice": "auto"}, "tool_choice"),
    ({"parallel_tool_calls": False}, "parallel_tool_calls"),
]
CALL = events.ToolCall("c1", "clock", "{}")
BAD_TURNS: list[tuple[list[Message], str]] = [
    ([Message.user("?"), Message.tool(ToolResult("nobody", "x"))], "messages[1].parts[0].tool_result.call_id"),
    ([Message.user("?"), Message.assistant("", CALL), Message.user("well?")], "messages[1].parts[0].tool_call"),
    ([Message.user("?"), Message.assistant("", CALL, CALL), Message.tool(ToolResult("c1", "x"))], "messages[1].parts[1].tool_call.id"),
    ([Message.user("?"), Message.assistant("", events.ToolCall("c1", "clock", "[]")), Message.tool(ToolResult("c1", "x"))], "messages[1].parts[0].tool_call.arguments"),
    ([Message("user", (events.Text("?"), CALL))], "messages[0].parts[1].tool_call"),
    ([Message.user("?"), Message("tool", (events.Text("12:00"),))], "messages[1].parts[0].text"),
    ([Message("user", (ToolResult("c1", "x"),))], "messages[0].parts[0].tool_result"),
    ([Message.user("?"), Message.assistant("", CALL)], "messages[1].parts[0].tool_call"),
]  # fmt: skip


async def test_an_invalid_request_is_refused_with_its_field_and_no_provider_is_called() -> None:
    async with ScriptedUpstream() as upstream, serving(routes(upstream, "m"), KEY) as (_, client):
        for options, field in BAD:
            with pytest.raises(errors.InvalidRequest) as caught:
                await client.complete("?", **options)
            assert field in [name for name, _ in caught.value.violations], (options, caught.value.violations)
        for turns, field in BAD_TURNS:
            with pytest.raises(errors.InvalidRequest) as caught:
                await client.complete(turns, tools=[CLOCK])
            assert field in [name for name, _ in caught.value.violations], caught.value.violations
    assert not upstream.bodies
