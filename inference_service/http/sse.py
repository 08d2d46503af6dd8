"""An answer as server-sent events: started late, kept alive by comments, and never buffered for a slow reader."""

import asyncio
from collections.abc import Callable
from typing import Any

from aiohttp import web

HEADERS = {
    "Content-Type": "text/event-stream; charset=utf-8",
    "Cache-Control": "no-cache",
    "X-Accel-Buffering": "no",
}
QUIET = 10.0  # seconds of silence before a comment; some clients cannot handle one that comes first
DONE = b"data: [DONE]\n\n"


class EventStream:
    """Starts with the first event, or when the caller has waited too long: until then a failure is a plain HTTP error.

    `headers` is called when the stream starts.
    """

    def __init__(self, request: web.Request, headers: Callable[[], dict[str, str]]) -> None:
        self._request, self._headers = request, headers
        self._response: web.StreamResponse | None = None
        self._loop = asyncio.get_running_loop()
        self._last = self._loop.time()
        self._writing = False
        self._beginning = asyncio.Lock()
        self._comment: asyncio.Task[None] | None = None
        self._timer = self._loop.call_later(QUIET, self._look)
        self.waiting_for = b"waiting"  # text of the next comment

    @property
    def begun(self) -> bool:
        return self._response is not None

    async def send(self, data: bytes) -> None:
        """Returns when there is room for more. Raises CancelledError if the reader has disconnected."""
        response = self._response or await self._begin()
        self._writing = True
        try:
            await response.write(data)
        except ConnectionError:
            raise asyncio.CancelledError from None
        finally:
            self._writing = False
            self._last = self._loop.time()

    async def _begin(self) -> web.StreamResponse:
        async with self._beginning:
            if self._response is None:
                response = web.StreamResponse(headers={**HEADERS, **self._headers()})
                await response.prepare(self._request)
                self._response = response
        return self._response

    def _look(self) -> None:
        """Keeps an idle connection alive. While a reader is slow, no comment is needed."""
        left = self._last + QUIET - self._loop.time()
        if left <= 0.01 and not self._writing:
            self._comment = self._loop.create_task(self._say())
            left = QUIET
        self._timer = self._loop.call_later(max(left, 0.05), self._look)

    async def _say(self) -> None:
        try:
            await self.send(b": " + self.waiting_for + b"\n\n")
        except asyncio.CancelledError:
            self._timer.cancel()

    async def end(self) -> web.StreamResponse:
        """Ends the stream."""
        self.close()
        response = self._response or await self._begin()
        try:
            await response.write_eof()
        except ConnectionError:
            raise asyncio.CancelledError from None
        return response

    def close(self) -> None:
        """Stops the comments. Must be called at every end."""
        self._timer.cancel()
        if self._comment is not None:
            self._comment.cancel()


def comment(progress: Any) -> bytes:
    """A provider's progress as a comment, such as "queued 12"."""
    place = f" {progress.queue_position}" if progress.HasField("queue_position") else ""
    stage = "".join(sign for sign in progress.stage if sign.isprintable())
    return f"{stage or 'waiting'}{place}".encode()
