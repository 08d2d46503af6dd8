"""Connections of the HTTP client: tracked until they are closed, and never reused after unexpected bytes.

aiohttp keeps bytes that a server sends after the end of a response, and hands them to the next caller as the beginning
of that caller's answer. A connection that became readable while idle is therefore closed instead of reused.
"""

import asyncio
import select
import weakref
from typing import Any

import aiohttp

from inference_service.providers import seam

SHUT_WITHIN = 1.0  # seconds; closing takes one turn of the event loop


class Connector(aiohttp.TCPConnector):
    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._used: weakref.WeakSet[Any] = weakref.WeakSet()

    async def connect(self, *arguments: Any, **options: Any) -> aiohttp.connector.Connection:
        while True:
            connection = await super().connect(*arguments, **options)
            protocol = connection.protocol
            if protocol is not None and protocol in self._used and (protocol.should_close or readable(connection)):
                connection.close()
                continue
            if protocol is not None:
                self._used.add(protocol)
                seam.opened(Watched(connection))
            return connection


def readable(connection: aiohttp.connector.Connection) -> bool:
    """Whether the peer has sent something, or has closed, since the last response."""
    socket = None if connection.transport is None else connection.transport.get_extra_info("socket")
    if socket is None or not hasattr(select, "poll"):  # Windows has no poll
        return False
    poll = select.poll()
    poll.register(socket.fileno(), select.POLLIN)
    return bool(poll.poll(0))


class Watched:
    """A connection in use by one call."""

    def __init__(self, connection: aiohttp.connector.Connection) -> None:
        self._connection = connection
        self._protocol, self._transport = connection.protocol, connection.transport
        self._closed: asyncio.Future[Any] | None = None

    def abort(self) -> None:
        """Closes it without waiting for unsent data, unless it is back in the pool."""
        transport, protocol = self._transport, self._protocol
        if transport is None or protocol is None:
            return
        if self._connection.protocol is None and not transport.is_closing():
            return  # it is in the pool, and may already serve another call
        self._closed = protocol.closed
        self._connection.close()
        transport.abort()

    async def closed(self) -> None:
        if self._closed is not None:
            await asyncio.wait({self._closed}, timeout=SHUT_WITHIN)
            if self._closed.done() and not self._closed.cancelled():
                self._closed.exception()  # retrieved, or the loop complains
            self._closed = None
