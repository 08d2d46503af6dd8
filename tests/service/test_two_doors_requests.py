"""One request, asked through both doors and by both clients: the provider gets the same body, the callers the same answer."""

import asyncio
import base64
import contextlib
from collections.abc import AsyncIterator
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

from antiphon.client import InferenceClient
from antiphon.events import (
    Audio,
    Completion,
    Document,
    Image,
    JsonObject,
    JsonSchema,
    Message,
    Part,
    Sampling,
    Tool,
    ToolCall,
    ToolResult,
)
from antiphon.sync import SyncInferenceClient
from tests.fakes.upstream.scripted import KEY, Chunks, ScriptedUpstream
from tests.service.test_unary import voice
from tests.support.http import HELLO, Answer, Door, http_door
from tests.support.pdf import pdf
from tests.support.pictures import encoded
from tests.support.toolstreams import SHAPES, chunk

PNG, OGG, PDF = encoded("PNG"), voice(), pdf("A page about Antiphon.")
SCHEMA = {
    "type": "object",
    "properties": {"answer": {"type": "integer"}},
    "required": ["answer"],
    "additionalProperties": False,
}
WEATHER = Tool(
    "get_weather", "Tells the weather.", {"type": "object", "properties": {"city": {"type": "string"}}}, True
)
WEATHER_JSON = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Tells the weather.",
        "parameters": WEATHER.parameters,
        "strict": True,
    },
}
CALL = ("call_1", "get_weather", '{"city": "Köln"}')
SIGNED: Chunks = [
    chunk(
        tool_calls=[
            {
                "index": 0,
                "id": "call_1",
                "type": "function",
                "function": {"name": "get_weather", "arguments": CALL[2]},
                "extra_content": {"google": {"thought_signature": "c2lnbmVk"}},
            }
        ]
    ),
    chunk("tool_calls"),
]
USAGE = {
    "usage": {
        "prompt_tokens": 1_000,
        "completion_tokens": 200,
        "prompt_tokens_details": {"cached_tokens": 400, "audio_tokens": 7},
        "completion_tokens_details": {"reasoning_tokens": 50},
    }
}
WEIGHED = {
    "content": [
        {"token": "Yes", "logprob": -0.25, "bytes": [89], "top_logprobs": [{"token": "Yes", "logprob": -0.25}]},
        {"token": ".", "logprob": -1.5, "top_logprobs": [{"token": ".", "logprob": -1.5}, {"token": "!", "logprob": -2}]},
    ]
}  # fmt: skip


def says(text: str, **more: Any) -> Chunks:
    return [chunk(content=text), {**chunk("stop"), **more}]


@dataclass(frozen=True)
class Case:
    """A request in both spellings. kind, model: of the provider that answers; answer: what it says."""

    name: str
    options: dict[str, Any]
    members: dict[str, Any]
    turns: tuple[Message, ...] = (Message.user("hi"),)
    answer: Chunks | None = None
    kind: str = "openai"
    model: str = ""
    preset: str = ""

    @property
    def provider(self) -> str:
        return self.name.lower().replace(" ", "-")

    @property
    def deployment(self) -> str:
        return f"{self.provider}/{self.upstream}"

    @property
    def upstream(self) -> str:
        """The model, of a name that no other case has."""
        return self.model or f"m-{self.provider}"


def url(mime: str, data: bytes) -> str:
    return f"data:{mime};base64,{base64.b64encode(data).decode()}"


def looks(name: str, part: Part, member: dict[str, Any], text: str = "What is it?") -> Case:
    """A question about a file."""
    content = [{"type": "text", "text": text}, member]
    turn = Message("user", (Message.user(text).parts[0], part))
    return Case(name, {}, {"messages": [{"role": "user", "content": content}]}, (turn,))


AFTER_CALL = (
    Message.user("Weather?"),
    Message.assistant("One moment.", ToolCall(*CALL)),
    Message.tool(ToolResult("call_1", "clear")),
)
AFTER_CALL_JSON = [
    {"role": "user", "content": "Weather?"},
    {
        "role": "assistant",
        "content": "One moment.",
        "tool_calls": [{"id": "call_1", "type": "function", "function": {"name": CALL[1], "arguments": CALL[2]}}],
    },
    {"role": "tool", "tool_call_id": "call_1", "content": "clear"},
]
SETTINGS = {"top_p": 0.9, "seed": 5, "top_k": 7, "frequency_penalty": 0.5, "presence_penalty": -0.5, "reasoning_effort": "low"}  # fmt: skip
CASES = (
    Case("plain words", {}, {"messages": HELLO}),
    Case(
        "settings",
        {"sampling": Sampling(temperature=0.5, max_tokens=9, stop=("a", "b"), **SETTINGS)},
        {"messages": HELLO, "temperature": 0.5, "max_tokens": 9, "stop": ["a", "b"], **SETTINGS},
    ),
    Case(
        "a system message", {}, {"messages": [{"role": "developer", "content": "Be brief."}, *HELLO]},
        (Message.system("Be brief."), Message.user("hi")),
    ),
    Case(
        "a choice of tools", {"tools": [WEATHER], "tool_choice": "required", "parallel_tool_calls": False},
        {"messages": HELLO, "tools": [WEATHER_JSON], "tool_choice": "required", "parallel_tool_calls": False},
        answer=SHAPES["openai"]([CALL]),
    ),
    Case(
        "a named tool", {"tools": [WEATHER], "tool_choice": WEATHER},
        {"messages": HELLO, "tools": [WEATHER_JSON], "tool_choice": {"type": "function", "function": {"name": "get_weather"}}},
        answer=SHAPES["openai"]([CALL]),
    ),
    Case("the result of a tool", {"tools": [WEATHER]}, {"messages": AFTER_CALL_JSON, "tools": [WEATHER_JSON]}, AFTER_CALL),
    Case("a signed call", {"tools": [WEATHER]}, {"messages": HELLO, "tools": [WEATHER_JSON]}, answer=SIGNED, kind="gemini"),
    Case(
        "a document by a schema", {"response_format": JsonSchema(SCHEMA, "sum")},
        {"messages": HELLO, "response_format": {"type": "json_schema", "json_schema": {"name": "sum", "schema": SCHEMA}}},
        answer=says('{"answer": 42}'),
    ),
    Case(
        "an object", {"response_format": JsonObject()}, {"messages": HELLO, "response_format": {"type": "json_object"}},
        answer=says('{"a": 1}'),
    ),
    looks("a picture", Image("image/png", PNG), {"type": "image_url", "image_url": {"url": url("image/png", PNG)}}),
    looks(
        "a recording", Audio("audio/ogg", OGG),
        {"type": "input_audio", "input_audio": {"data": base64.b64encode(OGG).decode(), "format": "ogg"}},
    ),
    looks(
        "a PDF", Document("application/pdf", PDF, "a.pdf"),
        {"type": "file", "file": {"filename": "a.pdf", "file_data": url("application/pdf", PDF)}},
    ),
    looks(
        "a text file", Document("text/plain", b"Words.", "a.txt"),
        {"type": "file", "file": {"filename": "a.txt", "file_data": url("text/plain", b"Words.")}},
    ),
    Case(
        "an answer that was begun", {}, {"messages": [*HELLO, {"role": "assistant", "content": "Well"}]},
        (Message.user("hi"), Message.assistant("Well", partial=True)), says(", yes."),
    ),
    Case(
        "probabilities", {"sampling": Sampling(top_logprobs=2)}, {"messages": HELLO, "logprobs": True, "top_logprobs": 2},
        answer=[{"choices": [{**chunk(content="Yes.")["choices"][0], "logprobs": WEIGHED}]}, chunk("stop")],
        preset="openai",
    ),
    Case(
        "fields for one provider", {"provider_options": {"fields-for-one-provider": {"service_tier": "flex"}, "other": {"x": 1}}},
        {"messages": HELLO, "antiphon": {"provider_options": {"fields-for-one-provider": {"service_tier": "flex"}, "other": {"x": 1}}}},
    ),
    Case(
        "a model with a price", {}, {"messages": HELLO}, answer=says("Dear.", **USAGE), kind="anthropic",
        model="claude-haiku-4-5",
    ),
    Case("thoughts", {}, {"messages": HELLO}, answer=[chunk(reasoning_content="Hm."), *says("Yes.")]),
)  # fmt: skip


@dataclass(frozen=True)
class Result:
    """What a caller gets, in words that both doors have."""

    text: str
    reasoning: str
    finish: str
    calls: tuple[tuple[str, str, str], ...]
    signatures: tuple[str, ...]
    tokens: tuple[int, int, int, int, int]
    cost: tuple[int, str, str] | None
    weights: tuple[tuple[str, float, tuple[tuple[str, float], ...]], ...]


def of_grpc(answer: Completion) -> Result:
    usage = answer.finished.usage
    assert usage is not None
    return Result(
        answer.text,
        answer.reasoning,
        answer.finished.reason,
        tuple((call.id, call.name, call.arguments) for call in answer.tool_calls),
        tuple(call.signature.decode().removeprefix("gemini:") for call in answer.tool_calls),
        (usage.prompt_tokens, usage.completion_tokens, usage.cached_tokens, usage.audio_tokens, usage.reasoning_tokens),
        (usage.cost.micros, usage.cost.currency, usage.cost.price_date) if usage.cost else None,
        tuple((token.token, token.logprob, token.top) for token in answer.logprobs.tokens) if answer.logprobs else (),
    )


def of_http(answer: Answer) -> Result:
    assert answer.status == 200, answer.text
    choices = [choice for event in answer.events or [answer.json] for choice in event["choices"]]
    messages = [choice.get("delta") or choice.get("message") or {} for choice in choices]
    calls = [call for message in messages for call in message.get("tool_calls", ())]
    cost = next(event["antiphon"] for event in answer.events or [answer.json] if "antiphon" in event).get("cost")
    usage = answer.usage
    weights = [one for choice in choices for one in (choice["logprobs"] or {}).get("content", ())]
    return Result(
        "".join(message.get("content") or "" for message in messages),
        "".join(message.get("reasoning_content") or "" for message in messages),
        answer.finish or "",
        tuple((call["id"], call["function"]["name"], call["function"]["arguments"]) for call in calls),
        tuple(call.get("extra_content", {}).get("google", {}).get("thought_signature", "") for call in calls),
        (
            usage["prompt_tokens"],
            usage["completion_tokens"],
            usage["prompt_tokens_details"]["cached_tokens"],
            usage["prompt_tokens_details"]["audio_tokens"],
            usage["completion_tokens_details"]["reasoning_tokens"],
        ),
        (cost["micros"], cost["currency"], cost["price_date"]) if cost else None,
        tuple(
            (one["token"], one["logprob"], tuple((other["token"], other["logprob"]) for other in one["top_logprobs"]))
            for one in weights
        ),
    )


def configuration(upstream: ScriptedUpstream) -> dict[str, Any]:
    """A provider for each case, of the case's name."""
    providers = {}
    for case in CASES:
        upstream.on(case.upstream, case.answer or says("Hello.", **USAGE))
        providers[case.provider] = {
            "kind": case.kind,
            "base_url": f"{upstream.url}/{case.provider}/v1",
            "models": [case.upstream],
            "model": {case.upstream: {"vision": True, "prefill": True, "audio": True, "chat": True}},
            "credentials_env": ["KEY"],
            **({"options": {"preset": case.preset}} if case.preset else {}),
        }
    return {"providers": providers, "service": {"allow_provider_options": True}}


@contextlib.asynccontextmanager
async def both_doors() -> AsyncIterator[tuple[ScriptedUpstream, Door, InferenceClient]]:
    async with (
        ScriptedUpstream() as upstream,
        http_door(configuration(upstream), KEY) as door,
        InferenceClient(door.server.target) as client,
    ):
        yield upstream, door, client


async def results(case: Case, door: Door, client: InferenceClient, threads: Executor) -> dict[str, Result]:
    """By every way to ask. `threads`: not those of the loop, which the service needs for its own work."""
    turns, model = list(case.turns), case.deployment

    def in_a_thread() -> Completion:
        with SyncInferenceClient(door.server.target) as sync:
            return sync.complete(turns, model, **case.options)

    stream = client.chat(turns, model, **case.options)
    async for _event in stream:
        pass
    assert stream.finished is not None
    whole = of_grpc(await client.complete(turns, model, **case.options))
    streamed = replace(
        whole, text=stream.text, finish=stream.finished.reason,
        calls=tuple((call.id, call.name, call.arguments) for call in stream.tool_calls),
    )  # fmt: skip
    members = {**case.members, "model": model}
    usage = {"stream": True, "stream_options": {"include_usage": True}}
    return {
        "Complete": whole,
        "Chat": streamed,
        "the synchronous client": of_grpc(await asyncio.get_running_loop().run_in_executor(threads, in_a_thread)),
        "HTTP": of_http(await door.chat(**members)),
        "HTTP, streamed": of_http(await door.chat(**members, **usage)),
    }


def differences(case: Case, by_way: dict[str, Result], bodies: list[dict[str, Any]]) -> list[str]:
    """Where the ways differ, in sentences."""
    first = by_way["Complete"]
    found = [f"{case.name}: {way}: {result} != {first}" for way, result in by_way.items() if result != first]
    found += [f"{case.name}: the provider got {body} and {bodies[0]}" for body in bodies if body != bodies[0]]
    return found if len(bodies) == len(by_way) else [*found, f"{case.name}: {len(bodies)} calls"]


async def test_every_request_and_its_answer_are_the_same_in_both_doors() -> None:
    found = []
    async with both_doors() as (upstream, door, client):
        with ThreadPoolExecutor(1) as threads:
            for case in CASES:
                by_way = await results(case, door, client, threads)
                found += differences(case, by_way, upstream.bodies)
                upstream.bodies.clear()
    assert found == []


async def test_each_case_reaches_the_caller_as_intended() -> None:
    """Otherwise two doors could agree on nothing."""
    named = {case.name: case for case in CASES}
    async with both_doors() as (upstream, door, _):

        async def answer(name: str) -> tuple[Result, dict[str, Any]]:
            case = named[name]
            result = of_http(await door.chat(**{**case.members, "model": case.deployment}))
            return result, upstream.bodies[-1]

        priced, _body = await answer("a model with a price")
        assert priced.tokens == (1_000, 200, 400, 7, 50)
        assert priced.cost is not None
        assert priced.cost[:2] == (600 * 1 + 400 * 0.1 + 200 * 5, "USD")
        signed, _body = await answer("a signed call")
        assert signed.signatures == ("c2lnbmVk",)
        weighed, body = await answer("probabilities")
        assert weighed.weights[1] == (".", -1.5, ((".", -1.5), ("!", -2.0)))
        assert (body["logprobs"], body["top_logprobs"]) == (True, 2)
        _result, body = await answer("a PDF")
        assert "A page about Antiphon." in str(body["messages"])
        _result, body = await answer("a recording")
        assert body["messages"][0]["content"][1]["input_audio"]["format"] == "ogg"
        _result, body = await answer("fields for one provider")
        assert body["service_tier"] == "flex"
        assert "x" not in body
