"""Server-sent events from bytes."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference_service.providers.kit.sse import LARGEST_EVENT, EventTooLargeError, SseEvent, SseParser

STREAM = '\ufeff: hello\n\ndata: {"a": "Ёлки 🏔️"}\r\n\r\nevent: error\rdata:no space\r\rdata: one\ndata: two\nid: 7\n\n:\n\ndata: last'.encode()
EXPECTED = [
    SseEvent('{"a": "Ёлки 🏔️"}'.encode()),
    SseEvent(b"no space", "error"),
    SseEvent(b"one\ntwo"),
    SseEvent(b"last"),
]


def parse(pieces: list[bytes]) -> list[SseEvent]:
    parser = SseParser()
    found = [event for piece in pieces for event in parser.feed(piece)]
    return found + parser.flush()


def test_every_way_to_cut_the_bytes_in_two_gives_the_same_events() -> None:
    for place in range(len(STREAM) + 1):
        assert parse([STREAM[:place], STREAM[place:]]) == EXPECTED


@given(st.lists(st.integers(1, 9), max_size=120))
def test_any_cutting_of_the_bytes_gives_the_same_events(sizes: list[int]) -> None:
    pieces, at = [], 0
    for size in sizes:
        pieces.append(STREAM[at : at + size])
        at += size
    assert parse([*pieces, STREAM[at:]]) == EXPECTED


@given(st.binary(max_size=400), st.lists(st.integers(1, 40), max_size=12))
@settings(max_examples=300)
def test_random_bytes_never_break_the_parser_and_cutting_changes_nothing(data: bytes, sizes: list[int]) -> None:
    pieces, at = [], 0
    for size in sizes:
        pieces.append(data[at : at + size])
        at += size
    assert parse([*pieces, data[at:]]) == parse([data])


def test_a_large_event_in_many_reads_is_whole() -> None:
    body = b"x" * 5_000_000
    stream = b"data: " + body + b"\n\n"
    assert parse([stream[at : at + 65_536] for at in range(0, len(stream), 65_536)]) == [SseEvent(body)]


def test_an_event_without_end_is_refused() -> None:
    parser = SseParser(largest=1_000)
    with pytest.raises(EventTooLargeError):
        for _ in range(20):
            parser.feed(b"x" * 100)


# --- when an event is there ----------------------------------------------------------------------


def fed(*pieces: bytes) -> list[list[bytes]]:
    """The data of the events that each read completes, and at last of those that the end of the body does."""
    parser = SseParser()
    read = [[event.data for event in parser.feed(piece)] for piece in pieces]
    return [*read, [event.data for event in parser.flush()]]


@pytest.mark.parametrize(
    ("pieces", "events"),
    [
        ([b"data: a\n\n"], [[b"a"], []]),
        ([b"data: a\n\ndata: b\n\n"], [[b"a", b"b"], []]),
        ([b"data: a\n\ndata: b\n\ndata: c\n\n"], [[b"a", b"b", b"c"], []]),
        ([b"\n\ndata: a\n\n"], [[b"a"], []]),
        ([b"data: a\n\ndata: b"], [[b"a"], [b"b"]]),
        ([b"data: a\n", b"\n"], [[], [b"a"], []]),
        ([b"data: a\n", b"\ndata: b\n\n"], [[], [b"a", b"b"], []]),
        ([b"data: a", b"\n\n"], [[], [b"a"], []]),
        ([b"da", b"ta: a\n\nd", b"ata: b\n\n"], [[], [b"a"], [b"b"], []]),
        ([b"data: a\n", b"data: b\n\n"], [[], [b"a\nb"], []]),
        ([b"data: a\ndata: b\n\ndata: c\n\n"], [[b"a\nb", b"c"], []]),
        ([b"data: a\nid: 1\n\n"], [[b"a"], []]),
        ([b"data: a\r", b"\n\r\ndata: b\r\n\r\n"], [[], [b"a", b"b"], []]),
        ([b"data: a\r", b"\ndata: b\r\n\r\n"], [[], [b"a\nb"], []]),
        ([b"data: a\r", b"\ndata: b\r", b"\n\r", b"\n"], [[], [], [b"a\nb"], [], []]),
        ([b"data: a\r", b"data: b\r\r"], [[], [b"a\nb"], []]),
        ([b"data: a\r", b"\n", b"data: b\n\n"], [[], [], [b"a\nb"], []]),
        ([b"", b"data: a\n\n", b""], [[], [b"a"], [], []]),
        ([b"data:\n\n"], [[b""], []]),
        ([b"data\n\n"], [[b""], []]),
        ([b"data:  two spaces\n\n"], [[b" two spaces"], []]),
        ([b"id: 7\nretry: 5\n\n: comment\n\n"], [[], []]),
        ([b"dataX: a\n\n"], [[], []]),
    ],
)
def test_an_event_is_given_with_the_read_that_completes_it(pieces: list[bytes], events: list[list[bytes]]) -> None:
    assert fed(*pieces) == events


def test_after_the_end_of_the_body_nothing_is_said_twice() -> None:
    parser = SseParser()
    parser.feed(b"data: a")
    assert parser.flush() == [SseEvent(b"a")]
    assert parser.flush() == []


@pytest.mark.parametrize("cut", [1, 2, 3, 4])
def test_a_byte_order_mark_before_the_first_event_is_no_part_of_it(cut: int) -> None:
    stream = b"\xef\xbb\xbfdata: a\n\n"
    assert fed(stream[:cut], stream[cut:]) == [[], [b"a"], []]
    assert fed(stream) == [[b"a"], []]
    assert fed(*(stream[at : at + 1] for at in range(len(stream))))[-2] == [b"a"]


def test_only_at_the_beginning_it_is_a_byte_order_mark() -> None:
    assert fed(b"data: a\n\n\xef\xbb\xbfdata: b\n\n") == [[b"a"], []]
    assert fed(b"\xef\xbb\xbf\xef\xbb\xbfdata: a\n\n") == [[], []]
    assert fed(b"\xef\xbbdata: a\n\n") == [[], []]


def test_a_body_of_less_than_a_byte_order_mark_is_read_as_it_is() -> None:
    assert fed(b"\xef") == [[], []]
    assert fed(b"\xef\xbb\xbf") == [[], []]


@pytest.mark.parametrize("name", [b"error", "ё".encode(), b"\xff"])
def test_the_name_of_an_event_is_text_whatever_its_bytes(name: bytes) -> None:
    assert parse([b"event: " + name + b"\ndata: a\n\n"]) == [SseEvent(b"a", name.decode(errors="replace"))]


# --- events of JSON that one line feed ends ------------------------------------------------------

ONE, TWO = b'{"n": 1}', b'{"n": 2}'


@pytest.mark.parametrize(
    "stream",
    [
        b"data: " + ONE + b"\ndata: " + TWO + b"\n\n",
        b"data:" + ONE + b"\ndata:" + TWO + b"\n\n",
        b"data: " + ONE + b"\nevent: x\nid: 3\nretry: 4\ndata: " + TWO + b"\n\n",
        b"data: " + ONE + b"\ndata: " + TWO,
    ],
)
def test_two_json_objects_are_two_events_also_with_one_line_feed_between_them(stream: bytes) -> None:
    assert [event.data for event in parse([stream])] == [ONE, TWO]
    for place in range(len(stream)):
        assert [event.data for event in parse([stream[:place], stream[place:]])] == [ONE, TWO]


def test_such_an_event_is_given_as_soon_as_the_next_one_begins() -> None:
    assert fed(b"data: " + ONE + b"\n", b"data: {") == [[], [ONE], [b"{"]]
    assert fed(b"data: " + ONE + b"\ndata: " + TWO + b"\n", b"data: [DONE]\n") == [[ONE], [TWO], [b"[DONE]"]]
    assert fed(b"data: " + ONE, b"\nda", b"ta: {") == [[], [], [ONE], [b"{"]]
    assert fed(b"data: a\n\ndata: " + ONE, b"\ndata: {") == [[b"a"], [ONE], [b"{"]]


@pytest.mark.parametrize(
    ("stream", "data"),
    [
        (b"data: {\ndata: }\n\n", b"{\n}"),
        (b'data: {"a":\ndata: {}}\n\n', b'{"a":\n{}}'),
        (b"data: {}\ndata: words\n\n", b"{}\nwords"),
        (b"data: word\ndata: {}\n\n", b"word\n{}"),
    ],
)
def test_what_is_no_pair_of_objects_stays_one_event(stream: bytes, data: bytes) -> None:
    assert parse([stream]) == [SseEvent(data)]


# --- sizes ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("size", "fits"), [(100, True), (101, False)])
def test_an_event_may_be_exactly_as_large_as_the_bound(size: int, fits: bool) -> None:
    def read() -> None:
        parser = SseParser(largest=100)
        for _ in range(size):
            parser.feed(b"x")

    if fits:
        read()
    else:
        with pytest.raises(EventTooLargeError):
            read()


def test_the_size_of_an_event_that_is_complete_does_not_count_for_the_next() -> None:
    parser = SseParser(largest=20)
    for _ in range(10):
        assert parser.feed(b"data: 123456789") == []
        assert parser.feed(b"\n\n") == [SseEvent(b"123456789")]
    parser.feed(b"data: 12345")
    parser.flush()
    parser.feed(b"data: 123456789")


def test_the_bound_is_64_mib_unless_told() -> None:
    assert LARGEST_EVENT == 64 * 1024 * 1024
