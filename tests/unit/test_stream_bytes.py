"""From bytes to an answer: for any text, framing and chunking, what is assembled is what the provider meant."""

import asyncio
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from inference_service.domain import ChatEvent, Delta, Finish, FinishReason, Usage
from inference_service.failures import FailureKind, UpstreamFailure
from inference_service.providers.cohere import EventFormat
from inference_service.providers.kit.answer import Answer, WireFormat
from inference_service.providers.kit.stream import Reading
from inference_service.providers.openai.stream import ChunkFormat

LOOPS: list[asyncio.AbstractEventLoop] = []  # one for all: making one costs more than an answer


@pytest.fixture(autouse=True, scope="module")
def _loop() -> Iterator[None]:
    LOOPS.append(asyncio.new_event_loop())
    yield
    LOOPS.pop().close()


class Body:
    """A response whose body arrives in these pieces; `cut`: the connection breaks behind them."""

    def __init__(self, pieces: list[bytes], *, cut: bool) -> None:
        self._pieces, self._cut = [piece for piece in pieces if piece], cut
        self.content, self.status = self, 200

    async def read(self, _largest: int) -> bytes:
        if self._pieces:
            return self._pieces.pop(0)
        if self._cut:
            raise ConnectionResetError
        return b""

    def is_eof(self) -> bool:
        return not self._pieces


async def _read(pieces: list[bytes], form: WireFormat, *, cut: bool) -> list[ChatEvent]:
    reading = Reading(Body(pieces, cut=cut), Answer(form))  # type: ignore[arg-type]
    seen: list[ChatEvent] = []
    while data := await reading.next():
        seen += reading.events(data)
    await reading.drain()
    return [*seen, *reading.last()]


def read(pieces: list[bytes], form: WireFormat | None = None, *, cut: bool = False) -> tuple[str, Usage | None]:
    seen = LOOPS[0].run_until_complete(_read(pieces, form or ChunkFormat(), cut=cut))
    assert isinstance(seen[-1], Finish)
    used = [event for event in seen if isinstance(event, Usage)]
    return "".join(event.text for event in seen if isinstance(event, Delta)), used[0] if used else None


def failed(pieces: list[bytes], form: WireFormat | None = None, *, cut: bool = False) -> FailureKind:
    with pytest.raises(UpstreamFailure) as caught:
        read(pieces, form, cut=cut)
    return caught.value.kind


# --- what a provider sends -----------------------------------------------------------------------

USAGE = {"prompt_tokens": 3, "completion_tokens": 5}


def chunks(words: list[str]) -> list[Any]:
    said = [{"choices": [{"index": 0, "delta": {"content": word}, "finish_reason": None}]} for word in words]
    return [*said, {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}], "usage": USAGE}]


def events(words: list[str]) -> list[Any]:
    said = [{"type": "content-delta", "delta": {"message": {"content": {"text": word}}}} for word in words]
    used = {"tokens": {"input_tokens": 3, "output_tokens": 5}}
    return [
        {"type": "message-start"},
        *said,
        {"type": "message-end", "delta": {"finish_reason": "COMPLETE", "usage": used}},
    ]


def dumped(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


def lines(values: list[Any]) -> bytes:
    return b"".join(dumped(value) + b"\n" for value in values)


def sse(
    values: list[Any], *, end: bytes = b"\n\n", done: bytes = b"data: [DONE]\n\n", ascii_only: bool = False
) -> bytes:
    encode = (lambda value: json.dumps(value).encode()) if ascii_only else dumped
    return b"".join(b"data: " + encode(value) + end for value in values) + done


FRAMINGS: dict[str, Callable[[list[str]], tuple[bytes, type[WireFormat]]]] = {
    "events": lambda words: (sse(chunks(words)), ChunkFormat),
    "events in ASCII": lambda words: (sse(chunks(words), ascii_only=True), ChunkFormat),
    "events without a marker": lambda words: (sse(chunks(words), done=b""), ChunkFormat),
    "events by CRLF": lambda words: (sse(chunks(words), end=b"\r\n\r\n"), ChunkFormat),
    "events by one line feed": lambda words: (sse(chunks(words), end=b"\n", done=b"data: [DONE]\n"), ChunkFormat),
    "events by one CRLF": lambda words: (sse(chunks(words), end=b"\r\n", done=b""), ChunkFormat),
    "events with names": lambda words: (
        sse(chunks(words)).replace(b"data: {", b"event: message\ndata: {"),
        ChunkFormat,
    ),
    "JSON lines": lambda words: (lines(chunks(words)), ChunkFormat),
    "Cohere's events": lambda words: (sse(events(words), done=b""), EventFormat),
    "Cohere's lines": lambda words: (lines(events(words)), EventFormat),
}
TEXTS = st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=12), min_size=1, max_size=12)


def pieces_of(data: bytes, sizes: list[int]) -> list[bytes]:
    found, at = [], 0
    for size in sizes:
        found.append(data[at : at + size])
        at += size
    return [*found, data[at:]]


@pytest.mark.parametrize("framing", FRAMINGS)
@given(words=TEXTS, sizes=st.lists(st.integers(1, 70), max_size=40))
def test_any_text_in_any_chunking_arrives_as_it_was_meant(framing: str, words: list[str], sizes: list[int]) -> None:
    text = "".join(words)
    assume(text.strip() and "think" not in text.lower() and not text.lstrip().startswith(("<", "[")))
    data, form = FRAMINGS[framing](words)
    assert read(pieces_of(data, sizes), form()) == (text, Usage(3, 5))


@pytest.mark.parametrize("framing", FRAMINGS)
def test_cut_at_any_byte_an_answer_is_whole_or_a_failure(framing: str) -> None:
    words = ["Ёлки ", "стоят 🏔️", ' "тихо".\n']
    data, form = FRAMINGS[framing](words)
    for at in range(len(data)):
        sizes = [[], [1] * at, [9] * (at // 9)][at % 3]
        try:
            seen, _ = read(pieces_of(data[:at], sizes), form(), cut=True)
        except UpstreamFailure:
            continue
        assert seen == "".join(words)


@given(st.binary(max_size=200), st.lists(st.integers(1, 30), max_size=10), st.booleans())
def test_any_bytes_end_in_an_answer_or_in_a_failure(data: bytes, sizes: list[int], cut: bool) -> None:
    for form in (ChunkFormat(), EventFormat()):
        try:
            read(pieces_of(data, sizes), form, cut=cut)
        except UpstreamFailure:
            continue


WHOLE = {"choices": [{"index": 0, "message": {"role": "assistant", "content": "ice creeps"}, "finish_reason": "stop"}]}


@pytest.mark.parametrize(
    "body",
    [
        dumped(WHOLE),
        dumped({**WHOLE, "choices": [{**WHOLE["choices"][0], "finish_reason": None}]}),
        json.dumps(WHOLE, indent=2).encode() + b"\n",
        b"\n\n\n" + dumped(WHOLE),
        b"\xef\xbb\xbf" + dumped(WHOLE) + b"\n",
        b"[" + dumped(WHOLE) + b"]",
        dumped(WHOLE).replace(b'"index": 0', b'"index": NaN'),
        b"".join(map(dumped, chunks(["ice", " creeps"]))),
    ],
)
@pytest.mark.parametrize("size", [1, 9, 10_000])
def test_one_document_for_the_whole_answer_is_read_too(body: bytes, size: int) -> None:
    assert read(pieces_of(body, [size] * (len(body) // size)))[0] == "ice creeps"


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"", FailureKind.STREAM_CUT),
        (b": ping\n\n: ping\n\n", FailureKind.STREAM_CUT),
        (b"<!DOCTYPE html><html></html>", FailureKind.BAD_RESPONSE),
        (b"upstream connect error or disconnect", FailureKind.BAD_RESPONSE),
        (b'"Invalid token"', FailureKind.BAD_RESPONSE),
        (b"{}", FailureKind.BAD_RESPONSE),
        (b"[]", FailureKind.BAD_RESPONSE),
        (dumped(WHOLE)[:-5], FailureKind.BAD_RESPONSE),
        (lines(chunks(["ice"])[:1]), FailureKind.STREAM_CUT),
        (b'{"error": {"message": "The engine is overloaded", "type": "server_error"}}', FailureKind.OVERLOADED),
        (
            b'[{"error": {"code": 429, "message": "Rate limit reached", "status": "RESOURCE_EXHAUSTED"}}]',
            FailureKind.RATE_LIMITED,
        ),
        (b"data: " + b"x" * 1_100_000, FailureKind.BAD_RESPONSE),
        (b'{"a": "' + b"x" * 4_200_000, FailureKind.BAD_RESPONSE),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_broken_answer_has_its_class(body: bytes, kind: FailureKind) -> None:
    assert failed(pieces_of(body, [65_536] * (len(body) // 65_536))) is kind


def test_lines_are_answers_while_they_arrive() -> None:
    reading = Reading(Body([], cut=False), Answer(ChunkFormat()))  # type: ignore[arg-type]
    said = [
        [event.text for event in reading.events(dumped(value) + b"\n")]
        for value in chunks(["ice", " creeps", " down"])[:3]
    ]  # type: ignore[union-attr]
    assert said == [[], ["ice creeps"], [" down"]]
    reading = Reading(Body([], cut=False), Answer(ChunkFormat()))  # type: ignore[arg-type]
    said = [
        [event.text for event in reading.events(b"data: " + dumped(value) + b"\n")]
        for value in chunks(["ice", " creeps", " down"])[:3]
    ]  # type: ignore[union-attr]
    assert said == [[], ["ice"], [" creeps"]]


def test_a_reason_is_kept_by_the_way() -> None:
    outcome = asyncio.run(
        _read([sse(events(["ice"]), done=b"").replace(b"COMPLETE", b"MAX_TOKENS")], EventFormat(), cut=False)
    )
    assert outcome[-1] == Finish(FinishReason.LENGTH)
    assert (
        failed([sse(events(["ice"]), done=b"").replace(b"COMPLETE", b"ERROR")], EventFormat())
        is FailureKind.STREAM_ERROR
    )
    assert (
        failed([sse(events(["ice"]), done=b"").replace(b"COMPLETE", b"TIMEOUT")], EventFormat())
        is FailureKind.STREAM_ERROR
    )
