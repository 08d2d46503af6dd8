"""Spaces that do not answer, apps of the oldest queue protocols, and other Spaces with the same app: over local sockets."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web

from antiphon import errors, events
from tests.support.service import serving

PAGE = "<!doctype html><title>This Space</title>"


class Hub:
    """A Space's host and the hub beside it. `stage` None: the hub does not know the Space."""

    def __init__(self) -> None:
        self.status, self.stage = 503, "SLEEPING"
        self.hub_status = 200
        self.asked: list[str] = []
        self.base = ""

    async def config(self, _: web.Request) -> web.Response:
        return web.Response(status=self.status, text=PAGE, content_type="text/html")

    async def runtime(self, request: web.Request) -> web.Response:
        self.asked.append(request.match_info["space"])
        return web.json_response({"stage": self.stage, "hardware": {"current": None}}, status=self.hub_status)


@asynccontextmanager
async def listening(app: web.Application) -> AsyncIterator[str]:
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        await runner.cleanup()


@pytest.fixture
async def hub() -> AsyncIterator[Hub]:
    hub = Hub()
    app = web.Application()
    app.router.add_get("/config", hub.config)
    app.router.add_get("/api/spaces/{space:.+}/runtime", hub.runtime)
    async with listening(app) as base:
        hub.base = base
        yield hub


def config_of(base: str, kind: str = "flux-dev", model: str = "FLUX.1-dev", **options: Any) -> dict[str, Any]:
    return {
        "providers": {"s": {"kind": kind, "base_url": base, "models": [model], "options": options}},
        "routes": {"chat": {"deployments": [f"s/{model}"]}, "image": {"deployments": [f"s/{model}"]}},
        "routing": {"timeouts": {"headers": 10, "first_token": 10, "short_wait": 0.2}},
    }


@pytest.mark.parametrize(
    ("status", "stage", "hub_status", "failure", "words"),
    [
        (503, "SLEEPING", 200, "loading", "not up yet (sleeping)"),
        (404, "BUILDING", 200, "loading", "not up yet (building)"),
        (503, "RUNNING_APP_STARTING", 200, "loading", "not up yet (running app starting)"),
        (503, "PAUSED", 200, "retired", "not running (paused)"),
        (404, "RUNTIME_ERROR", 200, "retired", "not running (runtime error)"),
        (503, "BUILD_ERROR", 200, "retired", "only its owner can restart it"),
        (401, "", 401, "forbidden", "the Space is private"),
        (404, "", 404, "model_not_found", "there is no such Space"),
        (404, "", 401, "model_not_found", "there is no such Space"),
        (200, "RUNNING", 200, "unavailable", "does not answer as a Gradio app does"),
    ],
)
async def test_a_space_that_is_asleep_building_broken_private_or_gone_is_reported_as_such(
    hub: Hub, status: int, stage: str, hub_status: int, failure: str, words: str
) -> None:
    hub.status, hub.stage, hub.hub_status = status, stage, hub_status
    async with serving(config_of(hub.base, space="roxky/FLUX.1-dev", hub_url=hub.base)) as (_, client):
        with pytest.raises(errors.AntiphonError) as raised:
            async for _event in client.image("a fox", timeout=8):
                pass
        assert isinstance(raised.value, errors.Unavailable | errors.QuotaExceeded)
        assert {attempt.failure for attempt in raised.value.attempts} == {failure}
        assert words in str(raised.value)
        assert PAGE not in str(raised.value)
    assert set(hub.asked) == {"roxky/FLUX.1-dev"}


async def test_any_space_with_the_same_app_is_reached_at_its_own_host() -> None:
    """A proxy sees where the service goes."""
    wanted: list[str] = []

    async def proxy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        wanted.append((await reader.readline()).decode())
        writer.write(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(proxy, "127.0.0.1", 0)
    address = "http://{}:{}".format(*server.sockets[0].getsockname())
    for kind, space, host in (
        ("flux-dev", "roxky/FLUX.1-dev", "roxky-flux-1-dev.hf.space"),
        ("flux-dev", "", "black-forest-labs-flux-1-dev.hf.space"),
        ("janus", "roxky/Janus-Pro-7B", "roxky-janus-pro-7b.hf.space"),
    ):
        wanted.clear()
        options = {"space": space} if space else {}
        model = "FLUX.1-dev" if kind == "flux-dev" else "janus-pro-7b-image"
        config = config_of("", kind, model, **options)
        del config["providers"]["s"]["base_url"]
        config["providers"]["s"]["proxy"] = address
        async with serving(config) as (_, client):
            with pytest.raises(errors.Unavailable):
                async for _event in client.image("a fox"):
                    pass
        assert wanted[0].startswith(f"CONNECT {host}:443 ")
    server.close()
    await server.wait_closed()


# --- the queue of Gradio 4.0 to 4.8 ----------------------------------------------------------------


class FirstSse:
    """Answers as those versions do: one stream that asks for the arguments, which come by a POST."""

    def __init__(self, *, release: asyncio.Event) -> None:
        self.given: dict[str, Any] = {}
        self.arrived, self.release = asyncio.Event(), release
        self.reset: list[dict[str, Any]] = []

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_get("/config", self.config)
        app.router.add_get("/info", self.info)
        app.router.add_get("/queue/join", self.join)
        app.router.add_post("/queue/data", self.data)
        app.router.add_post("/reset", self.on_reset)
        return app

    async def config(self, _: web.Request) -> web.Response:
        parts = [
            {"id": 1, "type": "textbox", "props": {"label": "Message"}},
            {"id": 2, "type": "textbox", "props": {"label": "Answer"}},
        ]
        function = {"targets": [[3, "click"]], "inputs": [1], "outputs": [2], "api_name": "talk", "queue": None}
        return web.json_response(
            {"version": "4.7.1", "protocol": "sse", "components": parts, "dependencies": [function]}
        )

    async def info(self, _: web.Request) -> web.Response:
        return web.json_response({"named_endpoints": {"/talk": {"parameters": [{"label": "Message"}]}}})

    async def join(self, request: web.Request) -> web.StreamResponse:
        assert request.query["fn_index"] == "0"
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)

        async def say(**message: Any) -> None:
            await response.write(b"data: " + json.dumps(message).encode() + b"\n\n")

        await say(msg="estimation", rank=0, queue_size=1, rank_eta=None)
        await say(msg="send_data", event_id="EV")
        await self.arrived.wait()
        await say(msg="process_starts")
        await say(msg="process_generating", output={"data": ["Прив"], "is_generating": True}, success=True)
        await self.release.wait()
        await say(msg="process_generating", output={"data": ["Привет, "], "is_generating": True}, success=True)
        await say(msg="process_completed", output={"data": [f"Привет, {self.given['data'][0]}"]}, success=True)
        return response

    async def data(self, request: web.Request) -> web.Response:
        self.given = await request.json()
        self.arrived.set()
        return web.json_response({})

    async def on_reset(self, request: web.Request) -> web.Response:
        self.reset.append(await request.json())
        self.release.set()
        return web.json_response({"success": True})


async def test_the_first_event_streams_of_gradio_4_are_spoken_too() -> None:
    release = asyncio.Event()
    stand = FirstSse(release=release)
    async with (
        listening(stand.app()) as base,
        serving(config_of(base, "space", "talk", chat_function="talk")) as (_, client),
    ):
        stream = client.chat("мир")
        async for event in stream:
            if isinstance(event, events.Delta):
                release.set()
        assert stream.text == "Привет, мир"
        assert stand.given["event_id"] == "EV"
        assert stand.given["data"] == ["мир"]


async def test_a_call_of_those_versions_is_taken_back_when_nobody_waits_any_more() -> None:
    release = asyncio.Event()
    stand = FirstSse(release=release)
    async with (
        listening(stand.app()) as base,
        serving(config_of(base, "space", "talk", chat_function="talk")) as (_, client),
    ):
        stream = client.chat("мир")
        async for event in stream:
            if isinstance(event, events.Delta):
                stream.cancel()
        async with asyncio.timeout(10):
            await release.wait()
        assert [told["event_id"] for told in stand.reset] == ["EV"]
