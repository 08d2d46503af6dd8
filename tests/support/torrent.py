"""A provider whose answer is far larger than anything may hold, sent as fast as it is taken; what was taken is counted."""

import asyncio
import json
from types import TracebackType
from typing import Self

PIECE = "A long line of text that goes on and on, so that much has to be carried. " * 50


class Torrent:
    """`async with Torrent(total) as upstream:`; `url` is the base of an OpenAI-compatible API."""

    def __init__(self, total: int) -> None:
        self._total = total
        self.sent = 0  # bytes that were taken off our hands, over all answers
        self.open = 0
        self.whole = 0  # answers that were sent to their end
        self.changed = asyncio.Event()
        self.url = ""

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._answer, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/v1"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, failed: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()

    @property
    def characters(self) -> int:
        """Of a whole answer."""
        return -(-self._total // len(PIECE)) * len(PIECE)

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        if b"POST" not in head.split(b"\r\n")[0]:
            writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            writer.close()
            return
        self.open += 1
        writer.transport.set_write_buffer_limits(high=0)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n")
        event = b"data: " + json.dumps({"choices": [{"index": 0, "delta": {"content": PIECE}}]}).encode() + b"\n\n"
        last = b'data: {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}\n\ndata: [DONE]\n\n'
        try:
            for _ in range(self.characters // len(PIECE)):
                writer.write(event)
                await writer.drain()
                self.sent += len(event)
            writer.write(last)
            await writer.drain()
            self.whole += 1
        except ConnectionError:
            pass
        finally:
            self.open -= 1
            self.changed.set()
            writer.close()
