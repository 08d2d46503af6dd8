"""The messages of one request stream: takes bytes, returns whole messages."""

import asyncio
import struct

import grpc

from inference_service.transport.wire import Malformed

WINDOW = 65_535  # bytes that a caller may send before the handler reads
PREFIX = 5


class Inbox:
    """`window`: bytes that the caller may still send. `unread`: bytes that arrived while no handler was reading."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._buffer = bytearray()
        self.window = WINDOW
        self.unread = 0
        self.ended = False
        self.reader: asyncio.Future[None] | None = None

    def feed(self, data: bytes, flow: int) -> None:
        """`flow`: length as flow control counts it, including padding."""
        self._buffer += data
        self.window -= flow
        if self.reader is None:
            self.unread += flow
        elif self.missing() <= 0:
            self.wake()

    def end(self) -> None:
        self.ended = True
        self.wake()

    def wake(self) -> None:
        if self.reader is not None and not self.reader.done():
            self.reader.set_result(None)

    def missing(self) -> int:
        """Bytes missing until the next message can be read, or be refused as too large."""
        if len(self._buffer) < PREFIX:
            return PREFIX - len(self._buffer)
        length = int.from_bytes(self._buffer[1:PREFIX], "big")
        return 0 if length > self._limit else PREFIX + length - len(self._buffer)

    def grant(self) -> int:
        """How much to open the caller's window now that a handler reads: enough for the rest of the message."""
        wanted = max(WINDOW, self.missing())
        increment = wanted - self.window
        if increment <= wanted // 2:
            return 0
        self.window = wanted
        return increment

    def take(self) -> tuple[bool, bytes] | None:
        """The compression flag and the message; None if it is not complete yet. Raises Malformed."""
        if self.missing() > 0:
            if self.ended and self._buffer:
                raise Malformed("the request ended inside a message")
            return None
        flag, length = struct.unpack_from(">BI", self._buffer)
        if length > self._limit:
            text = f"Received message larger than max ({length} vs. {self._limit})"
            raise Malformed(text, grpc.StatusCode.RESOURCE_EXHAUSTED)
        if flag > 1:
            raise Malformed("a message has unknown flags")
        with memoryview(self._buffer) as view:
            message = bytes(view[PREFIX : PREFIX + length])
        del self._buffer[: PREFIX + length]
        return flag == 1, message
