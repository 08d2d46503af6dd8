"""What the server offers: each RPC maps to its file in one line, and health and reflection come along."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any

import grpc
from google.protobuf.message import Message
from grpc_health.v1 import health

from antiphon.v1 import inference_service_pb2, operations_service_pb2
from inference_service import transport
from inference_service.api import chat, image, listing, operations, reflection, unary
from inference_service.api.anonymous import AnonymousAccess
from inference_service.api.health import Health
from inference_service.api.parts import Shared

INFERENCE = inference_service_pb2.DESCRIPTOR.services_by_name["InferenceService"].full_name
OPERATIONS = operations_service_pb2.DESCRIPTOR.services_by_name["OperationsService"].full_name
NAMES = (INFERENCE, OPERATIONS, health.SERVICE_NAME, reflection.V1ALPHA, reflection.V1)

Context = transport.Call
Method = Callable[[Context], Awaitable[None]]


def add_inference(server: transport.Server, shared: Shared) -> None:
    _add(server, INFERENCE, inference_methods(shared))


def inference_methods(shared: Shared) -> dict[str, Method]:
    """The RPCs of InferenceService by name, for any door that has a call to answer."""
    return {
        "Chat": partial(chat.chat, shared),
        "Complete": partial(chat.complete, shared),
        "Image": partial(image.image, shared),
        "Embed": partial(unary.embed, shared),
        "Transcribe": partial(unary.transcribe, shared),
        "CountTokens": partial(unary.count_tokens, shared),
        "ListModels": partial(listing.list_models, shared),
        "GetUsage": partial(listing.get_usage, shared),
    }


def add_operations(server: transport.Server, shared: Shared, do_reload: operations.Reload) -> None:
    methods = {
        "GetStatus": partial(operations.get_status, shared),
        "WatchStatus": partial(operations.watch_status, shared),
        "ReloadConfig": partial(operations.reload, shared, do_reload=do_reload),
    }
    _add(server, OPERATIONS, methods)


def _add(server: transport.Server, service: str, methods: Mapping[str, Method]) -> None:
    """The generated servicers would read a whole request before its sender is known. Here the door reads it.

    On the wire, a call with one request is a stream of one, so the contract is the same.
    """
    handlers: dict[str, Any] = {
        name: grpc.stream_stream_rpc_method_handler(_handler(method), None, _serialise)
        for name, method in methods.items()
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, handlers),))


def _handler(method: Method) -> Callable[[object, Context], Awaitable[None]]:
    async def call(_: object, context: Context) -> None:
        try:
            await method(context)
        except grpc.aio.InternalError:  # gRPC could not send: the caller has disconnected
            raise asyncio.CancelledError from None
        except grpc.aio.AbortError as error:
            # gRPC keeps the error with the call until the next garbage collection. Without its traceback and context,
            # the request's body, often megabytes, is freed at once.
            error.__context__ = None
            raise error.with_traceback(None) from None

    return call


def _serialise(message: Message) -> bytes:
    return message.SerializeToString()


def add_health(server: transport.Server) -> Health:
    servicer = Health(("", OPERATIONS), INFERENCE, AnonymousAccess())
    handlers: dict[str, Any] = {
        "Check": grpc.stream_stream_rpc_method_handler(_handler(servicer.check), None, _serialise),
        "Watch": grpc.stream_stream_rpc_method_handler(_handler(servicer.watch), None, _serialise),
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(health.SERVICE_NAME, handlers),))
    return servicer


def add_reflection(server: transport.Server, closed: asyncio.Event) -> None:
    handler: Any = grpc.stream_stream_rpc_method_handler(
        _handler(reflection.Reflection(NAMES, AnonymousAccess(), closed).info), None, _serialise
    )
    for name in (reflection.V1ALPHA, reflection.V1):
        server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler(name, {"ServerReflectionInfo": handler}),)
        )
