"""Discord's rate limits where the library leaves gaps: it keeps to itself what answers tell, and knows no global limit.

Headers as in Discord's documentation, topics/rate-limits; aiohttp's tracing is a public door of the library's client.
"""

import asyncio
import re
from collections.abc import Callable

import aiohttp

from discord_bot.rendering.pacing import Paces

EDIT = re.compile(r"/channels/(\d+)/messages/\d+$")
SEND = re.compile(r"/channels/\d+/messages$")
COUNTED = re.compile(r"/api/v\d+/(?!interactions/|webhooks/)")  # answers to interactions do not count for the bot


def rate_limit_trace(
    paces: Paces, wrote: Callable[[str], None] = lambda _: None, dated: Callable[[str], None] = lambda _: None
) -> aiohttp.TraceConfig:
    """For the client's `http_trace`. `wrote` hears of every message that was "sent" or "edited", `dated` of each `Date`."""

    async def started(_: aiohttp.ClientSession, __: object, params: aiohttp.TraceRequestStartParams) -> None:
        if COUNTED.search(params.url.path):
            wait = paces.everything.take(asyncio.get_running_loop().time())
            if wait > 0:
                await asyncio.sleep(wait)

    async def ended(_: aiohttp.ClientSession, __: object, params: aiohttp.TraceRequestEndParams) -> None:
        dated(params.response.headers.get("Date", ""))
        if params.response.status == 200:
            if params.method == "PATCH" and EDIT.search(params.url.path):
                wrote("edited")
            elif params.method == "POST" and SEND.search(params.url.path):
                wrote("sent")
        place = EDIT.search(params.url.path) if params.method == "PATCH" else None
        headers = params.response.headers
        if place is None or "X-RateLimit-Remaining" not in headers:
            return
        try:
            told = (
                int(headers["X-RateLimit-Limit"]),
                int(headers["X-RateLimit-Remaining"]),
                float(headers["X-RateLimit-Reset-After"]),
            )
        except (KeyError, ValueError):
            return  # a proxy in between; then what is counted here has to do
        paces.observe(int(place[1]), asyncio.get_running_loop().time(), *told)

    config = aiohttp.TraceConfig()
    config.on_request_start.append(started)
    config.on_request_end.append(ended)
    return config
