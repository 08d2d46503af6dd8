"""A gRPC server in the thread of the event loop: listens, and runs the handlers of calls."""

import asyncio
import socket
from collections.abc import Coroutine, Iterable
from types import SimpleNamespace
from typing import Any

import grpc
import structlog

from antiphon.config.model import Service, Tls
from inference_service import tls as certificates
from inference_service.transport.session import Session
from inference_service.transport.wire import Malformed

log = structlog.get_logger(__name__)
EVERYWHERE = ("", "0.0.0.0", "::")  # noqa: S104 - compared, not bound
BACKLOG = 4_096
HANDSHAKE = 10.0  # seconds for TLS


class H2Server:
    def __init__(self, service: Service) -> None:
        self.settings = service
        self.loop = asyncio.get_running_loop()
        self.sessions: set[Session] = set()
        self._handlers: list[grpc.GenericRpcHandler] = []
        self.tasks: set[asyncio.Task[None]] = set()
        self._empty = asyncio.Event()
        self._listener: asyncio.Server

    def add_generic_rpc_handlers(self, handlers: Iterable[grpc.GenericRpcHandler]) -> None:
        self._handlers += handlers

    async def start(self, host: str, port: int, tls: Tls | None) -> int:
        context = certificates.context(tls) if tls is not None else None
        self._listener = await self.loop.create_server(
            lambda: Session(self),
            sock=listening(host, port, share=self.settings.workers > 1),
            ssl=context,
            ssl_handshake_timeout=HANDSHAKE if context is not None else None,
            backlog=BACKLOG,
        )
        return int(self._listener.sockets[0].getsockname()[1])

    async def stop(self, grace: float | None) -> None:
        self._listener.close()
        for session in list(self.sessions):
            session.leave()
        try:
            async with asyncio.timeout(grace or 0):
                while self.sessions:
                    self._empty.clear()
                    await self._empty.wait()
        except TimeoutError:
            pass
        for session in list(self.sessions):
            for call in list(session.calls.values()):
                call.finish(grpc.StatusCode.UNAVAILABLE, "the service is shutting down")
                call.cancel()
            session.close(None)
        if self.tasks:
            await asyncio.wait(self.tasks)

    # --- for sessions ------------------------------------------------------------------------------

    def find(self, path: str) -> Any:
        """The handler of a method. Raises Malformed."""
        details: Any = SimpleNamespace(method=path, invocation_metadata=())
        for handler in self._handlers:
            if (method := handler.service(details)) is not None:
                return method
        raise Malformed("Method not found!", grpc.StatusCode.UNIMPLEMENTED)

    def run(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = self.loop.create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[None]) -> None:
        self.tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("a call failed unexpectedly", exc_info=error)

    def closed(self, session: Session) -> None:
        self.sessions.discard(session)
        if not self.sessions:
            self._empty.set()


def listening(host: str, port: int, *, share: bool) -> socket.socket:
    """Raises OSError."""
    if host in EVERYWHERE and socket.has_dualstack_ipv6():
        return socket.create_server(
            ("", port), family=socket.AF_INET6, dualstack_ipv6=True, reuse_port=share, backlog=BACKLOG
        )
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, reuse_port=share, backlog=BACKLOG)
