"""Whatever JSON a host sends for a recording or for texts: a sound result, or a failure with a class."""

import math
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from inference_service.failures import UpstreamFailure
from inference_service.providers.embeddings import EmbedCall, read_embeddings
from inference_service.providers.speech import TranscribeCall, read_transcript

KEYS = ["text", "segments", "chunks", "language", "duration", "result", "results", "channels", "alternatives", "transcript",
        "error", "usage", "start", "end", "timestamp", "no_speech_prob", "data", "embedding", "index", "x"]  # fmt: skip
SMALL = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6)
JSON = st.recursive(
    SMALL,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4),
    max_leaves=12,
)
CALL = TranscribeCall("whisper", b"OggS", None)


@given(JSON)
def test_any_json_is_a_transcript_or_a_failure(answer: Any) -> None:
    try:
        made = read_transcript(answer, CALL)
    except UpstreamFailure:
        return
    assert isinstance(made.text, str)
    assert isinstance(made.language, str)
    assert made.seconds is None or (math.isfinite(made.seconds) and made.seconds >= 0)
    for segment in made.segments:
        assert 0 <= segment.start <= segment.end < math.inf
        assert segment.no_speech is None or 0 <= segment.no_speech <= 1


@given(JSON, st.integers(1, 3))
def test_any_json_is_one_vector_for_each_text_or_a_failure(answer: Any, texts: int) -> None:
    try:
        made = read_embeddings(answer, EmbedCall("m", ("a",) * texts, None))
    except UpstreamFailure:
        return
    assert len(made.vectors) == texts
    assert len({len(vector) for vector in made.vectors}) == 1
    assert all(math.isfinite(number) for vector in made.vectors for number in vector)


@given(
    st.lists(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=2, max_size=2), min_size=1, max_size=4)
)
def test_good_vectors_arrive_in_the_order_of_their_texts(vectors: list[list[float]]) -> None:
    rows = [{"index": at, "embedding": vector} for at, vector in enumerate(vectors)]
    made = read_embeddings({"data": rows[::-1]}, EmbedCall("m", ("a",) * len(vectors), None))
    assert [list(vector) for vector in made.vectors] == vectors
