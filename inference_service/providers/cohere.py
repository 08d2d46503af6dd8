"""Cohere over its own API: chat and vision by the v2 chat stream.

Events are JSON with a `type`, as server-sent events or as lines. Sources: Cohere API reference (v2 chat, v1 models), the
streaming guide, recorded streams. A trial key has 20 calls a minute and 1,000 a month over all models.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, ClassVar

import msgspec

from inference_service.domain import CHAT_SETTINGS, Capabilities, ChatEvent, ChatRequest
from inference_service.failures import FailureKind, Scope
from inference_service.providers.kit import errors, stream, values
from inference_service.providers.kit.answer import Piece, WireFormat
from inference_service.providers.kit.calls import fragments_of
from inference_service.providers.kit.provider import ChatProvider
from inference_service.providers.openai import wire
from inference_service.providers.seam import ChatCall, Declaration, LimitReport, ModelInfo
from inference_service.settings import Wire, on_wire
from inference_service.tools import ResponseFormat, ToolMode

HONOURED = CHAT_SETTINGS - {"sampling.reasoning_effort", "parallel_tool_calls"} | {"sampling.top_k"}
BOTH_FORMATS = frozenset({"json_object", "json_schema"})
TEXT = Capabilities(
    chat=True, streaming=True, tools=True, formats=BOTH_FORMATS, settings=HONOURED, context_tokens=256_000
)
EYES = msgspec.structs.replace(TEXT, vision=True, tools=False, context_tokens=128_000)
NAMES: Mapping[str, str | Wire] = {
    "sampling.temperature": Wire("temperature", high=1.0),
    "sampling.top_p": Wire("p", low=0.01, high=0.99),
    "sampling.top_k": Wire("k", high=500),
    "sampling.max_tokens": "max_tokens",
    "sampling.stop": "stop_sequences",
    "sampling.seed": "seed",
    "sampling.frequency_penalty": Wire("frequency_penalty", low=0.0, high=1.0),
    "sampling.presence_penalty": Wire("presence_penalty", low=0.0, high=1.0),
}


class Cohere(ChatProvider):
    declaration: ClassVar[Declaration] = Declaration(
        kind="cohere-native",
        title="Cohere",
        base_url="https://api.cohere.com",
        credentials=("COHERE_API_KEY", "CO_API_KEY"),
        default_models=("command-a-03-2025", "command-a-vision-07-2025"),
        capabilities={"command-a-vision-07-2025": EYES, "*": TEXT},
        quota_group="account",
        discovers=True,
        sources=("Cohere API reference: v2 chat, streaming, models",),
    )
    signs: ClassVar[tuple[errors.Sign, ...]] = (
        errors.Sign(FailureKind.QUOTA_EXHAUSTED, r"API calls ?/ ?month", (429,), Scope.GROUP),
        errors.Sign(FailureKind.RATE_LIMITED, r"API calls ?/ ?minute", (429,), Scope.GROUP, wake_after=60),
    )

    def wire_names(self) -> Mapping[str, str | Wire]:
        return NAMES

    def chat(self, call: ChatCall) -> AsyncIterator[ChatEvent | LimitReport]:
        request = call.request
        chosen = {**on_wire(request.sampling, NAMES), **tools(request), **answer_format(request.response_format)}
        body = {"model": call.model, "messages": wire.messages(request, ""), **chosen, "stream": True}
        body.update(request.provider_options.get(self.settings.name, {}))
        url = f"{self.settings.base_url}/v2/chat"
        return stream.chat(self, url, self.headers(call.secret), body, call, EventFormat())

    async def models(self, secret: str | None) -> Sequence[ModelInfo]:
        question = {"endpoint": "chat", "page_size": "1000"}
        answer = await self.answer(f"{self.settings.base_url}/v1/models", secret, question)
        for item in map(values.mapping, values.items(values.mapping(answer).get("models"))):
            can = EYES if "vision" in values.texts(item.get("features")) else TEXT
            if isinstance(name := item.get("name"), str):
                context = values.context_tokens(item.get("context_length"))
                self._discovered[name] = msgspec.structs.replace(can, context_tokens=context)
        return [ModelInfo(name, can) for name, can in self._discovered.items()]


def tools(request: ChatRequest) -> dict[str, Any]:
    """A choice of one tool means offering that tool alone; "strict" applies to all tools or none."""
    body = wire.tools(request)
    choice = request.tool_choice
    if not body or choice is None:
        return body
    if choice.name:
        body["tools"] = [tool for tool in body["tools"] if tool["function"]["name"] == choice.name]
    body.pop("tool_choice")
    return body if choice.mode is ToolMode.AUTO else {**body, "tool_choice": choice.mode.value.upper()}


def answer_format(wanted: ResponseFormat | None) -> dict[str, Any]:
    schema = {} if wanted is None or wanted.schema is None else {"json_schema": wanted.schema}
    return {} if wanted is None else {"response_format": {"type": "json_object", **schema}}


class EventFormat(WireFormat):
    """`content-delta` holds words or thoughts, `tool-call-…` fragments of calls, `tool-plan-delta` thoughts about them;
    `message-end` the reason, the usage and, after a failure, an error.
    """

    def piece(self, value: Any, name: str) -> Piece | None:  # noqa: ARG002 - the type is in the value
        event = values.mapping(value)
        delta = values.mapping(event.get("delta"))
        message = values.mapping(delta.get("message") or event.get("message"))
        parts = [values.mapping(part) for part in values.items(message.get("content"))]
        used = values.mapping(values.mapping(delta.get("usage") or event.get("usage")).get("tokens"))
        calls = tuple(fragments_of(message.get("tool_calls")))
        if len(calls) == 1 and calls[0].index is None:
            calls = (msgspec.structs.replace(calls[0], index=values.count(event.get("index"))),)
        return Piece(
            text="".join(values.text_of(part.get("text")) for part in parts),
            reasoning="".join(values.text_of(part.get("thinking")) for part in parts)
            + values.text_of(message.get("tool_plan")),
            finish=delta.get("finish_reason") or event.get("finish_reason"),
            usage=values.usage(used.get("input_tokens"), used.get("output_tokens")),
            error=delta.get("error") or event.get("error"),
            done=event.get("type") == "message-end",
            calls=calls,
        )
