"""A real OTLP receiver over gRPC that keeps every span it is given."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any

import grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc
from opentelemetry.proto.trace.v1 import trace_pb2


class Collector(trace_service_pb2_grpc.TraceServiceServicer):
    """`spans` are (service.name, span); `raw` is all that came, as bytes."""

    def __init__(self) -> None:
        self.spans: list[tuple[str, trace_pb2.Span]] = []
        self.raw = b""
        self.endpoint = ""
        self._came = asyncio.Event()

    async def Export(self, request: Any, _: Any) -> Any:  # noqa: N802
        self.raw += request.SerializeToString()
        for resource in request.resource_spans:
            (name,) = [one.value.string_value for one in resource.resource.attributes if one.key == "service.name"]
            self.spans += [(name, span) for scope in resource.scope_spans for span in scope.spans]
        self._came.set()
        return trace_service_pb2.ExportTraceServiceResponse()

    async def until(self, enough: Callable[[], bool]) -> None:
        """Spans leave a process in batches, a few seconds late at most."""
        async with asyncio.timeout(60):
            while not enough():
                self._came.clear()
                await self._came.wait()


def value(span: trace_pb2.Span, key: str) -> Any:
    found = [one.value for one in span.attributes if one.key == key]
    return (found[0].string_value or found[0].int_value) if found else None


@contextlib.asynccontextmanager
async def collecting() -> AsyncIterator[Collector]:
    made = Collector()
    server = grpc.aio.server()
    register: Any = trace_service_pb2_grpc.add_TraceServiceServicer_to_server  # their stubs have no types
    register(made, server)
    made.endpoint = f"http://127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    await server.start()
    try:
        yield made
    finally:
        await server.stop(None)
