"""Server-sent events from bytes."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference_service.providers.kit.sse import EventTooLargeError, SseEvent, SseParser

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
