"""One RPC as its handler sees it."""

import asyncio
from typing import TYPE_CHECKING, Any, NoReturn

import grpc

from inference_service.transport import wire
from inference_service.transport.inbox import Inbox
from inference_service.transport.wire import Malformed

if TYPE_CHECKING:
    from inference_service.transport.session import Session

EOF: Any = grpc.aio.EOF
StatusCode = grpc.StatusCode
SLACK = 0.1  # seconds; a handler normally ends a late call itself, with details; this catches the exceptions


class H2Call:
    """One call. `over`: nothing can be sent any more. `outgoing`: the part of a message that waits for flow control."""

    def __init__(self, session: "Session", stream: int) -> None:
        self.stream = stream
        self.inbox = Inbox(session.settings.max_request_bytes)
        self.encoding = b"identity"
        self.deadline: float | None = None  # in loop time
        self.over = self.answered = False
        self.outgoing: memoryview | None = None
        self.task: asyncio.Task[None] | None = None
        self.began = session.loop.time()
        self._timer: asyncio.TimerHandle | None = None
        self._session = session
        self._metadata: tuple[tuple[str, str | bytes], ...] = ()
        self._trailing: tuple[tuple[str, str | bytes], ...] = ()
        self._room: asyncio.Future[None] | None = None
        self._cancelled = False

    # --- the interface for handlers -----------------------------------------------------------

    def invocation_metadata(self) -> tuple[tuple[str, str | bytes], ...]:
        return self._metadata

    def time_remaining(self) -> float | None:
        return None if self.deadline is None else max(0.0, self.deadline - self._session.loop.time())

    def cancelled(self) -> bool:
        return self._cancelled

    def peer(self) -> str:
        return self._session.peer.address

    def auth_context(self) -> dict[str, list[bytes]]:
        return self._session.peer.names

    def trailing_metadata(self) -> tuple[tuple[str, str | bytes], ...]:
        return self._trailing

    def set_trailing_metadata(self, trailing_metadata: Any) -> None:
        self._trailing = tuple(trailing_metadata)

    async def read(self) -> Any:
        inbox = self.inbox
        try:
            while (message := inbox.take()) is None:
                if inbox.ended:
                    return EOF
                inbox.reader = self._session.loop.create_future()
                self._session.open_window(self)
                try:
                    await inbox.reader
                finally:
                    inbox.reader = None
            self._session.settle(self)
            compressed, data = message
            return await self._inflated(data) if compressed else data
        except Malformed as error:
            await self.abort(error.code, str(error))

    async def _inflated(self, data: bytes) -> bytes:
        if self.encoding == b"identity":
            raise Malformed("a message is compressed, but grpc-encoding does not say how")
        arguments = (data, self.encoding, self._session.settings.max_request_bytes)
        if len(data) <= wire.INLINE:
            return wire.inflated(*arguments)
        return await asyncio.to_thread(wire.inflated, *arguments)

    async def write(self, message: Any) -> None:
        await self._send(wire.framed(message.SerializeToString()))

    async def _send(self, data: bytes) -> None:
        if self.over:
            raise asyncio.CancelledError
        if not self._session.send(self, data):
            self._room = self._session.loop.create_future()
            await self._room

    async def abort(self, code: grpc.StatusCode, details: str = "", trailing_metadata: Any = ()) -> NoReturn:
        self._trailing = tuple(trailing_metadata) or self._trailing
        self.finish(code, details)
        raise grpc.aio.AbortError("the call was aborted")

    # --- life cycle --------------------------------------------------------------------------------

    def begin(self, headers: list[wire.Header], fields: dict[bytes, bytes]) -> None:
        """Reads the request headers. Raises Malformed."""
        self._metadata = wire.metadata(headers)
        self.encoding = fields.get(b"grpc-encoding", self.encoding)
        if self.encoding not in wire.ENCODINGS:
            raise Malformed("grpc-encoding is not identity, deflate or gzip", StatusCode.UNIMPLEMENTED)
        if (timeout := fields.get(b"grpc-timeout")) is not None:
            self.deadline = self.began + wire.seconds(timeout)
            self._timer = self._session.loop.call_at(self.deadline + SLACK, self._expire)

    async def run(self, handler: Any) -> None:
        try:
            await self._answer(handler)
            self.finish(StatusCode.OK)
        except grpc.aio.AbortError:
            pass
        except asyncio.CancelledError:
            self.finish(StatusCode.CANCELLED, "the service cancelled the call")
            raise
        except BaseException:
            self.finish(StatusCode.UNKNOWN, "internal error")
            raise

    async def turn_away(self, text: bytes) -> None:
        """Ends a call of a plain HTTP client; its status has already been sent."""
        await self._send(text)
        self._session.end(self, None)

    async def _answer(self, handler: Any) -> None:
        request = None
        if not handler.request_streaming:
            request = await self.read()
            if request is EOF:
                await self.abort(StatusCode.INVALID_ARGUMENT, "the request is missing")
        if handler.response_streaming:
            await (handler.stream_stream or handler.unary_stream)(request, self)
        else:
            await self.write(await handler.unary_unary(request, self))

    def finish(self, code: grpc.StatusCode, details: str = "") -> None:
        """Sends the status, unless the call is already over."""
        if not self.over:
            self._session.end(self, wire.trailers(code, details, self._trailing))

    def sent(self) -> None:
        """The whole message has been sent."""
        self.outgoing = None
        if self._room is not None and not self._room.done():
            self._room.set_result(None)

    def cancel(self) -> None:
        """The caller has cancelled, or the deadline has passed."""
        self.over = self._cancelled = True
        self.outgoing = None
        if self.task is not None:
            self.task.cancel()

    def _expire(self) -> None:
        self.finish(StatusCode.DEADLINE_EXCEEDED, "the deadline has passed")
        self.cancel()

    def stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
