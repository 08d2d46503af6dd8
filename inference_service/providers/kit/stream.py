"""A chat call whose answer is a stream: everything that streaming formats share.

A provider with its own format writes a `WireFormat` (one event → one `Piece`) and returns `chat(…)`. In return it gets
server-sent events, JSON lines or one JSON document whatever the content type, size limits, broken and odd chunks, all
text of a read in one Delta, reasoning in tags, stalls of white space, and the decision whether the answer is whole.
"""

import asyncio
from collections.abc import AsyncGenerator, Iterator, Mapping
from typing import Protocol

import aiohttp

from inference_service.domain import ChatEvent, Notice, NoticeKind
from inference_service.failures import FailureKind, UpstreamFailure
from inference_service.providers.kit import errors
from inference_service.providers.kit.answer import Answer, WireFormat
from inference_service.providers.kit.frames import ENOUGH, Frames, frames, without_mark
from inference_service.providers.kit.http import HttpClient, next_chunk, read_error
from inference_service.providers.kit.large import Body, packed
from inference_service.providers.kit.sse import EventTooLargeError, SseEvent
from inference_service.providers.seam import ChatCall, LimitReport
from inference_service.settings import Wire, changed

# Seconds to wait for what may follow a certain finish reason (usage, the end marker) before the answer counts as over.
AFTER_FINISH = 0.5
AFTER_DONE = 0.05  # for the end of the body after the end marker


class Dialect(Protocol):
    """What a streamed call needs from its provider. `dialect`: how errors inside a stream are worded."""

    http: HttpClient

    @property
    def dialect(self) -> errors.Dialects: ...

    def refusal(self, call: ChatCall, status: int, headers: Mapping[str, str], body: bytes) -> UpstreamFailure: ...

    def limit_report(self, headers: Mapping[str, str]) -> LimitReport | None: ...

    def wire_names(self) -> Mapping[str, str | Wire]: ...


async def chat(
    dialect: Dialect, url: str, headers: Mapping[str, str], body: Body, call: ChatCall, form: WireFormat
) -> AsyncGenerator[ChatEvent | LimitReport, None]:
    """One call with a streamed answer. Raises UpstreamFailure, STREAM_CUT if the stream stops without its end.

    One generator on purpose: every delta pays for each layer between the socket and the caller.
    """
    head = {"Accept": "text/event-stream", **headers}
    notices = changes(dialect, call)
    async with dialect.http.request("POST", url, headers=head, json=await packed(body, call)) as response:
        if not 200 <= response.status < 300:
            raise dialect.refusal(call, response.status, response.headers, await read_error(response))
        # Always emitted: it also means that the provider has answered.
        yield dialect.limit_report(response.headers) or LimitReport()
        for notice in notices:
            yield notice
        reading = Reading(response, answer_to(call, form, dialect.dialect))
        while data := await reading.next():
            for event in reading.events(data):
                yield event
        await reading.drain()
        for event in reading.last():
            yield event


def changes(dialect: Dialect, call: ChatCall) -> list[Notice]:
    """A notice for each setting that is sent with a different value. Raises UpstreamFailure(UNSUPPORTED) if strict."""
    changes = changed(call.request.sampling, dialect.wire_names())
    if changes and call.request.strict:
        field = min(changes)
        text = f"the provider does not accept the requested {field}"
        raise UpstreamFailure(FailureKind.UNSUPPORTED, text, field=field)
    return [
        Notice(NoticeKind.CHANGED, field, f"This deployment does not accept the requested {field}; {value} was used.")
        for field, value in changes.items()
    ]


def answer_to(call: ChatCall, form: WireFormat, signs: errors.Dialects = ()) -> Answer:
    about_tags = any("think>" in message.text for message in call.request.messages)
    return Answer(form, signs, continues=bool(call.prefix) or call.continues, lone_closing=not about_tags)


class Reading:
    """One response while it is read."""

    def __init__(self, response: aiohttp.ClientResponse, answer: Answer) -> None:
        self._response, self._answer = response, answer
        self._frames: Frames | None = None
        self._beginning = b""  # until the format is known
        self._cut: UpstreamFailure | None = None
        self._over: float | None = None  # loop time

    async def next(self) -> bytes:
        """What arrives next; empty if nothing is worth waiting for any more."""
        if self._answer.done:
            return b""
        if self._answer.certain:
            self._over = self._over or asyncio.get_running_loop().time() + AFTER_FINISH
            return await self._until(self._over)
        self._over = None
        try:
            return await next_chunk(self._response)
        except UpstreamFailure as failure:
            self._cut = failure
            return b""

    def events(self, data: bytes) -> Iterator[ChatEvent]:
        """Raises UpstreamFailure."""
        return self._answer.read(self._framed(data))

    async def drain(self) -> None:
        """A body that is not read to its end costs its connection, and the next request a new handshake."""
        if self._answer.done and not self._response.content.is_eof():
            await self._until(asyncio.get_running_loop().time() + AFTER_DONE)

    def last(self) -> Iterator[ChatEvent]:
        """The body is over: emits the rest and the end. Raises UpstreamFailure."""
        try:
            if not self._answer.done:
                yield from self._left()
            yield from self._answer.end(cut=self._cut is not None)
        except UpstreamFailure as failure:
            raise self._cut or failure from None

    def _left(self) -> Iterator[ChatEvent]:
        left = self._framed(b"", last=True)
        try:
            yield from self._answer.read(left)
        except UpstreamFailure as failure:
            if failure.kind is not FailureKind.BAD_RESPONSE:  # half an event is not malformed, just cut
                raise

    def _framed(self, data: bytes, *, last: bool = False) -> list[SseEvent]:
        try:
            if self._frames is None:
                data = self._beginning = without_mark(self._beginning + data)
                if not data or (len(data) < ENOUGH and not last):
                    return []
                self._frames = frames(data)
            events = self._frames.feed(data) if data else []
            return [*events, *self._frames.flush()] if last else events
        except EventTooLargeError as error:
            raise UpstreamFailure(FailureKind.BAD_RESPONSE, str(error), status=200) from error

    async def _until(self, over: float) -> bytes:
        """Waits for what follows a certain end: the answer is whole, so neither silence nor a cut matters any more."""
        try:
            async with asyncio.timeout_at(over):
                return await next_chunk(self._response)
        except (TimeoutError, UpstreamFailure):
            return b""
