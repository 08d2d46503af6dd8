"""What was read from a call and not passed on yet: bounded, for one reader and one consumer."""

import asyncio
from collections import deque
from typing import Any

from inference_service.domain import Delta, Picture, Preview, Reasoning

MOST_EVENTS = 8
MOST_SIZE = 64 * 1024  # characters of text and bytes of pictures; the last event may exceed it


class Ahead:
    """`put` by the reader, which waits for `room` while it is full; `pop` by the consumer, which waits until `filled`."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._events: deque[Any] = deque()
        self._size = 0
        self._consumer: asyncio.Future[None] | None = None
        self._reader: asyncio.Future[None] | None = None

    def __bool__(self) -> bool:
        return bool(self._events)

    @property
    def full(self) -> bool:
        return len(self._events) >= MOST_EVENTS or self._size >= MOST_SIZE

    def put(self, event: Any) -> None:
        self._events.append(event)
        self._size += size_of(event)
        self.wake()

    def pop(self) -> Any:
        event = self._events.popleft()
        self._size -= size_of(event)
        if self._reader is not None and not self._reader.done() and not self.full:
            self._reader.set_result(None)
        return event

    def wake(self) -> None:
        """Wakes the consumer: an event has arrived, or a time limit has passed."""
        if self._consumer is not None and not self._consumer.done():
            self._consumer.set_result(None)

    async def filled(self) -> None:
        """Returns when the consumer has a reason to look again."""
        self._consumer = self._loop.create_future()
        try:
            await self._consumer
        finally:
            self._consumer = None

    async def room(self) -> None:
        """Returns when the consumer has caught up."""
        self._reader = self._loop.create_future()
        try:
            await self._reader
        finally:
            self._reader = None


def size_of(event: Any) -> int:
    kind = event.__class__
    if kind is Delta or kind is Reasoning:
        return len(event.text)
    return len(event.data) if kind is Picture or kind is Preview else 0
