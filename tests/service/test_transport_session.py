"""A connection without a socket: any bytes at all, and callers who do not read."""

import asyncio
import struct
from typing import Any

import grpc
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from antiphon.config.model import Service
from inference_service.transport import Call
from inference_service.transport.server import H2Server
from inference_service.transport.session import MOST_REPLIES, Session
from tests.support.http2 import END_HEADERS, END_STREAM, HEADERS, PREFACE, SETTINGS, frame, grpc_message
from tests.support.peer import block


class Socket(asyncio.Transport):
    """Takes what is written; `waiting` bytes are said to be unsent."""

    def __init__(self) -> None:
        super().__init__()
        self.written, self.waiting, self.closed, self.aborted = bytearray(), 0, False, False

    def write(self, data: Any) -> None:
        assert not self.closed
        self.written += data

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.closed = self.aborted = True

    def get_write_buffer_size(self) -> int:
        return self.waiting

    def can_write_eof(self) -> bool:
        return False

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass


async def echo(_: object, call: Call) -> None:
    while (data := await call.read()) is not grpc.aio.EOF:
        await call.write(Text(data))


class Text:
    def __init__(self, data: bytes) -> None:
        self.data = data

    def SerializeToString(self) -> bytes:  # noqa: N802 - protobuf's name
        return self.data


def connected(server: H2Server) -> tuple[Session, Socket]:
    session, socket = Session(server), Socket()
    session.connection_made(socket)
    return session, socket


def serving() -> H2Server:
    server = H2Server(Service(transport="h2"))
    handlers: dict[str, Any] = {"Echo": grpc.stream_stream_rpc_method_handler(echo, None, None)}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("test.Test", handlers),))
    return server


async def turn() -> None:
    """Everything that could go on has gone on by one step."""
    gone = asyncio.Event()
    asyncio.get_running_loop().call_soon(gone.set)
    await gone.wait()


async def settled(server: H2Server, session: Session) -> None:
    """The connection is lost, and all that it had begun is over."""
    session.connection_lost(None)
    while server.tasks:
        await asyncio.wait(set(server.tasks))
    assert not session.calls
    assert not server.sessions


ASK = frame(HEADERS, END_HEADERS, 1, block())
known_frames = st.builds(
    frame,
    st.sampled_from([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 255]),
    st.integers(0, 255),
    st.sampled_from([0, 1, 2, 3, 5, 7, 2**31 - 1, 2**32 - 1]),
    st.binary(max_size=40) | st.sampled_from([bytes(4), bytes(5), bytes(6), bytes(8), block(), grpc_message(b"hello")]),
)
header_blocks = st.builds(
    frame, st.just(HEADERS), st.sampled_from([4, 5]), st.sampled_from([1, 3, 5]), st.binary(max_size=80)
)
streams = st.lists(known_frames | header_blocks | st.just(ASK) | st.binary(max_size=30), max_size=25)
bounded = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def feed_any(sent: list[bytes]) -> None:
    async def run() -> None:
        server = serving()
        session, _ = connected(server)
        session.data_received(PREFACE + frame(SETTINGS, 0, 0))
        for piece in sent:
            session.data_received(piece)
            await turn()
        await settled(server, session)

    asyncio.run(run())


@bounded
@given(streams)
def test_whatever_frames_come_the_connection_lives_or_ends_and_nothing_stays(sent: list[bytes]) -> None:
    feed_any(sent)


@pytest.mark.soak
@settings(max_examples=50_000, deadline=None)
@given(streams)
def test_whatever_frames_come_for_long(sent: list[bytes]) -> None:
    feed_any(sent)


@bounded
@given(st.binary(max_size=200))
def test_whatever_header_compression_comes_the_connection_lives_or_ends(data: bytes) -> None:
    feed_any([frame(HEADERS, END_HEADERS | END_STREAM, 1, data), ASK])


async def test_a_bomb_of_header_compression_ends_the_connection_before_it_is_large() -> None:
    """One large entry, then thousands of references of a byte to it."""
    server = serving()
    session, socket = connected(server)
    session.data_received(PREFACE + frame(SETTINGS, 0, 0))
    entry = b"\x40\x01x" + b"\x7f" + bytes((0x81 + 0x00, 0x1E)) + b"a" * (127 + 1 + 0x1E * 128)
    pieces = [frame(HEADERS, END_STREAM, 1, block() + entry)] + [frame(9, 0, 1, b"\xbe" * 16_000)] * 40
    for piece in pieces:
        session.data_received(piece)
    session.data_received(frame(9, END_HEADERS, 1))
    await turn()
    assert socket.closed
    await settled(server, session)


async def test_a_caller_who_reads_no_replies_is_disconnected() -> None:
    server = serving()
    session, socket = connected(server)
    session.pause_writing()
    socket.waiting = MOST_REPLIES
    session.data_received(PREFACE + frame(SETTINGS, 0, 0))
    assert not socket.closed
    socket.waiting += 1
    session.data_received(frame(6, 0, 0, bytes(8)))
    assert socket.aborted
    await settled(server, session)


async def test_a_socket_without_room_holds_answers_back_until_it_has() -> None:
    server = serving()
    session, socket = connected(server)
    session.data_received(PREFACE + frame(SETTINGS, 0, 0))
    session.pause_writing()
    session.data_received(ASK + frame(0, END_STREAM, 1, grpc_message(b"hello")))
    (call,) = session.calls.values()
    assert call.task is not None
    await turn()
    await turn()
    assert call.outgoing is not None
    assert grpc_message(b"hello") not in socket.written
    session.resume_writing()
    await call.task
    await turn()
    assert grpc_message(b"hello") in socket.written
    await settled(server, session)


@pytest.mark.parametrize("offered", [0, 100, 2**32 - 1])
async def test_the_compression_table_is_no_larger_than_both_sides_allow(offered: int) -> None:
    session, _ = connected(serving())
    session.data_received(PREFACE + frame(SETTINGS, 0, 0, struct.pack(">HI", 1, offered)))
    assert session._h2.encoder.header_table_size == min(offered, 4_096)
    session.connection_lost(None)


async def test_ten_thousand_answered_calls_leave_nothing_behind() -> None:
    server = serving()
    session, socket = connected(server)
    session.data_received(PREFACE + frame(SETTINGS, 0, 0))
    for number in range(10_000):
        stream = 1 + 2 * number
        session.data_received(frame(HEADERS, END_HEADERS | END_STREAM, stream, block()))
        (call,) = session.calls.values()
        assert call.task is not None
        await call.task
        session.data_received(frame(8, 0, 0, struct.pack(">I", 1_000)))
    assert not session.calls
    assert len(session._h2.streams) < 100
    assert len(session._h2._closed_streams) <= 1_000
    socket.written.clear()
    await settled(server, session)
