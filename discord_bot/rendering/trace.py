"""Reads the rate limits that Discord tells with every answer: the library keeps them to itself.

Headers as in Discord's documentation, topics/rate-limits; aiohttp's tracing is a public door of the library's client.
"""

import asyncio
import re
from collections.abc import Callable

import aiohttp

from discord_bot.rendering.pacing import Paces

EDIT = re.compile(r"/channels/(\d+)/messages/\d+$")
SEND = re.compile(r"/channels/\d+/messages$")


def rate_limit_trace(paces: Paces, wrote: Callable[[str], None] = lambda _: None) -> aiohttp.TraceConfig:
    """For the client's `http_trace`. `wrote` hears of every message that was "sent" or "edited"."""

    async def ended(_: aiohttp.ClientSession, __: object, params: aiohttp.TraceRequestEndParams) -> None:
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
    config.on_request_end.append(ended)
    return config
