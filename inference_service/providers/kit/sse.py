"""Server-sent events, parsed incrementally from bytes.

Source: WHATWG HTML, "Server-sent events", with the tolerances of the official SDKs: a byte-order
mark, any mix of line ends, comments, `data:` without a space, a last event without its blank line.
One more is ours: some servers end an event of JSON with a single line feed. Two JSON objects on two lines of one event
are not valid JSON, so they count as two events. Text is never decoded here, so a read may end inside a UTF-8 character.
"""

import re

from msgspec import Struct

BOM = b"\xef\xbb\xbf"
# The end of one JSON object and the start of the next within the data of one event.
_ONE_LINE_FEED = re.compile(rb"\}\n(?=(?:(?:event|id|retry):[^\n]*\n)*data: ?(?:\{|\[DONE\]))")
LONGEST_JOINT = 64  # bytes searched for such a place across two reads
LARGEST_EVENT = 64 * 1024 * 1024


class SseEvent(Struct, frozen=True, gc=False):
    data: bytes
    event: str = ""


class EventTooLargeError(ValueError):
    """An event passed the cap of 64 MiB."""


class SseParser:
    """Feed it what the socket delivers; it returns the complete events.

    Blank lines, comments and unknown fields yield nothing. Raises EventTooLargeError.
    """

    def __init__(self, largest: int = LARGEST_EVENT) -> None:
        self._largest = largest
        self._pieces: list[bytes] = []  # of the incomplete event
        self._size = 0
        self._after_cr = False  # the last read ended with CR: an LF at the start of the next read belongs to it
        self._start: bytes | None = b""  # None once the byte-order mark is decided
        self._tail = b""  # position in the buffer, to find the next event across two reads

    def feed(self, data: bytes) -> list[SseEvent]:
        if self._start is not None:
            data = self._start + data
            if len(data) < len(BOM) and BOM.startswith(data):
                self._start = data
                return []
            self._start = None
            data = data.removeprefix(BOM)
        if self._after_cr or data.find(b"\r") >= 0:  # "in" would first try it as a number, and raise an error inside
            data = self._normalise(data)
        if not data:
            return []
        ends_before = self._pieces and self._pieces[-1].endswith(b"\n") and data.startswith(b"\n")
        if not ends_before and data.find(b"\n\n") < 0 and not self._next_begins(data):
            self._keep(data)
            return []
        whole = b"".join((*self._pieces, data))
        self._pieces, self._size = [], 0
        if (plain := _plain(whole)) is not None:
            return plain
        blocks = _ONE_LINE_FEED.sub(b"}\n\n", whole).split(b"\n\n")
        rest = blocks.pop()
        self._tail = rest[-LONGEST_JOINT:]
        self._keep(rest)
        return [event for block in blocks if (event := _parse(block)) is not None]

    def _next_begins(self, data: bytes) -> bool:
        """Whether the buffered line ended an event after all."""
        window = self._tail + data
        self._tail = window[-LONGEST_JOINT:]
        return _ONE_LINE_FEED.search(window) is not None

    def flush(self) -> list[SseEvent]:
        """The body has ended: an event without its blank line counts."""
        rest = b"".join(self._pieces) if self._start is None else (self._start or b"")
        self._pieces, self._size = [], 0
        blocks = _ONE_LINE_FEED.sub(b"}\n\n", rest).split(b"\n\n")
        return [event for block in blocks if (event := _parse(block)) is not None]

    def _normalise(self, data: bytes) -> bytes:
        if self._after_cr and data:
            data = data.removeprefix(b"\n")
            self._after_cr = False
        if data.endswith(b"\r"):
            self._after_cr = True
        return data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")

    def _keep(self, rest: bytes) -> None:
        if rest:
            self._pieces.append(rest)
            self._size += len(rest)
            if self._size > self._largest:
                raise EventTooLargeError(f"an event is larger than {self._largest} bytes")


def _plain(whole: bytes) -> list[SseEvent] | None:
    """The data of events that are one `data: ` line each, as in nearly every read; None if the read looks different."""
    if whole[:6] != b"data: " or whole[-2:] != b"\n\n":
        return None
    lines = whole[6:-2].split(b"\n\ndata: ")
    return None if b"".join(lines).find(b"\n") >= 0 else [SseEvent(line) for line in lines]


def _parse(block: bytes) -> SseEvent | None:
    event = ""
    data: list[bytes] = []
    for line in block.split(b"\n"):
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"data":
            data.append(value)
        elif name == b"event":
            event = value.decode(errors="replace")
    return SseEvent(b"\n".join(data), event) if data else None
