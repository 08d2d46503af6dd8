"""A hand-written HTTP/2 client on one connection: sends any frame, stores every frame it receives, and reads header blocks."""

import asyncio
import struct
from types import TracebackType
from typing import Self

from jh2.hpack.hpack import Decoder

from tests.support.http2 import (
    ACK,
    DATA,
    END_HEADERS,
    END_STREAM,
    GOAWAY,
    HEADERS,
    PREFACE,
    RST_STREAM,
    SETTINGS,
    frame,
    literal,
)

REQUEST = {
    ":method": "POST",
    ":scheme": "http",
    ":path": "/test.Test/Echo",
    ":authority": "localhost",
    "te": "trailers",
    "content-type": "application/grpc",
}


def block(**changed: str | None) -> bytes:
    """A request's headers; `_` means `-`, `pseudo_x` means `:x`, None omits a header."""
    fields: dict[str, str | None] = dict(REQUEST)
    for name, value in changed.items():
        fields[":" + name[7:] if name.startswith("pseudo_") else name.replace("_", "-")] = value
    return b"".join(literal(name, value) for name, value in fields.items() if value is not None)


class Peer:
    """`frames`: (kind, flags, stream, payload) as they came. `fields`: header blocks by stream, in order."""

    def __init__(self, port: int, settings: dict[int, int] | None = None) -> None:
        self._port, self._settings = port, settings or {}
        self._decoder = Decoder()
        self.frames: list[tuple[int, int, int, bytes]] = []
        self.fields: dict[int, list[dict[str, str]]] = {}
        self.over = False
        self._changed = asyncio.Event()

    async def __aenter__(self) -> Self:
        self._reader, self.writer = await asyncio.open_connection("127.0.0.1", self._port)
        self._reading = asyncio.create_task(self._read())
        values = b"".join(struct.pack(">HI", key, value) for key, value in self._settings.items())
        self.writer.write(PREFACE + frame(SETTINGS, 0, 0, values))
        await self.until(lambda: any(kind == SETTINGS and not flags & ACK for kind, flags, _, _ in self.frames))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, failed: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._reading.cancel()
        self.writer.transport.abort()

    async def until(self, holds) -> None:  # type: ignore[no-untyped-def]
        """Waits, frame by frame, until it holds."""
        async with asyncio.timeout(30):
            while not holds():
                assert not self.over, f"the service ended the connection: {self.goaways()}"
                self._changed.clear()
                await self._changed.wait()

    async def ends(self) -> None:
        """The service ends the connection."""
        async with asyncio.timeout(30):
            while not self.over:
                self._changed.clear()
                await self._changed.wait()

    def send(self, *frames: bytes) -> None:
        self.writer.write(b"".join(frames))

    def ask(self, stream: int, data: bytes | None = None, *, end: bool = True, **headers: str | None) -> None:
        """A request's headers, and a message's bytes with them."""
        alone = data is None and end
        self.send(frame(HEADERS, END_HEADERS | (END_STREAM if alone else 0), stream, block(**headers)))
        if data is not None:
            self.send(frame(DATA, END_STREAM if end else 0, stream, data))

    def data(self, stream: int) -> bytes:
        return b"".join(payload for kind, _, number, payload in self.frames if (kind, number) == (DATA, stream))

    def ended(self, stream: int) -> bool:
        return any(
            number == stream and (kind == RST_STREAM or (kind in (DATA, HEADERS) and flags & END_STREAM))
            for kind, flags, number, _ in self.frames
        )

    def resets(self, stream: int) -> list[int]:
        return [struct.unpack(">I", payload)[0] for kind, _, number, payload in self.frames if (kind, number) == (RST_STREAM, stream)]  # fmt: skip

    def goaways(self) -> list[tuple[int, int, str]]:
        """Last stream, code and text of each."""
        payloads = [payload for kind, _, _, payload in self.frames if kind == GOAWAY]
        return [(*struct.unpack(">II", payload[:8]), payload[8:].decode()) for payload in payloads]

    async def status(self, stream: int) -> tuple[str, str]:
        """How the call ended: code and message."""
        await self.until(lambda: self.ended(stream))
        last = self.fields[stream][-1]
        return last.get("grpc-status", ""), last.get("grpc-message", "")

    async def _read(self) -> None:
        try:
            while True:
                head = await self._reader.readexactly(9)
                payload = await self._reader.readexactly(int.from_bytes(head[:3], "big"))
                kind, flags, stream = head[3], head[4], int.from_bytes(head[5:9], "big")
                if kind == HEADERS:
                    pairs = self._decoder.decode(payload)
                    self.fields.setdefault(stream, []).append({str(name): str(value) for name, value in pairs})
                self.frames.append((kind, flags, stream, payload))
                self._changed.set()
        except (asyncio.IncompleteReadError, ConnectionError):
            self.over = True
            self._changed.set()
