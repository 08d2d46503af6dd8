"""Finds the events in a body by their format, not by the content type, which may be wrong.

Server-sent events, JSON values one per line, or one JSON document for the whole answer.
"""

from typing import Protocol

from inference_service.failures import FailureKind
from inference_service.providers.kit import errors, values
from inference_service.providers.kit.sse import BOM, EventTooLargeError, SseEvent, SseParser

LARGEST_EVENT = 1024 * 1024  # of text; a longer line is no chat chunk and need not be kept
LARGEST_WHOLE = 4 * 1024 * 1024
ENOUGH = len(b"retry:")  # bytes that identify the format of a body
DONE = SseEvent(b"[DONE]")
_FIELDS = (b"data:", b"event:", b"id:", b"retry:", b":")


class Frames(Protocol):
    def feed(self, data: bytes) -> list[SseEvent]:
        """The complete events. Raises EventTooLargeError, and UpstreamFailure for a body without events."""
        ...

    def flush(self) -> list[SseEvent]:
        """The body has ended: returns what is left."""
        ...


def frames(beginning: bytes) -> Frames:
    """By the first bytes of a body, leading white space aside. Raises UpstreamFailure(BAD_RESPONSE)."""
    if beginning.startswith(_FIELDS):
        return SseParser(LARGEST_EVENT)
    if beginning.startswith((b"{", b"[")):
        return JsonFrames()
    if beginning.startswith(b"<") or not _may_be_fields(beginning):
        raise errors.failure(FailureKind.BAD_RESPONSE, status=200)
    return SseParser(LARGEST_EVENT)


def _may_be_fields(beginning: bytes) -> bool:
    """An unknown field, or the beginning of one."""
    name = beginning.partition(b":")[0]
    return name.isascii() and name.replace(b"_", b"").isalnum()


class JsonFrames:
    """JSON values in lines; a document over one or more lines is one event at the end of the body.

    A document that is the whole answer also ends it: nothing was cut off.
    """

    def __init__(self) -> None:
        self._held = bytearray()
        self._lines: bool | None = None  # None until the first line decides

    def feed(self, data: bytes) -> list[SseEvent]:
        self._held += data
        largest = LARGEST_EVENT if self._lines else LARGEST_WHOLE
        if self._lines is None and (at := self._held.find(b"\n")) >= 0:
            self._lines = _is_whole(bytes(self._held[:at])) and bool(self._held[at:].strip())
            if not self._lines and not self._held[at:].strip():
                self._lines = None  # one document so far; more may follow
        if not self._lines:
            if len(self._held) > largest:
                raise EventTooLargeError(f"an answer is larger than {largest} bytes")
            return []
        *lines, rest = bytes(self._held).split(b"\n")
        if len(rest) > LARGEST_EVENT:
            raise EventTooLargeError(f"an event is larger than {LARGEST_EVENT} bytes")
        self._held = bytearray(rest)
        return [SseEvent(line) for line in lines if line.strip()]

    def flush(self) -> list[SseEvent]:
        rest, self._held = bytes(self._held).strip(), bytearray()
        if self._lines or not rest:
            return [SseEvent(rest)] if rest else []
        if not _is_whole(rest):
            raise errors.failure(FailureKind.BAD_RESPONSE, status=200)
        # A line of a stream is a document as well, but its end is not the end of the answer.
        return [SseEvent(rest)] if b'"delta"' in rest else [SseEvent(rest), DONE]


def _is_whole(text: bytes) -> bool:
    try:
        return bool(values.documents(text))
    except ValueError:
        return False


def without_mark(beginning: bytes) -> bytes:
    return beginning.removeprefix(BOM).lstrip()
