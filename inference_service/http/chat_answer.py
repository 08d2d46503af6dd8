"""The answer of a chat in OpenAI's shapes: chunks of a stream, or one object. Pure."""

from typing import Any

import msgspec

from antiphon.v1 import chat_pb2
from inference_service.http.story import Story

FINISHES = {
    chat_pb2.FINISH_REASON_LENGTH: "length",
    chat_pb2.FINISH_REASON_CONTENT_FILTER: "content_filter",
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

    def _opened(self, chunk: bytes) -> bytes:
        """The first chunk comes with one that names the role before it."""
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


def whole(request_id: str, model: str, created: int, text: str, reasoning: str, reason: str, story: Story) -> bytes:
    """The answer as one object."""
    message: dict[str, Any] = {"role": "assistant", "content": text, "refusal": None}
    if reasoning:
        message["reasoning_content"] = reasoning
    return encode(
        {
            "id": f"chatcmpl-{request_id}",
            "object": "chat.completion",
            "created": created,
            "model": model,
            "system_fingerprint": None,
            "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": reason}],
            "usage": story.usage(),
            "antiphon": story.vendor(),
        }
    )
