"""Answers that have finished, kept for a while so that a caller who asks again with the same id pays once.

Each process keeps its own, in memory; where replicas share Redis, any of them finds what another has recorded.
"""

import asyncio
import hashlib
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol

import msgspec
from google.protobuf.message import DecodeError, Message
from msgspec import Struct

from antiphon.v1 import chat_pb2, embeddings_pb2, image_pb2, speech_pb2
from inference_service.api.turns import InvalidRequestError

KEPT = 600.0  # seconds
MOST_BYTES = 64 * 1024 * 1024  # over all callers
LARGEST = 16 * 1024 * 1024  # of one answer; larger answers are not kept
Key = tuple[str, str, str]  # caller, operation, request id
RESPONSES: dict[str, type[Message]] = {
    "chat": chat_pb2.ChatResponse,
    "complete": chat_pb2.CompleteResponse,
    "image": image_pb2.ImageResponse,
    "embed": embeddings_pb2.EmbedResponse,
    "transcribe": speech_pb2.TranscribeResponse,
}


class Shelf(Protocol):
    """Where answers are for all replicas. Without an answer in time it is as if nothing were there."""

    async def get(self, key: Key) -> bytes | None: ...

    async def put(self, key: Key, data: bytes, seconds: float) -> None: ...

    async def close(self) -> None: ...


class Answer(Struct):
    """digest: of the request. at: when it finished, by the clock."""

    digest: bytes
    messages: tuple[Message, ...]
    size: int
    at: float


class Recording:
    """Records the answer to one request; `finish` keeps it. A failed answer is never kept."""

    def __init__(self, keep: Callable[["Recording"], Awaitable[None]]) -> None:
        self._keep = keep
        self.messages: list[Message] = []
        self.size = 0

    def add(self, message: Message) -> None:
        self.size += message.ByteSize()
        if self.size <= LARGEST:
            self.messages.append(message)
        else:
            self.messages.clear()

    async def finish(self) -> None:
        """Returns when every replica finds it; a caller that leaves meanwhile changes nothing."""
        if self.size <= LARGEST:
            await asyncio.shield(self._keep(self))


class Replays:
    """`shelf`: None where this process is alone. `clock` gives seconds."""

    def __init__(self, shelf: Shelf | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._shelf, self._clock = shelf, clock
        self._answers: OrderedDict[Key, Answer] = OrderedDict()
        self._size = 0

    async def find(self, key: Key, request: Any) -> Sequence[Message] | None:
        """The answer to the same request, marked as replayed. Raises InvalidRequestError where another had this id."""
        self._forget()
        answer = self._answers.get(key) or await self._fetch(key)
        if answer is None:
            return None
        if answer.digest != digest(request):
            raise InvalidRequestError([("request_id", "another request with this id has finished within ten minutes")])
        return [*answer.messages[:-1], replayed(answer.messages[-1])]

    def record(self, key: Key, request: Any) -> Recording:
        """Call this before the request is modified."""
        identity = digest(request)

        def keep(recording: Recording) -> Awaitable[None]:
            answer = Answer(identity, tuple(recording.messages), recording.size, self._clock())
            self._keep(key, answer)
            return self._share(key, answer)

        return Recording(keep)

    async def _share(self, key: Key, answer: Answer) -> None:
        if self._shelf is not None:
            await self._shelf.put(key, packed(answer), KEPT)

    def _keep(self, key: Key, answer: Answer) -> None:
        self._drop(key)
        self._answers[key] = answer
        self._size += answer.size
        self._forget()

    async def _fetch(self, key: Key) -> Answer | None:
        data = await self._shelf.get(key) if self._shelf is not None else None
        return None if data is None else unpacked(data, RESPONSES[key[1]])

    def _forget(self) -> None:
        while self._answers:
            key, answer = next(iter(self._answers.items()))
            if answer.at > self._clock() - KEPT and self._size <= MOST_BYTES:
                return
            self._drop(key)

    def _drop(self, key: Key) -> None:
        if (answer := self._answers.pop(key, None)) is not None:
            self._size -= answer.size


def packed(answer: Answer) -> bytes:
    """The digest and the messages, for replicas."""
    return msgspec.msgpack.encode([answer.digest, *(message.SerializeToString() for message in answer.messages)])


def unpacked(data: bytes, kind: type[Message]) -> Answer | None:
    """None for what another version of this program has written differently."""
    try:
        key, *messages = msgspec.msgpack.decode(data, type=list[bytes])
        responses = tuple(kind.FromString(message) for message in messages)
    except (msgspec.MsgspecError, DecodeError, ValueError):
        return None
    return Answer(key, responses, len(data), 0.0) if responses else None


def digest(request: Any) -> bytes:
    return hashlib.sha256(request.SerializeToString(deterministic=True)).digest()


def replayed(last: Message) -> Message:
    """The last message of an answer, with the mark."""
    marked: Any = type(last)()
    marked.CopyFrom(last)
    place = marked.finished if "finished" in marked.DESCRIPTOR.fields_by_name else marked
    place.replayed = True
    return marked  # type: ignore[no-any-return]
