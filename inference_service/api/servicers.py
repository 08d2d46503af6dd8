"""The generated servicers, each RPC one line to its file."""

from collections.abc import AsyncIterator
from typing import Any

import grpc
from grpc_health.v1 import health, health_pb2
from grpc_reflection.v1alpha import reflection, reflection_pb2
from grpc_reflection.v1alpha import reflection_pb2_grpc as reflection_grpc

from antiphon.v1 import (
    chat_pb2,
    image_pb2,
    inference_service_pb2,
    inference_service_pb2_grpc,
    models_pb2,
    operations_pb2,
    operations_service_pb2,
    operations_service_pb2_grpc,
    usage_pb2,
)
from inference_service.api import chat, image, listing, operations
from inference_service.api.parts import Shared

INFERENCE = inference_service_pb2.DESCRIPTOR.services_by_name["InferenceService"].full_name
OPERATIONS = operations_service_pb2.DESCRIPTOR.services_by_name["OperationsService"].full_name
REFLECTION_V1 = "grpc.reflection.v1.ServerReflection"
NAMES = (INFERENCE, OPERATIONS, health.SERVICE_NAME, reflection.SERVICE_NAME, REFLECTION_V1)

Context = grpc.aio.ServicerContext[Any, Any]


class Inference(inference_service_pb2_grpc.InferenceServiceServicer):
    def __init__(self, shared: Shared) -> None:
        self._shared = shared

    async def Chat(self, request: chat_pb2.ChatRequest, context: Context) -> None:  # type: ignore[override] # it writes
        await chat.chat(self._shared, request, context)

    async def Image(self, request: image_pb2.ImageRequest, context: Context) -> None:  # type: ignore[override] # it writes
        await image.image(self._shared, request, context)

    async def ListModels(
        self, request: models_pb2.ListModelsRequest, context: Context
    ) -> models_pb2.ListModelsResponse:
        return await listing.list_models(self._shared, request, context)

    async def GetUsage(self, request: usage_pb2.GetUsageRequest, context: Context) -> usage_pb2.GetUsageResponse:
        return await listing.get_usage(self._shared, request, context)


class Operations(operations_service_pb2_grpc.OperationsServiceServicer):
    def __init__(self, shared: Shared, do_reload: operations.Reload) -> None:
        self._shared, self._reload = shared, do_reload

    async def GetStatus(
        self, request: operations_pb2.GetStatusRequest, context: Context
    ) -> operations_pb2.GetStatusResponse:
        del request  # it is empty
        return await operations.get_status(self._shared, context)

    async def WatchStatus(self, request: operations_pb2.WatchStatusRequest, context: Context) -> None:  # type: ignore[override] # it writes
        await operations.watch_status(self._shared, request, context)

    async def ReloadConfig(
        self, request: operations_pb2.ReloadConfigRequest, context: Context
    ) -> operations_pb2.ReloadConfigResponse:
        del request  # it is empty
        return await operations.reload(self._shared, context, self._reload)


class Health:
    """grpc.health.v1: "" lives, INFERENCE is ready, OPERATIONS answers; `Watch` pushes changes."""

    def __init__(self) -> None:
        self.servicer = health.aio.HealthServicer()
        self._ready: bool | None = None

    async def start(self) -> None:
        for name in ("", OPERATIONS):
            await self.servicer.set(name, health_pb2.HealthCheckResponse.SERVING)

    async def set_ready(self, ready: bool) -> None:
        if ready != self._ready:
            self._ready = ready
            state = health_pb2.HealthCheckResponse.SERVING if ready else health_pb2.HealthCheckResponse.NOT_SERVING
            await self.servicer.set(INFERENCE, state)

    async def drain(self) -> None:
        await self.servicer.enter_graceful_shutdown()


class _Reflection(reflection_grpc.ServerReflectionServicer):
    """The library's own servicer is synchronous; its answers are what we pass on."""

    def __init__(self) -> None:
        self._answers = reflection.ReflectionServicer(NAMES)

    async def ServerReflectionInfo(
        self, requests: AsyncIterator[reflection_pb2.ServerReflectionRequest], context: Context
    ) -> AsyncIterator[reflection_pb2.ServerReflectionResponse]:
        async for request in requests:
            for answer in self._answers.ServerReflectionInfo(iter([request]), context):
                yield answer


def add_reflection(server: grpc.aio.Server) -> None:
    """v1alpha, and v1 by the same servicer: the messages are the same on the wire, the library has only the old name."""
    servicer = _Reflection()
    reflection_grpc.add_ServerReflectionServicer_to_server(servicer, server)  # type: ignore[no-untyped-call]
    handler = grpc.stream_stream_rpc_method_handler(
        servicer.ServerReflectionInfo,
        request_deserializer=reflection_pb2.ServerReflectionRequest.FromString,
        response_serializer=reflection_pb2.ServerReflectionResponse.SerializeToString,
    )
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler(REFLECTION_V1, {"ServerReflectionInfo": handler}),)
    )
