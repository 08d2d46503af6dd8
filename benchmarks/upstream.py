"""A local upstream that costs as little as possible: prebuilt answers over raw HTTP/1.1.

    python -m benchmarks.upstream        prints its port

The model's name chooses the answer: `short` 20 deltas, `long` 500 deltas at once, `slow` one delta
every 50 ms for 20 s. Each delta of `slow` carries the moment of sending (CLOCK_MONOTONIC, which all
processes of a machine share), so that a reader can tell its lateness.
"""

import asyncio
import json
import re
import sys
import time

DELTA = " lorem ipsum"  # 12 characters, about two tokens
COUNTS = {"short": 20, "long": 500}
SLOW_DELTAS, SLOW_PAUSE = 400, 0.05
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
MODELS = b'{"object":"list","data":[{"id":"short"},{"id":"long"},{"id":"slow"}]}'
MODEL = re.compile(rb'"model"\s*:\s*"(\w+)"')
LENGTH = re.compile(rb"content-length:\s*(\d+)", re.IGNORECASE)


def event(delta: dict[str, str], finish: str | None = None) -> bytes:
    body = {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1764258570,
        "model": "bench",
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
    }
    return b"data: " + json.dumps(body).encode() + b"\n\n"


def chunk(data: bytes) -> bytes:
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


USAGE = (
    b'data: {"id":"chatcmpl-1","object":"chat.completion.chunk","choices":[],'
    b'"usage":{"prompt_tokens":9,"completion_tokens":40,"total_tokens":49}}\n\n'
)
TAIL = chunk(event({}, "stop")) + chunk(USAGE) + chunk(b"data: [DONE]\n\n") + b"0\r\n\r\n"
WHOLE = {
    name: HEAD + chunk(event({"role": "assistant", "content": ""})) + chunk(event({"content": DELTA})) * count + TAIL
    for name, count in COUNTS.items()
}


class Upstream(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.buffer = b""

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while (end := self.buffer.find(b"\r\n\r\n")) >= 0:
            match = LENGTH.search(self.buffer, 0, end)
            stop = end + 4 + (int(match.group(1)) if match else 0)
            if len(self.buffer) < stop:
                return
            request, self.buffer = self.buffer[:stop], self.buffer[stop:]
            self.answer(request, end)

    def answer(self, request: bytes, end: int) -> None:
        model = MODEL.search(request, end)
        if model is None:
            self.transport.write(
                b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(MODELS)
                + MODELS
            )
        elif (name := model.group(1).decode()) in WHOLE:
            self.transport.write(WHOLE[name])
        else:
            self.transport.write(HEAD + chunk(event({"role": "assistant", "content": ""})))
            asyncio.get_running_loop().call_later(SLOW_PAUSE, self.drip, SLOW_DELTAS)

    def drip(self, left: int) -> None:
        if self.transport.is_closing():
            return
        if left == 0:
            self.transport.write(TAIL)
            return
        self.transport.write(chunk(event({"content": f"{time.monotonic():.6f} "})))
        asyncio.get_running_loop().call_later(SLOW_PAUSE, self.drip, left - 1)


async def main() -> None:
    server = await asyncio.get_running_loop().create_server(Upstream, "127.0.0.1", 0, backlog=4096)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


if __name__ == "__main__":
    import uvloop

    uvloop.run(main())
