"""Server-sent events from bytes: each rule of the format by itself, then all of them in any cutting."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference_service.providers.kit.sse import LARGEST_EVENT, EventTooLargeError, SseEvent, SseParser, _plain

STREAM = '\ufeff: hello\n\ndata: {"a": "Ёлки 🏔️"}\r\n\r\nevent: error\rdata:no space\r\rdata: one\ndata: two\nid: 7\n\n:\n\ndata: last'.encode()
EXPECTED = [
    SseEvent('{"a": "Ёлки 🏔️"}'.encode()),
    SseEvent(b"no space", "error"),
    SseEvent(b"one\ntwo"),
    SseEvent(b"last"),
]


def parse(pieces: list[bytes], largest: int = 1_000_000) -> list[SseEvent]:
    parser = SseParser(largest)
    received = [event for piece in pieces for event in parser.feed(piece)]
    return received + parser.flush()


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


@pytest.mark.parametrize(
    ("read", "events"),
    [
        (b"data: a\n\n", [b"a"]),
        (b"data: a\n\ndata: b\n\n", [b"a", b"b"]),
        (b"data: \n\ndata: b\n\n", [b"", b"b"]),
        (b"data: ab\n\ndata: cd\n\n", [b"ab", b"cd"]),
        (b"data: a", None),
        (b"data: a\n", None),
        (b"data:a\n\n", None),
        (b"id: 1\n\n", None),
        (b"data: a\nid: 1\n\n", None),
        (b"data: \n: x\n\n", None),
        (b"data: a\n\nid: 1\n\n", None),
        (b"data: \n\n\n\n", None),
    ],
)
def test_reads_of_the_usual_shape_take_the_short_way_and_only_those(read: bytes, events: list[bytes] | None) -> None:
    assert _plain(read) == (None if events is None else [SseEvent(data) for data in events])


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
def test_data_that_is_not_a_pair_of_objects_stays_one_event(stream: bytes, data: bytes) -> None:
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


def test_the_bound_is_64_mib_by_default() -> None:
    assert LARGEST_EVENT == 64 * 1024 * 1024
