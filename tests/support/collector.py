"""A real OTLP receiver over gRPC that stores every span."""

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
            (name,) = [
                attribute.value.string_value
                for attribute in resource.resource.attributes
                if attribute.key == "service.name"
            ]
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
    values = [attribute.value for attribute in span.attributes if attribute.key == key]
    return (values[0].string_value or values[0].int_value) if values else None


@contextlib.asynccontextmanager
async def collecting() -> AsyncIterator[Collector]:
    collector = Collector()
    server = grpc.aio.server()
    register: Any = trace_service_pb2_grpc.add_TraceServiceServicer_to_server  # their stubs have no types
    register(collector, server)
    collector.endpoint = f"http://127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    await server.start()
    try:
        yield collector
    finally:
        await server.stop(None)
