"""A provider that answers as its documents say, and the service in front of it."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

from aiohttp import web

from antiphon import events
from tests.fakes.upstream.server import png
from tests.support.service import QUICK, serving

PNG = png()
TOKEN = "a-token-of-some-length-01"
Answer = Callable[[web.Request, Any], web.StreamResponse]


class Upstream:
    """Answers by path; every request is kept as (method, path, headers, body)."""

    def __init__(self) -> None:
        self.answers: dict[str, Any] = {}
        self.seen: list[tuple[str, str, dict[str, str], Any]] = []
        self.queries: list[dict[str, str]] = []  # of the same requests
        self.url = ""

    async def handle(self, request: web.Request) -> web.StreamResponse:
        if request.content_type == "multipart/form-data":
            # A file is its name, its type and its bytes.
            body: Any = {
                name: value if isinstance(value, str) else (value.filename, value.content_type, value.file.read())
                for name, value in (await request.post()).items()
            }
        elif request.content_type.startswith("audio/") or request.content_type == "application/octet-stream":
            body = await request.read()
        elif request.content_type == "application/x-www-form-urlencoded":
            body = await request.text()
        else:
            text = await request.text()
            body = json.loads(text) if text else None
        self.queries.append(dict(request.query))
        self.seen.append((request.method, request.path, dict(request.headers), body))
        found = self.answers.get(request.path)
        if found is None:
            return web.json_response({"error": "Not Found"}, status=404)
        if callable(found):
            found = found(body)
        if isinstance(found, list):
            return await self._stream(request, found)
        if isinstance(found, bytes):
            return web.Response(body=found, content_type="image/jpeg")
        status, value, headers = found if isinstance(found, tuple) else (200, found, {})
        if isinstance(value, bytes):
            return web.Response(status=status, body=value, headers=headers)
        if isinstance(value, str):
            return web.Response(status=status, text=value, headers=headers, content_type="text/html")
        return web.json_response(value, status=status, headers=headers)

    async def _stream(self, request: web.Request, chunks: list[Any]) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        for chunk in chunks:
            data = (
                chunk
                if isinstance(chunk, bytes)
                else b"data: " + json.dumps(chunk, ensure_ascii=False).encode() + b"\n\n"
            )
            for at in range(0, len(data), 7):  # cuts fall inside characters and line ends
                await response.write(data[at : at + 7])
                await asyncio.sleep(0)
        return response

    def body(self, path: str) -> Any:
        return next(body for _, seen, _, body in reversed(self.seen) if seen == path)


def config(kind: str, base_url: str, model: str, **options: Any) -> dict[str, Any]:
    return {
        "providers": {
            kind: {"base_url": base_url, "models": [model], "credentials_env": ["TOKEN"], "options": options}
        },
        "routes": {"chat": {"deployments": [f"{kind}/{model}"]}, "image": {"deployments": [f"{kind}/{model}"]}},
        "routing": {"timeouts": QUICK},
        "images": {"allow_private_addresses": True},
    }


async def answer(settings: dict[str, Any], *messages: events.Message, **more: Any) -> Any:
    async with serving(settings, {"TOKEN": TOKEN}) as (_, client):
        stream = client.chat(list(messages) or [events.Message.user("Привет")], **more)
        stream.seen = [event async for event in stream]  # type: ignore[attr-defined]
        return stream


async def drawing(settings: dict[str, Any], prompt: str = "a fox", **more: Any) -> Any:
    async with serving(settings, {"TOKEN": TOKEN}) as (_, client):
        stream = client.image(prompt, **more)
        stream.seen = [event async for event in stream]  # type: ignore[attr-defined]
        return stream


def delta(content: Any, finish: str | None = None, **more: Any) -> dict[str, Any]:
    return {
        "object": "chat.completion.chunk",
        "choices": [{"index": 0, "delta": {"content": content}, "finish_reason": finish}],
        **more,
    }
