"""The body of a chat with large files is made beside the event loop, so that one person's pictures delay nobody's stream.

A thread alone does not help: one call into a codec holds the interpreter for as long as it takes. So base64 is written piece
by piece, and the interpreter is given away in between.
"""

import asyncio
import base64
import time
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from inference_service.providers.seam import ChatCall

LARGE = 512 * 1024  # bytes of files in one request
PIECE = 3 * 64 * 1024  # bytes that are encoded at a time; a multiple of three, so that pieces join

Body = Mapping[str, Any] | Callable[[], Mapping[str, Any]]


async def packed(body: Body, call: ChatCall) -> bytes:
    """The body as JSON. `body`: itself, or what makes it."""

    def work() -> bytes:
        return msgspec.json.encode(body() if callable(body) else body)

    return await asyncio.to_thread(work) if size_of(call) >= LARGE else work()


def size_of(call: ChatCall) -> int:
    """Bytes of the files in the request."""
    messages = call.request.messages
    pictures = sum(len(picture.data) for message in messages for picture in message.images)
    return pictures + sum(len(recording.data) for message in messages for recording in message.recordings)


def base64_of(data: bytes) -> str:
    if len(data) <= PIECE:
        return base64.b64encode(data).decode()
    pieces = []
    for at in range(0, len(data), PIECE):
        pieces.append(base64.b64encode(data[at : at + PIECE]))
        time.sleep(0)  # lets the event loop run
    return b"".join(pieces).decode()
