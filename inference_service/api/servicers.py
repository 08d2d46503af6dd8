"""What the server offers, each RPC one line to its file; health and reflection beside it."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any

import grpc
from google.protobuf.message import Message
from grpc_health.v1 import health
from grpc_reflection.v1alpha import reflection, reflection_pb2

from antiphon.v1 import inference_service_pb2, operations_service_pb2
from inference_service import transport
from inference_service.api import chat, image, listing, operations
from inference_service.api.health import Health, parsed
from inference_service.api.parts import Shared

INFERENCE = inference_service_pb2.DESCRIPTOR.services_by_name["InferenceService"].full_name
OPERATIONS = operations_service_pb2.DESCRIPTOR.services_by_name["OperationsService"].full_name
REFLECTION_V1 = "grpc.reflection.v1.ServerReflection"
NAMES = (INFERENCE, OPERATIONS, health.SERVICE_NAME, reflection.SERVICE_NAME, REFLECTION_V1)

Context = transport.Call
Method = Callable[[Context], Awaitable[None]]


def add_inference(server: transport.Server, shared: Shared) -> None:
    methods = {
        "Chat": partial(chat.chat, shared),
        "Image": partial(image.image, shared),
        "ListModels": partial(listing.list_models, shared),
        "GetUsage": partial(listing.get_usage, shared),
    }
    _add(server, INFERENCE, methods)


def add_operations(server: transport.Server, shared: Shared, do_reload: operations.Reload) -> None:
    methods = {
        "GetStatus": partial(operations.get_status, shared),
        "WatchStatus": partial(operations.watch_status, shared),
        "ReloadConfig": partial(operations.reload, shared, do_reload=do_reload),
    }
    _add(server, OPERATIONS, methods)


def _add(server: transport.Server, service: str, methods: Mapping[str, Method]) -> None:
    """The generated servicers would take in a whole request before anybody asks who sends it. Here the door reads it.

    On the wire a call with one request is a stream of one: the contract is the same.
    """
    handlers: dict[str, Any] = {
        name: grpc.stream_stream_rpc_method_handler(_without_requests(method), None, _serialise)
        for name, method in methods.items()
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, handlers),))


def _without_requests(method: Method) -> Callable[[object, Context], Awaitable[None]]:
    async def call(_: object, context: Context) -> None:
        try:
            await method(context)
        except grpc.aio.InternalError:  # gRPC could not send: the caller has gone meanwhile
            raise asyncio.CancelledError from None

    return call


def _serialise(message: Message) -> bytes:
    return message.SerializeToString()


def add_health(server: transport.Server) -> Health:
    made = Health(("", OPERATIONS), INFERENCE)
    handlers: dict[str, Any] = {
        "Check": grpc.unary_unary_rpc_method_handler(made.check, None, _serialise),
        "Watch": grpc.unary_stream_rpc_method_handler(made.watch, None, _serialise),
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(health.SERVICE_NAME, handlers),))
    return made


class _Reflection:
    """The library's own servicer is synchronous; its answers are what we pass on."""

    def __init__(self, closed: asyncio.Event) -> None:
        self._closed = closed
        self._answers = reflection.ReflectionServicer(NAMES)

    async def info(self, _: object, context: Any) -> None:
        closed = asyncio.ensure_future(self._closed.wait())
        try:
            while True:
                reading = asyncio.ensure_future(context.read())
                await asyncio.wait({reading, closed}, return_when=asyncio.FIRST_COMPLETED)
                if not reading.done() or reading.result() is grpc.aio.EOF:
                    reading.cancel()
                    return
                request = await parsed(reflection_pb2.ServerReflectionRequest, reading.result(), context)
                for answer in self._answers.ServerReflectionInfo(iter([request]), context):
                    await context.write(answer)
        finally:
            closed.cancel()


def add_reflection(server: transport.Server, closed: asyncio.Event) -> None:
    """v1alpha, and v1 by the same servicer: the messages are the same on the wire, the library has only the old name."""
    handler: Any = grpc.stream_stream_rpc_method_handler(_Reflection(closed).info, None, _serialise)
    for name in (reflection.SERVICE_NAME, REFLECTION_V1):
        server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler(name, {"ServerReflectionInfo": handler}),)
        )
