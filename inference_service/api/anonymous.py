"""Limits on the surfaces that anybody may call without a token: health and reflection.

gRPC buffers a whole message before a handler sees its length, and its limit allows for a chat with pictures. So only
a few messages are read at a time, one per connection, and a slow sender gives way when others are waiting.
"""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any, TypeVar

import grpc
from google.protobuf.message import DecodeError, Message

from inference_service import transport

LARGEST_MESSAGE = 4_096
STREAMS_A_CONNECTION, STREAMS_IN_ALL = 16, 2_048
WAITING_A_CONNECTION, WAITING_IN_ALL = 4, 1_024  # the message has not arrived yet; gRPC buffers up to 64 KiB of each
READ_AT_ONCE = 1
PATIENCE, PATIENCE_WHILE_OTHERS_WAIT = 5.0, 0.1  # seconds for one message

Context = transport.Call
Request = TypeVar("Request", bound=Message)


class AnonymousAccess:
    """Shared by every surface that needs no token."""

    def __init__(self) -> None:
        self._streams: Counter[str] = Counter()  # by connection
        self._waiting: Counter[str] = Counter()  # those of them that are reading, or want to
        self._turns: dict[str, asyncio.Lock] = {}
        self._reading = asyncio.Semaphore(READ_AT_ONCE)

    @contextlib.asynccontextmanager
    async def stream(self, context: Context) -> AsyncIterator[None]:
        """Counts the stream while the block runs, or refuses it."""
        async with _counted(self._streams, context, STREAMS_A_CONNECTION, STREAMS_IN_ALL):
            try:
                yield
            finally:
                if self._streams[context.peer()] == 1:
                    self._turns.pop(context.peer(), None)

    async def read(self, context: Context, kind: type[Request]) -> Request | None:
        """The next message; None if it did not arrive in time or the caller has sent everything. Refuses anything else."""
        async with _counted(self._waiting, context, WAITING_A_CONNECTION, WAITING_IN_ALL):
            turn = self._turns.setdefault(context.peer(), asyncio.Lock())
            async with turn, self._reading:
                data = await self._next(context)
                message, size = _parsed(data, kind), len(data) if isinstance(data, bytes) else 0
                del data  # the next lines may raise, and the traceback would keep the message alive
        if size > LARGEST_MESSAGE:
            text = f"the message has {size} bytes; at most {LARGEST_MESSAGE} are allowed"
            await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, text)
        if size and message is None:
            text = f"the message is not a {kind.DESCRIPTOR.full_name}"
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, text)
        return message

    async def _next(self, context: Context) -> Any:
        reading = asyncio.ensure_future(context.read())
        try:
            loop = asyncio.get_running_loop()
            end = loop.time() + PATIENCE
            while not reading.done() and loop.time() < end:
                await asyncio.wait({reading}, timeout=PATIENCE_WHILE_OTHERS_WAIT)
                if self._waiting.total() > READ_AT_ONCE:
                    break
            return reading.result() if reading.done() else None
        finally:
            reading.cancel()


def _parsed(data: Any, kind: type[Request]) -> Request | None:
    """None: nothing came (gRPC marks the end with a value that is not bytes), it is too long, or it cannot be parsed."""
    if not isinstance(data, bytes) or len(data) > LARGEST_MESSAGE:
        return None
    try:
        return kind.FromString(data)
    except DecodeError:
        return None


@contextlib.asynccontextmanager
async def _counted(counter: Counter[str], context: Context, a_connection: int, in_all: int) -> AsyncIterator[None]:
    connection = context.peer()
    if counter[connection] >= a_connection or counter.total() >= in_all:
        text = "too many calls without a token at once; ask again later"
        await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, text)
    counter[connection] += 1
    try:
        yield
    finally:
        counter[connection] -= 1
        if not counter[connection]:
            del counter[connection]
