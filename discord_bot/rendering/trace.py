"""Fills gaps in the library's rate limiting: it does not expose the headers of answers, and knows no global limit.

Headers as in Discord's documentation, topics/rate-limits; aiohttp's tracing is a public door of the library's client.
"""

import asyncio
import re
from collections import deque
from collections.abc import Callable

import aiohttp

from discord_bot.rendering.pacing import Paces, Throughput

EDIT = re.compile(r"/channels/(\d+)/messages/\d+$")
SEND = re.compile(r"/channels/\d+/messages$")
COUNTED = re.compile(
    r"/api/v\d+/(?!interactions/|webhooks/)"
)  # answers to interactions do not count towards the bot's limit


class Line:
    """Requests waiting for a slot among those of the whole bot, in order of arrival."""

    def __init__(self, everything: Throughput) -> None:
        self._everything = everything
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._timer: asyncio.TimerHandle | None = None

    async def enter(self) -> None:
        now = asyncio.get_running_loop().time()
        if not self._waiting and self._everything.free(now) > 0:
            self._everything.take()
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        self._set_timer()
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.leave()
            raise

    def leave(self) -> None:
        """The request was answered, or has failed."""
        self._everything.land(asyncio.get_running_loop().time())
        self._set_timer()

    def _set_timer(self) -> None:
        loop = asyncio.get_running_loop()
        at = self._everything.next_at(loop.time())
        if self._waiting and self._timer is None and at is not None:
            self._timer = loop.call_at(at, self._serve)

    def _serve(self) -> None:
        self._timer = None
        while self._waiting and self._everything.free(asyncio.get_running_loop().time()) > 0:
            turn = self._waiting.popleft()
            if not turn.done():
                self._everything.take()
                turn.set_result(None)
        self._set_timer()


def rate_limit_trace(
    paces: Paces, wrote: Callable[[str], None] = lambda _: None, dated: Callable[[str], None] = lambda _: None
) -> aiohttp.TraceConfig:
    """For the client's `http_trace`. `wrote` is called for every message that was "sent" or "edited", `dated` for each `Date`."""
    line = Line(paces.everything)

    async def started(_: aiohttp.ClientSession, __: object, params: aiohttp.TraceRequestStartParams) -> None:
        if COUNTED.search(params.url.path):
            await line.enter()

    async def failed(_: aiohttp.ClientSession, __: object, params: aiohttp.TraceRequestExceptionParams) -> None:
        if COUNTED.search(params.url.path):
            line.leave()

    async def ended(_: aiohttp.ClientSession, __: object, params: aiohttp.TraceRequestEndParams) -> None:
        dated(params.response.headers.get("Date", ""))
        path, headers = params.url.path, params.response.headers
        if COUNTED.search(path):
            if params.response.status == 429 and "X-RateLimit-Global" in headers:
                wait = float(headers.get("Retry-After", 1))
                paces.everything.close(asyncio.get_running_loop().time() + wait)
            line.leave()
        if params.response.status == 200:
            if params.method == "PATCH" and EDIT.search(path):
                wrote("edited")
            elif params.method == "POST" and SEND.search(path):
                wrote("sent")
        place = EDIT.search(path) if params.method == "PATCH" else None
        if place is None or "X-RateLimit-Remaining" not in headers:
            return
        try:
            limits = (
                int(headers["X-RateLimit-Limit"]),
                int(headers["X-RateLimit-Remaining"]),
                float(headers["X-RateLimit-Reset-After"]),
            )
        except (KeyError, ValueError):
            return  # a proxy in between; then our own count must do
        paces.observe(int(place[1]), asyncio.get_running_loop().time(), *limits)

    config = aiohttp.TraceConfig()
    config.on_request_start.append(started)
    config.on_request_exception.append(failed)
    config.on_request_end.append(ended)
    return config
