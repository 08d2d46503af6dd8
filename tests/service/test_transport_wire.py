"""gRPC over HTTP/2 as bytes: what a caller may send, how it is read, and where its bounds are."""

import asyncio
import base64
import gzip
import itertools
import struct
import zlib
from urllib.parse import unquote

import grpc
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jh2.connection import HPACKError
from jh2.errors import ErrorCodes
from jh2.hpack.hpack import Encoder

from inference_service.transport import hpack, wire
from inference_service.transport.frames import FRAMES_A_TURN, PREFACE, Allowance, Frames, Violation
from inference_service.transport.inbox import WINDOW, Inbox
from inference_service.transport.wire import Malformed
from tests.support.http2 import DATA, GOAWAY, HEADERS, PING, SETTINGS, frame, grpc_message, literal

LIMIT = 100_000


@pytest.mark.parametrize(
    ("text", "seconds"),
    [(b"1H", 3600), (b"2M", 120), (b"3S", 3), (b"250m", 0.25), (b"5u", 5e-6), (b"7n", 7e-9), (b"99999999H", 99999999 * 3600), (b"0S", 0)],
)  # fmt: skip
def test_a_timeout_has_any_of_six_units(text: bytes, seconds: float) -> None:
    assert wire.seconds(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", [b"", b"S", b"1", b"123456789S", b"-1S", b"1.5S", b"1s", b"1 S", b"1S ", b"\xb2S"])
def test_a_timeout_that_is_none_is_named(text: bytes) -> None:
    with pytest.raises(Malformed, match="grpc-timeout"):
        wire.seconds(text)


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_any_message_survives_percent_encoding_and_is_printable_ascii(text: str) -> None:
    encoded = wire.percent_encoded(text)
    assert unquote(encoded.decode("ascii"), errors="strict") == text
    assert all(0x20 <= code <= 0x7E for code in encoded)
    assert encoded == encoded.strip()


def test_plain_english_stays_readable() -> None:
    assert wire.percent_encoded("the model 'x' (50 %) is not known") == b"the model 'x' (50 %25) is not known"
    assert wire.percent_encoded("нет\n") == b"%D0%BD%D0%B5%D1%82%0A"


@given(st.lists(st.binary(max_size=20), min_size=1, max_size=4), st.booleans())
def test_binary_metadata_is_read_with_and_without_padding_and_from_joined_values(
    values: list[bytes], padded: bool
) -> None:
    encoded = [base64.b64encode(value) if padded else base64.b64encode(value).rstrip(b"=") for value in values]
    assert wire.metadata([(b"x-bin", b",".join(encoded))]) == tuple(("x-bin", value) for value in values)
    assert wire.metadata([(b"x-bin", one) for one in encoded]) == tuple(("x-bin", value) for value in values)


@pytest.mark.parametrize("value", [b"A", b"A===", b"AB CD", b"\xff\xfe", b"AAAAA"])
def test_binary_metadata_that_is_no_base64_is_named(value: bytes) -> None:
    with pytest.raises(Malformed, match="base64"):
        wire.metadata([(b"x-bin", value)])


def test_the_callers_metadata_is_what_is_not_the_transports() -> None:
    headers = [
        (b":method", b"POST"), (b":path", b"/a/b"), (b"te", b"trailers"), (b"content-type", b"application/grpc"),
        (b"grpc-timeout", b"1S"), (b"grpc-encoding", b"gzip"), (b"grpc-accept-encoding", b"gzip"),
        (b"grpc-previous-rpc-attempts", b"1"), (b"grpc-trace-bin", b"AAE"), (b"authorization", b"Bearer \xff"), (b"x", b"1"), (b"x", b"2"),
    ]  # fmt: skip
    assert wire.metadata(headers) == (
        ("grpc-previous-rpc-attempts", "1"),
        ("grpc-trace-bin", b"\x00\x01"),
        ("authorization", "Bearer \udcff"),
        ("x", "1"),
        ("x", "2"),
    )


def test_trailers_carry_status_message_and_metadata() -> None:
    sent = wire.trailers(grpc.StatusCode.NOT_FOUND, "no 'ж'", [("x-id", "7"), ("x-bin", b"\x00\x01")])
    assert [tuple(field) for field in sent] == [
        (b"grpc-status", b"5"),
        (b"grpc-message", b"no '%D0%B6'"),
        (b"x-id", b"7"),
        (b"x-bin", b"AAE"),
    ]
    assert wire.trailers(grpc.StatusCode.OK, "", ()) == [(b"grpc-status", b"0")]


# --- compressed messages -------------------------------------------------------------------------


@pytest.mark.parametrize(("encoding", "pack"), [(b"gzip", gzip.compress), (b"deflate", zlib.compress)])
def test_a_compressed_message_is_whole_up_to_the_limit_and_refused_beyond(encoding: bytes, pack) -> None:  # type: ignore[no-untyped-def]
    assert wire.inflated(pack(bytes(LIMIT)), encoding, LIMIT) == bytes(LIMIT)
    with pytest.raises(Malformed, match="larger than max") as caught:
        wire.inflated(pack(bytes(LIMIT + 1)), encoding, LIMIT)
    assert caught.value.code is grpc.StatusCode.RESOURCE_EXHAUSTED


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"plain",
        gzip.compress(b"hello", mtime=0)[:-3],
        gzip.compress(b"hello", mtime=0) + b"x",
        gzip.compress(b"a", mtime=0) * 2,
    ],
)
def test_a_message_that_is_not_what_its_encoding_says_is_refused(data: bytes) -> None:
    with pytest.raises(Malformed) as caught:
        wire.inflated(data, b"gzip", LIMIT)
    assert caught.value.code is grpc.StatusCode.INTERNAL


# --- headers of a request --------------------------------------------------------------------------

GOOD = [(b":method", b"POST"), (b":scheme", b"http"), (b":path", b"/a/b"), (b":authority", b"x"), (b"te", b"trailers")]


def test_a_request_is_known_by_its_fields() -> None:
    assert wire.request_fields([*GOOD, (b"x-y_z.1", b"any\x80thing ")]) is not None
    assert wire.request_fields([field for field in GOOD if field[0] not in (b"te", b":authority")]) is not None


@pytest.mark.parametrize(
    "headers",
    [
        *([field for field in GOOD if field[0] != missing] for missing in (b":method", b":scheme", b":path")),
        [*GOOD, (b":status", b"200")],
        [*GOOD, (b":method", b"POST")],
        [GOOD[0], *GOOD],
        [(b":unknown", b"x"), *GOOD],
        [(b":path", b""), *GOOD[:2]],
        *([*GOOD, (name, b"x")] for name in (b"X", b"", b"a b", b"connection", b"transfer-encoding", b"upgrade", b"\xff")),
        [*GOOD[:4], (b"te", b"gzip")],
        *([*GOOD, (b"x", value)] for value in (b"a\0", b"a\rb", b"\n")),
    ],
)  # fmt: skip
def test_a_malformed_request_is_known_by_its_fields(headers: list[wire.Header]) -> None:
    assert wire.request_fields(headers) is None


# --- header blocks ---------------------------------------------------------------------------------

fields = st.lists(st.tuples(st.binary(min_size=1, max_size=150), st.binary(max_size=150)), min_size=1, max_size=6)


@given(fields, st.booleans(), st.integers(0, 4_096))
def test_any_header_block_of_an_encoder_is_taken(pairs: list[tuple[bytes, bytes]], huffman: bool, size: int) -> None:
    encoder = Encoder()
    encoder.header_table_size = size
    block = encoder.encode(pairs, huffman=huffman)
    decoder = hpack.CheckedDecoder(4_096, 100_000)
    assert [tuple(field[:2]) for field in decoder.decode(block, True)] == pairs
    again = encoder.encode(pairs, huffman=huffman)
    assert [tuple(field[:2]) for field in decoder.decode(again, True)] == pairs


@given(st.text("abc", min_size=1, max_size=200), st.text("xyz", max_size=200), st.integers(1, 10_000))
def test_a_header_block_that_is_cut_off_anywhere_is_refused(name: str, value: str, place: int) -> None:
    block = literal(name, value)
    hpack.check(block)
    with pytest.raises(HPACKError):
        hpack.check(block[: 1 + place % (len(block) - 1)])


@pytest.mark.parametrize(
    "block",
    [b"\xff", b"\x40", b"\x41\x05abc", b"\x00\x01x", b"\x00\x01x\x7f", b"\x00\x7f\x80", b"\x3f", b"\x82\x20", b"\x82\x3f\xe1\x1f", b"\xff\x80\x80\x80\x80\x01"],
)  # fmt: skip
def test_a_header_block_that_would_make_the_decoder_panic_does_not_reach_it(
    block: bytes, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(HPACKError):
        hpack.CheckedDecoder(4_096, 100_000).decode(block, True)
    assert "panicked" not in capfd.readouterr().err


@pytest.mark.parametrize("block", [b"", b"\x20\x82", b"\x3f\xe1\x1f\x82\x84", b"\x82\x10\x01x\x00", b"\x0f\x10\x01y"])
def test_a_header_block_of_whole_fields_is_taken(block: bytes) -> None:
    hpack.check(block)


# --- messages of a stream ----------------------------------------------------------------------------


def cut(data: bytes, places: list[int]) -> list[bytes]:
    ends = sorted({place % (len(data) + 1) for place in places} | {0, len(data)})
    return [data[start:end] for start, end in itertools.pairwise(ends)]


places = st.lists(st.integers(0, 10_000), max_size=12)


@given(st.lists(st.tuples(st.binary(max_size=50), st.booleans()), max_size=5), places)
def test_messages_are_the_same_however_their_bytes_are_cut(
    messages: list[tuple[bytes, bool]], where: list[int]
) -> None:
    data = b"".join(grpc_message(message, compressed=packed) for message, packed in messages)
    inbox, seen = Inbox(LIMIT), []
    for piece in cut(data, where):
        inbox.feed(piece, len(piece))
        while (message := inbox.take()) is not None:
            seen.append(message)
    inbox.end()
    assert inbox.take() is None
    assert seen == [(packed, message) for message, packed in messages]


def test_a_message_that_is_too_large_is_refused_by_its_first_five_bytes() -> None:
    inbox = Inbox(LIMIT)
    inbox.feed(struct.pack(">BI", 0, LIMIT + 1), 5)
    with pytest.raises(Malformed, match="larger than max") as caught:
        inbox.take()
    assert caught.value.code is grpc.StatusCode.RESOURCE_EXHAUSTED
    whole = Inbox(LIMIT)
    whole.feed(grpc_message(bytes(LIMIT)), LIMIT + 5)
    assert whole.take() == (False, bytes(LIMIT))


@pytest.mark.parametrize("data", [b"\0", b"\0\0\0\0\5", grpc_message(b"hello")[:-1]])
def test_a_stream_that_ends_inside_a_message_is_named(data: bytes) -> None:
    inbox = Inbox(LIMIT)
    inbox.feed(data, len(data))
    assert inbox.take() is None
    inbox.end()
    with pytest.raises(Malformed, match="inside a message"):
        inbox.take()


def test_unknown_flags_of_a_message_are_refused() -> None:
    inbox = Inbox(LIMIT)
    inbox.feed(struct.pack(">BI", 2, 0), 5)
    with pytest.raises(Malformed, match="flags"):
        inbox.take()


async def test_the_window_opens_for_the_rest_of_a_message_when_somebody_reads_and_not_before() -> None:
    inbox = Inbox(LIMIT * 10)
    inbox.feed(grpc_message(bytes(LIMIT * 5))[:WINDOW], WINDOW)
    assert (inbox.window, inbox.unread) == (0, WINDOW)
    inbox.reader = asyncio.get_running_loop().create_future()
    assert inbox.grant() == LIMIT * 5 + 5 - WINDOW
    assert inbox.grant() == 0
    inbox.feed(bytes(100), 100)
    assert inbox.unread == WINDOW  # what comes while somebody reads is not unread
    assert not inbox.reader.done()
    inbox.feed(bytes(inbox.missing()), inbox.missing())
    assert inbox.reader.done()
    assert inbox.window == 0


# --- frames ------------------------------------------------------------------------------------------

FRAMES = [
    frame(PING, 0, 0, bytes(8)),
    frame(SETTINGS, 0, 0),
    frame(HEADERS, 4, 1, b"x" * 30),
    frame(DATA, 1, 1, b"y" * 99),
]


@given(st.lists(st.sampled_from(FRAMES), max_size=6), places)
def test_frames_are_the_same_however_their_bytes_are_cut(sent: list[bytes], where: list[int]) -> None:
    frames, allowance, seen = Frames(), Allowance(0), []
    for piece in cut(PREFACE + b"".join(sent), where):
        frames.add(piece)
        seen += frames.turn(allowance, 0)
    assert seen == [PREFACE, *sent]


def greeted() -> Frames:
    frames = Frames()
    frames.add(PREFACE)
    frames.turn(Allowance(0), 0)
    return frames


@pytest.mark.parametrize(
    "head", [b"\x00\x40\x01\x00\x00\x00\x00\x00\x01", b"\xff\xff\xff\xfe\x00\x00\x00\x00\x00", frame(SETTINGS, 0, 0, bytes(102))[:9]]
)  # fmt: skip
def test_a_frame_that_is_too_long_is_refused_by_its_head(head: bytes) -> None:
    frames = greeted()
    frames.add(head)
    with pytest.raises(Violation) as caught:
        frames.turn(Allowance(0), 0)
    assert caught.value.code is ErrorCodes.FRAME_SIZE_ERROR


@pytest.mark.parametrize("first", [b"G", b"GET / HTTP/1.1\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nXX", b"\x16\x03\x01"])
def test_another_protocol_is_known_by_its_first_bytes(first: bytes) -> None:
    frames = Frames()
    frames.add(first)
    with pytest.raises(Violation):
        frames.turn(Allowance(0), 0)


def test_a_turn_is_bounded_and_the_rest_waits_for_the_next() -> None:
    frames, allowance = greeted(), Allowance(0)
    frames.add(FRAMES[3] * (FRAMES_A_TURN + 5))
    assert len(frames.turn(allowance, 0)) == FRAMES_A_TURN
    assert frames.more
    assert len(frames.turn(allowance, 0)) == 5
    assert not frames.more


def test_a_goaway_of_the_caller_does_not_reach_the_library_unless_it_is_malformed() -> None:
    frames = greeted()
    frames.add(frame(GOAWAY, 0, 0, bytes(8)) + frame(GOAWAY, 0, 1, bytes(8)) + FRAMES[0])
    assert frames.turn(Allowance(0), 0) == [frame(GOAWAY, 0, 1, bytes(8)), FRAMES[0]]


def test_idle_frames_are_paid_from_an_allowance_that_time_and_answers_fill() -> None:
    allowance = Allowance(0, most=10, per_second=2)
    allowance.spend(10, 0)
    with pytest.raises(Violation) as caught:
        allowance.spend(1, 0)
    assert caught.value.code is ErrorCodes.ENHANCE_YOUR_CALM
    again = Allowance(0, most=10, per_second=2)
    again.spend(10, 0)
    again.spend(4, 2)
    again.earn(3)
    again.spend(3, 2)
    again.earn(100)
    with pytest.raises(Violation):
        again.spend(11, 2)


@pytest.mark.parametrize(
    ("idle", "cost"),
    [(frame(PING, 0, 0, bytes(8)), 1), (frame(SETTINGS, 0, 0), 20), (frame(DATA, 0, 1, b""), 1), (frame(DATA, 1, 1, b""), 0),
     (frame(DATA, 0, 1, bytes(32)), 0), (frame(HEADERS, 4, 1, b"x"), 0), (frame(9, 0, 1, b""), 1), (frame(2, 0, 1, bytes(5)), 1),
     (frame(3, 0, 1, bytes(4)), 1), (frame(8, 0, 1, bytes(4)), 1), (frame(99, 0, 1, b""), 1), (frame(GOAWAY, 0, 0, bytes(8)), 1)],
)  # fmt: skip
def test_each_frame_costs_what_it_makes_the_service_do(idle: bytes, cost: int) -> None:
    frames, allowance = greeted(), Allowance(0, most=cost, per_second=0)
    frames.add(idle)
    frames.turn(allowance, 0)
    with pytest.raises(Violation):
        allowance.spend(1, 0)
