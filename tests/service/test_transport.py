"""The transport on the event loop, by hand over a real socket: what gRPC's own servers answer, and what they refuse."""

import asyncio
import contextlib
import gzip
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import grpc
import pytest

from antiphon.channel import STREAMS_A_CONNECTION
from antiphon.config.model import Service
from inference_service.transport import Call, watch
from inference_service.transport.inbox import WINDOW
from inference_service.transport.server import H2Server
from tests.support.http2 import (
    ACK,
    DATA,
    END_HEADERS,
    END_STREAM,
    GOAWAY,
    HEADERS,
    INITIAL_WINDOW_SIZE,
    PING,
    RST_STREAM,
    SETTINGS,
    WINDOW_UPDATE,
    frame,
    grpc_message,
    literal,
)  # fmt: skip
from tests.support.peer import Peer, block

PROTOCOL_ERROR, REFUSED_STREAM, CANCEL, ENHANCE_YOUR_CALM = 1, 7, 8, 11
PRIORITY, CONTINUATION, UNKNOWN = 2, 9, 200
HELLO = grpc_message(b"hello")


class Text:
    """A message as the transport sees it."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def SerializeToString(self) -> bytes:  # noqa: N802 - protobuf's name
        return self.data


class Handlers:
    """`cancelled`: calls whose handler was. `writing`: messages that left so far."""

    def __init__(self) -> None:
        self.begun, self.cancelled, self.written = 0, 0, 0
        self.seen: list[Any] = []
        self.changed = asyncio.Event()

    async def echo(self, _: object, call: Call) -> None:
        while (data := await call.read()) is not grpc.aio.EOF:
            await call.write(Text(data))

    async def metadata(self, _: object, call: Call) -> None:
        self.seen.append(call.invocation_metadata())
        self.seen.append(call.time_remaining())
        call.set_trailing_metadata((("x-id", "1"), ("x-bin", b"\0\1")))
        await call.abort(grpc.StatusCode.NOT_FOUND, "нет 100%")

    async def wait(self, _: object, call: Call) -> None:
        """Reads nothing, says nothing."""
        self.begun += 1
        self.tell()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.cancelled += call.cancelled()
            self.tell()
            raise

    async def pour(self, _: object, call: Call) -> None:
        """As many messages of 1,000 bytes as the caller takes."""
        while True:
            await call.write(Text(bytes(995)))
            self.written += 1
            self.tell()

    async def large(self, _: object, call: Call) -> None:
        await call.write(Text(bytes(300_000)))

    async def fail(self, _: object, __: Call) -> None:
        raise ValueError("a secret")

    def tell(self) -> None:
        self.changed.set()

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(30):
            while not holds():
                self.changed.clear()
                await self.changed.wait()


Start = Callable[..., Awaitable[tuple[H2Server, int]]]


@pytest.fixture
def handlers() -> Handlers:
    return Handlers()


@pytest.fixture
async def start(handlers: Handlers) -> AsyncIterator[Start]:
    async with contextlib.AsyncExitStack() as stack:

        async def started(**settings: Any) -> tuple[H2Server, int]:
            server = H2Server(Service(transport="h2", **settings))
            names = ("echo", "metadata", "wait", "pour", "large", "fail")
            methods: dict[str, Any] = {
                name.title(): grpc.stream_stream_rpc_method_handler(getattr(handlers, name), None, None)
                for name in names
            }
            server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("test.Test", methods),))
            port = await server.start("127.0.0.1", 0, None)
            stack.push_async_callback(server.stop, 0)
            return server, port

        yield started


@pytest.fixture
async def peer(start: Start) -> AsyncIterator[Peer]:
    _, port = await start()
    async with Peer(port) as peer:
        yield peer


# --- calls ------------------------------------------------------------------------------------------


async def test_a_call_is_answered_by_headers_messages_and_trailers(peer: Peer) -> None:
    peer.ask(1, HELLO + grpc_message(b""))
    assert await peer.status(1) == ("0", "")
    assert peer.data(1) == HELLO + grpc_message(b"")
    first, last = peer.fields[1]
    assert first[":status"] == "200"
    assert first["content-type"] == "application/grpc"
    assert last == {"grpc-status": "0"}
    assert peer.resets(1) == []


async def test_an_error_before_any_message_is_one_block_with_everything(peer: Peer) -> None:
    peer.ask(1, HELLO, pseudo_path="/test.Test/Metadata")
    assert await peer.status(1) == ("5", "%D0%BD%D0%B5%D1%82 100%25")
    (only,) = peer.fields[1]
    assert only[":status"] == "200"
    assert (only["x-id"], only["x-bin"]) == ("1", "AAE")
    assert peer.data(1) == b""


async def test_the_handler_sees_metadata_and_the_time_that_is_left(peer: Peer, handlers: Handlers) -> None:
    peer.ask(1, pseudo_path="/test.Test/Metadata", x_text="a", x_bin="AAE=,Ag", grpc_timeout="100S")
    await peer.status(1)
    seen, left = handlers.seen
    assert seen == (("x-text", "a"), ("x-bin", b"\0\1"), ("x-bin", b"\2"))
    assert 0 < left <= 100
    peer.ask(3, pseudo_path="/test.Test/Metadata")
    await peer.status(3)
    assert handlers.seen[3] is None


REFUSED: list[tuple[dict[str, str | None], str, str]] = [
    ({"pseudo_path": "/test.Test/Unknown"}, "12", "not found"),
    ({"pseudo_path": "/other.Test/Echo"}, "12", "not found"),
    ({"pseudo_path": "nonsense"}, "12", "not found"),
    ({"te": None}, "13", "te: trailers"),
    ({"grpc_timeout": "soon"}, "13", "grpc-timeout"),
    ({"grpc_encoding": "zstd"}, "12", "grpc-encoding"),
    ({"x_bin": "A"}, "13", "base64"),
    ({"x_large": "a" * 17_000}, "8", "metadata is larger"),
]


@pytest.mark.parametrize(("headers", "code", "text"), REFUSED)
async def test_a_malformed_call_gets_its_status_without_a_handler(
    headers: dict[str, str | None], code: str, text: str, peer: Peer
) -> None:
    split = block(**headers)
    peer.send(frame(HEADERS, END_STREAM, 1, split[:16_000]), frame(CONTINUATION, END_HEADERS, 1, split[16_000:]))
    got, message = await peer.status(1)
    assert (got, text in message) == (code, True)
    peer.ask(3, HELLO)
    assert await peer.status(3) == ("0", "")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"pseudo_method": "GET"}, "405"),
        ({"content_type": "application/json"}, "415"),
        ({"content_type": "application/grpcweb"}, "415"),
        ({"content_type": None}, "415"),
    ],
)
async def test_another_protocol_is_refused_as_http(headers: dict[str, str | None], status: str, peer: Peer) -> None:
    peer.ask(1, **headers)
    await peer.until(lambda: peer.ended(1))
    assert peer.fields[1] == [{":status": status, "content-type": "text/plain"}]
    assert b"gRPC" in peer.data(1)


@pytest.mark.parametrize("kind", ["application/grpc", "application/grpc+proto", "application/grpc;charset=utf-8"])
async def test_any_content_type_of_grpc_is_taken(kind: str, peer: Peer) -> None:
    peer.ask(1, HELLO, content_type=kind)
    assert await peer.status(1) == ("0", "")


@pytest.mark.parametrize("extra", [literal("X-Upper", "a"), literal(":status", "200"), literal("connection", "close")])
async def test_a_malformed_request_costs_its_stream_and_not_the_connection(extra: bytes, peer: Peer) -> None:
    peer.send(frame(HEADERS, END_HEADERS | END_STREAM, 1, block() + extra))
    await peer.until(lambda: peer.resets(1) == [PROTOCOL_ERROR])
    peer.ask(3, HELLO)
    assert await peer.status(3) == ("0", "")


async def test_an_error_of_our_own_has_a_status_and_tells_nothing(peer: Peer) -> None:
    peer.ask(1, HELLO, pseudo_path="/test.Test/Fail")
    code, text = await peer.status(1)
    assert code == "2"
    assert "secret" not in text


@pytest.mark.parametrize("size", [10, 40_000])
async def test_a_compressed_message_is_read(size: int, peer: Peer) -> None:
    message = bytes(range(256)) * (size // 256 + 1)
    peer.ask(1, grpc_message(gzip.compress(message), compressed=True), grpc_encoding="gzip")
    await peer.until(lambda: len(peer.data(1)) == len(message) + 5)
    assert peer.data(1)[5:] == message


async def test_a_compressed_message_without_an_encoding_is_refused(peer: Peer) -> None:
    peer.ask(1, grpc_message(gzip.compress(b"x"), compressed=True))
    assert (await peer.status(1))[0] == "13"


async def test_messages_come_and_go_until_the_caller_has_said_all(peer: Peer) -> None:
    peer.ask(1, HELLO, end=False)
    await peer.until(lambda: peer.data(1) == HELLO)
    peer.send(frame(DATA, 0, 1, HELLO[:3]))
    peer.send(frame(DATA, 0, 1, HELLO[3:]))
    await peer.until(lambda: peer.data(1) == HELLO * 2)
    assert not peer.ended(1)
    peer.send(frame(DATA, END_STREAM, 1))
    assert await peer.status(1) == ("0", "")


async def test_a_caller_who_stops_inside_a_message_gets_an_error(peer: Peer) -> None:
    peer.ask(1, HELLO[:-1])
    assert (await peer.status(1))[0] == "13"


async def test_data_after_the_end_is_stopped_without_blame(peer: Peer) -> None:
    peer.ask(1, HELLO, end=False, pseudo_path="/test.Test/Metadata")
    assert (await peer.status(1))[0] == "5"
    await peer.until(lambda: peer.resets(1) == [0])
    peer.send(frame(DATA, 0, 1, HELLO))
    peer.ask(3, HELLO)
    assert await peer.status(3) == ("0", "")


# --- ends -------------------------------------------------------------------------------------------


async def test_a_call_that_is_taken_back_ends_its_handler(peer: Peer, handlers: Handlers) -> None:
    peer.ask(1, pseudo_path="/test.Test/Wait")
    await handlers.until(lambda: handlers.begun == 1)
    peer.send(frame(RST_STREAM, 0, 1, struct.pack(">I", CANCEL)))
    await handlers.until(lambda: handlers.cancelled == 1)
    assert not peer.fields.get(1)


async def test_a_deadline_ends_the_handler_and_says_so(peer: Peer, handlers: Handlers) -> None:
    peer.ask(1, pseudo_path="/test.Test/Wait", grpc_timeout="10m")
    assert (await peer.status(1))[0] == "4"
    await handlers.until(lambda: handlers.cancelled == 1)


async def test_a_connection_that_is_lost_ends_all_its_calls_and_leaves_nothing(
    start: Start, handlers: Handlers
) -> None:
    server, port = await start()
    async with Peer(port) as peer:
        for stream in range(1, 41, 2):
            peer.ask(stream, HELLO, pseudo_path="/test.Test/Wait")
        await handlers.until(lambda: handlers.begun == 20)
    await handlers.until(lambda: handlers.cancelled == 20)
    async with asyncio.timeout(30):
        while server.tasks:
            await asyncio.wait(server.tasks)
    assert not server.sessions


async def test_a_server_that_stops_lets_calls_finish_and_refuses_new_ones(start: Start) -> None:
    server, port = await start()
    async with Peer(port) as peer:
        peer.ask(1, HELLO, end=False)
        await peer.until(lambda: peer.data(1) == HELLO)
        stopping = asyncio.create_task(server.stop(20))
        await peer.until(lambda: bool(peer.goaways()))
        assert peer.goaways()[0][:2] == (2**31 - 1, 0)
        ping = next(payload for kind, flags, _, payload in peer.frames if kind == PING and not flags & ACK)
        peer.ask(3, HELLO)  # was on its way
        assert await peer.status(3) == ("0", "")
        peer.send(frame(PING, ACK, 0, ping))
        await peer.until(lambda: len(peer.goaways()) == 2)
        assert peer.goaways()[1][:2] == (3, 0)
        peer.ask(5, HELLO)
        await peer.until(lambda: peer.resets(5)[:1] == [REFUSED_STREAM])
        peer.send(frame(DATA, END_STREAM, 1, HELLO))
        assert await peer.status(1) == ("0", "")
        await peer.ends()
        await stopping
    with pytest.raises(ConnectionError):
        await asyncio.open_connection("127.0.0.1", port)


async def test_a_call_that_outlasts_the_grace_ends_with_a_status(start: Start, handlers: Handlers) -> None:
    server, port = await start()
    async with Peer(port) as peer:
        peer.ask(1, pseudo_path="/test.Test/Wait")
        await handlers.until(lambda: handlers.begun == 1)
        await server.stop(0.05)
        assert (await peer.status(1))[0] == "14"
        await peer.ends()
    assert handlers.cancelled == 1


async def test_a_caller_that_says_goodbye_still_gets_its_answers(peer: Peer) -> None:
    peer.ask(1, HELLO, end=False)
    peer.send(frame(GOAWAY, 0, 0, bytes(8)))
    peer.send(frame(DATA, END_STREAM, 1, HELLO))
    assert await peer.status(1) == ("0", "")
    assert peer.data(1) == HELLO * 2


async def test_a_caller_that_never_greets_is_left(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "GREETING", 0.05)
    _, port = await start()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    async with asyncio.timeout(30):
        await reader.read()
    writer.close()


async def test_http_1_gets_an_answer_that_names_the_protocol(start: Start) -> None:
    _, port = await start()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    async with asyncio.timeout(30):
        assert b"HTTP/2" in await reader.read()
    writer.close()


# --- windows ------------------------------------------------------------------------------------------


def opened(stream: int, increment: int) -> bytes:
    return frame(WINDOW_UPDATE, 0, stream, struct.pack(">I", increment))


async def test_a_caller_who_reads_nothing_blocks_only_its_own_handler(start: Start, handlers: Handlers) -> None:
    _, port = await start()
    async with Peer(port, {INITIAL_WINDOW_SIZE: 2_500}) as peer:
        peer.ask(1, pseudo_path="/test.Test/Pour")
        await peer.until(lambda: len(peer.data(1)) == 2_500)
        peer.ask(3, HELLO)  # others go on
        assert await peer.status(3) == ("0", "")
        assert handlers.written == 2
        peer.send(opened(1, 500))
        await peer.until(lambda: len(peer.data(1)) == 3_000)
        await handlers.until(lambda: handlers.written == 3)
        # Less than nothing: a smaller first window holds for open streams, too.
        peer.send(frame(SETTINGS, 0, 0, struct.pack(">HI", INITIAL_WINDOW_SIZE, 0)), opened(1, 2_000))
        peer.send(frame(PING, 0, 0, b"in order"))
        await peer.until(lambda: any(kind == PING and flags & ACK for kind, flags, _, _ in peer.frames))
        assert len(peer.data(1)) == 3_000
        peer.send(opened(1, 501))
        await peer.until(lambda: len(peer.data(1)) == 3_001)
        peer.send(frame(SETTINGS, 0, 0, struct.pack(">HI", INITIAL_WINDOW_SIZE, 99)))
        await peer.until(lambda: len(peer.data(1)) == 3_100)


async def test_the_window_of_the_connection_is_shared_in_turn(start: Start) -> None:
    _, port = await start()
    async with Peer(port, {INITIAL_WINDOW_SIZE: 2**31 - 1}) as peer:
        for stream in (1, 3, 5):
            peer.ask(stream, pseudo_path="/test.Test/Large")
        await peer.until(lambda: sum(len(peer.data(stream)) for stream in (1, 3, 5)) == 65_535)
        peer.send(opened(0, 1_000_000))
        for stream in (1, 3, 5):
            assert await peer.status(stream) == ("0", "")
            assert len(peer.data(stream)) == 300_005
        order = [stream for kind, _, stream, payload in peer.frames if kind == DATA and payload]
        assert order != sorted(order)


@pytest.mark.parametrize("stream", [0, 1])
async def test_a_window_beyond_its_bound_is_an_error_of_what_it_belongs_to(stream: int, peer: Peer) -> None:
    peer.ask(1, HELLO, end=False)
    await peer.until(lambda: peer.data(1) == HELLO)
    peer.send(opened(stream, 2**31 - 1))
    if stream:
        await peer.until(lambda: peer.resets(1) == [3])
        peer.ask(3, HELLO)
        assert await peer.status(3) == ("0", "")
    else:
        await peer.ends()
        assert peer.goaways()[0][1] == 3


async def test_unread_data_is_bounded_and_a_reader_opens_the_window(peer: Peer, handlers: Handlers) -> None:
    peer.ask(1, end=False, pseudo_path="/test.Test/Wait")
    await handlers.until(lambda: handlers.begun == 1)
    for _ in range(4):
        peer.send(frame(DATA, 0, 1, bytes(16_000)))
    peer.ask(3, HELLO)
    await peer.status(3)
    assert not [one for one in peer.frames if one[0] == WINDOW_UPDATE and one[2] == 1]
    message = grpc_message(bytes(500_000))
    peer.ask(5, message[:16_000], end=False)
    await peer.until(lambda: any(kind == WINDOW_UPDATE and number == 5 for kind, _, number, _ in peer.frames))
    granted = sum(struct.unpack(">I", payload)[0] for kind, _, number, payload in peer.frames if (kind, number) == (WINDOW_UPDATE, 5))  # fmt: skip
    assert granted + WINDOW >= len(message)
    peer.send(frame(DATA, 0, 1, bytes(16_000)))  # beyond its window
    await peer.ends()
    assert peer.goaways()[-1][1] == 3


# --- floods -------------------------------------------------------------------------------------------

FLOODS = {
    "ping": frame(PING, 0, 0, bytes(8)),
    "settings": frame(SETTINGS, 0, 0, struct.pack(">HI", INITIAL_WINDOW_SIZE, 9)),
    "acks": frame(PING, ACK, 0, bytes(8)),
    "priority": frame(PRIORITY, 0, 1, struct.pack(">IB", 0, 9)),
    "window": frame(WINDOW_UPDATE, 0, 0, struct.pack(">I", 1)),
    "reset": frame(RST_STREAM, 0, 1, struct.pack(">I", CANCEL)),
    "unknown": frame(UNKNOWN, 0, 0, b""),
    "empty data": frame(DATA, 0, 3, b""),
    "goaway": frame(GOAWAY, 0, 0, bytes(8)),
}


@pytest.mark.parametrize("name", FLOODS)
async def test_a_flood_of_frames_that_ask_for_nothing_is_stopped_and_others_are_served(name: str, start: Start) -> None:
    server, port = await start()
    async with Peer(port) as bad, Peer(port) as good:
        bad.ask(1, HELLO)
        assert await bad.status(1) == ("0", "")
        bad.ask(3, end=False, pseudo_path="/test.Test/Wait")
        bad.send(*[FLOODS[name]] * 10_000)
        await bad.ends()
        assert bad.goaways()[-1][1] == ENHANCE_YOUR_CALM
        good.ask(1, HELLO)
        assert await good.status(1) == ("0", "")
        assert len(server.sessions) == 1


async def test_calls_taken_back_as_fast_as_they_are_made_end_the_connection(start: Start, handlers: Handlers) -> None:
    server, port = await start()
    async with Peer(port) as peer:
        for number in range(3_000):
            peer.ask(1 + 2 * number, pseudo_path="/test.Test/Wait")
            peer.send(frame(RST_STREAM, 0, 1 + 2 * number, struct.pack(">I", CANCEL)))
        await peer.ends()
        assert peer.goaways()[-1][1] == ENHANCE_YOUR_CALM
        assert handlers.begun < 1_000
    assert not server.sessions


async def test_calls_that_are_answered_and_then_taken_back_are_nobodys_abuse(peer: Peer) -> None:
    for number in range(400):
        stream = 1 + 2 * number
        peer.ask(stream, HELLO, end=False)
        await peer.until(lambda stream=stream: peer.data(stream) == HELLO)  # type: ignore[misc]
        peer.send(frame(RST_STREAM, 0, stream, struct.pack(">I", CANCEL)))
    peer.ask(9_001, HELLO)
    assert await peer.status(9_001) == ("0", "")


async def test_a_header_block_without_end_is_stopped(peer: Peer) -> None:
    peer.send(frame(HEADERS, 0, 1, block()))
    peer.send(*[frame(CONTINUATION, 0, 1, bytes(100))] * 200)
    await peer.ends()
    assert peer.goaways()


async def test_more_streams_than_allowed_are_refused_one_by_one(peer: Peer, handlers: Handlers) -> None:
    for number in range(STREAMS_A_CONNECTION + 10):
        peer.ask(1 + 2 * number, pseudo_path="/test.Test/Wait")
    last = 1 + 2 * (STREAMS_A_CONNECTION + 9)
    await peer.until(lambda: peer.resets(last) == [REFUSED_STREAM])
    await handlers.until(lambda: handlers.begun == STREAMS_A_CONNECTION)
    peer.send(frame(RST_STREAM, 0, 1, struct.pack(">I", CANCEL)))
    peer.ask(last + 2, HELLO)
    assert await peer.status(last + 2) == ("0", "")


async def test_settings_that_nobody_knows_are_not_remembered(start: Start) -> None:
    server, port = await start()
    async with Peer(port) as peer:
        for number in range(50):
            peer.send(frame(SETTINGS, 0, 0, struct.pack(">HI", 1_000 + number, 1)))
        peer.ask(1, HELLO)
        await peer.status(1)
        (session,) = server.sessions
        assert len(session._h2.remote_settings) < 10
