"""The body of a chat answer, read into events: streams, wrong labels, whole JSON answers, and ends that never come."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import aiohttp
import msgspec

from inference_service.domain import ChatEvent
from inference_service.failures import FailureKind, UpstreamFailure
from inference_service.providers.kit import errors
from inference_service.providers.kit.http import next_chunk, read
from inference_service.providers.kit.sse import BOM, EventTooLargeError, SseEvent, SseParser
from inference_service.providers.openai.wire import ChunkReader

LARGEST_EVENT = 1024 * 1024  # of text; a longer line is no chat chunk, and nobody has to keep it
LARGEST_WHOLE = 4 * 1024 * 1024
# Seconds for what may follow the finish reason (usage, the end marker) before the answer counts as over.
AFTER_FINISH = 0.5
AFTER_DONE = 0.05  # for the end of the body behind the end marker
STREAM = (b"data:", b"event:", b"id:", b"retry:", b":")


async def events(response: aiohttp.ClientResponse, reader: ChunkReader) -> AsyncIterator[ChatEvent]:
    """Everything of one answer. Raises UpstreamFailure, STREAM_CUT where it stops without a finish reason.

    One generator on purpose: every layer between the socket and the caller is paid for by every delta.
    """
    data = await _beginning(response)
    parser = SseParser(LARGEST_EVENT)
    over: float | None = None  # loop time
    try:
        if data and not data.startswith(STREAM):
            for event in reader.read([await _whole(response, data)]):
                yield event
        else:
            while data:
                for event in reader.read(parser.feed(data)):
                    yield event
                if reader.done:
                    break
                if reader.finish is None:
                    over, data = None, await next_chunk(response)
                else:
                    over = over or asyncio.get_running_loop().time() + AFTER_FINISH
                    data = await _rest(response, over)
            else:
                for event in _last(reader, parser.flush()):
                    yield event
    except EventTooLargeError as error:
        raise UpstreamFailure(FailureKind.BAD_RESPONSE, str(error), status=200) from error
    if reader.done and not response.content.is_eof():
        # A body that is not read to its end costs its connection, and the next request a new handshake.
        await _rest(response, asyncio.get_running_loop().time() + AFTER_DONE)
    for event in reader.end():
        yield event


def _last(reader: ChunkReader, held: list[SseEvent]) -> Iterator[ChatEvent]:
    """The body is over."""
    try:
        yield from reader.read(held)
    except UpstreamFailure as failure:
        if failure.kind is not FailureKind.BAD_RESPONSE:  # half an event is no bad one: it was cut
            raise


async def _rest(response: aiohttp.ClientResponse, over: float) -> bytes:
    """What follows the finish reason: the answer is whole, so neither silence nor a cut is of matter any more."""
    try:
        async with asyncio.timeout_at(over):
            return await next_chunk(response)
    except (TimeoutError, UpstreamFailure):
        return b""


async def _beginning(response: aiohttp.ClientResponse) -> bytes:
    """Until it can be seen what it is: labels may be wrong."""
    seen = b""
    while data := await next_chunk(response):
        seen = (seen + data).removeprefix(BOM).lstrip()
        if len(seen) >= len(b"retry:"):
            break
    return seen


async def _whole(response: aiohttp.ClientResponse, beginning: bytes) -> SseEvent:
    """Some servers ignore "stream": the whole answer is one JSON object."""
    text = (beginning + await read(response, LARGEST_WHOLE)).strip()
    try:
        msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise errors.failure(FailureKind.BAD_RESPONSE, status=200) from error
    return SseEvent(text)
