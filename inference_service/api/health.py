"""grpc.health.v1: "" lives, INFERENCE is ready, OPERATIONS takes requests; `Watch` pushes changes.

The library's own servicer writes to each watcher under a lock that every change of state needs: one that reads nothing
would keep the service from ever ending.
"""

import asyncio
from typing import Any

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

SERVING, NOT_SERVING = health_pb2.HealthCheckResponse.SERVING, health_pb2.HealthCheckResponse.NOT_SERVING
UNKNOWN = health_pb2.HealthCheckResponse.SERVICE_UNKNOWN
Context = grpc.aio.ServicerContext[Any, Any]


class Health(health_pb2_grpc.HealthServicer):
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

    async def Check(  # noqa: N802 - the contract's name
        self, request: health_pb2.HealthCheckRequest, context: Context
    ) -> health_pb2.HealthCheckResponse:
        if request.service not in self._states:
            await context.abort(grpc.StatusCode.NOT_FOUND, "there is no such service")
        return health_pb2.HealthCheckResponse(status=self._states[request.service])

    async def Watch(self, request: health_pb2.HealthCheckRequest, context: Context) -> None:  # noqa: N802 - the contract's name
        told = None
        while not self.closed.is_set():
            changed, state = self._changed, self._states.get(request.service, UNKNOWN)
            if state != told:
                await context.write(health_pb2.HealthCheckResponse(status=state))
                told = state
            await changed.wait()
