"""A caller that hangs up while a recording is transcribed, a text embedded or tokens are counted ends the upstream call."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from antiphon.client import InferenceClient
from antiphon.events import Audio
from tests.service.test_unary import voice
from tests.support.http import Door, http_door
from tests.support.waiting import becomes_true

KEY = {"KEY": "a-key-of-thirty-letters-0000001"}
Ask = Callable[[InferenceClient, Door], Awaitable[Any]]


class Held:
    """A provider that never answers and notices who leaves."""

    def __init__(self) -> None:
        self.arrived, self.left = asyncio.Event(), asyncio.Event()

    async def handle(self, request: web.Request) -> web.Response:
        if request.method == "GET":
            return web.json_response({"data": []})
        await request.read()
        self.arrived.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.left.set()
        raise AssertionError("nobody sets it")


def upload() -> aiohttp.FormData:
    form = aiohttp.FormData({"model": "p/whisper-1"})
    form.add_field("file", voice(), filename="voice.ogg", content_type="audio/ogg")
    return form


ASKS: dict[str, Ask] = {
    "Transcribe": lambda client, _: client.transcribe(Audio("audio/ogg", voice()), "p/whisper-1"),
    "Embed": lambda client, _: client.embed(["a fox"], "p/text-embed"),
    "CountTokens": lambda client, _: client.count_tokens("Hi.", "p/talker"),
    "Complete": lambda client, _: client.complete("Hi.", "p/talker"),
    "HTTP transcriptions": lambda _, door: door.ask("POST", "/v1/audio/transcriptions", data=upload()),
    "HTTP embeddings": lambda _, door: door.ask("POST", "/v1/embeddings", json={"model": "p/text-embed", "input": "x"}),
    "HTTP chat": lambda _, door: door.chat(model="p/talker"),
}


@pytest.mark.parametrize("name", ASKS)
async def test_the_upstream_call_ends_with_its_caller(name: str) -> None:
    held, app = Held(), web.Application()
    app.router.add_route("*", "/{path:.*}", held.handle)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.2)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    provider = {
        "kind": "vllm",
        "base_url": f"http://127.0.0.1:{runner.addresses[0][1]}/v1",
        "models": ["talker", "whisper-1", "text-embed"],
        "credentials_env": ["KEY"],
    }
    try:
        async with (
            http_door({"providers": {"p": provider}}, KEY) as door,
            InferenceClient(door.server.target) as client,
        ):
            asking = asyncio.ensure_future(ASKS[name](client, door))
            await held.arrived.wait()
            asking.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await asking
            await held.left.wait()

            async def free() -> bool:
                status = await client.status()
                return not any(one.in_flight for provider in status.providers for one in provider.credentials)

            await becomes_true(free)
    finally:
        await runner.cleanup()
