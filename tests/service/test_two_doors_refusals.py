"""What cannot be asked is refused by both doors with its field, each in its own spelling, and no provider is asked."""

import base64
from dataclasses import dataclass, field
from typing import Any

from antiphon import errors
from antiphon.client import InferenceClient
from antiphon.events import (
    Audio,
    Document,
    Image,
    ImageLink,
    JsonSchema,
    Message,
    Sampling,
    Text,
    Tool,
    ToolCall,
    ToolResult,
)
from tests.fakes.upstream.scripted import KEY, ScriptedUpstream, routes
from tests.service.test_unary import voice
from tests.support.http import HELLO, http_door
from tests.support.toolstreams import chunk

HOUR = voice(3_600)
MEGABYTE = "x" * 1_000_000
CALL = ToolCall("c1", "clock", "{}")


@dataclass(frozen=True)
class Bad:
    """field, param: as gRPC and as OpenAI's API name what is wrong. status: of HTTP."""

    field: str
    param: str | None
    options: dict[str, Any] = field(default_factory=dict)
    members: dict[str, Any] = field(default_factory=dict)
    turns: tuple[Message, ...] = (Message.user("hi"),)
    status: int = 400
    error: type[errors.AntiphonError] = errors.InvalidRequest


def tool(name: str, parameters: Any = None) -> dict[str, Any]:
    return {"tools": [{"type": "function", "function": {"name": name, "parameters": parameters or {"type": "object"}}}]}


def form(schema: Any, name: str = "x") -> dict[str, Any]:
    return {"response_format": {"type": "json_schema", "json_schema": {"name": name, "schema": schema}}}


def looks(url: str) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": url}}]}]}


def packed(mime: str, data: bytes) -> str:
    return f"data:{mime};base64,{base64.b64encode(data).decode()}"


def asks(*calls: dict[str, Any]) -> dict[str, Any]:
    return {"role": "assistant", "content": None, "tool_calls": list(calls)}


CALL_JSON = {"id": "c1", "type": "function", "function": {"name": "clock", "arguments": "{}"}}
RESULT_JSON = {"role": "tool", "tool_call_id": "c1", "content": "12:00"}
SCHEMA, SCHEMA_PARAM = "response_format.json_schema.schema", "response_format.json_schema.schema"
URL, URL_PARAM = "messages[0].parts[0].image_link.url", "messages[0].content[0].image_url.url"
PRIVATE = (
    "https://127.0.0.1/a.png", "https://[::1]/a.png", "https://10.1.2.3/a.png", "https://192.168.0.1/a.png",
    "https://169.254.169.254/latest/meta-data", "https://0.0.0.0/a.png", "https://[::ffff:10.0.0.1]/a.png",
    "https://2130706433/a.png", "https://0x7f.1/a.png", "http://example.com/a.png", "https://localhost/a.png",
)  # fmt: skip
BAD = [
    # A schema that is no schema, or that nothing can hold to.
    Bad("tools[0].parameters", "tools[0].function.parameters", {"tools": [Tool("f", "", {"type": "objekt"})]}, tool("f", {"type": "objekt"})),
    Bad("tools[0].parameters", "tools[0].function.parameters", {"tools": [Tool("f", "", {"type": "array"})]}, tool("f", {"type": "array"})),
    Bad("tools[0].parameters", "tools[0].function.parameters", {"tools": [Tool("f", "", {"$ref": "https://example.com/s"})]}, tool("f", {"$ref": "https://example.com/s"})),
    Bad("tools[0].parameters", "tools[0].function.parameters", {"tools": [Tool("f", "", {"properties": {"a": {"pattern": "("}}})]}, tool("f", {"properties": {"a": {"pattern": "("}}})),
    Bad(SCHEMA, SCHEMA_PARAM, {"response_format": JsonSchema({"type": 7}, "x")}, form({"type": 7})),
    Bad(SCHEMA, SCHEMA_PARAM, {"response_format": JsonSchema({"not": {}}, "x")}, form({"not": {}})),
    Bad(SCHEMA, SCHEMA_PARAM, {"response_format": JsonSchema({"description": "x" * 70_000}, "x")}, form({"description": "x" * 70_000})),
    Bad("response_format.json_schema.name", "response_format.json_schema.name", {"response_format": JsonSchema({}, "a b")}, form({}, "a b")),
    # Tools.
    Bad("tools[0].name", "tools[0].function.name", {"tools": [Tool("get the weather")]}, tool("get the weather")),
    Bad("tools[0].name", "tools[0].function.name", {"tools": [Tool("")]}, tool("")),
    Bad("tools", "tools", {"tools": [Tool(f"f{n}") for n in range(129)]}, {"tools": [tool(f"f{n}")["tools"][0] for n in range(129)]}),
    Bad("tool_choice.name", "tool_choice.function.name", {"tools": [Tool("f")], "tool_choice": Tool("g")}, {**tool("f"), "tool_choice": {"type": "function", "function": {"name": "g"}}}),
    Bad(
        "messages[1].parts[0].tool_result.call_id", "messages[1].tool_call_id", {}, {"messages": [*HELLO, RESULT_JSON]},
        (Message.user("hi"), Message.tool(ToolResult("c1", "12:00"))),
    ),
    Bad(
        "messages[1].parts[0].tool_call", "messages[1].tool_calls[0]", {}, {"messages": [*HELLO, asks(CALL_JSON), *HELLO]},
        (Message.user("hi"), Message.assistant("", CALL), Message.user("hi")),
    ),
    Bad(
        "messages[1].parts[1].tool_call.id", "messages[1].tool_calls[1].id", {}, {"messages": [*HELLO, asks(CALL_JSON, CALL_JSON), RESULT_JSON]},
        (Message.user("hi"), Message.assistant("", CALL, CALL), Message.tool(ToolResult("c1", "12:00"))),
    ),
    # Files.
    *(Bad(URL, URL_PARAM, {}, looks(url), (Message("user", (ImageLink(url),)),)) for url in PRIVATE),
    Bad(
        "messages[0].parts[0].image.mime_type", URL_PARAM, {}, looks(packed("image/png", b"no picture")),
        (Message("user", (Image("image/png", b"no picture"),)),),
    ),
    Bad(
        "messages[0].parts[0].audio.data", "messages[0].content[0].input_audio.data", {},
        {"messages": [{"role": "user", "content": [{"type": "input_audio", "input_audio": {"data": base64.b64encode(HOUR).decode(), "format": "ogg"}}]}]},
        (Message("user", (Audio("audio/ogg", HOUR),)),),
    ),
    Bad(
        "messages[0].parts[0].document.mime_type", "messages[0].content[0].file.file_data", {},
        {"messages": [{"role": "user", "content": [{"type": "file", "file": {"file_data": packed("application/pdf", b"no PDF")}}]}]},
        (Message("user", (Document("application/pdf", b"no PDF"),)),),
    ),
    Bad(
        "messages[0].parts[0].document.mime_type", "messages[0].content[0].file.file_data", {},
        {"messages": [{"role": "user", "content": [{"type": "file", "file": {"file_data": packed("application/zip", b"PK")}}]}]},
        (Message("user", (Document("application/zip", b"PK"),)),),
    ),
    # Numbers, sizes and names.
    Bad("sampling.temperature", "temperature", {"sampling": Sampling(temperature=2.5)}, {"temperature": 2.5}),
    Bad("sampling.top_p", "top_p", {"sampling": Sampling(top_p=1.5)}, {"top_p": 1.5}),
    Bad("sampling.top_logprobs", "top_logprobs", {"sampling": Sampling(top_logprobs=21)}, {"top_logprobs": 21}),
    Bad("sampling.frequency_penalty", "frequency_penalty", {"sampling": Sampling(frequency_penalty=3)}, {"frequency_penalty": 3}),
    Bad("sampling.stop", "stop", {"sampling": Sampling(stop=tuple("abcde"))}, {"stop": list("abcde")}),
    Bad("messages[0].parts[0].text", "messages[0].content", {}, {"messages": [{"role": "user", "content": MEGABYTE + "x"}]}, (Message.user(MEGABYTE + "x"),)),
    Bad("messages", "messages", {}, {"messages": HELLO * 1_001}, (Message.user("hi"),) * 1_001),
    Bad("conversation_id", "antiphon.conversation_id", {"conversation_id": "x" * 129}, {"antiphon": {"conversation_id": "x" * 129}}),
    Bad("provider_options.a.model", "antiphon.provider_options.a.model", {"provider_options": {"a": {"model": "x"}}}, {"antiphon": {"provider_options": {"a": {"model": "x"}}}}),
    Bad("", "antiphon.provider_options", {"provider_options": {"a": {"x": 1}}}, {"antiphon": {"provider_options": {"a": {"x": 1}}}}, status=403, error=errors.PermissionDenied),
    Bad("", None, {}, {"messages": [{"role": "user", "content": MEGABYTE}] * 100}, (Message("user", (Text(MEGABYTE),)),) * 100, status=413),
]  # fmt: skip


async def refused_by_grpc(client: InferenceClient, bad: Bad) -> str:
    """What is wrong with the refusal; empty: nothing."""
    try:
        await client.complete(list(bad.turns), **bad.options)
    except bad.error as error:
        named = [name for name, _ in getattr(error, "violations", ())]
        return "" if not bad.field or bad.field in named else f"{bad.field}: gRPC names {named}"
    return f"{bad.field}: gRPC answers"


async def test_bad_requests_are_refused_alike_and_nothing_is_spent() -> None:
    wrong = []
    async with ScriptedUpstream() as upstream:
        upstream.on("m", [chunk(content="no"), chunk("stop")])
        config = routes(upstream, "m")
        config["providers"]["a"]["model"] = {"m": {"vision": True, "audio": True}}
        async with http_door(config, KEY) as door, InferenceClient(door.server.target) as client:
            for bad in BAD:
                wrong.append(await refused_by_grpc(client, bad))
                answer = await door.chat(**bad.members)
                if answer.status != bad.status or answer.error["param"] != bad.param:
                    wrong.append(f"{bad.param}: HTTP says {answer.text[:300]}")
            answer = await door.chat(n=500)  # gRPC has no word for it
            assert (answer.status, answer.error["param"]) == (400, "n")
        assert upstream.bodies == []
    assert [text for text in wrong if text] == []
