"""Connections to a provider are kept: a new one costs a handshake before the first word."""

import asyncio
from typing import Any

from aiohttp import web

from tests.contract.test_space_states import listening
from tests.contract.test_stream_shapes import stream
from tests.contract.upstream import TOKEN, config
from tests.support.service import serving


async def test_a_body_that_ends_a_moment_after_its_end_marker_keeps_its_connection() -> None:
    callers: set[Any] = set()

    async def chat(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        callers.add(request.transport.get_extra_info("peername"))
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        await response.write(stream())
        ended = asyncio.Event()
        asyncio.get_running_loop().call_later(0.01, ended.set)
        await ended.wait()
        return response

    app = web.Application()
    app.router.add_post("/chat/completions", chat)
    async with listening(app) as base, serving(config("openai", base, "some-model"), {"TOKEN": TOKEN}) as (_, client):
        for _ in range(4):
            answer = client.chat("hi")
            async for _event in answer:
                pass
        assert len(callers) == 1
