"""What the doors use of a gRPC server. grpc.aio's own classes have this shape; the other transport implements it."""

from collections.abc import Iterable
from typing import Any, NoReturn, Protocol

import grpc

from antiphon.config.model import Tls

Metadata = Iterable[tuple[str, str | bytes]]


class Call(Protocol):
    """One RPC, seen from its handler. When the caller goes away the handler's task is cancelled."""

    def invocation_metadata(self) -> Any: ...
    def time_remaining(self) -> float | None: ...
    def cancelled(self) -> bool: ...

    def peer(self) -> str:
        """The caller's address; the same for every call of a connection."""

    def auth_context(self) -> Any:
        """The caller's certificate under mutual TLS: `x509_common_name` and `x509_subject_alternative_name`, as bytes."""

    def trailing_metadata(self) -> Any: ...
    def set_trailing_metadata(self, trailing_metadata: Any) -> None: ...

    async def read(self) -> Any:
        """The next message as bytes, or made already; `grpc.aio.EOF` when the caller has sent all."""

    async def write(self, message: Any) -> None:
        """Returns when the transport has room for more. Raises CancelledError when the caller has gone."""

    async def abort(self, code: grpc.StatusCode, details: str = "", trailing_metadata: Any = ()) -> NoReturn:
        """Ends the call. Raises grpc.aio.AbortError."""


class Server(Protocol):
    def add_generic_rpc_handlers(self, handlers: Iterable[grpc.GenericRpcHandler]) -> None: ...

    async def start(self, host: str, port: int, tls: Tls | None) -> int:
        """Listens; returns the port. Raises OSError or TlsProblem."""

    async def stop(self, grace: float | None) -> None:
        """Takes no new connections; ends the calls that still run after `grace` seconds."""
