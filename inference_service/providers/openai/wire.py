"""The body of a chat request in the OpenAI wire format, from allow-lists.

Source: the OpenAI API reference (chat completions).
"""

import base64
from typing import Any

from inference_service.domain import ChatRequest, Message, Role, TextPart


def messages(request: ChatRequest, prefix: str) -> list[dict[str, Any]]:
    """The conversation; plain strings wherever there is no picture. A prefix is the assistant's open turn."""
    listed = [_message(message) for message in request.messages]
    if prefix:
        listed.append({"role": "assistant", "content": prefix})
    return listed


def _message(message: Message) -> dict[str, Any]:
    if message.role is not Role.USER or not message.images:
        return {"role": message.role.value, "content": message.text}
    parts = [
        {"type": "text", "text": part.text}
        if isinstance(part, TextPart)
        else {
            "type": "image_url",
            "image_url": {"url": f"data:{part.mime};base64,{base64.b64encode(part.data).decode()}"},
        }
        for part in message.parts
    ]
    return {"role": message.role.value, "content": parts}
