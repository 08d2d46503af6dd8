"""Connections that ask nothing: closed after a while, and never more than fit. aiohttp has no bound for either."""

import asyncio
from typing import Any

from aiohttp import web

from inference_service.transport.server import HANDSHAKE

MOST = 10_000  # open at once, before anybody is known
PATIENCE = 75.0  # seconds without a whole head of a request; most clients keep idle connections for less
LOOK_EVERY = 5.0


class Connections:
    """`made` wraps the protocol factory; `begin` and `end` enclose every request. `close` ends the looking."""

    def __init__(self, server: web.Server) -> None:
        self._server = server
        self._loop = asyncio.get_running_loop()
        self._quiet_since: dict[Any, float] = {}  # by aiohttp's protocol, which nothing can refer to weakly
        self._timer = self._loop.call_later(LOOK_EVERY, self._look)

    def made(self) -> asyncio.BaseProtocol:
        protocol = self._server()
        self._quiet_since[protocol] = self._loop.time()
        if len(self._server.connections) >= MOST:
            self._loop.call_soon(self._drop, protocol)
        return protocol

    def begin(self, request: web.Request) -> None:
        self._quiet_since.pop(request.protocol, None)

    def end(self, request: web.Request) -> None:
        self._quiet_since[request.protocol] = self._loop.time()

    def _look(self) -> None:
        now = self._loop.time()
        for protocol, since in list(self._quiet_since.items()):
            gone = protocol.transport is None and now - since > HANDSHAKE
            if gone or now - since > PATIENCE:
                self._drop(protocol)
        self._timer = self._loop.call_later(LOOK_EVERY, self._look)

    def _drop(self, protocol: Any) -> None:
        self._quiet_since.pop(protocol, None)
        if protocol.transport is not None:
            protocol.transport.abort()

    def close(self) -> None:
        self._timer.cancel()
