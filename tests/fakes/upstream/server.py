"""An OpenAI-compatible provider that misbehaves on demand: the model's name says how. Real sockets, every call logged.

`{base}/v1` answers `/chat/completions`, `/images/generations` and `/models`. A model is a fault's name, with an
argument after a colon: "ok", "cut:40", "stall:40", "429:3". Texts are `TEXT`; a trailing assistant turn is continued.
"""

import asyncio
import base64
import io
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from email.utils import formatdate
from types import TracebackType
from typing import Any, Self

from aiohttp import web
from PIL import Image

TEXT = (
    "The glacier moves because ice under its own weight is not quite solid: it creeps, layer over layer, "
    "and where the ground is wet it slides. Ёлки стоят тихо 🏔️, and the valley remembers. "
    "In summer the meltwater finds its way below, lifts the ice a little, and the whole mass hurries by a hand's breadth."
)
USAGE = {"prompt_tokens": 11, "completion_tokens": 42, "total_tokens": 53}
STEP = 9  # characters a chunk


@dataclass
class Call:
    """One request as it arrived; `ended` tells how it went: "answered", "closed" (by the caller) or "cut" (by us)."""

    path: str
    model: str
    token: str
    body: dict[str, Any]
    at: float
    ended: str = ""


@dataclass
class Reply:
    status: int
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    text: str | None = None


def error(message: str, kind: str = "invalid_request_error", code: str | None = None) -> dict[str, Any]:
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}


def refusal(name: str, argument: str) -> Reply | None:
    """Faults that are a plain HTTP answer."""
    match name:
        case "401" | "403" | "404" | "410" | "500" | "502" | "504" | "529":
            return Reply(int(name), error(f"status {name}"))
        case "402":
            return Reply(402, error("You have depleted your monthly included credits", code="insufficient_quota"))
        case "429":
            return Reply(
                429, error("Rate limit reached", "rate_limit_error"), {"Retry-After": argument} if argument else {}
            )
        case "429date":
            return Reply(429, error("slow down"), {"Retry-After": formatdate(float(argument), usegmt=True)})
        case "429day":
            return Reply(429, error("Rate limit of 150 per day exceeded"), {"Retry-After": "7200"})
        case "429reset":
            return Reply(
                429, error("limit"), {"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": argument}
            )
        case "busy":
            return Reply(429, error("Model busy, retry later"))
        case "503":
            return Reply(503, error("Service unavailable"), {"Retry-After": argument} if argument else {})
        case "loading":
            return Reply(503, {"error": "Model x is currently loading", "estimated_time": float(argument or 20)})
        case "context":
            return Reply(
                400, error("This model's maximum context length is 8192 tokens", code="context_length_exceeded")
            )
        case "bad":
            return Reply(400, error("'temperature' is wrong", code="invalid_value") | {})
        case "filtered":
            return Reply(
                400, error("The response was filtered by the content management policy", code="content_filter")
            )
        case "html":
            return Reply(int(argument or 200), text="<!DOCTYPE html><html><body>Bad gateway</body></html>")
        case "gone":
            return Reply(404, error("The model `x` does not exist", code="model_not_found"))
        case "json":
            message = {"role": "assistant", "content": TEXT}
            return Reply(
                200,
                {
                    "object": "chat.completion",
                    "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
                    "usage": USAGE,
                },
            )
        case "errorjson":
            return Reply(200, error("The server is overloaded", "server_error"))
    return None


class FakeUpstream:
    """`async with FakeUpstream() as upstream:`; `calls` are in their order. `hold` lets "held" answers go on."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.behaviour: dict[str, str] = {}  # model → fault, instead of what its name says
        self.by_token: dict[str, str] = {}  # token → fault, before the model's
        self.hold = asyncio.Event()
        self.arrived = asyncio.Event()
        self.text = TEXT
        self.pause = 0.0  # seconds between two chunks
        self.url = ""
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=64 * 1024 * 1024)
        app.router.add_post("/{name}/v1/chat/completions", self._chat)
        app.router.add_post("/{name}/v1/images/generations", self._image)
        app.router.add_get("/{name}/v1/models", self._models)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, failed: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.hold.set()
        assert self._runner is not None
        await self._runner.cleanup()

    def base(self, name: str) -> str:
        return f"{self.url}/{name}/v1"

    def of(self, name: str) -> list[Call]:
        """The calls that one provider got."""
        return [call for call in self.calls if call.path.startswith(f"/{name}/")]

    def _log(self, request: web.Request, body: dict[str, Any]) -> Call:
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        call = Call(request.path, str(body.get("model", "")), token, body, asyncio.get_running_loop().time())
        self.calls.append(call)
        self.arrived.set()
        return call

    async def _models(self, request: web.Request) -> web.Response:
        call = self._log(request, {})
        found = refusal(*self._fault(call))
        if found is not None and found.status != 200:
            return web.json_response(found.body, status=found.status, headers=found.headers)
        return web.json_response(
            {"object": "list", "data": [{"id": "ok", "object": "model"}, {"id": "other", "object": "model"}]}
        )

    def _fault(self, call: Call) -> tuple[str, str]:
        fault = self.by_token.get(call.token) or self.behaviour.get(call.model) or call.model
        name, _, argument = fault.partition(":")
        return name, argument

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        call = self._log(request, body)
        name, argument = self._fault(call)
        found = refusal(name, argument)
        if name == "prefillrefused" and body["messages"][-1]["role"] == "assistant":
            found = Reply(
                400,
                error("Expected last role User or Tool (or Assistant with prefix True) for serving but got assistant"),
            )
        if found is not None:
            call.ended = "answered"
            if found.text is not None:
                return web.Response(status=found.status, text=found.text, content_type="text/html")
            return web.json_response(found.body, status=found.status, headers=found.headers)
        if name == "reset":
            call.ended = "cut"
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        if name == "silent":
            try:
                await self.hold.wait()
            except asyncio.CancelledError:
                call.ended = "closed"
                raise
        headers = (
            {"x-ratelimit-remaining-requests": argument, "x-ratelimit-reset-requests": "30s"}
            if name == "remaining"
            else {}
        )
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream", **headers})
        await response.prepare(request)
        try:
            async for chunk in self._stream(name, argument, body, call, request):
                await response.write(chunk)
            call.ended = call.ended or "answered"
        except (asyncio.CancelledError, ConnectionResetError):
            call.ended = "closed"
            raise
        return response

    async def _stream(
        self, name: str, argument: str, body: dict[str, Any], call: Call, request: web.Request
    ) -> AsyncIterator[bytes]:
        last = body["messages"][-1]
        prefix = last["content"] if last["role"] == "assistant" else ""
        text = self.text
        if prefix and name != "again":
            text = self.text.removeprefix(prefix) if name != "echo" else self.text
            if name == "overlap":
                text = self.text[max(0, len(prefix) - 25) :]
        if name in ("headersonly", "held"):
            await self.hold.wait()
        if name == "empty":
            yield event({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}) + b"data: [DONE]\n\n"
            return
        if name == "errorfirst":
            yield event(error("The engine is overloaded", "server_error"))
            return
        if name == "filteredlate":
            yield event({"choices": [{"index": 0, "delta": {}, "finish_reason": "content_filter"}]})
            return
        if name == "think":
            text = "<think>let me see</think>" + text
        if name == "reasoning":
            yield event({"choices": [{"index": 0, "delta": {"reasoning_content": "let me see"}}]})
        stop_at = (
            int(argument)
            if argument.isdigit() and name in ("cut", "stall", "eof", "errorlater", "slow", "badchunk")
            else len(text) + 1
        )
        yield event({"choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}}]})
        for start in range(0, len(text), STEP):
            if start >= stop_at:
                async for last_words in self._break(name, call, request):
                    yield last_words
                if name in ("cut", "eof", "errorlater", "stall"):
                    return
                stop_at = len(text) + 1
            piece = event({"choices": [{"index": 0, "delta": {"content": text[start : start + STEP]}}]})
            yield (
                piece.replace(b"\n", b"\r\n")
                if name == "crlf"
                else b": ping\n\n" + piece
                if name == "comments"
                else piece
            )
            await asyncio.sleep(self.pause)
        if name != "nofinish":
            yield event(
                {"choices": [{"index": 0, "delta": {}, "finish_reason": "length" if name == "length" else "stop"}]}
            )
        if name != "nousage":
            yield event({"choices": [], "usage": USAGE})
        if name not in ("nodone", "nofinish"):
            yield b"data: [DONE]\n\n"

    async def _break(self, name: str, call: Call, request: web.Request) -> AsyncIterator[bytes]:
        match name:
            case "cut":
                call.ended = "cut"
                # What was written is on its way; only then the cable breaks.
                await asyncio.sleep(0.05)
                assert request.transport is not None
                request.transport.abort()
            case "eof":
                call.ended = "cut"
            case "errorlater":
                yield event(error("internal error", "server_error"))
            case "badchunk":
                yield b"data: {not json\n\n"
            case "stall" | "slow":
                await self.hold.wait()

    async def _image(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        call = self._log(request, body)
        name, argument = self._fault(call)
        found = refusal(name, argument)
        call.ended = "answered"
        if found is not None and found.text is None:
            return web.json_response(found.body, status=found.status, headers=found.headers)
        data = base64.b64encode(b"<svg xmlns='http://www.w3.org/2000/svg'/>" if name == "svg" else png()).decode()
        return web.json_response(
            {"created": 1, "data": [{"b64_json": data}] * int(body.get("n", 1)) if name != "nothing" else []}
        )


def event(value: dict[str, Any]) -> bytes:
    return b"data: " + json.dumps(value).encode() + b"\n\n"


def png(size: tuple[int, int] = (64, 48)) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, (40, 90, 160)).save(out, "PNG")
    return out.getvalue()
