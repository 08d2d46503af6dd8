"""What a caller may set for a chat, and the request that it becomes. Both clients take the same."""

import uuid
from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypedDict

from antiphon import events, wire
from antiphon.v1 import chat_pb2, common_pb2


class ChatOptions(TypedDict, total=False):
    """Everything is optional; what is left out is left to the service. Ranges are in the contract's comments."""

    sampling: events.Sampling | None
    on_interruption: Literal["continue", "restart", "fail"] | None
    strict: bool
    tools: Sequence[events.Tool]
    tool_choice: Literal["auto", "none", "required"] | events.Tool | None
    parallel_tool_calls: bool | None
    response_format: events.JsonObject | events.JsonSchema | None
    conversation_id: str
    provider_options: Mapping[str, Mapping[str, Any]] | None
    tenant_id: str
    user_id: str
    request_id: str | None
    replay: bool


class UnaryOptions(TypedDict, total=False):
    """What a request for vectors or a transcript may hold besides."""

    strict: bool
    tenant_id: str
    user_id: str
    request_id: str | None
    replay: bool


def common(options: UnaryOptions) -> dict[str, Any]:
    return {
        "unsupported_setting": wire.STRICT[options.get("strict", False)],
        "caller": common_pb2.Caller(tenant_id=options.get("tenant_id", ""), user_id=options.get("user_id", "")),
        "request_id": options.get("request_id") or uuid.uuid4().hex,
        "replay": options.get("replay", False),
    }


def chat_request(messages: str | Sequence[events.Message], model: str, options: ChatOptions) -> chat_pb2.ChatRequest:
    """Raises InvalidRequest for values that do not fit on the wire."""
    turns = [events.Message.user(messages)] if isinstance(messages, str) else messages
    return wire.chat_request(
        turns,
        model=model,
        chosen=options.get("sampling"),
        on_interruption=wire.INTERRUPTIONS[options.get("on_interruption")],
        unsupported_setting=wire.STRICT[options.get("strict", False)],
        caller=common_pb2.Caller(tenant_id=options.get("tenant_id", ""), user_id=options.get("user_id", "")),
        request_id=options.get("request_id"),
        tools=[wire.tool(tool) for tool in options.get("tools", ())],
        tool_choice=wire.choice(options.get("tool_choice")),
        parallel_tool_calls=options.get("parallel_tool_calls"),
        response_format=wire.answer_format(options.get("response_format")),
        conversation_id=options.get("conversation_id", ""),
        provider_options=options.get("provider_options"),
        replay=options.get("replay", False),
    )
