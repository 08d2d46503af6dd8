"""The client: ask for a chat or a picture and iterate over what happens.

    async with InferenceClient("127.0.0.1:50551") as client:
        stream = client.chat("Why is the sky blue?")
        async for event in stream:
            ...
        print(stream.text)

Errors are those of `antiphon.errors`. A client is bound to one event loop; it survives restarts of the service.
"""

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

import grpc
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from antiphon import errors, events, wire
from antiphon.channel import client_options
from antiphon.config.model import Config
from antiphon.config.secrets import find_secret
from antiphon.streams import CONNECT_TIMEOUT, ChatStream, ImageStream
from antiphon.v1 import (
    chat_pb2,
    common_pb2,
    image_pb2,
    inference_service_pb2_grpc,
    models_pb2,
    operations_pb2,
    operations_service_pb2_grpc,
    usage_pb2,
)


class InferenceClient:
    """Talks to the service at `target` ("host:port" or "dns:///name:port"). `token`: the caller's, where one is needed."""

    def __init__(
        self,
        target: str,
        token: str | None = None,
        tls: grpc.ChannelCredentials | None = None,
        server_name: str | None = None,
    ) -> None:
        self.target = target
        self._token, self._tls, self._server_name = token, tls, server_name
        self._channel: grpc.aio.Channel | None = None
        self._inference: Any = None
        self._operations: Any = None

    @classmethod
    def from_config(cls, config: Config, environ: Mapping[str, str]) -> Self:
        """Raises SecretProblem or OSError for files that cannot be read."""
        chosen = config.client
        host = "127.0.0.1" if config.service.host in ("0.0.0.0", "::", "") else config.service.host  # noqa: S104 - called, not bound
        secret = find_secret(chosen.token_env, environ)
        tls = None
        if chosen.tls or chosen.ca or chosen.certificate:
            tls = grpc.ssl_channel_credentials(_read(chosen.ca), _read(chosen.key), _read(chosen.certificate))
        return cls(
            chosen.target or f"{host}:{config.service.port}", secret.value if secret else None, tls, chosen.server_name
        )

    async def __aenter__(self) -> Self:
        self.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def open(self) -> None:
        """Makes the channel; nothing connects yet. Call it on the loop that will use it."""
        if self._channel is not None:
            return
        options = client_options()
        if self._server_name:
            options.append(("grpc.ssl_target_name_override", self._server_name))
        if self._tls is not None:
            self._channel = grpc.aio.secure_channel(self.target, self._tls, options=options)
        else:
            self._channel = grpc.aio.insecure_channel(self.target, options=options)
        self._inference = inference_service_pb2_grpc.InferenceServiceStub(self._channel)
        self._operations = operations_service_pb2_grpc.OperationsServiceStub(self._channel)

    async def close(self) -> None:
        channel, self._channel = self._channel, None
        if channel is not None:
            await channel.close()

    # --- asking --------------------------------------------------------------------------------

    def chat(
        self,
        messages: str | Sequence[events.Message],
        model: str = "chat",
        *,
        sampling: events.Sampling | None = None,
        on_interruption: Literal["continue", "restart", "fail"] | None = None,
        strict: bool = False,
        tenant_id: str = "",
        user_id: str = "",
        request_id: str | None = None,
        timeout: float | None = None,
        trace_parent: str = "",
    ) -> ChatStream:
        """An answer as a stream. `timeout` in seconds for the whole of it; None: the service's own."""
        turns = [events.Message.user(messages)] if isinstance(messages, str) else messages
        request = chat_pb2.ChatRequest(
            model=model,
            messages=[wire.message(turn) for turn in turns],
            on_interruption=wire.INTERRUPTIONS[on_interruption],
            unsupported_setting=wire.STRICT[strict],
            caller=common_pb2.Caller(tenant_id=tenant_id, user_id=user_id),
            request_id=request_id or uuid.uuid4().hex,
        )
        if sampling is not None:
            request.sampling.CopyFrom(wire.sampling(sampling))
        self.open()
        metadata = self._metadata(trace_parent)
        return ChatStream(
            lambda: self._inference.Chat(request, timeout=timeout, metadata=metadata),
            self._connected,
            request.request_id,
        )

    def image(
        self,
        prompt: str,
        model: str = "image",
        *,
        negative_prompt: str = "",
        size: tuple[int, int] | None = None,
        aspect_ratio: tuple[int, int] | None = None,
        seed: int | None = None,
        steps: int | None = None,
        guidance_scale: float | None = None,
        count: int = 1,
        format: Literal["png", "jpeg", "webp"] | None = None,  # noqa: A002 - the contract's word
        max_bytes: int | None = None,
        input_image: events.Image | None = None,
        strict: bool = False,
        tenant_id: str = "",
        user_id: str = "",
        request_id: str | None = None,
        timeout: float | None = None,
        trace_parent: str = "",
    ) -> ImageStream:
        """Pictures as a stream. At most one of size and aspect_ratio. `timeout` in seconds for the whole of it."""
        request = image_pb2.ImageRequest(
            model=model,
            prompt=prompt,
            negative_prompt=negative_prompt,
            seed=seed,
            steps=steps,
            guidance_scale=guidance_scale,
            count=count,
            format=wire.FORMATS[format],
            max_bytes=max_bytes or 0,
            unsupported_setting=wire.STRICT[strict],
            caller=common_pb2.Caller(tenant_id=tenant_id, user_id=user_id),
            request_id=request_id or uuid.uuid4().hex,
        )
        if size is not None:
            request.size.width, request.size.height = size
        elif aspect_ratio is not None:
            request.aspect_ratio.horizontal, request.aspect_ratio.vertical = aspect_ratio
        if input_image is not None:
            request.input_image.CopyFrom(wire.picture(input_image))
        self.open()
        metadata = self._metadata(trace_parent)
        return ImageStream(
            lambda: self._inference.Image(request, timeout=timeout, metadata=metadata),
            self._connected,
            request.request_id,
        )

    # --- looking ---------------------------------------------------------------------------------

    async def models(
        self, task: Literal["chat", "image"] | None = None, *, include_deployments: bool = False
    ) -> list[events.Model]:
        """What can be asked for, routes first."""
        request = models_pb2.ListModelsRequest(task=wire.TASKS[task], include_deployments=include_deployments)
        answer = await self._ask("_inference", "ListModels", request)
        return [wire.model(one) for one in answer.models]

    async def usage(
        self, *, tenant_id: str = "", user_id: str = "", since: float | None = None
    ) -> list[events.UsageRow]:
        """What was used since `since` (epoch seconds), by deployment."""
        request = usage_pb2.GetUsageRequest(caller=common_pb2.Caller(tenant_id=tenant_id, user_id=user_id))
        if since is not None:
            request.since.CopyFrom(Timestamp(seconds=int(since)))
        answer = await self._ask("_inference", "GetUsage", request)
        return [
            events.UsageRow(
                row.deployment,
                row.requests,
                row.prompt_tokens,
                row.completion_tokens,
                row.images,
                row.estimated_tokens,
                row.discarded_tokens,
            )
            for row in answer.rows
        ]

    async def status(self) -> operations_pb2.Status:
        """How things stand; needs the scope `operate`."""
        answer = await self._ask("_operations", "GetStatus", operations_pb2.GetStatusRequest())
        found: operations_pb2.Status = answer.status
        return found

    async def watch_status(self, interval: float = 1.0) -> AsyncIterator[operations_pb2.Status]:
        """The status again and again, every `interval` seconds (0.25 to 60)."""
        self.open()
        request = operations_pb2.WatchStatusRequest(
            interval=Duration(seconds=int(interval), nanos=int(interval % 1 * 1e9))
        )
        try:
            await self._connected()
            async for answer in self._operations.WatchStatus(request, metadata=self._metadata()):
                yield answer.status
        except grpc.aio.AioRpcError as failed:
            raise wire.error_of(failed) from None

    async def reload(self) -> list[str]:
        """Makes the service read its configuration again; what changed. Raises InvalidRequest for a bad one."""
        answer = await self._ask("_operations", "ReloadConfig", operations_pb2.ReloadConfigRequest())
        return list(answer.changes)

    async def ready(self, service: str = "antiphon.v1.InferenceService", timeout: float = 3.0) -> bool:  # noqa: ASYNC109 - for the call
        """Whether the service answers now, by its health."""
        self.open()
        assert self._channel is not None  # noqa: S101 - opened above
        ask: Any = self._channel.unary_unary("/grpc.health.v1.Health/Check")
        try:
            answer = await ask(b"\n" + bytes([len(service)]) + service.encode(), timeout=timeout)
        except grpc.aio.AioRpcError:
            return False
        return bytes(answer) == b"\x08\x01"  # HealthCheckResponse.status = SERVING

    async def _ask(self, stub: str, name: str, request: Any) -> Any:
        self.open()
        try:
            await self._connected()
            return await getattr(getattr(self, stub), name)(request, timeout=15.0, metadata=self._metadata())
        except grpc.aio.AioRpcError as failed:
            raise wire.error_of(failed) from None

    def _metadata(self, trace_parent: str = "") -> tuple[tuple[str, str], ...]:
        found = (("authorization", f"Bearer {self._token}"),) if self._token else ()
        return (*found, ("traceparent", trace_parent)) if trace_parent else found

    async def _connected(self) -> None:
        """Waits a little for a service that is starting. Raises ConnectionLost when it does not come."""
        assert self._channel is not None  # noqa: S101 - opened before
        until = time.monotonic() + CONNECT_TIMEOUT
        while (state := self._channel.get_state(try_to_connect=True)) is not grpc.ChannelConnectivity.READY:
            try:
                async with asyncio.timeout(until - time.monotonic()):
                    await self._channel.wait_for_state_change(state)
            except TimeoutError:
                raise errors.ConnectionLost(
                    f"the service at {self.target} cannot be reached; is it running?", retry_after=5.0
                ) from None


def _read(path: Path | None) -> bytes | None:
    return path.read_bytes() if path else None
