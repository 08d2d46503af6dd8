"""What one request costs in instructions, counted by valgrind: the same on a busy machine as on a quiet one.

    python -m benchmarks.instructions        prints a line a system; needs valgrind on the PATH

Each system is started twice, answers a different number of requests, and ends; the difference is what those requests
cost. User space only: what the kernel does for a request is not in it.
"""

import asyncio
import re
import sys
import tempfile
from pathlib import Path

import grpc

from antiphon.v1 import chat_pb2
from antiphon.v1 import inference_service_pb2_grpc as rpc
from benchmarks import systems
from benchmarks.systems import System

WARM, CONCURRENCY = 60, 8
REQUESTS = {"short": 200, "long": 40}
COUNT = re.compile(r"^(?:summary|totals): (\d+)", re.MULTILINE)
# Everything takes fifty times as long under valgrind.
PATIENCE = "[routing.timeouts]\nheaders = 100\nfirst_token = 200\n"


async def ask(system: System, model: str, count: int) -> None:
    """`count` requests, a few at once."""
    left = iter(range(count))
    message = chat_pb2.Message(role=chat_pb2.ROLE_USER, parts=[chat_pb2.Part(text="go")])
    request = chat_pb2.ChatRequest(model=system.model_prefix + model, messages=[message])
    metadata = [("authorization", f"Bearer {system.token}")] if system.token else None

    async def worker(stub: rpc.InferenceServiceStub) -> None:
        for _ in left:
            async for _response in stub.Chat(request, metadata=metadata, timeout=300):
                pass

    async with grpc.aio.insecure_channel(system.target) as channel:
        stub = rpc.InferenceServiceStub(channel)
        await asyncio.gather(*(worker(stub) for _ in range(CONCURRENCY)))


async def instructions(name: str, model: str, count: int, upstream: int) -> int:
    """Of a whole run of the system, from its start to its end, with so many requests."""
    with tempfile.TemporaryDirectory() as folder:
        counted = Path(folder) / "callgrind"
        under = ("valgrind", "--tool=callgrind", f"--callgrind-out-file={counted}", "--quiet")
        if name == "relay":
            system = await systems.relay(upstream, under)
        else:
            system = await systems.antiphon(upstream, Path(folder), PATIENCE, under=under)
        assert system.process
        await ask(system, model, count)
        await system.process.stop(patience=120)
        return int(COUNT.findall(counted.read_text(encoding="utf-8", errors="replace"))[0])


async def per_request(name: str, model: str, upstream: int) -> float:
    few, many = await asyncio.gather(
        instructions(name, model, WARM, upstream), instructions(name, model, WARM + REQUESTS[model], upstream)
    )
    return (many - few) / REQUESTS[model]


async def measure(upstream: int) -> dict[str, dict[str, float]]:
    """Model → system → instructions of one request."""
    return {
        model: {name: await per_request(name, model, upstream) for name in ("relay", "antiphon")} for model in REQUESTS
    }


async def main() -> None:
    upstream, port = await systems.start_upstream()
    try:
        for model, counts in (await measure(port)).items():
            share = counts["relay"] / counts["antiphon"]
            text = ", ".join(f"{name} {count / 1e6:.2f} million" for name, count in counts.items())
            sys.stdout.write(f"{model}: {text}; {share:.0%} of the relay\n")
    finally:
        await upstream.stop()


if __name__ == "__main__":
    asyncio.run(main())
