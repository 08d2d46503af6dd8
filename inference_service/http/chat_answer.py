"""A chat answer in OpenAI's format: chunks of a stream, or one object. Pure."""

from typing import Any

import msgspec

from antiphon.v1 import chat_pb2, tools_pb2
from inference_service.http import signatures
from inference_service.http.story import Story

FINISHES = {
    chat_pb2.FINISH_REASON_LENGTH: "length",
    chat_pb2.FINISH_REASON_CONTENT_FILTER: "content_filter",
    chat_pb2.FINISH_REASON_TOOL_CALLS: "tool_calls",
}
encode = msgspec.json.encode


def finish_reason(reason: int) -> str:
    return FINISHES.get(reason, "stop")  # type: ignore[call-overload, no-any-return] # an enum of the contract


class Chunks:
    """The chunks of one stream. All share id, time and model; each ends as an event."""

    def __init__(self, request_id: str, model: str, created: int, *, include_usage: bool) -> None:
        common = {
            "id": f"chatcmpl-{request_id}",
            "object": "chat.completion.chunk",
            "created": created,
            "model": model,
            "system_fingerprint": None,
        }
        self._head = b"data: " + encode(common)[:-1] + b","
        self._usage = b',"usage":null' if include_usage else b""
        self._delta_head = self._head + b'"choices":[{"index":0,"delta":{'
        self._delta_tail = b'},"logprobs":null,"finish_reason":null}]' + self._usage + b"}\n\n"
        self._opening = self._delta(b'"role":"assistant","content":""')

    def text(self, text: str) -> bytes:
        return self._opened(self._delta(b'"content":' + encode(text)))

    def reasoning(self, text: str) -> bytes:
        return self._opened(self._delta(b'"reasoning_content":' + encode(text)))

    def tool_call(self, index: int, call: tools_pb2.ToolCall) -> bytes:
        return self._opened(self._delta(b'"tool_calls":' + encode([{"index": index, **tool_call(call)}])))

    def logprobs(self, tokens: list[dict[str, Any]]) -> bytes:
        choice = {"index": 0, "delta": {"content": ""}, "logprobs": {"content": tokens}, "finish_reason": None}
        return self._opened(self._head + b'"choices":[' + encode(choice) + b"]" + self._usage + b"}\n\n")

    def _opened(self, chunk: bytes) -> bytes:
        """The first chunk is preceded by one that names the role."""
        opening, self._opening = self._opening, b""
        return opening + chunk

    def _delta(self, members: bytes) -> bytes:
        return self._delta_head + members + self._delta_tail

    def finish(self, reason: str, vendor: dict[str, Any]) -> bytes:
        choice = {"index": 0, "delta": {}, "logprobs": None, "finish_reason": reason}
        members = b'"choices":[' + encode(choice) + b"]" + self._usage + b',"antiphon":' + encode(vendor)
        return self._opened(self._head + members + b"}\n\n")

    def usage(self, usage: dict[str, Any]) -> bytes:
        return self._head + b'"choices":[],"usage":' + encode(usage) + b"}\n\n"


def tool_call(call: tools_pb2.ToolCall) -> dict[str, Any]:
    """With the provider's signature, if there is one, in the member in which clients send it back."""
    function = {"name": call.name, "arguments": call.arguments}
    members: dict[str, Any] = {"id": call.id, "type": "function", "function": function}
    if call.signature:
        members["extra_content"] = signatures.written(call.signature)
    return members


def token_logprobs(logprobs: chat_pb2.Logprobs) -> list[dict[str, Any]]:
    return [{**_token(token), "top_logprobs": [_token(other) for other in token.top]} for token in logprobs.tokens]


def _token(token: chat_pb2.TokenLogprob | chat_pb2.TopLogprob) -> dict[str, Any]:
    return {"token": token.token, "logprob": token.logprob, "bytes": list(token.token.encode())}


def message_of(text: str, reasoning: str, calls: list[tools_pb2.ToolCall]) -> dict[str, Any]:
    """The message of a non-streamed answer."""
    message: dict[str, Any] = {"role": "assistant", "content": text if text or not calls else None, "refusal": None}
    if reasoning:
        message["reasoning_content"] = reasoning
    if calls:
        message["tool_calls"] = [tool_call(call) for call in calls]
    return message


def whole(
    request_id: str,
    model: str,
    created: int,
    message: dict[str, Any],
    logprobs: list[dict[str, Any]] | None,
    reason: str,
    story: Story,
) -> bytes:
    """The answer as one object."""
    weighed = None if logprobs is None else {"content": logprobs}
    return encode(
        {
            "id": f"chatcmpl-{request_id}",
            "object": "chat.completion",
            "created": created,
            "model": model,
            "system_fingerprint": None,
            "choices": [{"index": 0, "message": message, "logprobs": weighed, "finish_reason": reason}],
            "usage": story.usage(),
            "antiphon": story.vendor(),
        }
    )
