"""grpc.health.v1: "" means the process is up, INFERENCE that it can answer, OPERATIONS that it takes requests. `Watch` pushes changes.

The library's own servicer writes to each watcher under a lock that every change of state needs, so a watcher that
never reads would keep the service from shutting down.
"""

import asyncio
from typing import Any

import grpc
from grpc_health.v1 import health_pb2

from inference_service import transport
from inference_service.api.anonymous import AnonymousAccess

SERVING, NOT_SERVING = health_pb2.HealthCheckResponse.SERVING, health_pb2.HealthCheckResponse.NOT_SERVING
UNKNOWN = health_pb2.HealthCheckResponse.SERVICE_UNKNOWN
Context = transport.Call


class Health:
    def __init__(self, alive: tuple[str, ...], ready: str, access: AnonymousAccess) -> None:
        """`alive`: names that report serving until shutdown; `ready`: the name that says whether the service can answer."""
        self._access = access
        self._states: dict[str, Any] = {**dict.fromkeys(alive, SERVING), ready: NOT_SERVING}
        self._ready = ready
        self._ending = False
        self._changed = asyncio.Event()
        self.closed = asyncio.Event()

    def set_ready(self, ready: bool) -> None:
        state = SERVING if ready else NOT_SERVING
        if not self._ending and state != self._states[self._ready]:
            self._states[self._ready] = state
            self._announce()

    def end(self) -> None:
        """Reports everything as not serving, permanently."""
        self._ending = True
        self._states = dict.fromkeys(self._states, NOT_SERVING)
        self._announce()

    def close(self) -> None:
        """Ends every watch, so that the service can shut down."""
        self.closed.set()
        self._announce()

    def _announce(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    async def check(self, context: Context) -> None:
        async with self._access.stream(context):
            request = await self._request(context)
            if request.service not in self._states:
                await context.abort(grpc.StatusCode.NOT_FOUND, "there is no such service")
            await context.write(health_pb2.HealthCheckResponse(status=self._states[request.service]))

    async def watch(self, context: Context) -> None:
        async with self._access.stream(context):
            request = await self._request(context)
            sent = None
            while not self.closed.is_set():
                changed, state = self._changed, self._states.get(request.service, UNKNOWN)
                if state != sent:
                    await context.write(health_pb2.HealthCheckResponse(status=state))
                    sent = state
                await changed.wait()

    async def _request(self, context: Context) -> health_pb2.HealthCheckRequest:
        request = await self._access.read(context, health_pb2.HealthCheckRequest)
        if request is None:
            await context.abort(grpc.StatusCode.DEADLINE_EXCEEDED, "the request did not arrive in time")
        return request
