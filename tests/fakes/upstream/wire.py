"""Faults below HTTP's good manners: the answer is written to the socket byte by byte.

Every fault takes the place in the text, in characters, where it happens: "resetchunk:90".
"""

import asyncio
import socket
import struct
import zlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from tests.fakes.upstream.replies import USAGE, choice, event

HEAD = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n%s\r\n"
)
LONG_LINE = 10 * 1024 * 1024
# What was written is on its way; only then the cable breaks.
ON_ITS_WAY = 0.05


@dataclass
class Wire:
    """One answer on its socket. `text` is what is to be said, `place` where the fault happens."""

    transport: asyncio.Transport
    text: str
    place: int
    step: int
    pause: float

    def head(self, extra: bytes = b"") -> None:
        self.transport.write(HEAD % extra)

    def write(self, data: bytes) -> None:
        self.transport.write(b"%x\r\n%s\r\n" % (len(data), data))

    def say(self, start: int, end: int) -> None:
        for at in range(start, end, self.step):
            self.write(event(choice(content=self.text[at : min(at + self.step, end)]), plain=True))

    def end(self) -> None:
        self.write(event(choice("stop")) + event({"choices": [], "usage": USAGE}) + b"data: [DONE]\n\n")
        self.close()

    def close(self) -> None:
        self.transport.write(b"0\r\n\r\n")
        self.transport.close()

    async def reset(self) -> None:
        """As a host that is gone: the peer gets an RST, not an end."""
        await asyncio.sleep(ON_ITS_WAY)
        opened: socket.socket = self.transport.get_extra_info("socket")
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()

    async def forever(self, data: bytes) -> None:
        """Until the caller has gone."""
        while not self.transport.is_closing():
            self.write(data)
            await asyncio.sleep(self.pause)


async def reset_after_headers(wire: Wire) -> None:
    wire.head()
    await wire.reset()


async def reset_in_chunk(wire: Wire) -> None:
    wire.head()
    wire.say(0, wire.place)
    lost = event(choice(content=wire.text[wire.place :]), plain=True)
    wire.transport.write(b"%x\r\n%s" % (len(lost), lost[: len(lost) // 2]))
    await wire.reset()


async def reset_in_character(wire: Wire) -> None:
    """The last byte that arrives is the second of a character's four."""
    wire.head()
    wire.say(0, wire.place)
    lost = event(choice(content="🏔" + wire.text[wire.place :]), plain=True)
    wire.write(lost[: lost.index("🏔".encode()) + 2])
    await wire.reset()


async def reset_after_finish(wire: Wire) -> None:
    """The answer is whole and says so; the end marker is lost."""
    wire.head()
    wire.say(0, len(wire.text))
    wire.write(event(choice("stop")) + event({"choices": [], "usage": USAGE}))
    await wire.reset()


async def byte_by_byte(wire: Wire) -> None:
    wire.head()
    wire.say(0, wire.place)
    for byte in event(choice(content=wire.text[wire.place :]), plain=True) * 1_000:
        if wire.transport.is_closing():
            return
        wire.write(bytes([byte]))
        await asyncio.sleep(wire.pause)


async def blank_lines(wire: Wire) -> None:
    wire.head()
    wire.say(0, wire.place)
    await wire.forever(b"\n")


async def spaces(wire: Wire) -> None:
    wire.head()
    wire.say(0, wire.place)
    await wire.forever(b" " * 4_096)


async def long_line(wire: Wire) -> None:
    wire.head()
    wire.say(0, wire.place)
    await asyncio.sleep(ON_ITS_WAY)
    wire.write(b'data: {"choices":[{"index":0,"delta":{"content":"')
    for _ in range(LONG_LINE // 65_536):
        if wire.transport.is_closing():
            return
        wire.write(b"x" * 65_536)
        await asyncio.sleep(0)
    wire.write(b'"}}]}\n\n')
    wire.end()


def _zipped(wire: Wire, end: int) -> Callable[[bytes], bytes]:
    """Sends the beginning compressed; what it returns compresses more."""
    packer = zlib.compressobj(wbits=31)

    def pack(data: bytes) -> bytes:
        return packer.compress(data) + packer.flush(zlib.Z_SYNC_FLUSH)

    wire.head(b"Content-Encoding: gzip\r\n")
    for at in range(0, end, wire.step):
        wire.write(pack(event(choice(content=wire.text[at : min(at + wire.step, end)]))))
    return pack


async def gzip_whole(wire: Wire) -> None:
    pack = _zipped(wire, len(wire.text))
    wire.write(pack(event(choice("stop")) + event({"choices": [], "usage": USAGE}) + b"data: [DONE]\n\n"))
    wire.close()


async def gzip_cut(wire: Wire) -> None:
    """HTTP ends in good order; the compressed stream inside does not."""
    pack = _zipped(wire, wire.place)
    await asyncio.sleep(ON_ITS_WAY)
    lost = pack(event(choice(content=wire.text[wire.place :])))
    wire.write(lost[: len(lost) // 3])
    wire.close()


async def gzip_garbled(wire: Wire) -> None:
    _zipped(wire, wire.place)
    await asyncio.sleep(ON_ITS_WAY)
    wire.write(b"\xff\x00 this is not compressed \xff" * 20)
    wire.close()


async def garbage_chunk(wire: Wire) -> None:
    """A chunk's length that is none."""
    wire.head()
    wire.say(0, wire.place)
    await asyncio.sleep(ON_ITS_WAY)
    wire.transport.write(b"nonsense\r\nmore nonsense\r\n")
    wire.transport.close()


async def no_http(wire: Wire) -> None:
    wire.transport.write(b"SSH-2.0-OpenSSH_9.6\r\n\r\n")
    wire.transport.close()


FAULTS: dict[str, Callable[[Wire], Awaitable[None]]] = {
    "resetheaders": reset_after_headers,
    "resetchunk": reset_in_chunk,
    "resetcharacter": reset_in_character,
    "resetfinish": reset_after_finish,
    "drip": byte_by_byte,
    "blank": blank_lines,
    "spaces": spaces,
    "longline": long_line,
    "gzip": gzip_whole,
    "gzipcut": gzip_cut,
    "gzipgarbled": gzip_garbled,
    "badlength": garbage_chunk,
    "nohttp": no_http,
}
