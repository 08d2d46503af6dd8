"""A server that answers with prepared bytes and notices when a caller disconnects."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
END = b"0\r\n\r\n"


class Hold:
    """Stop here until the caller closes the connection."""


class Cut:
    """Close the connection here."""


HOLD, CUT = Hold(), Cut()
Step = bytes | Hold | Cut | asyncio.Event  # an event: continue once it is set


def chunked(data: bytes) -> bytes:
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


def answer(body: bytes, status: str = "200 OK", kind: str = "application/json") -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


def streamed(*pieces: bytes) -> list[Step]:
    return [STREAM, *map(chunked, pieces), END]


class RawServer:
    """`answers`: what each request gets, by order of arrival; the last one for all that follow. Or a function of its head."""

    def __init__(self) -> None:
        self.answers: list[list[Step]] | Callable[[bytes], list[Step]] = []
        self.url = ""
        self.requests: list[bytes] = []  # heads
        self.bodies: list[bytes] = []
        self.connections = 0
        self.open = 0
        self.all_closed = asyncio.Event()
        self.all_closed.set()
        self.arrived = asyncio.Event()
        self.written = asyncio.Event()  # an answer was written to its end
        self._order: Iterator[list[Step]] = iter(())

    def answer_with(self, *answers: list[Step]) -> None:
        self.answers = list(answers)
        self._order = iter(answers)

    def _next(self, head: bytes) -> list[Step]:
        if callable(self.answers):
            return self.answers(head)
        return next(self._order, self.answers[-1])

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.open += 1
        self.all_closed.clear()
        try:
            await self._talk(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # the caller is gone, or the test is over
        finally:
            writer.close()
            self.open -= 1
            if not self.open:
                self.all_closed.set()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            self.requests.append(head)
            length = next((int(line.partition(b":")[2]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), 0)  # fmt: skip
            self.bodies.append(await reader.readexactly(length) if length else b"")
            self.arrived.set()
            self.written.clear()
            for step in self._next(head):
                if isinstance(step, bytes):
                    writer.write(step)
                    await writer.drain()
                elif isinstance(step, asyncio.Event):
                    await step.wait()
                elif isinstance(step, Hold):
                    await reader.read()
                    return
                else:
                    return
            self.written.set()


@asynccontextmanager
async def raw_server() -> AsyncIterator[RawServer]:
    answering = RawServer()
    server = await asyncio.start_server(answering.serve, "127.0.0.1", 0)
    answering.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield answering
    finally:
        server.close()


def provider_of(kind: str, url: str, **options: Any) -> Any:
    """A provider as the service builds it."""
    from antiphon.config.model import Config, ProviderConfig
    from inference_service.providers.registry import build_provider

    config = Config.model_validate({"images": {"allow_private_addresses": True}})
    return build_provider(kind, ProviderConfig.model_validate({"base_url": url, "options": options}), config)
