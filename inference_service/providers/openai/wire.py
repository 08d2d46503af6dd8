"""The body of a chat request in the OpenAI wire format, from allow-lists.

Source: the OpenAI API reference (chat completions, function calling, structured outputs).
"""

import hashlib
import re
from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from inference_service.domain import AudioPart, ChatRequest, ImagePart, Message, Part, Role, TextPart
from inference_service.providers.kit.large import base64_of
from inference_service.tools import ResponseFormat, Tool, ToolCall, ToolMode

NO_PARAMETERS: Mapping[str, Any] = {"type": "object", "properties": {}}
AUDIO_FORMATS = {"audio/wav": "wav", "audio/mpeg": "mp3", "audio/flac": "flac", "audio/ogg": "ogg", "audio/mp4": "m4a"}
SHORT_ID = re.compile(r"[A-Za-z0-9]{9}")
UNSIGNED = "skip_thought_signature_validator"  # Gemini's marker for a call that another model has written


class Manner(Struct, frozen=True):
    """How a provider expects tool calls back. short_ids: nine letters and digits. signs: its kind, if it signs calls."""

    short_ids: bool = False
    signs: str = ""


PLAIN = Manner()


def messages(request: ChatRequest, prefix: str, manner: Manner = PLAIN) -> list[dict[str, Any]]:
    """The conversation, as plain strings if it is only text. A prefix becomes the assistant's open turn."""
    listed = [turn for message in request.messages for turn in _message(message, manner)]
    if prefix:
        listed.append({"role": "assistant", "content": prefix})
    return listed


def _message(message: Message, manner: Manner) -> list[dict[str, Any]]:
    if message.role is Role.TOOL:
        return [
            {"role": "tool", "tool_call_id": call_id(result.call_id, manner), "content": result.content}
            for result in message.results
        ]
    turn: dict[str, Any] = {"role": message.role.value, "content": message.text}
    if message.calls:
        turn["tool_calls"] = [_call(call, manner) for call in message.calls]
    if message.role is Role.USER and any(not isinstance(part, TextPart) for part in message.parts):
        turn["content"] = [_part(part) for part in message.parts]
    return [turn]


def _part(part: Part) -> dict[str, Any]:
    match part:
        case TextPart():
            return {"type": "text", "text": part.text}
        case ImagePart():
            return {"type": "image_url", "image_url": {"url": f"data:{part.mime};base64,{base64_of(part.data)}"}}
        case AudioPart():
            form = AUDIO_FORMATS.get(part.mime, part.mime.rpartition("/")[2])
            return {"type": "input_audio", "input_audio": {"data": base64_of(part.data), "format": form}}
    raise ValueError("a user's message holds no tool calls and no results")


def _call(call: ToolCall, manner: Manner) -> dict[str, Any]:
    members: dict[str, Any] = {
        "id": call_id(call.id, manner),
        "type": "function",
        "function": {"name": call.name, "arguments": call.arguments},
    }
    if manner.signs:
        kind, _, signature = call.signature.decode(errors="replace").partition(":")
        shown = signature if kind == manner.signs and signature else UNSIGNED
        members["extra_content"] = {"google": {"thought_signature": shown}}
    return members


def call_id(original: str, manner: Manner) -> str:
    """The id in this provider's form: the same for a call and its result."""
    if not manner.short_ids or SHORT_ID.fullmatch(original):
        return original
    return hashlib.sha256(original.encode()).hexdigest()[:9]


def tools(request: ChatRequest) -> dict[str, Any]:
    """The part of a body that offers tools."""
    if not request.tools:
        return {}
    body: dict[str, Any] = {"tools": [_tool(tool) for tool in request.tools]}
    if (choice := request.tool_choice) is not None:
        named = {"type": "function", "function": {"name": choice.name}}
        body["tool_choice"] = named if choice.name else choice.mode.value
    return body


def _tool(tool: Tool) -> dict[str, Any]:
    function: dict[str, Any] = {"name": tool.name}
    if tool.description:
        function["description"] = tool.description
    function["parameters"] = tool.parameters or NO_PARAMETERS
    if tool.strict:
        function["strict"] = True
    return {"type": "function", "function": function}


def answer_format(wanted: ResponseFormat | None, enforced: frozenset[str]) -> dict[str, Any]:
    """The part of a body that asks for a document, as far as the deployment enforces it."""
    if wanted is None:
        return {}
    if wanted.schema is not None and "json_schema" in enforced:
        schema: dict[str, Any] = {"name": wanted.name, "schema": wanted.schema, "strict": is_strict(wanted.schema)}
        if wanted.description:
            schema["description"] = wanted.description
        return {"response_format": {"type": "json_schema", "json_schema": schema}}
    return {"response_format": {"type": "json_object"}} if "json_object" in enforced else {}


def is_strict(schema: Mapping[str, Any]) -> bool:
    """Whether OpenAI can enforce a schema: every object lists all allowed properties and requires them."""
    if schema.get("type") == "object" or "properties" in schema:
        properties = schema.get("properties", {})
        if schema.get("additionalProperties") is not False or set(schema.get("required", ())) != set(properties):
            return False
    inner = [*_mappings(schema.get("properties")), *_mappings(schema.get("$defs"))]
    inner += [branch for key in ("items", "not") if isinstance(branch := schema.get(key), dict)]
    inner += [branch for branch in schema.get("anyOf", ()) if isinstance(branch, dict)]
    return not {"allOf", "oneOf", "patternProperties", "if"} & set(schema) and all(map(is_strict, inner))


def _mappings(value: object) -> list[dict[str, Any]]:
    return [item for item in value.values() if isinstance(item, dict)] if isinstance(value, dict) else []


def needs_tools(request: ChatRequest) -> bool:
    """Whether a refusal of tools speaks about this request."""
    return request.uses_tools and not (request.tool_choice is not None and request.tool_choice.mode is ToolMode.NONE)
