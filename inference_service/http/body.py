"""A request's body: limited before it is read, and decoded off the event loop if it is large."""

import time
from typing import Any

import msgspec
from aiohttp import BodyPartReader, web
from msgspec import Struct

from inference_service.api.large import LARGE, apart
from inference_service.http.problems import invalid, too_large

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
MOST_FIELDS = 200  # of a form
PIECE = 64  # items of a long list that are decoded before the event loop gets a turn


class Upload(Struct, frozen=True):
    """A file in a form; `mime` is what the sender claims."""

    name: str
    mime: str
    data: bytes


async def expect(_: web.Request) -> None:
    """Stays silent for now: a caller that waits for "100 Continue" gets it once its request may be read."""


async def read(request: web.Request, limit: int) -> bytes:
    """Raises Refusal(413) as soon as the size is known, without reading the excess."""
    check_length(request, limit)
    pieces, size = [], 0
    async for data in request.content.iter_any():
        size += len(data)
        if size > limit:
            raise too_large(limit)
        pieces.append(data)
    return b"".join(pieces)


def check_length(request: web.Request, limit: int) -> None:
    """Called before the first byte of the body is read. Raises Refusal(413)."""
    if request.content_length is not None and request.content_length > limit:
        raise too_large(limit)
    if request.headers.get("Expect", "").lower() == "100-continue" and request.transport is not None:
        request.transport.write(CONTINUE)


async def read_json(request: web.Request, limit: int) -> tuple[dict[str, Any], int]:
    """The members of the body's object, and its size in bytes. Raises Refusal."""
    if request.content_type.startswith(("multipart/", "application/x-www-form-urlencoded")):
        raise invalid(None, f"the body is {request.content_type}; this route takes application/json")
    data = await read(request, limit)
    try:
        members = await apart(len(data), _members, data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        said = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise invalid(None, f"the body is not valid JSON: {said}", "invalid_json") from error
    return members, len(data)


def _members(data: bytes) -> dict[str, Any]:
    """Decodes a long list item by item: a single call would hold the interpreter for as long as it takes."""
    if len(data) < LARGE:
        return msgspec.json.decode(data, type=dict[str, Any])
    raw = msgspec.json.decode(data, type=dict[str, msgspec.Raw])
    return {name: _piecewise(memoryview(value)) for name, value in raw.items()}


def _piecewise(raw: memoryview) -> Any:
    time.sleep(0)  # lets the event loop run
    if len(raw) < LARGE or raw[0] != ord("["):
        return msgspec.json.decode(raw)
    items = []
    for number, item in enumerate(msgspec.json.decode(raw, type=list[msgspec.Raw])):
        if number % PIECE == 0:
            time.sleep(0)
        items.append(msgspec.json.decode(item))
    return items


async def read_form(request: web.Request, limit: int) -> dict[str, list[str | Upload]]:
    """The fields of a form by name, with "image[]" as "image". Raises Refusal."""
    if request.content_type != "multipart/form-data":
        raise invalid(None, f"the body is {request.content_type}; this route takes multipart/form-data")
    check_length(request, limit)
    form: dict[str, list[str | Upload]] = {}
    left = limit
    try:
        async for part in await request.multipart():
            if not isinstance(part, BodyPartReader) or not part.name or len(form) >= MOST_FIELDS:
                raise invalid(None, "the form has a field without a name, a form within a form, or too many fields")
            data = await _read_part(part, left, limit)
            left -= len(data)
            mime = part.headers.get("Content-Type", "").partition(";")[0].strip().lower()
            value = Upload(part.filename, mime, data) if part.filename is not None else data.decode()
            form.setdefault(part.name.removesuffix("[]"), []).append(value)
    except (ValueError, RuntimeError, AssertionError) as error:
        raise invalid(None, "the body is not a valid form (multipart/form-data)") from error
    return form


async def _read_part(part: BodyPartReader, left: int, limit: int) -> bytes:
    data = bytearray()
    while chunk := await part.read_chunk(65_536):
        data += chunk
        if len(data) > left:
            raise too_large(limit)
    return bytes(data)
