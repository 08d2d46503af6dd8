"""The client: start a chat or a picture and iterate over its events.

    async with InferenceClient("127.0.0.1:50551") as client:
        stream = client.chat("Why is the sky blue?")
        async for event in stream:
            ...
        print(stream.text)

Errors are those in `antiphon.errors`. A client belongs to one event loop and survives restarts of the service.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from types import TracebackType
from typing import Any, Literal, Self, Unpack

import grpc
from google.protobuf.duration_pb2 import Duration

from antiphon import connection, events, names, refusals, wire
from antiphon.config.model import Config
from antiphon.options import ChatOptions, UnaryOptions, chat_request, common
from antiphon.streams import UNTRACED, ChatStream, ImageStream, Question
from antiphon.telemetry.traces import CallSpan, ClientTraces
from antiphon.v1 import (
    common_pb2,
    embeddings_pb2,
    models_pb2,
    operations_pb2,
    speech_pb2,
    tokens_pb2,
)

INFERENCE = "antiphon.v1.InferenceService"
ASK_TIMEOUT = 15.0  # seconds, for calls that are not streams


class InferenceClient:
    """Talks to the service at `target`, "host:port" or "dns:///name:port"; it connects with the first request.

    `token`: the caller's token, if the service requires one. `connect_timeout`: seconds to wait for a service that
    does not answer (it may be restarting) before ConnectionLost.
    """

    def __init__(
        self,
        target: str,
        token: str | None = None,
        tls: grpc.ChannelCredentials | None = None,
        server_name: str | None = None,
        connect_timeout: float = connection.CONNECT_TIMEOUT,
        traces: ClientTraces | None = None,
    ) -> None:
        self.target = target
        self.traces = traces or ClientTraces(None)
        self._connection = connection.Connection(target, token, tls, server_name, connect_timeout)

    @classmethod
    def from_config(
        cls,
        config: Config,
        environ: Mapping[str, str],
        connect_timeout: float = connection.CONNECT_TIMEOUT,
        service: str = "antiphon-client",
    ) -> Self:
        """A client configured by [client] and [telemetry]; `service` is its name in traces.

        Raises ConfigError or SecretProblem for files that cannot be read."""
        chosen = connection.from_config(config, environ)
        return cls(**chosen, connect_timeout=connect_timeout, traces=ClientTraces(config.telemetry, service))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Closes the connection and cancels running calls."""
        await self._connection.close()
        await asyncio.to_thread(self.traces.close)

    # --- requests ------------------------------------------------------------------------------

    def chat(
        self,
        messages: str | Sequence[events.Message],
        model: str = "chat",
        *,
        timeout: float | None = None,
        trace_parent: str = "",
        **options: Unpack[ChatOptions],
    ) -> ChatStream:
        """An answer as a stream. `timeout` in seconds for the whole of it; None: the service's own."""
        request = chat_request(messages, model, options)
        span = self.traces.start("chat", model, request.request_id, trace_parent)
        metadata = self._connection.metadata(span.trace_parent)
        return ChatStream(
            Question(
                lambda left: self._connection.inference.Chat(request, timeout=left, metadata=metadata),
                self._connection,
                request.request_id,
                timeout,
                span,
            )
        )

    async def complete(
        self,
        messages: str | Sequence[events.Message],
        model: str = "chat",
        *,
        timeout: float | None = None,  # noqa: ASYNC109 - the service's deadline, too
        trace_parent: str = "",
        **options: Unpack[ChatOptions],
    ) -> events.Completion:
        """An answer in one piece."""
        request = chat_request(messages, model, options)
        span = self.traces.start("complete", model, request.request_id, trace_parent)
        metadata = self._connection.metadata(span.trace_parent)
        answer = await self._ask(self._connection.inference.Complete, request, timeout, metadata, span)
        return wire.completion(answer)

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
        """Streams pictures. Set at most one of size and aspect_ratio. `timeout`: seconds for all of them."""
        request = wire.image_request(
            model=model,
            prompt=prompt,
            negative_prompt=negative_prompt,
            size=size,
            aspect_ratio=aspect_ratio,
            seed=seed,
            steps=steps,
            guidance_scale=guidance_scale,
            count=count,
            format=wire.FORMATS[format],
            max_bytes=max_bytes or 0,
            input_image=input_image,
            unsupported_setting=wire.STRICT[strict],
            caller=common_pb2.Caller(tenant_id=tenant_id, user_id=user_id),
            request_id=request_id,
        )
        span = self.traces.start("image", model, request.request_id, trace_parent)
        metadata = self._connection.metadata(span.trace_parent)
        return ImageStream(
            Question(
                lambda left: self._connection.inference.Image(request, timeout=left, metadata=metadata),
                self._connection,
                request.request_id,
                timeout,
                span,
            )
        )

    async def embed(
        self,
        inputs: Sequence[str],
        model: str = "embed",
        *,
        dimensions: int | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 - the service's deadline, too
        **options: Unpack[UnaryOptions],
    ) -> events.Embeddings:
        """One vector for each text, in their order."""
        request = embeddings_pb2.EmbedRequest(model=model, inputs=inputs, dimensions=dimensions, **common(options))
        answer = await self._ask(self._connection.inference.Embed, request, timeout, self._connection.metadata())
        return wire.embeddings(answer)

    async def transcribe(
        self,
        audio: events.Audio,
        model: str = "transcribe",
        *,
        language: str = "",
        prompt: str = "",
        temperature: float | None = None,
        timestamps: bool = False,
        timeout: float | None = None,  # noqa: ASYNC109 - the service's deadline, too
        **options: Unpack[UnaryOptions],
    ) -> events.Transcript:
        """What is said in a recording. `language` as ISO 639-1, `prompt`: names that are likely to be said."""
        request = speech_pb2.TranscribeRequest(
            model=model,
            audio=wire.audio(audio),
            language=language,
            prompt=prompt,
            temperature=temperature,
            timestamps=timestamps,
            **common(options),
        )
        answer = await self._ask(self._connection.inference.Transcribe, request, timeout, self._connection.metadata())
        return wire.transcript(answer)

    async def count_tokens(
        self, messages: str | Sequence[events.Message], model: str = "chat", *, tools: Sequence[events.Tool] = ()
    ) -> events.TokenCount:
        """How long a conversation is for the first deployment of the model."""
        turns = [events.Message.user(messages)] if isinstance(messages, str) else messages
        request = tokens_pb2.CountTokensRequest(
            model=model, messages=[wire.message(item) for item in turns], tools=[wire.tool(item) for item in tools]
        )
        answer = await self._look(self._connection.inference.CountTokens, request)
        return events.TokenCount(
            answer.tokens, answer.estimated, names.deployment(answer.deployment), answer.context_tokens
        )

    # --- listings --------------------------------------------------------------------------------

    async def models(
        self, task: Literal["chat", "image", "embed", "transcribe"] | None = None, *, include_deployments: bool = False
    ) -> list[events.Model]:
        """The models that can be requested, routes first."""
        request = models_pb2.ListModelsRequest(task=wire.TASKS[task], include_deployments=include_deployments)
        answer = await self._look(self._connection.inference.ListModels, request)
        return [wire.model(model) for model in answer.models]

    async def usage(
        self,
        *,
        tenant_id: str = "",
        user_id: str = "",
        since: float | None = None,
        until: float | None = None,
        group_by: Sequence[Literal["deployment", "caller", "tenant", "user", "model", "day"]] = (),
    ) -> list[events.UsageRow]:
        """What was used from `since` to `until` (epoch seconds), by deployment unless `group_by` says otherwise."""
        request = wire.usage_request(tenant_id, user_id, since, until, group_by)
        rows: list[events.UsageRow] = []
        while True:
            answer = await self._look(self._connection.inference.GetUsage, request)
            rows += map(wire.usage_row, answer.rows)
            if not answer.next_page_token:
                return rows
            request.page_token = answer.next_page_token

    async def status(self) -> operations_pb2.Status:
        """The current status. Needs the scope `operate`."""
        answer = await self._look(self._connection.operations.GetStatus, operations_pb2.GetStatusRequest())
        status: operations_pb2.Status = answer.status
        return status

    async def watch_status(self, interval: float = 1.0) -> AsyncIterator[operations_pb2.Status]:
        """Streams the status every `interval` seconds (0.25 to 60)."""
        request = operations_pb2.WatchStatusRequest(
            interval=Duration(seconds=int(interval), nanos=int(interval % 1 * 1e9))
        )
        try:
            await self._connection.ready()
            async for answer in self._connection.operations.WatchStatus(request, metadata=self._connection.metadata()):
                yield answer.status
        except grpc.aio.AioRpcError as failed:
            raise refusals.error_of(failed) from None

    async def reload(self) -> list[str]:
        """Makes the service read its configuration again; what changed. Raises InvalidRequest for a bad one."""
        answer = await self._look(self._connection.operations.ReloadConfig, operations_pb2.ReloadConfigRequest())
        return list(answer.changes)

    async def ready(self, service: str = INFERENCE, timeout: float = 3.0) -> bool:  # noqa: ASYNC109 - of the call
        """Whether the service can answer now, by its health check. False if it cannot be reached."""
        return await self._connection.healthy(service, timeout)

    async def _look(self, method: Any, request: Any) -> Any:
        return await self._ask(method, request, ASK_TIMEOUT, self._connection.metadata())

    async def _ask(
        self,
        method: Any,
        request: Any,
        timeout: float | None,  # noqa: ASYNC109 - the service's deadline, too
        metadata: Any,
        span: CallSpan = UNTRACED,
    ) -> Any:
        begun = time.monotonic()
        failure = "abandoned"
        try:
            while True:
                left = None if timeout is None else timeout - (time.monotonic() - begun)
                try:
                    await self._connection.ready(left)
                    answer = await method(request, timeout=left, metadata=metadata)
                except grpc.aio.AioRpcError as failed:
                    if not await self._connection.again(failed, begun):
                        failure = failed.code().name.lower()
                        raise refusals.error_of(failed) from None
                else:
                    failure = ""
                    return answer
        finally:
            span.end(failure, 0, 0)
