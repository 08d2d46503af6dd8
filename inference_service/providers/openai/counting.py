"""How many tokens a conversation has, counted by its provider: the routes beside OpenAI's API, each in its own words.

Sources: Gemini API reference (models.countTokens), Anthropic's API reference (Count tokens in a Message), vLLM (/tokenize).
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Literal

import msgspec
from msgspec import Struct

from inference_service.domain import AudioPart, ChatRequest, ImagePart, Message, Part, Role, TextPart
from inference_service.failures import FailureKind
from inference_service.providers.events import MOST_TOKENS
from inference_service.providers.kit import errors, values
from inference_service.providers.kit.large import base64_of
from inference_service.providers.openai import wire
from inference_service.providers.speech import Host, posted
from inference_service.tools import Tool, ToolCall, ToolResult

Style = Literal["gemini", "anthropic", "vllm"]


class Question(Struct, frozen=True):
    """`answer`: the member that holds the number."""

    url: str
    headers: dict[str, str]
    body: dict[str, Any]
    answer: str


async def count(host: Host, style: Style, base: str, secret: str | None, request: ChatRequest, model: str) -> int:
    """Tokens that the model would read. Raises UpstreamFailure."""
    question = STYLES[style](base, secret or "", request, model)
    answer, _ = await posted(host, question.url, question.headers, json=msgspec.json.encode(question.body))
    tokens = values.count(values.mapping(answer).get(question.answer), MOST_TOKENS)
    if tokens is None:
        raise errors.failure(FailureKind.BAD_RESPONSE, status=200)
    return tokens


def turns(request: ChatRequest) -> list[Message]:
    """Without instructions; with the answer that was begun."""
    begun = (Message(Role.ASSISTANT, (TextPart(request.partial),)),) if request.partial else ()
    return [one for one in (*request.messages, *begun) if one.role is not Role.SYSTEM]


def instructions(request: ChatRequest) -> str:
    return "\n\n".join(message.text for message in request.messages if message.role is Role.SYSTEM)


# --- Gemini --------------------------------------------------------------------------------------


def gemini(base: str, secret: str, request: ChatRequest, model: str) -> Question:
    named = {call.id: call.name for message in request.messages for call in message.calls}
    whole: dict[str, Any] = {
        "model": f"models/{model}",
        "contents": [
            {
                "role": "model" if message.role is Role.ASSISTANT else "user",
                "parts": [_gemini_part(part, named) for part in message.parts],
            }
            for message in turns(request)
        ],
    }
    if said := instructions(request):
        whole["systemInstruction"] = {"parts": [{"text": said}]}
    if request.tools:
        whole["tools"] = [{"functionDeclarations": [_gemini_tool(tool) for tool in request.tools]}]
    root = base.removesuffix("/openai")
    return Question(
        f"{root}/models/{model}:countTokens", {"x-goog-api-key": secret}, {"generateContentRequest": whole}, "totalTokens"
    )  # fmt: skip


def _gemini_part(part: Part, named: Mapping[str, str]) -> dict[str, Any]:
    match part:
        case TextPart():
            return {"text": part.text}
        case ToolCall():
            return {"functionCall": {"name": part.name, "args": msgspec.json.decode(part.arguments)}}
        case ToolResult():
            return {"functionResponse": {"name": named.get(part.call_id, "tool"), "response": {"result": part.content}}}
        case ImagePart() | AudioPart():
            return {"inlineData": {"mimeType": part.mime, "data": base64_of(part.data)}}


def _gemini_tool(tool: Tool) -> dict[str, Any]:
    made: dict[str, Any] = {"name": tool.name, "description": tool.description}
    return {**made, "parametersJsonSchema": tool.parameters} if tool.parameters else made


# --- Anthropic -----------------------------------------------------------------------------------


def anthropic(base: str, secret: str, request: ChatRequest, model: str) -> Question:
    body: dict[str, Any] = {
        "model": model,
        "messages": [
            {
                "role": "assistant" if message.role is Role.ASSISTANT else "user",
                "content": list(_anthropic_parts(message)),
            }
            for message in turns(request)
        ],
    }
    if said := instructions(request):
        body["system"] = said
    if request.tools:
        body["tools"] = [
            {"name": tool.name, "description": tool.description, "input_schema": tool.parameters or wire.NO_PARAMETERS}
            for tool in request.tools
        ]
    headers = {"x-api-key": secret, "anthropic-version": "2023-06-01"}
    return Question(f"{base}/messages/count_tokens", headers, body, "input_tokens")


def _anthropic_parts(message: Message) -> Iterator[dict[str, Any]]:
    for part in message.parts:
        match part:
            case TextPart():
                yield {"type": "text", "text": part.text}
            case ToolCall():
                arguments = msgspec.json.decode(part.arguments)
                yield {"type": "tool_use", "id": part.id, "name": part.name, "input": arguments}
            case ToolResult():
                yield {"type": "tool_result", "tool_use_id": part.call_id, "content": part.content}
            case ImagePart():
                source = {"type": "base64", "media_type": part.mime, "data": base64_of(part.data)}
                yield {"type": "image", "source": source}


# --- vLLM ----------------------------------------------------------------------------------------


def vllm(base: str, secret: str, request: ChatRequest, model: str) -> Question:
    """It takes the messages of a chat, at the root of the server."""
    body = {"model": model, "messages": wire.messages(request, request.partial), **wire.tools(request)}
    body.pop("tool_choice", None)
    headers = {"Authorization": f"Bearer {secret}"} if secret else {}
    return Question(f"{base.removesuffix('/v1')}/tokenize", headers, body, "count")


STYLES: dict[Style, Callable[[str, str, ChatRequest, str], Question]] = {
    "gemini": gemini,
    "anthropic": anthropic,
    "vllm": vllm,
}
