"""An OpenAI-compatible provider that says exactly what a test writes down. Real sockets; every body is kept."""

import json
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Self

from aiohttp import web

Chunks = list[dict[str, Any]]
CUT: dict[str, Any] = {}  # in place of a chunk: the connection breaks here
Reply = Chunks | Mapping[str, Any]  # a stream, or one document


class ScriptedUpstream:
    """`on(model, *replies)`: the answers to the first, the second … call for this model; the last one stays."""

    def __init__(self) -> None:
        self.bodies: list[dict[str, Any]] = []
        self._replies: dict[str, list[tuple[int, Reply]]] = {}
        self._runner: web.AppRunner | None = None
        self.after_tools: Reply | None = None  # instead, where the last turn is a tool's
        self.url = ""

    def on(self, model: str, *replies: Reply, status: int = 200) -> None:
        self._replies[model] = [(status, reply) for reply in replies]

    def of(self, model: str) -> list[dict[str, Any]]:
        return [body for body in self.bodies if body["model"] == model]

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=64 * 1024 * 1024)
        app.router.add_get("/{name}/v1/models", self._models)
        app.router.add_post("/{name}/v1/{path:.*}", self._answer)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, failed: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._runner is not None
        await self._runner.cleanup()

    @staticmethod
    async def _models(_: web.Request) -> web.Response:
        return web.json_response({"object": "list", "data": []})

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        if request.content_type.startswith("multipart/"):
            form = await request.post()
            body: dict[str, Any] = {
                name: value.file.read() if isinstance(value, web.FileField) else value for name, value in form.items()
            }
        else:
            body = await request.json()
        self.bodies.append(body)
        replies = self._replies[body["model"]]
        status, reply = replies.pop(0) if len(replies) > 1 else replies[0]
        if self.after_tools is not None and body.get("messages", [{}])[-1].get("role") == "tool":
            reply = self.after_tools
        if status != 200 or not isinstance(reply, list):
            return web.json_response(reply, status=status)
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        for chunk in reply:
            if chunk is CUT:
                assert request.transport is not None
                await response.write(b"")
                request.transport.close()
                return response
            await response.write(b"data: " + json.dumps(chunk).encode() + b"\n\n")
        await response.write(b"data: [DONE]\n\n")
        return response


def routes(
    upstream: ScriptedUpstream, *models: str, kind: str = "openai", preset: str = "", **route: Any
) -> dict[str, Any]:
    """A configuration with one provider for each model, "a", "b" …, all in the route "chat"."""
    names = [chr(ord("a") + place) for place in range(len(models))]
    options = {"options": {"preset": preset}} if preset else {}
    return {
        "providers": {
            name: {
                "kind": kind,
                "base_url": f"{upstream.url}/{name}/v1",
                "models": [model],
                "credentials_env": ["KEY"],
                **options,
            }
            for name, model in zip(names, models, strict=True)
        },
        "routes": {
            "chat": {"deployments": [f"{name}/{model}" for name, model in zip(names, models, strict=True)], **route}
        },
    }


KEY: Mapping[str, str] = {"KEY": "a-key-of-thirty-letters-0000001"}
Script = Callable[[ScriptedUpstream], None]
