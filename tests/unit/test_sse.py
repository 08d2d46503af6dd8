"""Server-sent events from bytes: each rule of the format by itself, then all of them in any cutting."""

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


def parse(pieces: list[bytes], largest: int = 1_000_000) -> list[SseEvent]:
    parser = SseParser(largest)
    found = [event for piece in pieces for event in parser.feed(piece)]
    return found + parser.flush()


def events(*data: bytes, name: str = "") -> list[SseEvent]:
    return [SseEvent(one, name) for one in data]


RULES: dict[str, tuple[bytes, list[SseEvent]]] = {
    "nothing": (b"", []),
    "one event": (b"data: a\n\n", events(b"a")),
    "two events": (b"data: a\n\ndata: b\n\n", events(b"a", b"b")),
    "a byte-order mark before the first field": (b"\xef\xbb\xbfdata: a\n\n", events(b"a")),
    "a byte-order mark later is text": (b"data: a\n\n\xef\xbb\xbfdata: b\n\n", events(b"a")),
    "only a byte-order mark": (b"\xef\xbb\xbf", []),
    "the beginning of a byte-order mark": (b"\xef\xbb", []),
    "CRLF": (b"data: a\r\n\r\ndata: b\r\n\r\n", events(b"a", b"b")),
    "CR": (b"data: a\r\rdata: b\r\r", events(b"a", b"b")),
    "CRLF is one line end": (b"data: a\r\ndata: b\r\n\r\n", events(b"a\nb")),
    "every line end in one stream": (b"data: a\n\r\ndata: b\r\n\ndata: c\r\n\r\ndata: d\r\r", events(b"a", b"b", b"c", b"d")),
    "more blank lines than one": (b"\n\ndata: a\n\n\n\n\ndata: b\n\n", events(b"a", b"b")),
    "no space behind the colon": (b"data:a\n\n", events(b"a")),
    "only one space goes": (b"data:  a \n\n", events(b" a ")),
    "a colon in the data": (b"data: a: b\n\n", events(b"a: b")),
    "data without a colon": (b"data\n\n", events(b"")),
    "empty data": (b"data:\n\n", events(b"")),
    "several lines of data": (b"data: a\ndata:\ndata: b\n\n", events(b"a\n\nb")),
    "a comment": (b": hello\n\ndata: a\n: x\n\n", events(b"a")),
    "a bare colon": (b":\n\n:\n\ndata: a\n\n", events(b"a")),
    "a name": (b"event: error\ndata: a\n\ndata: b\n\n", [SseEvent(b"a", "error"), SseEvent(b"b")]),
    "a name behind the data": (b"data: a\nevent: error\n\n", events(b"a", name="error")),
    "a name without data": (b"event: ping\n\ndata: a\n\n", events(b"a")),
    "the last name counts": (b"event: x\nevent: y\ndata: a\n\n", events(b"a", name="y")),
    "a name that is no text": (b"event: \xff\ndata: a\n\n", events(b"a", name="\ufffd")),
    "other fields": (b"id: 1\nretry: 5\nfoo: bar\ndata: a\n\n", events(b"a")),
    "a field that only begins like one": (b"database: x\n data: y\n\ndata: a\n\n", events(b"a")),
    "the last event without its blank line": (b"data: a\n\ndata: b", events(b"a", b"b")),
    "the last line without its end": (b"data: a\ndata: b", events(b"a\nb")),
    "one line feed between JSON objects": (b'data: {"a":1}\ndata: {"b":2}\n\n', events(b'{"a":1}', b'{"b":2}')),
    "one line feed before the end marker": (b'data: {"a":1}\ndata:{"b":2}\ndata: [DONE]\n', events(b'{"a":1}', b'{"b":2}', b"[DONE]")),
    "one line feed and names": (b"event: x\ndata: {}\nid: 3\nevent: y\ndata: {}\n\n", [SseEvent(b"{}", "x"), SseEvent(b"{}", "y")]),
    "JSON over several lines stays one event": (b'data: {\ndata: "a": {}\ndata: }\n\n', events(b'{\n"a": {}\n}')),
    "other text over several lines, too": (b"data: a}\ndata: b\n\n", events(b"a}\nb")),
}  # fmt: skip


@pytest.mark.parametrize("rule", RULES)
def test_each_rule_holds_however_the_bytes_are_cut(rule: str) -> None:
    stream, expected = RULES[rule]
    for place in range(len(stream) + 1):
        assert parse([stream[:place], stream[place:]]) == expected, place
    for size in (1, 2, 3, 5):
        assert parse([stream[at : at + size] for at in range(0, len(stream), size)]) == expected, size


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


FIELDS = st.sampled_from([b"data: {", b'data: {"a":1}', b"data:", b"event: x", b": c", b"id: 1", b"}", b"[DONE]", b"\xef\xbb\xbf", b"x"])  # fmt: skip
ENDS = st.sampled_from([b"\n", b"\n\n", b"\r\n", b"\r", b"\r\n\r\n", b"\r\r", b""])
STREAMS = st.binary(max_size=400) | st.lists(st.tuples(FIELDS, ENDS), max_size=20).map(
    lambda drawn: b"".join(part for pair in drawn for part in pair)
)


@given(STREAMS, st.lists(st.integers(1, 40), max_size=12))
@settings(max_examples=400)
def test_random_bytes_never_break_the_parser_and_cutting_changes_nothing(data: bytes, sizes: list[int]) -> None:
    pieces, at = [], 0
    for size in sizes:
        pieces.append(data[at : at + size])
        at += size
    assert parse([*pieces, data[at:]]) == parse([data])


def test_events_leave_as_soon_as_they_are_complete() -> None:
    parser = SseParser()
    assert parser.feed(b"data: a\n") == []
    assert parser.feed(b"\ndata: b\n\nda") == events(b"a", b"b")
    assert parser.feed(b'ta: {"c":1}\n') == []
    assert parser.feed(b'data: {"d":1}\n') == events(b'{"c":1}')  # what follows shows that it was complete
    assert parser.feed(b"\n") == events(b'{"d":1}')
    assert parser.flush() == []


def test_a_large_event_in_many_reads_is_whole() -> None:
    body = b"x" * 5_000_000
    stream = b"data: " + body + b"\n\n"
    assert parse([stream[at : at + 65_536] for at in range(0, len(stream), 65_536)], 6_000_000) == [SseEvent(body)]


def test_an_event_without_end_is_refused_past_its_bound() -> None:
    parser = SseParser(largest=1_000)
    for _ in range(10):
        parser.feed(b"x" * 100)
    with pytest.raises(EventTooLargeError):
        parser.feed(b"x")


def test_the_bound_is_for_one_event() -> None:
    parser = SseParser(largest=100)
    for _ in range(50):
        assert parser.feed(b"data: " + b"x" * 80) == []
        assert parser.feed(b"\n\n") == events(b"x" * 80)
