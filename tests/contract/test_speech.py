"""Speech to text through every door that listens, each against a local server that answers as its documents say."""

import base64
from typing import Any

import pytest

from inference_service.failures import FailureKind, UpstreamFailure
from inference_service.providers import speech
from inference_service.providers.seam import Provider
from inference_service.providers.speech import TranscribeCall, Transcriber, Transcript
from inference_service.unary import Segment
from tests.contract.providers import SECRET, provider_at
from tests.contract.upstream import Upstream

K = FailureKind
# The beginning of a voice message as Discord sends it: an Ogg page with an Opus header.
OPUS = (
    b"OggS\x00\x02"
    + bytes(8)
    + b"\x01\x02\x03\x04"
    + bytes(8)
    + b"\x01\x13OpusHead\x01\x01\x38\x01\x80\xbb\x00\x00\x00\x00\x00"
)
ROUTE = "/v1/audio/transcriptions"
ACCOUNT = "0123456789abcdef0123456789abcdef"


def call(model: str = "whisper-large-v3-turbo", **more: Any) -> TranscribeCall:
    return TranscribeCall(model, more.pop("audio", OPUS), SECRET, more.pop("mime", "audio/ogg; codecs=opus"), **more)


async def heard(provider: Provider, wanted: TranscribeCall) -> Transcript:
    listener: Transcriber = provider  # type: ignore[assignment] # this provider has the method
    return await listener.transcribe(wanted)


VERBOSE = {
    "task": "transcribe", "language": "english", "duration": 2.5, "text": " Hello there.",
    "segments": [{"id": 0, "start": 0.0, "end": 2.5, "text": " Hello there.", "avg_logprob": -0.1, "no_speech_prob": 0.02}],
    "x_groq": {"id": "req_1"},
}  # fmt: skip


async def test_groq_is_sent_the_voice_message_as_it_is_under_a_name_that_ends_right(upstream: Upstream) -> None:
    upstream.answers[ROUTE] = (200, VERBOSE, {"x-ratelimit-remaining-requests": "1999"})
    async with provider_at("openai", f"{upstream.url}/v1") as groq:
        received = await heard(groq, call(language="en", prompt="Antiphon", temperature=0.0, timestamps=True))
    assert upstream.body(ROUTE) == {
        "file": ("voice.ogg", "audio/ogg", OPUS), "model": "whisper-large-v3-turbo", "language": "en", "prompt": "Antiphon",
        "temperature": "0.0", "response_format": "verbose_json", "timestamp_granularities[]": "segment",
    }  # fmt: skip
    assert upstream.seen[0][2]["Authorization"] == f"Bearer {SECRET}"
    assert (received.text, received.language, received.seconds, received.silent) == (
        "Hello there.",
        "english",
        2.5,
        False,
    )
    assert received.segments == (Segment(0.0, 2.5, "Hello there.", 0.02),)


async def test_a_model_without_a_verbose_answer_is_not_asked_for_one(upstream: Upstream) -> None:
    upstream.answers[ROUTE] = {"text": "Привет", "usage": {"type": "tokens", "input_tokens": 14, "output_tokens": 45}}
    async with provider_at("openai", f"{upstream.url}/v1") as openai:
        received = await heard(openai, call("gpt-4o-mini-transcribe", timestamps=True))
    assert upstream.body(ROUTE) == {
        "file": ("voice.ogg", "audio/ogg", OPUS), "model": "gpt-4o-mini-transcribe", "response_format": "json",
    }  # fmt: skip
    assert (received.text, received.segments) == ("Привет", ())


async def test_mistral_takes_a_language_or_gives_times_and_reports_what_it_does_not_take(upstream: Upstream) -> None:
    upstream.answers[ROUTE] = {
        "model": "voxtral-mini-2507", "text": "Bonjour", "language": "fr",
        "segments": [{"text": "Bonjour", "start": 0.1, "end": 0.9}], "usage": {"prompt_audio_seconds": 3, "prompt_tokens": 4},
    }  # fmt: skip
    async with provider_at("mistral", f"{upstream.url}/v1") as mistral:
        received = await heard(mistral, call("voxtral-mini-latest", language="fr", timestamps=True, prompt="x"))
        assert upstream.body(ROUTE) == {
            "file": ("voice.ogg", "audio/ogg", OPUS), "model": "voxtral-mini-latest", "language": "fr",
        }  # fmt: skip
        assert [notice.field for notice in received.notices] == ["prompt"]
        assert (received.seconds, received.segments) == (3.0, (Segment(0.1, 0.9, "Bonjour"),))
        await heard(mistral, call("voxtral-mini-latest", timestamps=True))
        assert upstream.body(ROUTE)["timestamp_granularities"] == "segment"
        with pytest.raises(UpstreamFailure) as refused:
            await heard(mistral, call("voxtral-mini-latest", prompt="x", strict=True))
        assert (refused.value.kind, refused.value.field) == (K.FIELD_REFUSED, "prompt")


async def test_cloudflare_listens_to_base64_or_to_bytes(upstream: Upstream) -> None:
    run = f"/client/v4/accounts/{ACCOUNT}/ai/run"
    turbo, plain, nova = "@cf/openai/whisper-large-v3-turbo", "@cf/openai/whisper", "@cf/deepgram/nova-3"
    upstream.answers[f"{run}/{turbo}"] = {"success": True, "result": {
        "text": "Hi", "word_count": 1, "vtt": "WEBVTT", "segments": [{"start": 0, "end": 1.2, "text": "Hi", "words": []}],
        "transcription_info": {"language": "en", "language_probability": 0.9, "duration": 1.2},
    }}  # fmt: skip
    upstream.answers[f"{run}/{plain}"] = {"success": True, "result": {"text": "Hello"}}
    upstream.answers[f"{run}/{nova}"] = {
        "result": {"results": {"channels": [{"alternatives": [{"transcript": "Hey"}]}]}}
    }
    async with provider_at(
        "cloudflare", f"{upstream.url}/client/v4/accounts/{{account}}/ai", account=ACCOUNT
    ) as cloudflare:
        received = await heard(cloudflare, call(turbo, language="en", prompt="Names"))
        assert (received.text, received.language, received.seconds, len(received.segments)) == ("Hi", "en", 1.2, 1)
        assert upstream.body(f"{run}/{turbo}") == {
            "audio": base64.b64encode(OPUS).decode(), "language": "en", "task": "transcribe", "vad_filter": True,
            "initial_prompt": "Names",
        }  # fmt: skip
        assert (await heard(cloudflare, call(plain))).text == "Hello"
        assert (await heard(cloudflare, call(nova))).text == "Hey"
        assert upstream.body(f"{run}/{plain}") == OPUS
        assert cloudflare.capabilities(turbo).transcribe
        upstream.answers[f"{run}/{turbo}"] = (429, {"success": False, "errors": [{"code": 4006, "message": "x"}]}, {})
        with pytest.raises(UpstreamFailure) as spent:
            await heard(cloudflare, call(turbo))
        assert spent.value.kind is K.QUOTA_EXHAUSTED


async def test_hugging_face_is_sent_bytes_with_their_type_or_json_for_times(upstream: Upstream) -> None:
    path = "/hf-inference/models/openai/whisper-large-v3-turbo"
    upstream.answers[path] = {
        "text": " Hi",
        "chunks": [{"timestamp": [0.0, 1.5], "text": " Hi"}, {"timestamp": [1.5, None], "text": "!"}],
    }
    async with provider_at("huggingface", upstream.url) as hugging:
        received = await heard(hugging, call("openai/whisper-large-v3-turbo"))
        assert upstream.body(path) == OPUS
        assert upstream.seen[-1][2]["Content-Type"] == "audio/ogg"
        assert received.segments == (Segment(0.0, 1.5, "Hi"), Segment(1.5, 1.5, "!"))
        await heard(hugging, call("openai/whisper-large-v3-turbo", timestamps=True))
        assert upstream.body(path) == {
            "inputs": base64.b64encode(OPUS).decode(), "parameters": {"return_timestamps": True},
        }  # fmt: skip
        upstream.answers[path] = (503, {"error": "Model x is currently loading", "estimated_time": 20.0}, {})
        with pytest.raises(UpstreamFailure) as cold:
            await heard(hugging, call("openai/whisper-large-v3-turbo"))
        assert (cold.value.kind, cold.value.wake_after) == (K.LOADING, 20.0)


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (401, {"error": {"message": "Invalid API Key", "type": "invalid_request_error", "code": "invalid_api_key"}}, K.UNAUTHENTICATED),
        (429, {"error": {"message": "Rate limit reached", "type": "seconds", "code": "rate_limit_exceeded"}}, K.RATE_LIMITED),
        (200, {"words": []}, K.BAD_RESPONSE),
        (200, {"text": None}, K.BAD_RESPONSE),
        (200, [], K.BAD_RESPONSE),
        (200, "<html>", None),
    ],
)  # fmt: skip
async def test_refusals_and_odd_answers_have_their_class(
    upstream: Upstream, status: int, body: Any, kind: FailureKind | None
) -> None:
    upstream.answers[ROUTE] = (status, body, {})
    async with provider_at("openai", f"{upstream.url}/v1") as provider:
        with pytest.raises(UpstreamFailure) as failed:
            await heard(provider, call())
    assert failed.value.kind is (kind or K.BAD_RESPONSE)
    assert SECRET not in failed.value.message


async def test_an_empty_or_too_large_recording_is_not_sent(upstream: Upstream) -> None:
    async with provider_at("openai", f"{upstream.url}/v1") as provider:
        for audio, kind in ((b"", K.BAD_REQUEST), (OPUS + bytes(speech.LARGEST_AUDIO), K.UNSUPPORTED)):
            with pytest.raises(UpstreamFailure) as refused:
                await heard(provider, call(audio=audio))
            assert refused.value.kind is kind
    assert upstream.seen == []


@pytest.mark.parametrize(
    ("audio", "mime", "name"),
    [
        (OPUS, "application/octet-stream", "ogg"), (b"RIFF\0\0\0\0WAVEfmt ", "audio/ogg", "wav"), (b"ID3\x03", "", "mp3"),
        (b"\xff\xfb\x90", "", "mp3"), (b"\0\0\0\x20ftypM4A ", "", "m4a"), (b"fLaC", "", "flac"), (b"\x1a\x45\xdf\xa3", "", "webm"),
        (b"?", "audio/MPEG; x=1", "mp3"), (b"?", "nonsense", "ogg"),
    ],
)  # fmt: skip
def test_the_name_of_a_recording_ends_with_what_its_bytes_are(audio: bytes, mime: str, name: str) -> None:
    assert speech.ending(call(audio=audio, mime=mime)) == name


@pytest.mark.parametrize(
    ("segments", "text", "silent"),
    [
        ([], "", True), ([], " \n", True), ([], "Thanks for watching!", False), ([0.9, 0.8], "Thanks for watching!", True),
        ([0.9, 0.1], "Well", False), ([None], "Well", False), ([float("nan")], "Well", False),
    ],
)  # fmt: skip
def test_silence_is_recognised_by_what_the_model_says_about_it(
    segments: list[float | None], text: str, silent: bool
) -> None:
    listed = [{"start": 0, "end": 1, "text": "x", "no_speech_prob": segment} for segment in segments]
    assert speech.read_transcript({"text": text, "segments": listed}, call()).silent is silent


@pytest.mark.parametrize(
    "segments",
    [None, "x", [None, 3, {}], [{"start": "soon", "end": 1, "text": "x"}], [{"start": -1, "end": 2, "text": "x"}]],
)
def test_odd_segments_cost_only_themselves(segments: Any) -> None:
    made = speech.read_transcript({"text": "words", "segments": segments, "duration": "long"}, call(language="en"))
    assert (made.text, made.segments, made.seconds, made.language) == ("words", (), None, "en")
