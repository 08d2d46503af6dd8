"""Answers that have to be documents, and answers that the caller has begun itself."""

import json
from typing import Any

import pytest

from antiphon import errors, events
from antiphon.events import JsonObject, JsonSchema, Message
from tests.fakes.upstream.scripted import KEY, Chunks, ScriptedUpstream, routes
from tests.support.service import serving
from tests.support.toolstreams import chunk

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "degrees": {"type": "number"}},
    "required": ["city", "degrees"],
    "additionalProperties": False,
}
WANTED = JsonSchema(SCHEMA, "weather", "The weather of a city.")
GOOD = '{"city": "Köln", "degrees": 21.5}'
WRONG = '{"city": "Köln", "degrees": "warm"}'


def says(text: str, finish: str = "stop") -> Chunks:
    return [*(chunk(content=text[at : at + 7]) for at in range(0, len(text), 7)), chunk(finish)]


def enforcing(upstream: ScriptedUpstream, *models: str) -> dict[str, Any]:
    return routes(upstream, *models, preset="vllm")


async def test_a_deployment_that_enforces_a_schema_gets_it_and_streams_its_document() -> None:
    async with ScriptedUpstream() as upstream:
        upstream.on("m", says(GOOD))
        async with serving(enforcing(upstream, "m"), KEY) as (_, client):
            stream = client.chat("Weather?", response_format=WANTED)
            pieces = [event async for event in stream if isinstance(event, events.Delta)]
            assert len(pieces) > 0
            assert json.loads(stream.text) == {"city": "Köln", "degrees": 21.5}
        (body,) = upstream.bodies
        assert body["response_format"] == {
            "type": "json_schema",
            "json_schema": {
                "name": "weather",
                "description": "The weather of a city.",
                "schema": SCHEMA,
                "strict": True,
            },
        }
        assert [message["role"] for message in body["messages"]] == ["user"]


async def test_where_nobody_enforces_it_the_form_is_asked_for_in_words_and_checked() -> None:
    async with ScriptedUpstream() as upstream:
        upstream.on("m", says(f"```json\n{GOOD}\n```"))
        async with serving(routes(upstream, "m", preset="plain"), KEY) as (_, client):
            answer = await client.complete(
                [Message.system("Be brief."), Message.user("Weather?")], response_format=WANTED
            )
            assert answer.text == GOOD
        (body,) = upstream.bodies
        assert "response_format" not in body
        assert body["messages"][0]["content"].startswith("Be brief.")
        assert '"degrees":{"type":"number"}' in body["messages"][0]["content"]


@pytest.mark.parametrize("preset", ["plain", "vllm"])
@pytest.mark.parametrize(
    ("bad", "how"),
    [
        (WRONG, "degrees"),
        ("It is warm.", "not JSON"),
        (GOOD[:-4], "not JSON"),
        ('{"city": "Köln"}', "required"),
        ('{"city": "Köln", "degrees": 1, "more": 1}', "additionalProperties"),
    ],
)
async def test_an_invalid_document_leads_to_the_next_deployment_and_then_to_an_error_that_names_it(
    preset: str, bad: str, how: str
) -> None:
    async with ScriptedUpstream() as upstream:
        upstream.on("m", says(bad))
        upstream.on("n", says(GOOD), says(bad))
        async with serving(routes(upstream, "m", "n", preset=preset), KEY) as (_, client):
            stream = client.chat("Weather?", response_format=WANTED)
            assert [event async for event in stream]
            assert json.loads(stream.text) == json.loads(GOOD)
            assert stream.finished is not None
            assert [failed_attempt.failure for failed_attempt in stream.finished.failed_attempts][:1] == [
                "invalid_output"
            ]
            with pytest.raises(errors.Unavailable, match=how) as caught:
                await client.complete("Weather?", response_format=WANTED)
            assert "warm" not in caught.value.message


async def test_any_object_is_an_object_and_nothing_else_is() -> None:
    async with ScriptedUpstream() as upstream:
        upstream.on("m", says("[1]"))
        upstream.on("n", says('{"any": [1]}'))
        async with serving(enforcing(upstream, "m", "n"), KEY) as (_, client):
            answer = await client.complete("Weather?", response_format=JsonObject())
            assert (answer.text, answer.finished.deployment) == ('{"any": [1]}', "b/n")
        assert upstream.bodies[0]["response_format"] == {"type": "json_object"}


async def test_a_schema_that_is_none_is_refused_with_its_field() -> None:
    async with ScriptedUpstream() as upstream:
        async with serving(routes(upstream, "m"), KEY) as (_, client):
            for schema in ({"type": "objekt"}, {"$ref": "http://10.0.0.1/"}, {"properties": 3}, {"pattern": "("}):
                with pytest.raises(errors.InvalidRequest) as caught:
                    await client.complete("?", response_format=JsonSchema(schema))
                assert [name for name, _ in caught.value.violations] == ["response_format.json_schema.schema"]
        assert not upstream.bodies


# --- half-written answers --------------------------------------------------------------------


BEGUN = [Message.user("Tell me about ice."), Message.assistant("Ice is frozen wat", partial=True)]


async def test_an_answer_that_the_caller_began_is_continued_by_prefill() -> None:
    async with ScriptedUpstream() as upstream:
        upstream.on("m", says("er. It floats."))
        async with serving(routes(upstream, "m", preset="vllm"), KEY) as (_, client):
            answer = await client.complete(BEGUN)
            assert (answer.text, answer.finished.total_chars) == ("er. It floats.", len("er. It floats."))
        assert upstream.bodies[0]["messages"][-1] == {"role": "assistant", "content": "Ice is frozen wat"}


@pytest.mark.parametrize("said", ["er. It floats.", "water. It floats.", "Ice is frozen water. It floats."])
async def test_elsewhere_it_is_continued_by_words_and_only_the_rest_is_sent(said: str) -> None:
    async with ScriptedUpstream() as upstream:
        upstream.on("m", says(said))
        async with serving(routes(upstream, "m", preset="xai"), KEY) as (_, client):
            assert (await client.complete(BEGUN)).text == "er. It floats."
        roles = [message["role"] for message in upstream.bodies[0]["messages"]]
        assert roles == ["user", "assistant", "user"]


async def test_only_a_last_message_of_the_assistant_may_be_partial() -> None:
    bad = [
        ([*BEGUN, Message.user("and?")], "messages[1].partial"),
        ([Message("user", (events.Text("Hi"),), partial=True)], "messages[0].partial"),
        ([Message.user("?"), Message.assistant(" ", partial=True)], "messages[1].partial"),
        ([Message.user("?"), Message.assistant("Ice")], "messages[1].role"),
    ]
    async with ScriptedUpstream() as upstream:
        async with serving(routes(upstream, "m"), KEY) as (_, client):
            for turns, field in bad:
                with pytest.raises(errors.InvalidRequest) as caught:
                    await client.complete(turns)
                assert [name for name, _ in caught.value.violations] == [field]
        assert not upstream.bodies
