"""An OpenAI-compatible provider that misbehaves on demand: the model's name says how. Real sockets, every call logged.

`{base}/v1` answers `/chat/completions`, `/images/generations` and `/models`. A model is a fault's name, with an
argument after a colon: "ok", "cut:40", "stall:40", "429:3". Texts are `TEXT`; a trailing assistant turn is continued.
"""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from itertools import pairwise
from types import TracebackType
from typing import Any, Self, cast

from aiohttp import web

from tests.fakes.upstream.replies import TEXT, USAGE, Reply, choice, error, event, png, refusal
from tests.fakes.upstream.wire import FAULTS, Wire
from tests.support.toolstreams import openai

__all__ = ["TEXT", "USAGE", "Call", "FakeUpstream", "png"]
# Faults that happen behind so many characters of the text: "cut:90".
IN_THE_MIDDLE = frozenset(
    [
        "cut",
        "eof",
        "errorlater",
        "badchunk",
        "lostchunk",
        "stall",
        "pauses",
        "slow",
        "whitespace",
        "finishmore",
        "finishcut",
        "emptyreasons",
        "givesup",
    ]
)


@dataclass
class Call:
    """One request as it arrived; `ended` tells how it went: "answered", "closed" (by the caller) or "cut" (by us)."""

    path: str
    model: str
    token: str
    body: dict[str, Any]
    at: float  # loop time, seconds
    ended: str = ""
    said: int = 0  # characters of an answer that were written; each is a token that is paid for
    over: asyncio.Event = field(default_factory=asyncio.Event)
    trace_parent: str = ""


class FakeUpstream:
    """`async with FakeUpstream() as upstream:`; `calls` are in their order. `hold` lets "held" answers go on."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.behaviour: dict[str, str] = {}  # model → fault, instead of what its name says
        self.by_token: dict[str, str] = {}  # token → fault, before the model's
        self.later: dict[str, str] = {}  # path → fault of every call but the first
        self.hold = asyncio.Event()
        self.arrived = asyncio.Event()
        self.well = False  # every fault is over
        self.text = TEXT
        self.tool_calls: list[list[tuple[str, dict[str, Any]]]] = []
        """Name and arguments, for each of the next answers to a request that offers tools."""
        self.spoken = "What do glaciers do?"
        """What every recording says."""
        self.usage: dict[str, Any] = USAGE
        self.step = 9  # characters a chunk
        self.pause = 0.0  # seconds between two chunks
        self.trickle = 0.05  # seconds between the bytes or characters of what is too slow
        self.url = ""
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=64 * 1024 * 1024)
        app.router.add_post("/{name}/v1/chat/completions", self._chat)
        app.router.add_post("/{name}/v1/images/generations", self._image)
        app.router.add_post("/{name}/v1/audio/transcriptions", self._transcribe)
        app.router.add_get("/{name}/v1/models", self._models)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2, handler_cancellation=True)
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

    def gaps(self, name: str) -> list[float]:
        """Seconds between the calls that one provider got."""
        return [later.at - sooner.at for sooner, later in pairwise(self.of(name))]

    @property
    def connections(self) -> int:
        """Open sockets of callers."""
        assert self._runner is not None
        assert self._runner.server is not None
        return len(self._runner.server.connections)

    async def disconnected(self) -> None:
        """Returns when every caller has closed its sockets."""
        assert self._runner is not None
        assert self._runner.server is not None
        handlers = [handler._task_handler for handler in self._runner.server.connections]
        if running := [task for task in handlers if task is not None]:
            await asyncio.wait(running)

    def _log(self, request: web.Request, body: dict[str, Any]) -> Call:
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        call = Call(request.path, str(body.get("model", "")), token, body, asyncio.get_running_loop().time())
        call.trace_parent = request.headers.get("traceparent", "")
        self.calls.append(call)
        self.arrived.set()
        return call

    async def _models(self, request: web.Request) -> web.Response:
        call = self._log(request, {})
        call.over.set()
        found = refusal(*self._fault(call))
        if found is not None and found.status != 200:
            return web.json_response(found.body, status=found.status, headers=found.headers)
        return web.json_response(
            {"object": "list", "data": [{"id": "ok", "object": "model"}, {"id": "other", "object": "model"}]}
        )

    def _fault(self, call: Call) -> tuple[str, str]:
        fault = self.by_token.get(call.token) or self.behaviour.get(call.model) or call.model
        if call.path in self.later and next(first for first in self.calls if first.path == call.path) is not call:
            fault = self.later[call.path]
        name, _, argument = ("ok" if self.well else fault).partition(":")
        return name, argument

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        call = self._log(request, await request.json())
        try:
            response = await self._answer(request, call, *self._fault(call))
            call.ended = call.ended or "answered"
        except (asyncio.CancelledError, ConnectionResetError):
            call.ended = call.ended or "closed"
            raise
        finally:
            call.over.set()
        return response

    async def _answer(self, request: web.Request, call: Call, name: str, argument: str) -> web.StreamResponse:
        last = call.body["messages"][-1]
        found = refusal(name, argument)
        if name == "prefillrefused" and last["role"] == "assistant":
            found = Reply(
                400,
                error("Expected last role User or Tool (or Assistant with prefix True) for serving but got assistant"),
            )
        if found is not None and found.text is not None:
            return web.Response(status=found.status, text=found.text, headers=found.headers, content_type="text/html")
        if found is not None:
            return web.json_response(found.body, status=found.status, headers=found.headers)
        transport = cast("asyncio.Transport", request.transport)
        text = self._left(name, last["content"] if last["role"] == "assistant" else "")
        if name == "reset":
            transport.abort()
        if name in FAULTS:
            await FAULTS[name](Wire(transport, text, int(argument or 0), self.step, self.trickle))
            call.said = min(int(argument or len(text)), len(text))
        if name == "reset" or name in FAULTS:
            call.ended = "cut"
            return web.Response()
        if name == "silent":
            await self.hold.wait()
        head = {"Content-Type": argument if name == "type" else "text/event-stream"}
        if name == "remaining":
            head |= {"x-ratelimit-remaining-requests": argument, "x-ratelimit-reset-requests": "30s"}
        response = web.StreamResponse(headers=head)
        await response.prepare(request)
        async for chunk in self._stream(name, argument, text, call, transport):
            await response.write(chunk * 2 if name == "twice" else chunk)
        return response

    def _left(self, name: str, prefix: str) -> str:
        """What is still to be said after the half-finished answer that is to be continued."""
        match name:
            case "echo" | "again":
                return self.text
            case "overlap" if prefix:
                return self.text[max(0, len(prefix) - 25) :]
        return self.text.removeprefix(prefix)

    async def _stream(
        self, name: str, argument: str, text: str, call: Call, transport: asyncio.Transport
    ) -> AsyncIterator[bytes]:
        if name in ("headersonly", "held"):
            await self.hold.wait()
        if name in ("late", "latefail"):
            await asyncio.sleep(float(argument))
        if self.tool_calls and call.body.get("tools"):
            wanted = self.tool_calls.pop(0)
            calls = [
                (f"call_{len(self.calls)}_{at}", tool, json.dumps(given)) for at, (tool, given) in enumerate(wanted)
            ]
            yield b"".join(map(event, openai(calls))) + b"data: [DONE]\n\n"
            return
        match name:
            case "empty":
                yield event(choice("stop")) + b"data: [DONE]\n\n"
                return
            case "errorfirst" | "latefail":
                yield event(error("The engine is overloaded", "server_error"))
                return
            case "filteredlate":
                yield event(choice("content_filter"))
                return
            case "think":
                text = "<think>let me see</think>" + text
            case "reasoning" | "reasoningcut":
                yield event(choice(reasoning_content="let me see"))
        if name == "reasoningcut":
            call.ended = "cut"
            return
        place = int(argument) if argument.isdigit() and name in IN_THE_MIDDLE else len(text) + 1
        yield event(choice(role="assistant", content=""))
        for start in range(0, len(text), self.step):
            if start >= place:
                place = len(text) + 1
                async for last_words in self._break(name, call, transport, text[start:]):
                    yield last_words
                if call.ended:
                    return
            said = text[start : start + self.step]
            for piece in said if name == "slow" and start >= int(argument) else (said,):
                yield self._piece(name, piece)
                call.said += len(piece)
                await asyncio.sleep(self.trickle if len(piece) < len(said) else self.pause)
        async for last in self._end(name):
            yield last

    @staticmethod
    def _piece(name: str, said: str) -> bytes:
        piece = event(choice("" if name == "emptyreasons" else None, content=said))
        return (
            piece.replace(b"\n", b"\r\n") if name == "crlf" else b": ping\n\n" + piece if name == "comments" else piece
        )

    async def _end(self, name: str) -> AsyncIterator[bytes]:
        if name == "nofinish":
            return
        yield event(
            choice("length" if name == "length" else "stop") | ({"usage": USAGE} if name == "usagetwice" else {})
        )
        if name == "lingers":
            await self.hold.wait()
        if name != "nousage":
            yield event({"choices": [], "usage": self.usage})
        if name != "nodone":
            yield b"data: [DONE]\n\n"

    async def _break(self, name: str, call: Call, transport: asyncio.Transport, rest: str) -> AsyncIterator[bytes]:
        match name:
            case "cut":
                call.ended = "cut"
                # What was written is on its way; only then the cable breaks.
                await asyncio.sleep(0.05)
                transport.abort()
            case "eof" | "emptyreasons":
                call.ended = "cut"
            case "errorlater":
                yield event(error("internal error", "server_error"))
                call.ended = "cut"
            case "badchunk":
                yield b"data: {not json\n\n"
            case "finishmore":
                yield event(choice("stop"))
            case "givesup":
                yield event(choice("insufficient_system_resource")) + b"data: [DONE]\n\n"
                call.ended = "cut"
            case "finishcut":
                yield event(choice("stop")) + event(choice(content=rest[: self.step]))
                call.ended = "cut"
            case "lostchunk":
                yield event(choice(content=rest[: self.step])).replace(b'"}', b"")
                call.ended = "cut"
                yield event(choice(content=rest[self.step :])) + event(choice("stop")) + b"data: [DONE]\n\n"
            case "pauses":
                await self.hold.wait()
            case "stall":
                await self.hold.wait()
                call.ended = "cut"
            case "whitespace":
                while True:
                    yield event(choice(content=" \n\t" * 30))
                    await asyncio.sleep(self.trickle)

    async def _transcribe(self, request: web.Request) -> web.StreamResponse:
        form = await request.post()
        call = self._log(request, {"model": form["model"]})
        name, argument = self._fault(call)
        found = refusal(name, argument)
        call.ended = "answered"
        call.over.set()
        if found is not None and found.text is None:
            return web.json_response(found.body, status=found.status, headers=found.headers)
        return web.json_response({"text": self.spoken, "language": "en", "duration": 2.0})

    async def _image(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        call = self._log(request, body)
        name, argument = self._fault(call)
        found = refusal(name, argument)
        call.ended = "answered"
        call.over.set()
        if found is not None and found.text is None:
            return web.json_response(found.body, status=found.status, headers=found.headers)
        data = base64.b64encode(b"<svg xmlns='http://www.w3.org/2000/svg'/>" if name == "svg" else png()).decode()
        return web.json_response(
            {"created": 1, "data": [{"b64_json": data}] * int(body.get("n", 1)) if name != "nothing" else []}
        )
