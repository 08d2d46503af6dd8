"""grpc.health.v1: "" lives, INFERENCE is ready, OPERATIONS takes requests; `Watch` pushes changes.

The library's own servicer writes to each watcher under a lock that every change of state needs: one that reads nothing
would keep the service from ever ending.
"""

import asyncio
from typing import Any, TypeVar

import grpc
from google.protobuf.message import DecodeError, Message
from grpc_health.v1 import health_pb2

from inference_service import transport

SERVING, NOT_SERVING = health_pb2.HealthCheckResponse.SERVING, health_pb2.HealthCheckResponse.NOT_SERVING
UNKNOWN = health_pb2.HealthCheckResponse.SERVICE_UNKNOWN
Context = transport.Call
Asked = TypeVar("Asked", bound=Message)


class Health:
    def __init__(self, alive: tuple[str, ...], ready: str) -> None:
        """`alive`: names that serve until the end; `ready`: the one that says whether answers can be given."""
        self._states: dict[str, Any] = {**dict.fromkeys(alive, SERVING), ready: NOT_SERVING}
        self._ready = ready
        self._ending = False
        self._changed = asyncio.Event()
        self.closed = asyncio.Event()

    def set_ready(self, ready: bool) -> None:
        state = SERVING if ready else NOT_SERVING
        if not self._ending and state != self._states[self._ready]:
            self._states[self._ready] = state
            self._tell()

    def end(self) -> None:
        """Nothing serves any more, for good."""
        self._ending = True
        self._states = dict.fromkeys(self._states, NOT_SERVING)
        self._tell()

    def close(self) -> None:
        """Who watches would stay for ever, and the service could not end."""
        self.closed.set()
        self._tell()

    def _tell(self) -> None:
        told, self._changed = self._changed, asyncio.Event()
        told.set()

    async def check(self, data: bytes, context: Context) -> health_pb2.HealthCheckResponse:
        request = await parsed(health_pb2.HealthCheckRequest, data, context)
        if request.service not in self._states:
            await context.abort(grpc.StatusCode.NOT_FOUND, "there is no such service")
        return health_pb2.HealthCheckResponse(status=self._states[request.service])

    async def watch(self, data: bytes, context: Context) -> None:
        request = await parsed(health_pb2.HealthCheckRequest, data, context)
        told = None
        while not self.closed.is_set():
            changed, state = self._changed, self._states.get(request.service, UNKNOWN)
            if state != told:
                await context.write(health_pb2.HealthCheckResponse(status=state))
                told = state
            await changed.wait()


async def parsed(kind: type[Asked], data: bytes, context: Context) -> Asked:
    """gRPC itself would call bytes that are no message an internal error, and log it as one."""
    try:
        return kind.FromString(data)
    except DecodeError:
        await context.abort(grpc.StatusCode.INVALID_ARGUMENT, f"what came is no {kind.DESCRIPTOR.full_name}")
        raise AssertionError("abort has raised") from None  # pragma: no cover
