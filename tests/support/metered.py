"""A provider on real sockets that keeps books: so many requests a window and calls at once on each key, and no more."""

import asyncio
import random
from types import TracebackType
from typing import Self

from aiohttp import web

from inference_service.quotas import Clock, Quota, Unit
from inference_service.rehearsal.provider import Upstream
from tests.fakes.upstream.replies import TEXT, event

CHUNKS = 6


class MeteredUpstream:
    """`tells`: what it says about its limits: "headers", or "nothing". `answer`: seconds that an answer takes."""

    def __init__(self, per: int, window: float, at_once: int, tells: str, answer: tuple[float, float]) -> None:
        quotas = (
            Quota(Unit.REQUESTS, per, window, Clock.ROLLING, "credential_model"),
            Quota(Unit.CONCURRENT, at_once, 0.0, Clock.ROLLING, "credential_model"),
        )
        self.books = Upstream(quotas)
        self._tells, self._answer = tells, answer
        self._chance = random.Random(1)
        self._runner: web.AppRunner | None = None
        self.url = ""

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_post("/v1/chat/completions", self._chat)
        app.router.add_get("/v1/models", self._models)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2, handler_cancellation=True)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}/v1"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def _models(self, _: web.Request) -> web.Response:
        return web.json_response({"object": "list", "data": [{"id": "m"}]})

    def _headers(self, key: str, now: float) -> dict[str, str]:
        if self._tells != "headers":
            return {}
        fact = self.books.counters(key, key, "m")[0].fact(now)
        return {
            "x-ratelimit-limit-requests": str(fact.limit),
            "x-ratelimit-remaining-requests": str(fact.remaining),
            "x-ratelimit-reset-requests": f"{fact.resets_after:.2f}s",
        }

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        key = request.headers["Authorization"].removeprefix("Bearer ")
        loop = asyncio.get_running_loop()
        refusal = self.books.arrive(key, key, "m", 0, loop.time())
        if refusal is not None:
            headers = self._headers(key, loop.time())
            if headers and refusal.wait:
                headers["retry-after"] = f"{refusal.wait:.2f}"
            return web.json_response({"error": {"message": "Too Many Requests"}}, status=429, headers=headers)
        try:
            return await self._stream(request, self._headers(key, loop.time()))
        finally:
            self.books.leave(key, key, "m")

    async def _stream(self, request: web.Request, headers: dict[str, str]) -> web.StreamResponse:
        answer = web.StreamResponse(headers={"Content-Type": "text/event-stream", **headers})
        await answer.prepare(request)
        pause = self._chance.uniform(*self._answer) / CHUNKS
        size = -(-len(TEXT) // CHUNKS)
        for start in range(0, len(TEXT), size):
            await answer.write(event({"choices": [{"index": 0, "delta": {"content": TEXT[start : start + size]}}]}))
            await asyncio.sleep(pause)
        await answer.write(event({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}))
        await answer.write(b"data: [DONE]\n\n")
        return answer
