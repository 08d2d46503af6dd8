"""The client for programs without an event loop: the same questions, the same answers, in plain calls and loops.

    with SyncInferenceClient("127.0.0.1:50551") as client:
        for event in client.chat("Why is the sky blue?"):
            ...

It runs the asynchronous client on a thread of its own, so several threads may share one. Errors are those of `antiphon.errors`.
"""

import asyncio
import threading
from collections.abc import Coroutine, Iterator, Sequence
from typing import Any, Generic, Literal, Self, TypeVar, Unpack

from antiphon import events
from antiphon.client import InferenceClient
from antiphon.options import ChatOptions, UnaryOptions
from antiphon.streams import ChatStream, ImageStream
from antiphon.v1 import operations_pb2

T = TypeVar("T")
S = TypeVar("S", ChatStream, ImageStream)


class Loop:
    """An event loop on a thread of its own."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="antiphon-client", daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Waits for the result; Ctrl+C ends the work, too."""
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


class SyncStream(Generic[S]):
    """Iterate once. `stream` holds what has arrived: `stream.text`, `stream.pictures`, `stream.finished` …"""

    def __init__(self, loop: Loop, stream: S) -> None:
        self._loop = loop
        self.stream: S = stream

    def __iter__(self) -> Iterator[Any]:
        arriving = self.stream.__aiter__()
        over = object()
        try:
            while (event := self._loop.run(_next(arriving, over))) is not over:
                yield event
        finally:
            self.cancel()
            self._loop.run(_close(arriving))

    def cancel(self) -> None:
        """The iteration ends without an error; what arrived stays."""
        self._loop.run(_cancel(self.stream))


async def _next(arriving: Any, over: object) -> Any:
    return await anext(arriving, over)


async def _close(arriving: Any) -> None:
    await arriving.aclose()


async def _cancel(stream: ChatStream | ImageStream) -> None:
    if stream.finished is None:
        stream.cancel()


class SyncInferenceClient:
    """As `InferenceClient`, which explains every argument."""

    def __init__(self, target: str, token: str | None = None, **options: Any) -> None:
        self._loop = Loop()
        self._client = self._loop.run(_made(target, token, options))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends what still runs."""
        self._loop.run(self._client.close())
        self._loop.close()

    def chat(
        self,
        messages: str | Sequence[events.Message],
        model: str = "chat",
        *,
        timeout: float | None = None,
        **options: Unpack[ChatOptions],
    ) -> SyncStream[ChatStream]:
        return SyncStream(
            self._loop, self._loop.run(_of(self._client.chat, messages, model, timeout=timeout, **options))
        )

    def complete(
        self,
        messages: str | Sequence[events.Message],
        model: str = "chat",
        *,
        timeout: float | None = None,
        **options: Unpack[ChatOptions],
    ) -> events.Completion:
        return self._loop.run(self._client.complete(messages, model, timeout=timeout, **options))

    def image(self, prompt: str, model: str = "image", **options: Any) -> SyncStream[ImageStream]:
        return SyncStream(self._loop, self._loop.run(_of(self._client.image, prompt, model, **options)))

    def embed(
        self,
        inputs: Sequence[str],
        model: str = "embed",
        *,
        dimensions: int | None = None,
        timeout: float | None = None,
        **options: Unpack[UnaryOptions],
    ) -> events.Embeddings:
        return self._loop.run(self._client.embed(inputs, model, dimensions=dimensions, timeout=timeout, **options))

    def transcribe(self, audio: events.Audio, model: str = "transcribe", **options: Any) -> events.Transcript:
        return self._loop.run(self._client.transcribe(audio, model, **options))

    def count_tokens(
        self, messages: str | Sequence[events.Message], model: str = "chat", *, tools: Sequence[events.Tool] = ()
    ) -> events.TokenCount:
        return self._loop.run(self._client.count_tokens(messages, model, tools=tools))

    def models(
        self, task: Literal["chat", "image", "embed", "transcribe"] | None = None, *, include_deployments: bool = False
    ) -> list[events.Model]:
        return self._loop.run(self._client.models(task, include_deployments=include_deployments))

    def usage(self, **options: Any) -> list[events.UsageRow]:
        return self._loop.run(self._client.usage(**options))

    def status(self) -> operations_pb2.Status:
        return self._loop.run(self._client.status())

    def watch_status(self, interval: float = 1.0) -> Iterator[operations_pb2.Status]:
        watching, over = self._client.watch_status(interval), object()
        try:
            while (status := self._loop.run(_next(watching, over))) is not over:
                yield status
        finally:
            self._loop.run(_close(watching))

    def reload(self) -> list[str]:
        return self._loop.run(self._client.reload())


async def _made(target: str, token: str | None, options: dict[str, Any]) -> InferenceClient:
    return InferenceClient(target, token, **options)


async def _of(ask: Any, *arguments: Any, **options: Any) -> Any:
    """Makes a stream where its event loop runs."""
    return ask(*arguments, **options)
