"""The two response streams: protobuf in, plain events out. The stream rule of the contract is applied here."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

import grpc

from antiphon import errors, events, names, refusals, wire
from antiphon.connection import Connection
from antiphon.telemetry.traces import CallSpan
from antiphon.v1 import chat_pb2, image_pb2

UNTRACED = CallSpan(None, "")


@dataclass(frozen=True)
class Question:
    """What a stream sends. `start` makes the call; its argument is what is left of `timeout` in seconds (None: no limit)."""

    start: Callable[[float | None], Any]
    connection: Connection
    request_id: str
    timeout: float | None = None
    span: CallSpan = UNTRACED


class _Stream:
    """One request. The call starts with the iteration; `cancel` stops it at once, upstream too."""

    def __init__(self, question: Question) -> None:
        self._question = question
        self._doing: Any = None  # what the stream currently waits for: the connection, or the call
        self._cancelled = asyncio.Event()
        self.request_id = question.request_id
        self.deployment = ""
        self.usages: list[events.Usage] = []

    @property
    def usage(self) -> events.Usage:
        """The sum over all attempts; `estimated` if any part is."""
        return events.Usage(
            self.deployment,
            sum(usage_event.prompt_tokens for usage_event in self.usages),
            sum(usage_event.completion_tokens for usage_event in self.usages),
            sum(usage_event.reasoning_tokens for usage_event in self.usages),
            sum(usage_event.images for usage_event in self.usages),
            any(usage_event.estimated for usage_event in self.usages),
        )

    def cancel(self) -> None:
        """Stops the stream. The iteration ends without an error and keeps what has arrived."""
        self._cancelled.set()
        if self._doing is not None:
            self._doing.cancel()

    def _so_far(self) -> str:
        return ""

    def _finish_reason(self) -> str:
        return ""

    async def _call(self) -> AsyncIterator[Any]:
        """The responses of the service. Until the first one arrives the call can be repeated without losing anything."""
        question, connection = self._question, self._question.connection
        begun, answered = time.monotonic(), False
        while True:
            left = None if question.timeout is None else question.timeout - (time.monotonic() - begun)
            self._doing = asyncio.ensure_future(connection.ready(left))
            await self._doing
            if self._cancelled.is_set():
                return
            self._doing = question.start(left)
            try:
                async for response in self._doing:
                    answered = True
                    yield response
                return
            except grpc.aio.AioRpcError as failed:
                if answered or self._cancelled.is_set():
                    raise
                self._doing = asyncio.ensure_future(connection.again(failed, begun))
                if not await self._doing:
                    raise

    async def _responses(self) -> AsyncIterator[Any]:
        """Raises AntiphonError."""
        if self._cancelled.is_set():
            return
        failure = "abandoned"
        try:
            async for response in self._call():
                yield response
            failure = ""
        except errors.AntiphonError as error:
            failure = type(error).__name__
            raise
        except grpc.aio.AioRpcError as rpc_error:
            failure = rpc_error.code().name.lower()
            if self._cancelled.is_set() and rpc_error.code() == grpc.StatusCode.CANCELLED:
                return
            raise refusals.error_of(rpc_error, self._so_far(), self.request_id) from None
        except asyncio.CancelledError:
            # `cancel` cancels only the call; anything else is a cancellation of this task.
            task = asyncio.current_task()
            if self._cancelled.is_set() and (task is None or not task.cancelling()):
                return
            raise
        finally:
            if self._doing is not None and not self._doing.done():
                self._doing.cancel()
            if self._cancelled.is_set():
                failure = ""  # the person has seen enough; nothing has failed
            usage = self.usage
            self._question.span.end(
                failure, usage.prompt_tokens, usage.completion_tokens, self._finish_reason(), self.deployment
            )


class ChatStream(_Stream):
    """Iterate once. `text` is the answer so far and `reasoning` the reasoning so far; `finished` is set at the end."""

    def __init__(self, question: Question) -> None:
        super().__init__(question)
        self._pieces: list[str] = []
        self._reasoning: list[str] = []
        self.tool_calls: list[events.ToolCall] = []
        self.finished: events.Finished | None = None

    @property
    def text(self) -> str:
        if len(self._pieces) > 1:
            self._pieces = ["".join(self._pieces)]
        return self._pieces[0] if self._pieces else ""

    @property
    def message(self) -> events.Message:
        """The answer so far as a turn of the conversation."""
        return events.Message.assistant(self.text, *self.tool_calls)

    @property
    def reasoning(self) -> str:
        return "".join(self._reasoning)

    def _so_far(self) -> str:
        return self.text

    def _finish_reason(self) -> str:
        return self.finished.reason if self.finished is not None else ""

    async def __aiter__(self) -> AsyncIterator[events.ChatEvent]:
        async for response in self._responses():
            event = self.accept(response)
            if event is not None:
                yield event
        if self._cancelled.is_set():
            return
        if self.finished is None:
            broken = errors.Interrupted(
                "the answer broke off: the service sent no final event", request_id=self.request_id
            )
            broken.text = self.text
            raise broken
        if len(self.text) != self.finished.total_chars:
            text = f"the answer has {len(self.text)} characters and should have {self.finished.total_chars}"
            raise errors.AnswerIncomplete(text, request_id=self.request_id)
        if len(self.tool_calls) != self.finished.tool_calls:
            text = f"the answer has {len(self.tool_calls)} tool calls and should have {self.finished.tool_calls}"
            raise errors.AnswerIncomplete(text, request_id=self.request_id)

    def accept(self, response: chat_pb2.ChatResponse) -> events.ChatEvent | None:
        """The stream rule of the contract: append every delta; on handover cut the text to `keep_chars` and continue."""
        match response.WhichOneof("event"):
            case "delta":
                self._pieces.append(response.delta)
                return events.Delta(response.delta)
            case "reasoning":
                self._reasoning.append(response.reasoning)
                return events.Reasoning(response.reasoning)
            case "started":
                self.request_id, self.deployment = (
                    response.started.request_id,
                    names.deployment(response.started.deployment),
                )
                return wire.started(response.started)
            case "handover":
                self._pieces = [self.text[: response.handover.keep_chars]]
                self.deployment = names.deployment(response.handover.to_deployment)
                return wire.handover(response.handover)
            case "tool_call":
                self.tool_calls.append(wire.tool_call(response.tool_call))
                return self.tool_calls[-1]
            case "logprobs":
                return wire.logprobs(response.logprobs)
            case "progress":
                return wire.progress(response.progress)
            case "notice":
                return wire.notice(response.notice)
            case "usage":
                self.usages.append(wire.usage(response.usage))
                return self.usages[-1]
            case "finished":
                self.finished = wire.finished(response.finished)
                self.deployment = self.finished.deployment
                return self.finished
        return None  # an event of a newer contract


class ImageStream(_Stream):
    """Iterate once. `pictures` holds the pictures that have arrived completely."""

    def __init__(self, question: Question) -> None:
        super().__init__(question)
        self.pictures: list[events.Picture] = []
        self.finished: events.ImageFinished | None = None
        self._header: image_pb2.ImageHeader | None = None
        self._chunks: list[bytes] = []
        self._missing = 0

    async def __aiter__(self) -> AsyncIterator[events.ImageEvent]:
        async for response in self._responses():
            event = self.accept(response)
            if event is not None:
                yield event
        if not self._cancelled.is_set() and self.finished is None:
            raise errors.Interrupted(
                "the picture broke off: the service sent no final event", request_id=self.request_id
            )

    def accept(self, response: image_pb2.ImageResponse) -> events.ImageEvent | None:
        """Returns a picture once its last chunk has arrived."""
        match response.WhichOneof("event"):
            case "started":
                self.request_id, self.deployment = (
                    response.started.request_id,
                    names.deployment(response.started.deployment),
                )
                return wire.started(response.started)
            case "progress":
                return wire.progress(response.progress)
            case "preview":
                return events.Preview(response.preview.index, response.preview.mime_type, response.preview.data)
            case "handover":
                self.deployment = names.deployment(response.handover.to_deployment)
                return wire.handover(response.handover)
            case "image":
                self._check_whole()
                self._header, self._chunks, self._missing = response.image, [], response.image.total_bytes
            case "chunk":
                self._chunks.append(response.chunk)
                self._missing -= len(response.chunk)
                if self._header is not None and self._missing <= 0:
                    return self._whole(self._header)
            case "notice":
                return wire.notice(response.notice)
            case "usage":
                self.usages.append(wire.usage(response.usage))
                return self.usages[-1]
            case "finished":
                self._check_whole()
                self.finished = wire.image_finished(response.finished)
                self.deployment = self.finished.deployment
                return self.finished
        return None

    def _check_whole(self) -> None:
        if self._missing > 0:
            raise errors.AnswerIncomplete("a picture has fewer bytes than announced", request_id=self.request_id)

    def _whole(self, header: image_pb2.ImageHeader) -> events.Picture:
        if self._missing < 0:
            raise errors.AnswerIncomplete("a picture has more bytes than announced", request_id=self.request_id)
        seed = header.seed if header.HasField("seed") else None
        data = b"".join(self._chunks)
        self._chunks = []
        picture = events.Picture(header.index, header.mime_type, data, header.width, header.height, seed)
        self.pictures.append(picture)
        return picture
