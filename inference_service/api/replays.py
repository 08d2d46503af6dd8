"""Keeps finished answers for a while, so that a caller who repeats a request with the same id pays once."""

import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any

from google.protobuf.message import Message
from msgspec import Struct

from inference_service.api.turns import InvalidRequestError

KEPT = 600.0  # seconds
MOST_BYTES = 64 * 1024 * 1024  # over all callers
LARGEST = 16 * 1024 * 1024  # of one answer; larger answers are not kept
Key = tuple[str, str, str]  # caller, operation, request id


class Answer(Struct):
    """digest: of the request. at: when it finished, by the clock."""

    digest: bytes
    messages: tuple[Message, ...]
    size: int
    at: float


class Recording:
    """Records the answer to one request; `finish` keeps it. A failed answer is never kept."""

    def __init__(self, keep: Callable[["Recording"], None]) -> None:
        self._keep = keep
        self.messages: list[Message] = []
        self.size = 0

    def add(self, message: Message) -> None:
        self.size += message.ByteSize()
        if self.size <= LARGEST:
            self.messages.append(message)
        else:
            self.messages.clear()

    def finish(self) -> None:
        if self.size <= LARGEST:
            self._keep(self)


class Replays:
    """`clock` returns seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._answers: OrderedDict[Key, Answer] = OrderedDict()
        self._size = 0

    def find(self, key: Key, request: Any) -> Sequence[Message] | None:
        """The recorded answer to the same request, marked as replayed. Raises InvalidRequestError if the id belongs to another one."""
        self._forget()
        answer = self._answers.get(key)
        if answer is None:
            return None
        if answer.digest != digest(request):
            raise InvalidRequestError([("request_id", "another request with this id has finished within ten minutes")])
        return [*answer.messages[:-1], replayed(answer.messages[-1])]

    def record(self, key: Key, request: Any) -> Recording:
        """Call this before the request is modified."""
        known = digest(request)
        return Recording(lambda recording: self._keep(key, known, recording))

    def _keep(self, key: Key, known: bytes, recording: Recording) -> None:
        self._drop(key)
        self._answers[key] = Answer(known, tuple(recording.messages), recording.size, self._clock())
        self._size += recording.size
        self._forget()

    def _forget(self) -> None:
        while self._answers:
            key, answer = next(iter(self._answers.items()))
            if answer.at > self._clock() - KEPT and self._size <= MOST_BYTES:
                return
            self._drop(key)

    def _drop(self, key: Key) -> None:
        if (answer := self._answers.pop(key, None)) is not None:
            self._size -= answer.size


def digest(request: Any) -> bytes:
    return hashlib.sha256(request.SerializeToString(deterministic=True)).digest()


def replayed(last: Message) -> Message:
    """The last message of an answer, with the mark."""
    marked: Any = type(last)()
    marked.CopyFrom(last)
    place = marked.finished if "finished" in marked.DESCRIPTOR.fields_by_name else marked
    place.replayed = True
    return marked  # type: ignore[no-any-return]
