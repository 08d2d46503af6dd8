"""A provider that echoes everything it receives, including secrets and questions, in every kind of answer and error."""

import asyncio
import json
from types import TracebackType
from typing import Any, Self

from aiohttp import web


class Parrot:
    """The model's name is the way it answers: an HTTP status, or one of the names in `_reply`."""

    def __init__(self) -> None:
        self.base = ""
        self.tokens: list[str] = []

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_post("/v1/chat/completions", self._answer)
        app.router.add_post("/v1/images/generations", self._answer)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.base = f"http://127.0.0.1:{self._runner.addresses[0][1]}/v1"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, failed: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._runner.cleanup()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        text = await request.text()
        token = request.headers.get("Authorization", "")
        self.tokens.append(token)
        echo = f"{token} asked {text}"
        return await self._reply(str(json.loads(text)["model"]), echo, request)

    async def _reply(self, how: str, echo: str, request: web.Request) -> web.StreamResponse:
        error = {"error": {"message": echo, "type": echo, "code": echo, "param": echo}}
        ascii_echo = echo.encode("ascii", "ignore").decode()[:900]
        if how.isdigit():
            headers = {"X-Echo": ascii_echo, "Retry-After": "0", "x-ratelimit-limit-requests": ascii_echo[:50]}
            return web.json_response(error, status=int(how), headers=headers, reason=ascii_echo[:80])
        match how:
            case "html":
                return web.Response(status=502, text=f"<html>{echo}</html>", content_type="text/html")
            case "nojson":
                return web.Response(text=f"{{{echo}", content_type="application/json")
            case "retry":
                return web.json_response(error, status=429, headers={"Retry-After": ascii_echo})
            case "filter":
                error["error"]["code"] = "content_filter"
                return web.json_response(error, status=400)
            case "redirect":
                raise web.HTTPFound("http://127.0.0.1:1/?echo=" + "".join(c for c in ascii_echo if c.isalnum()))
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        for piece in self._stream(how, echo, error):
            await response.write(piece)
        if how == "cut":
            await asyncio.sleep(0.05)  # what was written is on its way
            assert request.transport is not None
            request.transport.abort()
        return response

    @staticmethod
    def _stream(how: str, echo: str, error: dict[str, Any]) -> list[bytes]:
        def event(value: Any) -> bytes:
            return b"data: " + json.dumps(value).encode() + b"\n\n"

        begun = event({"choices": [{"index": 0, "delta": {"content": "Well, "}}]})
        match how:
            case "errorfirst":
                return [event(error)]
            case "errorlater":
                return [begun, event(error)]
            case "badchunk":
                return [begun, f"data: {{{echo}\n\n".encode(), f"event: {echo[:40]}\n: {echo}\n\n".encode()]
            case "strange":
                return [
                    event(
                        {
                            "choices": [
                                {
                                    "index": echo,
                                    "delta": {"content": [{"type": echo, "echo": echo}]},
                                    "finish_reason": echo,
                                }
                            ]
                        }
                    )
                ]
        return [begun]
