"""A caller that keeps to no manners: just enough of HTTP/2 (RFC 9113) and HPACK (RFC 7541) to misbehave over a real socket.

It opens gRPC calls, grants no window (so it reads no message), and never answers. Literal headers only, nothing indexed.
"""

import asyncio
import struct
from types import TracebackType
from typing import Self

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE = 0, 1, 3, 4, 6, 7, 8
END_STREAM, END_HEADERS, ACK = 0x1, 0x4, 0x1
INITIAL_WINDOW_SIZE, MAX_CONCURRENT_STREAMS = 4, 3
LARGEST_FRAME = 16_384


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    return struct.pack(">I", len(payload))[1:] + bytes((kind, flags)) + struct.pack(">I", stream) + payload


def literal(name: str, value: str) -> bytes:
    """A header field without indexing, new name (RFC 7541, 6.2.2)."""
    return b"\x00" + _text(name) + _text(value)


def _text(text: str) -> bytes:
    data = text.encode()
    length = len(data)
    if length < 127:
        return bytes((length,)) + data
    prefix, rest = bytearray((127,)), length - 127
    while rest >= 128:
        prefix.append(rest % 128 + 128)
        rest //= 128
    prefix.append(rest)
    return bytes(prefix) + data


def grpc_message(message: bytes, *, compressed: bool = False) -> bytes:
    return struct.pack(">BI", compressed, len(message)) + message


class RawCaller:
    """One connection. What the server sends is read and counted, but no window is ever granted.

    `window`: bytes of messages a stream may get. `deaf`: pings are not answered, as if the machine were gone.
    """

    def __init__(self, target: str, *, window: int = 0, deaf: bool = False) -> None:
        host, _, port = target.rpartition(":")
        self._host, self._port, self._window = host, int(port), window
        self._next, self._deaf = 1, deaf
        self.reset: set[int] = set()  # streams that the server refused by RST_STREAM
        self.ended: set[int] = set()  # streams that the server ended
        self.data = 0  # bytes of messages that came
        self.most_streams: int | None = None  # what the server's settings allow
        self.closed = asyncio.Event()
        self.changed = asyncio.Event()
        self._credit = 65_535  # what the server lets us send on the connection
        self._stream_credit: dict[int, int] = {}
        self._initial_credit = 65_535

    async def __aenter__(self) -> Self:
        self._reader, self._writer = await asyncio.open_connection(self._host, self._port)
        settings = struct.pack(">HI", INITIAL_WINDOW_SIZE, self._window)
        self._writer.write(PREFACE + frame(SETTINGS, 0, 0, settings))
        self._reading = asyncio.create_task(self._read())
        while self.most_streams is None and not self.closed.is_set():
            await self.change()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, failed: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._reading.cancel()
        self._writer.transport.abort()

    async def change(self) -> None:
        """The server has said something."""
        self.changed.clear()
        await self.changed.wait()

    async def open(self, path: str, metadata: dict[str, str] | None = None) -> int:
        """A call whose headers are sent; the number of its stream."""
        stream, self._next = self._next, self._next + 2
        fields = {
            ":method": "POST",
            ":scheme": "http",
            ":path": path,
            ":authority": "localhost",
            "te": "trailers",
            "content-type": "application/grpc",
            **(metadata or {}),
        }
        block = b"".join(literal(name, value) for name, value in fields.items())
        self._stream_credit[stream] = self._initial_credit
        self._writer.write(frame(HEADERS, END_HEADERS, stream, block))
        await self._writer.drain()
        return stream

    async def send(self, stream: int, data: bytes, *, end: bool = True) -> bool:
        """All of it as the server's windows allow; False when the stream or the connection ended before."""
        while data:
            if self.closed.is_set() or stream in self.ended:
                return False
            room = min(self._credit, self._stream_credit[stream], LARGEST_FRAME)
            if room <= 0:
                await self.change()
                continue
            piece, data = data[:room], data[room:]
            self._credit -= len(piece)
            self._stream_credit[stream] -= len(piece)
            self._writer.write(frame(DATA, END_STREAM if end and not data else 0, stream, piece))
            await self._writer.drain()
        return True

    def cancel(self, stream: int) -> None:
        self._writer.write(frame(RST_STREAM, 0, stream, struct.pack(">I", 8)))

    async def _read(self) -> None:
        try:
            while True:
                head = await self._reader.readexactly(9)
                length = int.from_bytes(head[:3], "big")
                payload = await self._reader.readexactly(length)
                self._take(head[3], head[4], int.from_bytes(head[5:9], "big") & 0x7FFFFFFF, payload)
                self.changed.set()
        except (asyncio.IncompleteReadError, ConnectionError):
            self.closed.set()
            self.changed.set()

    def _take(self, kind: int, flags: int, stream: int, payload: bytes) -> None:
        match kind:
            case _ if kind == SETTINGS and not flags & ACK:
                chosen = dict(struct.iter_unpack(">HI", payload))
                self.most_streams = chosen.get(MAX_CONCURRENT_STREAMS, self.most_streams or 2**31)
                if INITIAL_WINDOW_SIZE in chosen:
                    grown = chosen[INITIAL_WINDOW_SIZE] - self._initial_credit
                    self._initial_credit = chosen[INITIAL_WINDOW_SIZE]
                    for stream_id in self._stream_credit:
                        self._stream_credit[stream_id] += grown
                self._writer.write(frame(SETTINGS, ACK, 0))
            case _ if kind == PING and not flags & ACK and not self._deaf:
                self._writer.write(frame(PING, ACK, 0, payload))
            case _ if kind == WINDOW_UPDATE:
                grown = int.from_bytes(payload, "big")
                if stream:
                    self._stream_credit[stream] = self._stream_credit.get(stream, 0) + grown
                else:
                    self._credit += grown
            case _ if kind == RST_STREAM:
                self.reset.add(stream)
                self.ended.add(stream)
            case _ if kind == DATA:
                self.data += len(payload)
            case _ if kind == GOAWAY:
                self.closed.set()
        if kind in (HEADERS, DATA) and flags & END_STREAM:
            self.ended.add(stream)
