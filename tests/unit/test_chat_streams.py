"""What a provider's stream means: ends, early ends, white space, events that come twice."""

import json
from collections.abc import Iterable
from itertools import cycle, islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference_service.domain import Delta, Finish, FinishReason
from inference_service.failures import FailureKind, UpstreamFailure
from inference_service.providers.kit.sse import SseEvent
from inference_service.providers.openai.wire import MOST_BLANK, ChunkReader

DONE = SseEvent(b"[DONE]")


def chunk(finish: str | None = None, **delta: str) -> SseEvent:
    return SseEvent(json.dumps({"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}).encode())


def words(*texts: str) -> list[SseEvent]:
    return [chunk(content=text) for text in texts]


def read(events: Iterable[SseEvent]) -> tuple[str, FinishReason]:
    """Each event arrives in a read of its own."""
    reader = ChunkReader()
    seen = [out for event in events for out in reader.read([event])]
    seen += reader.end()
    finish = seen.pop()
    assert isinstance(finish, Finish)
    return "".join(one.text for one in seen if isinstance(one, Delta)), finish.reason


def broken(events: Iterable[SseEvent]) -> FailureKind:
    with pytest.raises(UpstreamFailure) as caught:
        read(events)
    return caught.value.kind


def test_a_finish_reason_is_an_end_also_without_a_marker() -> None:
    assert read([*words("ice"), chunk("length")]) == ("ice", FinishReason.LENGTH)


@pytest.mark.parametrize("nothing", ["", "null"])
def test_an_empty_finish_reason_is_none(nothing: str) -> None:
    assert broken([chunk(nothing, content="ice"), chunk(nothing, content=" cr")]) is FailureKind.STREAM_CUT


def test_text_behind_a_finish_reason_belongs_to_the_answer_and_must_end_again() -> None:
    early = [*words("ice"), chunk("stop"), *words(" creeps")]
    assert read([*early, DONE]) == ("ice creeps", FinishReason.STOP)
    assert broken(early) is FailureKind.STREAM_CUT
    assert broken([*early, chunk("stop")]) is FailureKind.STREAM_CUT  # who was early once may be so again


def test_white_space_waits_for_its_word_and_is_not_lost() -> None:
    assert read([*words("ice", "\n", "\n  ", "creeps", "\n"), chunk("stop")]) == (
        "ice\n\n  creeps\n",
        FinishReason.STOP,
    )


def test_endless_white_space_is_an_end_of_patience_and_of_memory() -> None:
    blank = words(*([" " * 1_000] * (MOST_BLANK // 1_000 + 1)))
    assert broken(blank) is FailureKind.TIMEOUT
    assert broken([*words("ice"), *blank]) is FailureKind.STALLED


STREAMS = st.lists(st.sampled_from(["ice", " creeps", " ha", "=", "\n", " down", " over"]), max_size=30).map(
    lambda texts: [chunk(role="assistant"), *words(*texts), chunk("stop"), DONE]
)


@given(STREAMS, st.lists(st.integers(1, 40), min_size=1))
def test_however_the_events_fall_into_reads_the_answer_is_the_same(stream: list[SseEvent], sizes: list[int]) -> None:
    reader, rest, seen = ChunkReader(), iter(stream), []
    for size in cycle(sizes):
        group = list(islice(rest, size))
        if not group:
            break
        seen += reader.read(group)
    try:
        seen += reader.end()
        said = "".join(one.text for one in seen if isinstance(one, Delta))
        assert (said, seen[-1].reason) == read(stream)
    except UpstreamFailure as failure:
        assert broken(stream) is failure.kind
