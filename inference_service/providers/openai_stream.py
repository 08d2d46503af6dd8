"""The body of a chat answer, read into events: streams, wrong labels, whole JSON answers, and ends that never come."""

import asyncio
from collections.abc import AsyncIterator

import aiohttp
import msgspec

from inference_service.domain import ChatEvent
from inference_service.failures import FailureKind, UpstreamFailure
from inference_service.providers import errors
from inference_service.providers.http import chunks, read
from inference_service.providers.openai_wire import ChunkReader
from inference_service.providers.sse import BOM, EventTooLargeError, SseEvent, SseParser
from inference_service.providers.twins import Twins

LARGEST_EVENT = 1024 * 1024  # of text; a longer line is no chat chunk, and nobody has to keep it
LARGEST_WHOLE = 4 * 1024 * 1024
# Seconds for what may follow the finish reason (usage, the end marker) before the answer counts as over.
AFTER_FINISH = 0.5
AFTER_DONE = 0.05  # for the end of the body behind the end marker
STREAM = (b"data:", b"event:", b"id:", b"retry:", b":")


async def events(response: aiohttp.ClientResponse, reader: ChunkReader) -> AsyncIterator[ChatEvent]:
    """Everything of one answer. Raises UpstreamFailure, STREAM_CUT where it stops without a finish reason."""
    body = chunks(response)
    beginning = await _beginning(body)
    if beginning and not beginning.startswith(STREAM):
        for event in reader.read([await _whole(response, beginning)]):
            yield event
    else:
        try:
            async for event in _stream(response, body, beginning, reader):
                yield event
        except EventTooLargeError as error:
            raise UpstreamFailure(FailureKind.BAD_RESPONSE, str(error), status=200) from error
    for event in reader.end():
        yield event


async def _stream(
    response: aiohttp.ClientResponse, body: AsyncIterator[bytes], beginning: bytes, reader: ChunkReader
) -> AsyncIterator[ChatEvent]:
    parser, twins = SseParser(LARGEST_EVENT), Twins()
    for event in reader.read(twins.once(parser.feed(beginning))):
        yield event
    over: float | None = None  # loop time
    while not reader.done:
        if reader.finish is None:
            over, data = None, await anext(body, None)
        else:
            over = over or asyncio.get_running_loop().time() + AFTER_FINISH
            data = await _rest(body, over)
        if data is None:
            try:
                for event in reader.read([*twins.once(parser.flush()), *twins.rest()]):
                    yield event
            except UpstreamFailure as failure:
                if failure.kind is not FailureKind.BAD_RESPONSE:  # half an event is no bad one: it was cut
                    raise
            return
        for event in reader.read(twins.once(parser.feed(data))):
            yield event
    if not response.content.is_eof():
        # A body that is not read to its end costs its connection, and the next request a new handshake.
        await _rest(body, asyncio.get_running_loop().time() + AFTER_DONE)


async def _rest(body: AsyncIterator[bytes], over: float) -> bytes | None:
    """What follows the finish reason: the answer is whole, so neither silence nor a cut is of matter any more."""
    try:
        async with asyncio.timeout_at(over):
            return await anext(body, None)
    except (TimeoutError, UpstreamFailure):
        return None


async def _beginning(body: AsyncIterator[bytes]) -> bytes:
    """Until it can be seen what it is: labels may be wrong."""
    seen = b""
    async for data in body:
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
