"""An HTTP server on aiohttp with the bounds that it lacks: how many connect, and how long the head of a request may take.

aiohttp waits forever for a first byte, so a few thousand silent connections would use up the descriptors of the process.
"""

import asyncio
import socket
import ssl
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

MOST_CONNECTIONS = 256
HEAD_TIME = 10.0  # seconds until the first request has come
IDLE_TIME = 15.0  # seconds between two requests of a connection
LINES, LONGEST_LINE = 64, 4_096  # of a request's head

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class WebDoor:
    """Serves an application. When it is full, who has sent nothing makes way first, then who only waits."""

    def __init__(self, app: web.Application, most: int = MOST_CONNECTIONS, **options: Any) -> None:
        """`options` are those of aiohttp's runner, where they differ from the small ones here."""
        app.middlewares.insert(0, self._count)
        small = {
            "keepalive_timeout": IDLE_TIME, "max_headers": LINES, "max_line_size": LONGEST_LINE,
            "max_field_size": LONGEST_LINE,
        }  # fmt: skip
        self._runner = web.AppRunner(app, access_log=None, handle_signals=False, **{**small, **options})
        self._most = most
        self._silent: dict[Any, asyncio.TimerHandle] = {}  # connections without a request yet, the oldest first
        self._busy = Counter[Any]()
        self._listening: asyncio.Server | None = None
        self.port = 0

    async def start(self, host: str, port: int) -> None:
        """Raises OSError when the port is taken."""
        await self._listen(host=host, port=port)

    async def start_on(self, sock: socket.socket, tls: ssl.SSLContext | None) -> None:
        """As `start`, on a socket that is bound already. Raises OSError."""
        await self._listen(sock=sock, ssl=tls, ssl_handshake_timeout=HEAD_TIME if tls else None)

    async def _listen(self, **where: Any) -> None:
        await self._runner.setup()
        try:
            self._listening = await asyncio.get_running_loop().create_server(self._connect, **where)
        except OSError:
            await self._runner.cleanup()
            raise
        self.port = self._listening.sockets[0].getsockname()[1]

    def leave(self) -> None:
        """Takes no new connections."""
        if self._listening is not None:
            self._listening.close()
            self._listening = None

    async def stop(self) -> None:
        self.leave()
        for timer in self._silent.values():
            timer.cancel()
        self._silent.clear()
        await self._runner.cleanup()

    def _connect(self) -> asyncio.BaseProtocol:
        server = self._runner.server
        if server is None or (len(server.connections) >= self._most and not self._make_room(server.connections)):
            return _Refusing()
        connection = server()
        self._silent[connection] = asyncio.get_running_loop().call_later(HEAD_TIME, self._close, connection)
        return connection

    def _make_room(self, connections: list[Any]) -> bool:
        idle = next(iter(self._silent), None) or next(
            (connection for connection in connections if not self._busy[connection]), None
        )
        if idle is not None:
            self._close(idle)
        return idle is not None

    def _close(self, connection: Any) -> None:
        if (timer := self._silent.pop(connection, None)) is not None:
            timer.cancel()
        if connection.transport is not None:
            connection.transport.abort()

    @web.middleware
    async def _count(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        connection = request.protocol
        if (timer := self._silent.pop(connection, None)) is not None:
            timer.cancel()
        self._busy[connection] += 1
        try:
            return await handler(request)
        finally:
            self._busy[connection] -= 1
            if not self._busy[connection]:
                del self._busy[connection]


class _Refusing(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - of a TCP server
        transport.abort()
