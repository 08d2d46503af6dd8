"""The messages of one request stream: bytes come in, whole messages go out."""

import asyncio
import struct

import grpc

from inference_service.transport.wire import Malformed

WINDOW = 65_535  # what a caller may send before the handler reads
PREFIX = 5


class Inbox:
    """`window`: bytes the caller may still send. `unread`: bytes that came while nobody read."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._buffer = bytearray()
        self.window = WINDOW
        self.unread = 0
        self.ended = False
        self.reader: asyncio.Future[None] | None = None

    def feed(self, data: bytes, flow: int) -> None:
        """`flow`: length by flow control, padding included."""
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
        """Bytes until something can be read: a message, or that it is too large."""
        if len(self._buffer) < PREFIX:
            return PREFIX - len(self._buffer)
        length = int.from_bytes(self._buffer[1:PREFIX], "big")
        return 0 if length > self._limit else PREFIX + length - len(self._buffer)

    def grant(self) -> int:
        """By how much to open the caller's window now that somebody reads: for the rest of the message at once."""
        wanted = max(WINDOW, self.missing())
        increment = wanted - self.window
        if increment <= wanted // 2:
            return 0
        self.window = wanted
        return increment

    def take(self) -> tuple[bool, bytes] | None:
        """Whether it is compressed, and the message; None: not whole yet. Raises Malformed."""
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
