"""The first word behind five exhausted providers, beside the same request to the healthy one alone, in turns in one run.

python -m benchmarks.exhausted [rounds]
"""

import contextlib
import json
import statistics
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import uvloop
from aiohttp import web

from antiphon import events
from antiphon.client import InferenceClient
from antiphon.config.model import Config
from inference_service.server import Server

SPENT = ("groq", "cerebras", "gemini", "mistral", "openrouter")
TOLD = {"error": {"message": "Rate limit reached: 1000 requests per day. Please try again in 3 hours.", "code": 429}}
ROUNDS = 400


class Upstreams:
    """Five that refuse and one that answers, by the first part of the path."""

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        name = request.path.split("/")[1]
        if request.method != "POST":
            return web.json_response({"data": []})
        self.calls[name] += 1
        if name != "healthy":
            return web.json_response(TOLD, status=429)
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        for delta, finish in (({"content": "hello"}, None), ({}, "stop")):
            chunk = {"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}
            await response.write(b"data: " + json.dumps(chunk).encode() + b"\n\n")
        return response


def configuration(url: str) -> Config:
    spent: dict[str, Any] = {name: {"base_url": f"{url}/{name}", "models": ["m"], "credentials_env": ["KEY"]} for name in SPENT}  # fmt: skip
    healthy = {"kind": "compatible", "base_url": f"{url}/healthy", "models": ["m"], "credentials_env": ["KEY"]}
    routes = {"behind": {"deployments": [*(f"{name}/m" for name in SPENT), "healthy/m"]}, "alone": {"deployments": ["healthy/m"]}}  # fmt: skip
    service = {"port": 0, "status_page": False, "http": False}
    return Config.model_validate({"providers": {**spent, "healthy": healthy}, "routes": routes, "service": service})


@contextlib.asynccontextmanager
async def running() -> AsyncIterator[tuple[InferenceClient, Upstreams]]:
    upstreams, app = Upstreams(), web.Application()
    app.router.add_route("*", "/{rest:.*}", upstreams.handle)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    server = Server(configuration(f"http://127.0.0.1:{runner.addresses[0][1]}"), {"KEY": "a-key-of-some-length"})
    await server.start()
    async with InferenceClient(server.target) as client:
        yield client, upstreams
    await server.stop(1.0)
    await runner.cleanup()


async def first_word(client: InferenceClient, model: str) -> float:
    """Milliseconds."""
    began, first = time.perf_counter(), 0.0
    async for event in client.chat("hello", model=model):
        if isinstance(event, events.Delta) and not first:
            first = time.perf_counter() - began
    return first * 1_000


async def main(rounds: int) -> None:
    async with running() as (client, upstreams):
        for _ in range(20):  # every provider has told that it is spent, and connections are warm
            await first_word(client, "behind")
            await first_word(client, "alone")
        before = sum(upstreams.calls[name] for name in SPENT)
        times: dict[str, list[float]] = {"behind": [], "alone": []}
        for _ in range(rounds):
            for model, seen in times.items():
                seen.append(await first_word(client, model))
        behind, alone = (statistics.median(times[model]) for model in ("behind", "alone"))
        calls = sum(upstreams.calls[name] for name in SPENT) - before
        sys.stdout.write(
            f"first word, p50 of {rounds}: {alone:.2f} ms alone, {behind:.2f} ms behind {len(SPENT)} exhausted providers "
            f"(+{behind - alone:.2f} ms, x{behind / alone:.2f}); calls to the exhausted ones: {calls}\n"
        )


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS))
