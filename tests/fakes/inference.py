"""A scripted inference service on a real gRPC port, for tests of whoever calls one.

    async with ScriptedInference() as fake:
        fake.on_chat(answer("Foxes are ", "red."))
        async with InferenceClient(fake.target) as client: …

A script is an async generator function: it gets the request and yields responses; raising `Refusal` ends the call
with a status, and returning early leaves the stream without its end. It may wait on events of the test.
`fake.chats` and `fake.images` hold what was asked, `fake.metadata` how; `cancelled` is set when a caller went away.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any, Self

import grpc
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.rpc import code_pb2, error_details_pb2, status_pb2

from antiphon.events import ChatEvent
from antiphon.names import deployment_of, failure_of
from antiphon.streams import ChatStream
from antiphon.v1 import (
    chat_pb2,
    common_pb2,
    errors_pb2,
    image_pb2,
    inference_service_pb2_grpc,
    models_pb2,
    operations_pb2,
    operations_service_pb2_grpc,
    speech_pb2,
    usage_pb2,
)

DEPLOYMENT = "fake/one"
CHUNK = 256 * 1024
ChatScript = Callable[[chat_pb2.ChatRequest], AsyncIterator[chat_pb2.ChatResponse]]
ImageScript = Callable[[image_pb2.ImageRequest], AsyncIterator[image_pb2.ImageResponse]]


class Refusal(Exception):
    """Ends a call with this status; `details` travel as the contract says."""

    def __init__(self, code: grpc.StatusCode, message: str, *details: Message) -> None:
        super().__init__(message)
        self.code, self.message, self.details = code, message, details


def info(reason: str) -> error_details_pb2.ErrorInfo:
    return error_details_pb2.ErrorInfo(reason=reason, domain="antiphon")


def retry(seconds: int) -> error_details_pb2.RetryInfo:
    return error_details_pb2.RetryInfo(retry_delay=Duration(seconds=seconds))


def tried(*attempts: tuple[str, str, int]) -> errors_pb2.FailedAttempts:
    """(deployment, failure, HTTP status) each."""
    listed = [
        common_pb2.Attempt(deployment=deployment_of(one), failure=failure_of(why), http_status=status)
        for one, why, status in attempts
    ]
    return errors_pb2.FailedAttempts(attempts=listed)


# --- responses ------------------------------------------------------------------------------


def started(request_id: str = "r-1", deployment: str = DEPLOYMENT) -> chat_pb2.ChatResponse:
    return chat_pb2.ChatResponse(
        started=common_pb2.Started(request_id=request_id, deployment=deployment_of(deployment), attempt=1)
    )


def delta(text: str) -> chat_pb2.ChatResponse:
    return chat_pb2.ChatResponse(delta=text)


def handover(keep: int, to: str = "fake/two") -> chat_pb2.ChatResponse:
    moved = common_pb2.Handover(
        from_deployment=deployment_of(DEPLOYMENT),
        to_deployment=deployment_of(to),
        reason=common_pb2.FAILURE_CLASS_STREAM_CUT,
        keep_chars=keep,
        attempt=2,
    )
    return chat_pb2.ChatResponse(handover=moved)


def used(prompt: int, completion: int, **more: Any) -> chat_pb2.ChatResponse:
    usage = common_pb2.Usage(
        deployment=deployment_of(DEPLOYMENT), prompt_tokens=prompt, completion_tokens=completion, **more
    )
    return chat_pb2.ChatResponse(usage=usage)


def finished(total: int, deployment: str = DEPLOYMENT) -> chat_pb2.ChatResponse:
    end = chat_pb2.ChatFinished(
        reason=chat_pb2.FINISH_REASON_STOP,
        total_chars=total,
        time_to_first_token=Duration(nanos=50_000_000),
        attempts=1,
        deployment=deployment_of(deployment),
    )
    return chat_pb2.ChatResponse(finished=end)


# --- scripts --------------------------------------------------------------------------------


def chat_of(responses: Sequence[chat_pb2.ChatResponse]) -> ChatScript:
    """Exactly these responses."""

    async def script(_: chat_pb2.ChatRequest) -> AsyncIterator[chat_pb2.ChatResponse]:
        for response in responses:
            yield response

    return script


def answer(*pieces: str) -> ChatScript:
    """A whole answer in these pieces, under the caller's request id."""

    async def script(request: chat_pb2.ChatRequest) -> AsyncIterator[chat_pb2.ChatResponse]:
        yield started(request.request_id)
        for piece in pieces:
            yield delta(piece)
        yield used(3, len(pieces))
        yield finished(sum(map(len, pieces)))

    return script


def refuse(code: grpc.StatusCode, message: str, *details: Message) -> Callable[[Any], AsyncIterator[Any]]:
    """Refused before anything was said."""

    async def script(_: Any) -> AsyncIterator[Any]:
        nothing: tuple[Any, ...] = ()
        for response in nothing:
            yield response
        raise Refusal(code, message, *details)

    return script


def pictures(*files: bytes, mime: str = "image/png", chunk: int = CHUNK) -> ImageScript:
    """Each file with a progress before it, in chunks, with its index as seed."""

    async def script(request: image_pb2.ImageRequest) -> AsyncIterator[image_pb2.ImageResponse]:
        begun = common_pb2.Started(request_id=request.request_id, deployment=deployment_of(DEPLOYMENT), attempt=1)
        yield image_pb2.ImageResponse(started=begun)
        for index, data in enumerate(files):
            progress = common_pb2.Progress(stage="generating", fraction=index / len(files))
            yield image_pb2.ImageResponse(progress=progress)
            header = image_pb2.ImageHeader(
                index=index, mime_type=mime, width=64, height=64, seed=index, total_bytes=len(data)
            )
            yield image_pb2.ImageResponse(image=header)
            for start in range(0, len(data), chunk):
                yield image_pb2.ImageResponse(chunk=data[start : start + chunk])
        end = image_pb2.ImageFinished(images=len(files), attempts=1, deployment=deployment_of(DEPLOYMENT))
        yield image_pb2.ImageResponse(finished=end)

    return script


# --- the server -----------------------------------------------------------------------------


class ScriptedInference(
    inference_service_pb2_grpc.InferenceServiceServicer, operations_service_pb2_grpc.OperationsServiceServicer
):
    """Scripts stay until the next `on_…`. `port` 0: a free one; `stop` and `start` bring the service down and back."""

    def __init__(self, port: int = 0, credentials: grpc.ServerCredentials | None = None) -> None:
        self.chats: list[chat_pb2.ChatRequest] = []
        self.images: list[image_pb2.ImageRequest] = []
        self.recordings: list[speech_pb2.TranscribeRequest] = []
        self.spoken: str | Refusal = "What do glaciers do?"
        self.hearing, self.may_hear = asyncio.Event(), asyncio.Event()
        self.may_hear.set()
        self.metadata: list[dict[str, str | bytes]] = []
        self.cancelled = asyncio.Event()
        self.listed = models_pb2.ListModelsResponse()
        self.used = usage_pb2.GetUsageResponse()
        self.status = operations_pb2.Status(ready=True, version="fake")
        self.changes: list[str] = []
        self.ready = True
        self.asked_usage: list[usage_pb2.GetUsageRequest] = []
        self._port, self._credentials = port, credentials
        self._chat: ChatScript = answer("Hello.")
        self._image: ImageScript = pictures(b"\x89PNG fake")
        self._server: grpc.aio.Server | None = None

    @property
    def target(self) -> str:
        return f"127.0.0.1:{self._port}"

    def on_chat(self, script: ChatScript) -> None:
        self._chat = script

    def on_image(self, script: ImageScript) -> None:
        self._image = script

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Listens again on the same port after a `stop`."""
        options = [("grpc.so_reuseport", 0), ("grpc.http2.min_ping_interval_without_data_ms", 10_000)]
        self._server = grpc.aio.server(options=options)
        inference_service_pb2_grpc.add_InferenceServiceServicer_to_server(self, self._server)
        operations_service_pb2_grpc.add_OperationsServiceServicer_to_server(self, self._server)
        handler: Any = grpc.unary_unary_rpc_method_handler(self._health)
        self._server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler("grpc.health.v1.Health", {"Check": handler}),)
        )
        address = f"127.0.0.1:{self._port}"
        if self._credentials is None:
            self._port = self._server.add_insecure_port(address)
        else:
            self._port = self._server.add_secure_port(address, self._credentials)
        await self._server.start()

    async def stop(self) -> None:
        """At once: running streams break, as when the process is killed."""
        server, self._server = self._server, None
        if server is not None:
            await server.stop(None)

    async def _health(self, _: bytes, __: Any) -> bytes:
        return b"\x08\x01" if self.ready else b"\x08\x02"

    async def Chat(self, request: chat_pb2.ChatRequest, context: Any) -> AsyncIterator[chat_pb2.ChatResponse]:  # noqa: N802
        self.chats.append(request)
        async for response in self._played(self._chat(request), context):
            yield response

    async def Image(self, request: image_pb2.ImageRequest, context: Any) -> AsyncIterator[image_pb2.ImageResponse]:  # noqa: N802
        self.images.append(request)
        async for response in self._played(self._image(request), context):
            yield response

    async def Transcribe(self, request: speech_pb2.TranscribeRequest, context: Any) -> speech_pb2.TranscribeResponse:  # noqa: N802
        self.recordings.append(request)
        self.hearing.set()
        await self.may_hear.wait()
        if isinstance(self.spoken, Refusal):
            await _abort(context, self.spoken)
        return speech_pb2.TranscribeResponse(request_id="r-1", text=str(self.spoken))

    async def _played(self, script: AsyncIterator[Any], context: Any) -> AsyncIterator[Any]:
        self.metadata.append(dict(context.invocation_metadata()))
        try:
            async for response in script:
                yield response
        except Refusal as refusal:
            await _abort(context, refusal)
        except (asyncio.CancelledError, GeneratorExit):
            self.cancelled.set()
            raise

    async def ListModels(self, _: Any, context: Any) -> models_pb2.ListModelsResponse:  # noqa: N802
        self.metadata.append(dict(context.invocation_metadata()))
        return self.listed

    async def GetUsage(self, request: usage_pb2.GetUsageRequest, __: Any) -> usage_pb2.GetUsageResponse:  # noqa: N802
        self.asked_usage.append(request)
        return self.used

    async def GetStatus(self, _: Any, __: Any) -> operations_pb2.GetStatusResponse:  # noqa: N802
        return operations_pb2.GetStatusResponse(status=self.status)

    async def WatchStatus(self, _: Any, __: Any) -> AsyncIterator[operations_pb2.WatchStatusResponse]:  # noqa: N802
        """Two, then silence until the caller goes."""
        for live in (1, 2):
            self.status.live_requests = live
            yield operations_pb2.WatchStatusResponse(status=self.status)
        await asyncio.Event().wait()

    async def ReloadConfig(self, _: Any, __: Any) -> operations_pb2.ReloadConfigResponse:  # noqa: N802
        return operations_pb2.ReloadConfigResponse(changes=self.changes)


async def _abort(context: Any, refusal: Refusal) -> None:
    packed = []
    for detail in refusal.details:
        box = AnyMessage()
        box.Pack(detail)
        packed.append(box)
    status = status_pb2.Status(code=getattr(code_pb2, refusal.code.name), message=refusal.message, details=packed)
    trailing = (("antiphon-request-id", "r-1"), ("grpc-status-details-bin", status.SerializeToString()))
    await context.abort(refusal.code, refusal.message, trailing if packed else ())


async def collect(stream: ChatStream) -> list[ChatEvent]:
    """Every event of an answer, as a caller sees them."""
    return [event async for event in stream]
