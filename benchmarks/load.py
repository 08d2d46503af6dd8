"""One load, one result as JSON: run as its own process so that it shares no core with the server.

    python -m benchmarks.load grpc|http TARGET MODEL CONCURRENCY SECONDS [TOKEN]

Prints requests/s, deltas/s, time to first token (ms, p50 and p99) and, for the model `slow`, the
lateness of deltas (ms, p50 and p99). TARGET is host:port for gRPC, a chat-completions URL for HTTP.
"""

import asyncio
import json
import statistics
import sys
import time
from collections.abc import AsyncIterator

import aiohttp
import grpc
import uvloop

from antiphon.v1 import chat_pb2
from antiphon.v1 import inference_service_pb2_grpc as rpc
from benchmarks.upstream import DELTA, SLOW_DELTAS, SLOW_PAUSE

Texts = AsyncIterator[str]


class Caller:
    """Opens streams of answer text over one of the two protocols."""

    def __init__(self, kind: str, target: str, model: str, token: str) -> None:
        self.kind, self.target, self.model, self.token = kind, target, model, token

    async def __aenter__(self) -> "Caller":
        if self.kind == "grpc":
            self.channel = grpc.aio.insecure_channel(self.target)
            self.stub = rpc.InferenceServiceStub(self.channel)
        else:
            self.session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
        return self

    async def __aexit__(self, *_: object) -> None:
        await (self.channel if self.kind == "grpc" else self.session).close()

    def stream(self) -> Texts:
        return self.over_grpc() if self.kind == "grpc" else self.over_http()

    async def over_grpc(self) -> Texts:
        message = chat_pb2.Message(role=chat_pb2.ROLE_USER, parts=[chat_pb2.Part(text="go")])
        metadata = [("authorization", f"Bearer {self.token}")] if self.token else None
        finished = False
        async for response in self.stub.Chat(
            chat_pb2.ChatRequest(model=self.model, messages=[message]), metadata=metadata, timeout=120
        ):
            if response.delta:
                yield response.delta
            finished = finished or response.HasField("finished")
        if not finished:
            raise RuntimeError("a stream ended without finished")

    async def over_http(self) -> Texts:
        body = {"model": self.model, "messages": [{"role": "user", "content": "go"}], "stream": True}
        headers = {"Authorization": f"Bearer {self.token or 'none'}"}
        pending = b""
        async with self.session.post(self.target, json=body, headers=headers) as response:
            response.raise_for_status()
            async for data in response.content.iter_any():
                *events, pending = (pending + data).split(b"\n\n")
                for event in events:
                    if event.startswith(b"data: {"):
                        for choice in json.loads(event[6:])["choices"]:
                            if text := choice["delta"].get("content"):
                                yield text


class Tally:
    def __init__(self) -> None:
        self.requests = 0
        self.characters = 0
        self.first: list[float] = []
        self.late: list[float] = []

    async def one(self, caller: Caller) -> None:
        began, first = time.monotonic(), True
        async for text in caller.stream():
            now = time.monotonic()
            if first:
                self.first.append(now - began)
                first = False
            if caller.model.endswith("slow"):
                self.late += [now - float(stamp) for stamp in text.split()]
            self.characters += len(text)
        self.requests += 1


def percentiles(values: list[float]) -> dict[str, float]:
    if len(values) < 2:
        return {}
    cuts = statistics.quantiles(values, n=100)
    return {"p50": cuts[49] * 1000, "p99": cuts[98] * 1000}


async def run(kind: str, target: str, model: str, concurrency: int, seconds: float, token: str) -> dict[str, object]:
    async with Caller(kind, target, model, token) as caller:
        warm = Tally()
        if not model.endswith("slow"):
            await asyncio.gather(*(warm.one(caller) for _ in range(min(concurrency, 8))))
        tally, end = Tally(), time.monotonic() + seconds

        async def worker(number: int) -> None:
            if model.endswith("slow"):
                await asyncio.sleep(number / concurrency)  # a thousand streams do not open in one instant
                await tally.one(caller)
                return
            while time.monotonic() < end:
                await tally.one(caller)

        began = time.monotonic()
        await asyncio.gather(*(worker(number) for number in range(concurrency)))
        took = time.monotonic() - began
    return {
        "requests": tally.requests,
        "requests_per_second": tally.requests / took,
        "deltas_per_second": tally.characters / len(DELTA) / took,
        "first_token_ms": percentiles(tally.first),
        "late_ms": percentiles(tally.late),
        "expected_late_count": concurrency * SLOW_DELTAS,
        "late_count": len(tally.late),
        "pause_ms": SLOW_PAUSE * 1000,
    }


if __name__ == "__main__":
    kind, target, model, concurrency, seconds, *rest = sys.argv[1:]
    result = uvloop.run(run(kind, target, model, int(concurrency), float(seconds), rest[0] if rest else ""))
    sys.stdout.write(json.dumps(result) + "\n")
