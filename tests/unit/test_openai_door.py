"""The pure parts of the OpenAI-compatible door."""

import base64
import math
from typing import Any

import pytest
from google.protobuf.duration_pb2 import Duration
from hypothesis import given
from hypothesis import strategies as st

from antiphon.v1 import speech_pb2
from inference_service.http import files, settings, subtitles
from inference_service.http.align import Alignment, Cutting, Misaligned
from inference_service.http.body import Upload
from inference_service.http.chat_answer import Chunks
from inference_service.http.chat_request import ChatOrder
from inference_service.http.embeddings import EmbedOrder
from inference_service.http.fields import Fields
from inference_service.http.labels import Labels, labels
from inference_service.http.problems import Refusal
from inference_service.http.server import normal
from inference_service.http.transcriptions import TranscribeOrder
from inference_service.recordings import MOST_SECONDS

TEXTS = st.text(st.sampled_from("ab 🏔\n"), max_size=12)
NOTHING = Labels()


@given(st.lists(TEXTS, max_size=4), st.integers(0, 40), st.lists(TEXTS, max_size=6))
def test_the_sent_text_is_always_the_beginning_of_the_final_answer(
    before: list[str], keep: int, after: list[str]
) -> None:
    stream, whole = Alignment(), Cutting()
    left = ""
    try:
        for text in before:
            left += stream.feed(text)
            whole.feed(text)
        keep = min(keep, len(left))
        stream.cut(keep)
        whole.cut(keep)
        for text in after:
            whole.feed(text)
            left += stream.feed(text)
        stream.finish()
    except Misaligned:
        final = "".join(before)[:keep] + "".join(after)
        assert not final.startswith("".join(before)) or len(final) < len("".join(before))
        return
    assert left == whole.written.text()


def test_a_cut_within_a_repetition_is_repeated_from_the_new_place() -> None:
    stream = Alignment()
    assert stream.feed("one two three") == "one two three"
    stream.cut(4)
    assert stream.feed("two") == ""
    stream.cut(0)
    assert stream.feed("one two three four") == " four"
    stream.finish()


def test_a_shorter_answer_is_misaligned() -> None:
    stream = Alignment()
    stream.feed("one two")
    stream.cut(0)
    stream.feed("one")
    with pytest.raises(Misaligned):
        stream.finish()


@given(st.binary(max_size=2_000), st.sampled_from(["", " ", "\r\n"]))
def test_base64_is_read_with_and_without_padding_and_in_both_alphabets(data: bytes, space: str) -> None:
    for text in (base64.b64encode(data).decode(), base64.urlsafe_b64encode(data).decode()):
        broken = space.join(text[at : at + 76] for at in range(0, len(text), 76))
        assert files.decoded(broken) == files.decoded(text.rstrip("=")) == data
    assert files.decoded("x" + text.rstrip("=") + "?") is None


def test_long_base64_is_decoded_in_pieces() -> None:
    data = bytes(range(256)) * 4_000
    assert files.decoded("data:," + base64.b64encode(data).decode(), 6) == data


@given(st.text())
def test_every_text_is_one_event_of_its_own(text: str) -> None:
    chunks = Chunks("id", "chat", 1, include_usage=False)
    opening, event = chunks.text(text).decode().strip().split("\n\n")
    assert opening.startswith("data: {")
    assert event.startswith("data: {")
    assert "\n" not in event


def test_paths_are_the_same_however_clients_join_them() -> None:
    for path in ("/v1/models", "/models", "//v1//models/", "/v1/v1/models"):
        assert normal(path) == "models"
    assert normal("/v1/models/a/v1") == "models/a/v1"
    assert normal("/v1") == normal("/") == ""


@pytest.mark.parametrize(
    ("value", "most", "taken"),
    [(3, 10, 3), (3.0, 10, 3), (0, 10, 0), (11, 10, None), (-1, 10, None), (1.5, 10, None), (math.nan, 10, None), (math.inf, 10, None), (True, 10, None), ("3", 10, None), (None, 10, None)],
)  # fmt: skip
def test_whole_numbers_are_read_as_integers(value: Any, most: int, taken: int | None) -> None:
    fields = Fields({"x": value})
    assert fields.whole("x", most) == taken
    assert bool(fields.violations) is (taken is None and value is not None)


def test_texts_of_a_form_become_numbers_and_flags() -> None:
    fields = Fields({"a": "3", "b": "0.5", "c": "TRUE", "d": "x"}, form=True)
    assert (fields.whole("a", 9), fields.number("b"), fields.flag("c"), fields.number("d")) == (3, 0.5, True, None)
    assert fields.violations == [("d", "must be a number, not a string")]


@pytest.mark.parametrize("name", sorted(setting.name for setting in settings.settings.CHAT))
def test_every_setting_of_the_contract_has_a_parameter(name: str) -> None:
    given_values: dict[str, Any] = {"stop": ["x"], "reasoning_effort": "high", "parallel_tool_calls": True}
    members = {"model": "m", "messages": [{"role": "user", "content": "hi"}], name: given_values.get(name, 1)}
    members["tools"] = [{"type": "function", "function": {"name": "f"}}]
    order = ChatOrder(members, NOTHING)
    target: Any = order.request if name == "parallel_tool_calls" else order.request.sampling
    assert getattr(target, name)
    assert order.ignored == []


def test_labels_come_from_headers_and_odd_ones_count_as_none() -> None:
    assert labels({"X-Request-Id": "a-1", "X-Antiphon-Tenant": "t"}) == Labels("a-1", "t")
    assert labels({"Idempotency-Key": "k", "X-Request-Id": "a-1"}) == Labels("k", "", replay=True)
    assert labels({"X-Request-Id": "with space", "X-Antiphon-Tenant": "x" * 129}) == NOTHING


# --- vectors and recordings --------------------------------------------------------------------


def test_texts_to_embed_are_one_or_many() -> None:
    assert list(EmbedOrder({"model": "m", "input": "a", "dimensions": 3}, NOTHING).request.inputs) == ["a"]
    order = EmbedOrder({"model": "m", "input": ["a", "b"], "encoding_format": "base64", "user": "u", "x": 1}, NOTHING)
    assert (list(order.request.inputs), order.packed, order.ignored) == (["a", "b"], True, ["x"])
    assert order.spell("inputs[1]") == "input[1]"


@pytest.mark.parametrize(
    ("members", "param"),
    [
        ({"input": "a"}, "model"),
        ({"model": "m"}, "input"),
        ({"model": "m", "input": []}, "input"),
        ({"model": "m", "input": {"a": 1}}, "input"),
        ({"model": "m", "input": [1, 2]}, "input[0]"),
        ({"model": "m", "input": [[1, 2]]}, "input[0]"),
        ({"model": "m", "input": "a", "encoding_format": "hex"}, "encoding_format"),
        ({"model": "m", "input": "a", "dimensions": -1}, "dimensions"),
    ],
)
def test_an_input_that_cannot_be_embedded_is_named(members: dict[str, Any], param: str) -> None:
    with pytest.raises(Refusal) as caught:
        EmbedOrder(members, NOTHING)
    assert caught.value.problem.param == param


def test_a_recording_is_known_by_its_bytes_and_whisper_means_the_route() -> None:
    ogg = Upload("voice.mp3", "audio/mpeg", b"OggS" + bytes(40))
    order = TranscribeOrder(
        {"file": [ogg], "model": ["whisper-1"], "response_format": ["srt"]}, NOTHING, lambda _: False
    )
    assert (order.request.model, order.request.audio.mime_type, order.request.timestamps) == (
        "transcribe",
        "audio/ogg",
        True,
    )
    known = TranscribeOrder({"file": [ogg], "model": ["whisper-1"]}, NOTHING, lambda _: True)
    assert (known.request.model, known.format) == ("whisper-1", "json")
    for form, param in (
        ({}, "file"),
        ({"file": ["text"]}, "file"),
        ({"file": [ogg], "response_format": ["doc"]}, "response_format"),
    ):
        with pytest.raises(Refusal) as caught:
            TranscribeOrder(form, NOTHING, lambda _: False)
        assert caught.value.problem.param == param


def moment(seconds: float) -> Duration:
    return Duration(seconds=int(seconds), nanos=round(seconds % 1 * 1e9))


def test_subtitles_have_the_times_of_the_segments() -> None:
    segments = [
        speech_pb2.TranscriptSegment(start=moment(0), end=moment(1.5), text=" One."),
        speech_pb2.TranscriptSegment(start=moment(3_661.25), end=moment(3_662), text=" Two."),
    ]
    answer = speech_pb2.TranscribeResponse(text="One. Two.", segments=segments, duration=moment(3_662))
    assert subtitles.as_srt(answer).decode() == (
        "1\n00:00:00,000 --> 00:00:01,500\nOne.\n\n2\n01:01:01,250 --> 01:01:02,000\nTwo.\n"
    )
    assert subtitles.as_vtt(answer).decode().startswith("WEBVTT\n\n00:00:00.000 --> 00:00:01.500\nOne.\n")
    untimed = speech_pb2.TranscribeResponse(text="All of it.", duration=moment(MOST_SECONDS))
    assert subtitles.lines(untimed) == [(0.0, MOST_SECONDS, "All of it.")]
    assert subtitles.lines(speech_pb2.TranscribeResponse()) == []
