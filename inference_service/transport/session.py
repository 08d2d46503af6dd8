"""One connection: connects a socket, the sans-IO library and the calls."""

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import grpc
from jh2.errors import ErrorCodes
from jh2.events import (
    DataReceived,
    PingAckReceived,
    PingReceived,
    RemoteSettingsChanged,
    RequestReceived,
    StreamEnded,
    StreamReset,
    TrailersReceived,
    WindowUpdated,
)
from jh2.exceptions import ProtocolError
from jh2.settings import SettingCodes

from antiphon.channel import STREAMS_A_CONNECTION
from inference_service.transport import wire
from inference_service.transport.call import H2Call
from inference_service.transport.connection import METADATA, Connection, goaway
from inference_service.transport.frames import Allowance, Frames, Violation
from inference_service.transport.inbox import WINDOW
from inference_service.transport.peer import Peer, peer_of
from inference_service.transport.watch import Watch
from inference_service.transport.wire import Malformed

if TYPE_CHECKING:
    from inference_service.transport.server import H2Server

CONNECTION_WINDOW = 4 * 1024 * 1024
FLUSH = 128 * 1024  # bytes to collect before they go to the socket within one turn of the loop
MOST_REPLIES = 1024 * 1024  # bytes of protocol replies that a caller may leave unread
QUICK, RESET_COST = (
    1.0,
    10,
)  # seconds; a call cancelled this early, before any answer, costs as much as ten empty frames
EARNED = 4  # empty frames allowed per frame of an answer
LINGER, PATIENCE = 5.0, 30.0  # seconds for the caller to close its side, and to read the last bytes
NOT_GRPC = b"This port speaks gRPC: POST with the content type application/grpc.\n"
PROBE, FAREWELL = b"antiphon", b"farewell"
LAST_STREAM = 2**31 - 1


class Session(asyncio.Protocol):
    """`calls` by stream id. `_queue`: calls with bytes to send while the connection's window is full. A call whose own
    window is closed joins the queue when the caller opens it."""

    def __init__(self, server: "H2Server") -> None:
        self.server, self.loop, self.settings = server, server.loop, server.settings
        self.calls: dict[int, H2Call] = {}
        self.watch = Watch(self)
        self._h2 = Connection()
        self._queue: dict[int, H2Call] = {}
        self._frames, self._allowance = Frames(), Allowance(self.loop.time())
        self._unread = 0
        self._last_stream = LAST_STREAM
        self._paused = self._scheduled = self._leaving = self._closed = False
        self._transport: asyncio.Transport
        self.peer: Peer

    # --- the socket ------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment] # asyncio passes a stream transport
        self.peer = peer_of(transport)
        self.server.sessions.add(self)
        secured = transport.get_extra_info("ssl_object")
        if secured is not None and secured.selected_alpn_protocol() != "h2":
            self.give_up()
            return
        self._h2.initiate_connection()
        self._h2.increment_flow_control_window(CONNECTION_WINDOW - WINDOW)
        self.flush()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's interface
        self.watch.close()
        self._drop_calls()
        self.server.closed(self)
        # Breaks reference cycles; otherwise only a full garbage collection would free the memory of a connection.
        self._h2.__dict__.clear()
        self.watch.__dict__.clear()

    def data_received(self, data: bytes) -> None:
        self.watch.heard = self.loop.time()
        if not self._closed:
            self._frames.add(data)
            if not self._frames.more:
                self._turn()

    def _turn(self) -> None:
        """Handles some frames and leaves the rest for the next turn of the loop."""
        if self._closed or self._transport.is_closing():
            return
        waited = self._frames.more
        try:
            # One at a time, so that the library never gets ahead of the calls.
            for frame in self._frames.turn(self._allowance, self.loop.time()):
                for event in self._h2.receive_data(frame):
                    if (react := REACTIONS.get(event.__class__)) is not None:
                        react(self, event)
        except Violation as violation:
            self.close(violation.code, str(violation))
            return
        except ProtocolError:
            self.close(None)
            return
        self.flush()
        if self._frames.more:
            if not waited:
                self._transport.pause_reading()
            self.loop.call_soon(self._turn)
        elif waited:
            self._transport.resume_reading()

    def pause_writing(self) -> None:
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False
        self._pump()

    def flush(self) -> None:
        self._scheduled = False
        if self._closed or self._transport.is_closing():
            return
        if data := self._h2.data_to_send():
            self._transport.write(data)
            if self._paused and self._transport.get_write_buffer_size() > MOST_REPLIES:
                self.give_up()

    def _flush_soon(self) -> None:
        if not self._scheduled:
            self._scheduled = True
            self.loop.call_soon(self.flush)

    # --- events from the caller ----------------------------------------------------------------------

    def requested(self, event: RequestReceived) -> None:
        stream, headers = event.stream_id, event.headers
        if stream > self._last_stream or len(self.calls) >= STREAMS_A_CONNECTION:
            self._h2.reset_stream(stream, ErrorCodes.REFUSED_STREAM)
            return
        fields = wire.request_fields(headers)
        if fields is None:
            self._h2.reset_stream(stream, ErrorCodes.PROTOCOL_ERROR)
            return
        call = self.calls[stream] = H2Call(self, stream)
        call.inbox.ended = event.stream_ended is not None
        if fields[b":method"] != b"POST":
            self._turn_away(call, b"405")
        elif not wire.CONTENT_TYPE.fullmatch(fields.get(b"content-type", b"")):
            self._turn_away(call, b"415")
        else:
            self._open(call, headers, fields)

    def _turn_away(self, call: H2Call, status: bytes) -> None:
        call.answered = True
        self._h2.send_headers(call.stream, [(b":status", status), (b"content-type", b"text/plain")])
        call.task = self.server.run(call.turn_away(NOT_GRPC))

    def _open(self, call: H2Call, headers: list[wire.Header], fields: dict[bytes, bytes]) -> None:
        try:
            if sum(len(name) + len(value) + 32 for name, value in headers) > METADATA:
                raise Malformed(f"the metadata is larger than {METADATA} bytes", grpc.StatusCode.RESOURCE_EXHAUSTED)
            if fields.get(b"te") != b"trailers":
                raise Malformed("the header 'te: trailers' is missing: a proxy on the way does not pass trailers")
            call.begin(headers, fields)
            handler = self.server.find(fields[b":path"].decode("utf-8", "replace"))
        except Malformed as error:
            call.finish(error.code, str(error))
            return
        call.task = self.server.run(call.run(handler))

    def received(self, event: DataReceived) -> None:
        call = self.calls.get(event.stream_id)
        if call is not None:
            inbox = call.inbox
            inbox.feed(event.data, event.flow_controlled_length)
            if inbox.reader is None:
                self._unread += event.flow_controlled_length
            else:
                self.open_window(call)
        self._open_connection_window()

    def trailed(self, event: TrailersReceived) -> None:
        """A gRPC request has no trailers; trailers with pseudo-headers are a protocol error."""
        call = self.calls.get(event.stream_id)
        if call is not None and any(name.startswith(b":") for name, _ in event.headers):
            self._h2.reset_stream(call.stream, ErrorCodes.PROTOCOL_ERROR)
            self._forget(call)
            call.cancel()

    def half_closed(self, event: StreamEnded) -> None:
        if (call := self.calls.get(event.stream_id)) is not None:
            call.inbox.end()

    def reset(self, event: StreamReset) -> None:
        call = self.calls.get(event.stream_id)
        if call is None:
            return
        self._forget(call)
        call.cancel()
        now = self.loop.time()
        if not call.answered and now - call.began < QUICK:
            self._allowance.spend(RESET_COST, now)

    def window_opened(self, event: WindowUpdated) -> None:
        call = self.calls.get(event.stream_id)
        if call is not None and call.outgoing is not None:
            self._queue[call.stream] = call
        self._pump()

    def settings_changed(self, event: RemoteSettingsChanged) -> None:
        self.watch.greeted = True
        self._h2.bound(event.changed_settings)
        if SettingCodes.INITIAL_WINDOW_SIZE in event.changed_settings:
            self._queue.update((stream, call) for stream, call in self.calls.items() if call.outgoing is not None)
            self._pump()

    def pinged(self, _: PingReceived) -> None:
        if self.watch.pinged():
            raise Violation(ErrorCodes.ENHANCE_YOUR_CALM, "too_many_pings")

    def ponged(self, event: PingAckReceived) -> None:
        if event.ping_data == FAREWELL and self._leaving:
            self._last_goaway()

    # --- actions of calls -------------------------------------------------------------------------------

    def open_window(self, call: H2Call) -> None:
        """Opens the window of a call whose handler reads."""
        self.settle(call)
        if (increment := call.inbox.grant()) and not call.inbox.ended:
            self._h2.increment_flow_control_window(increment, call.stream)
            self._flush_soon()

    def settle(self, call: H2Call) -> None:
        """Stops counting the unread bytes of a call."""
        if call.inbox.unread:
            self._unread -= call.inbox.unread
            call.inbox.unread = 0
            self._open_connection_window()

    def _open_connection_window(self) -> None:
        allowed = CONNECTION_WINDOW - self._unread
        window = self._h2.inbound_flow_control_window
        if window <= allowed // 2:
            self._h2.increment_flow_control_window(allowed - window)
            self._flush_soon()

    def send(self, call: H2Call, data: bytes) -> bool:
        """Returns False if there is no room for all of it; `call.sent` is called once the rest has been sent."""
        if not call.answered:
            call.answered = True
            self._h2.send_response(call.stream)
        self._flush_soon()
        if not self._queue and not self._paused and len(data) <= self._h2.room(call.stream):
            self._h2.send_message(call.stream, data)
            self._worked()
            return True
        call.outgoing = memoryview(data)
        self._queue[call.stream] = call
        self._pump()
        return call.outgoing is None

    def _pump(self) -> None:
        """Sends one frame of each waiting call in turn, as long as there is room."""
        h2, queue, collected = self._h2, self._queue, 0
        while queue and not self._paused and h2.outbound_flow_control_window > 0:
            stream, call = next(iter(queue.items()))
            del queue[stream]
            outgoing, room = call.outgoing, h2.room(stream)
            if outgoing is None or room <= 0:
                continue
            h2.send_message(stream, outgoing[:room])
            self._worked()
            collected += min(room, len(outgoing))
            if len(outgoing) <= room:
                call.sent()
            else:
                call.outgoing = outgoing[room:]
                queue[stream] = call
            if collected >= FLUSH:
                self.flush()
                collected = 0
        self._flush_soon()

    def _worked(self) -> None:
        """Each frame of an answer earns the caller some empty frames."""
        self._allowance.earn(EARNED)
        self.watch.answered()

    def end(self, call: H2Call, trailers: list[wire.Header] | None) -> None:
        self._forget(call)
        call.over = True
        if trailers is None:
            self._h2.end_stream(call.stream)
        else:
            self._h2.send_headers(call.stream, trailers if call.answered else wire.RESPONSE + trailers, end_stream=True)
        if not call.inbox.ended:
            self._h2.reset_stream(call.stream, ErrorCodes.NO_ERROR)
        self._worked()
        self._flush_soon()
        if self._last_stream != LAST_STREAM and not self.calls:
            self.close(None)

    def _forget(self, call: H2Call) -> None:
        self.calls.pop(call.stream, None)
        self._queue.pop(call.stream, None)
        self.settle(call)
        call.stop_timer()
        if not self.calls:
            self._h2.forget_closed()

    def _drop_calls(self) -> None:
        calls, self.calls = self.calls, {}
        for call in calls.values():
            call.stop_timer()
            call.cancel()

    # --- shutdown ---------------------------------------------------------------------------------------

    def probe(self) -> None:
        self._h2.ping(PROBE)
        self.flush()

    def leave(self) -> None:
        """Asks the caller to use another connection. Calls in transit are still accepted; the last stream closes the connection."""
        if self._leaving or self._closed or self._transport.is_closing():
            return
        self._leaving = True
        self.flush()
        self._transport.write(goaway(LAST_STREAM))
        self._h2.ping(FAREWELL)
        self.flush()
        self.loop.call_later(1.0, self._last_goaway)

    def _last_goaway(self) -> None:
        if self._last_stream != LAST_STREAM or self._closed or self._transport.is_closing():
            return
        self._last_stream = self._h2.highest_inbound_stream_id
        self.flush()
        self._transport.write(goaway(self._last_stream))
        if not self.calls:
            self.close(None)

    def close(self, code: ErrorCodes | None, text: str = "") -> None:
        """`code`: the reason, unless the library has already sent it."""
        self._drop_calls()
        self.flush()
        if self._transport.is_closing() or self._closed:
            return
        self._closed = True
        self.watch.close()
        if code is not None:
            self._transport.write(goaway(self._h2.highest_inbound_stream_id, code, text))
        # Reads and discards further bytes: closing a socket with unread data would drop what was just sent.
        if self._transport.can_write_eof():
            self._transport.write_eof()
            self.loop.call_later(LINGER, self._transport.close)
        else:
            self._transport.close()
        self.loop.call_later(PATIENCE, self._transport.abort)
        self.server.closed(self)

    def give_up(self) -> None:
        self._transport.abort()


REACTIONS: dict[type, Callable[[Session, Any], None]] = {
    RequestReceived: Session.requested,
    DataReceived: Session.received,
    TrailersReceived: Session.trailed,
    StreamEnded: Session.half_closed,
    StreamReset: Session.reset,
    WindowUpdated: Session.window_opened,
    RemoteSettingsChanged: Session.settings_changed,
    PingReceived: Session.pinged,
    PingAckReceived: Session.ponged,
}
