"""Speech to text: the call, the transcript, and every documented way to request one.

A provider that transcribes has `transcribe(call)`; it makes one upstream call, picks no credential and does not retry,
and raises UpstreamFailure only. A Discord voice message is Ogg with Opus, which all of these accept as it is.
Sources: API references of OpenAI, Groq, Mistral, Cloudflare and Hugging Face; huggingface_hub.
"""

import base64
import math
from collections.abc import AsyncGenerator, Mapping
from typing import Any, Protocol

import aiohttp
import msgspec
from msgspec import Struct

from inference_service.domain import Finish, FinishReason, Notice, NoticeKind, Usage
from inference_service.failures import FailureKind, UpstreamFailure
from inference_service.providers.catalogue.row import SPEECH
from inference_service.providers.kit import errors, values
from inference_service.providers.kit.http import HttpClient, read, read_error
from inference_service.providers.seam import LimitReport
from inference_service.recordings import seconds_of
from inference_service.unary import Segment, Transcribed, TranscribeRequest

LARGEST_AUDIO = 25 * 1000 * 1000  # bytes; the smallest limit among the providers that have one
LARGEST_ANSWER = 16 * 1024 * 1024
NOTHING_SAID = 0.6  # probability from which a segment counts as silence
WORDS = ("whisper", "voxtral", "transcribe", "nova-3", "sensevoice", "parakeet", "canary")
# Servers tell the format by the file extension.
ENDINGS = {
    "audio/ogg": "ogg", "audio/opus": "ogg", "audio/wav": "wav", "audio/x-wav": "wav", "audio/mpeg": "mp3", "audio/mp3": "mp3",
    "audio/mp4": "m4a", "audio/x-m4a": "m4a", "audio/m4a": "m4a", "audio/flac": "flac", "audio/webm": "webm",
    "video/mp4": "mp4", "video/webm": "webm",
}  # fmt: skip
TYPES = {"ogg": "audio/ogg", "wav": "audio/wav", "mp3": "audio/mpeg", "m4a": "audio/mp4", "flac": "audio/flac", "webm": "audio/webm", "mp4": "video/mp4"}  # fmt: skip


class TranscribeCall(Struct, frozen=True):
    """One upstream call.

    mime: what the sender claims; the bytes take precedence.
    language: two letters (ISO 639-1), empty: the model detects it. prompt: words that help with names.
    timestamps: segments are wanted. strict: refuse settings that a provider cannot honour, instead of dropping them.
    """

    model: str
    audio: bytes
    secret: str | None
    mime: str = "audio/ogg"
    language: str = ""
    prompt: str = ""
    temperature: float | None = None
    timestamps: bool = False
    strict: bool = False


class Transcript(Struct, frozen=True):
    """seconds: length of the audio, as the provider reports it. language: as reported, else as requested."""

    text: str
    language: str = ""
    seconds: float | None = None
    segments: tuple[Segment, ...] = ()
    notices: tuple[Notice, ...] = ()
    limits: LimitReport | None = None

    @property
    def silent(self) -> bool:
        """Whether nothing was said: models like to invent thanks for silence."""
        chances = [segment.no_speech for segment in self.segments if segment.no_speech is not None]
        return not self.text.strip() or (bool(chances) and min(chances) > NOTHING_SAID)


class Transcriber(Protocol):
    """A provider that can transcribe."""

    async def transcribe(self, call: TranscribeCall) -> Transcript:
        """Listens once. Raises UpstreamFailure."""
        ...


class Host(Protocol):
    """What a non-streamed call needs from a provider."""

    http: HttpClient

    def failure(self, status: int, headers: Mapping[str, str], body: bytes) -> UpstreamFailure: ...

    def limit_report(self, headers: Mapping[str, str]) -> LimitReport | None: ...


def listens(model: str) -> bool:
    """Whether a model's name suggests that it transcribes. Only for models that no list and no row describes."""
    return any(word in model.lower() for word in WORDS)


def checked(call: TranscribeCall, honoured: frozenset[str]) -> tuple[Notice, ...]:
    """A notice for each setting without effect. Raises UpstreamFailure if the call cannot be made at all."""
    if not call.audio:
        raise UpstreamFailure(FailureKind.BAD_REQUEST, "the recording is empty")
    if len(call.audio) > LARGEST_AUDIO:
        text = f"the recording is larger than the {LARGEST_AUDIO // 1_000_000} MB that this deployment takes"
        raise UpstreamFailure(FailureKind.UNSUPPORTED, text)
    chosen = {name for name in ("language", "prompt", "temperature") if getattr(call, name) not in (None, "")}
    lost = sorted(chosen - honoured)
    if lost and call.strict:
        text = f"this deployment does not honour {', '.join(lost)}"
        raise UpstreamFailure(FailureKind.FIELD_REFUSED, text, field=lost[0])
    return tuple(
        Notice(NoticeKind.DROPPED, field, f"This deployment does not honour {field}; it had no effect.")
        for field in lost
    )


def ending(call: TranscribeCall) -> str:
    """The file extension, by the first bytes, else by what the sender claims."""
    head = call.audio[:16]
    for sign, suffix in ((b"OggS", "ogg"), (b"fLaC", "flac"), (b"ID3", "mp3"), (b"\x1a\x45\xdf\xa3", "webm")):
        if head.startswith(sign):
            return suffix
    if head[:4] == b"RIFF" and head[8:12] == b"WAVE":
        return "wav"
    if head[4:8] == b"ftyp":
        return "m4a"
    if head[:1] == b"\xff" and head[1:2] >= b"\xe0":
        return "mp3"
    return ENDINGS.get(call.mime.partition(";")[0].strip().lower(), "ogg")


def form_of(call: TranscribeCall, fields: Mapping[str, str]) -> aiohttp.FormData:
    form = aiohttp.FormData()
    kind = ending(call)
    for name, value in fields.items():
        if value:
            form.add_field(name, value)
    form.add_field("file", call.audio, filename=f"voice.{kind}", content_type=TYPES[kind])
    return form


async def over_openai(host: Host, url: str, headers: Mapping[str, str], call: TranscribeCall) -> Transcript:
    """OpenAI's endpoint, which Groq, OpenRouter, OVH and local servers have as well. Raises UpstreamFailure."""
    notices = checked(call, SPEECH.settings)
    # Only Whisper has a verbose answer; the newer models refuse to be asked for it.
    verbose = "whisper" in call.model.lower()
    fields = {
        "model": call.model,
        "language": call.language,
        "prompt": call.prompt,
        "temperature": "" if call.temperature is None else str(call.temperature),
        "response_format": "verbose_json" if verbose else "json",
        "timestamp_granularities[]": "segment" if verbose and call.timestamps else "",
    }
    answer, limits = await posted(host, url, headers, form=form_of(call, fields))
    return read_transcript(answer, call, notices, limits)


async def over_mistral(host: Host, url: str, headers: Mapping[str, str], call: TranscribeCall) -> Transcript:
    """Voxtral takes a language or gives timestamps, not both, and no prompt. Raises UpstreamFailure."""
    notices = checked(call, frozenset({"language", "temperature"}))
    fields = {
        "model": call.model,
        "language": call.language,
        "temperature": "" if call.temperature is None else str(call.temperature),
        "timestamp_granularities": "segment" if call.timestamps and not call.language else "",
    }
    answer, limits = await posted(host, url, headers, form=form_of(call, fields))
    return read_transcript(answer, call, notices, limits)


async def over_workers_ai(host: Host, url: str, headers: Mapping[str, str], call: TranscribeCall) -> Transcript:
    """Cloudflare: JSON with base64 for the turbo model, raw bytes for the others. Raises UpstreamFailure."""
    if "turbo" not in call.model:
        notices = checked(call, frozenset())
        head = {**headers, "Content-Type": "application/octet-stream"}
        answer, limits = await posted(host, url, head, data=call.audio)
        return read_transcript(answer, call, notices, limits)
    notices = checked(call, frozenset({"language", "prompt"}))
    body: dict[str, Any] = {"audio": base64.b64encode(call.audio).decode(), "task": "transcribe", "vad_filter": True}
    if call.language:
        body["language"] = call.language
    if call.prompt:
        body["initial_prompt"] = call.prompt
    answer, limits = await posted(host, url, headers, json=msgspec.json.encode(body))
    return read_transcript(answer, call, notices, limits)


async def over_hugging_face(host: Host, url: str, headers: Mapping[str, str], call: TranscribeCall) -> Transcript:
    """Raw bytes with their type, or JSON if segments are wanted. Raises UpstreamFailure."""
    notices = checked(call, frozenset())
    if call.timestamps:
        body = {"inputs": base64.b64encode(call.audio).decode(), "parameters": {"return_timestamps": True}}
        answer, limits = await posted(host, url, headers, json=msgspec.json.encode(body))
    else:
        head = {**headers, "Content-Type": TYPES[ending(call)]}
        answer, limits = await posted(host, url, head, data=call.audio)
    return read_transcript(answer, call, notices, limits)


async def posted(
    host: Host,
    url: str,
    headers: Mapping[str, str],
    *,
    json: bytes | None = None,
    form: aiohttp.FormData | None = None,
    data: bytes | None = None,
) -> tuple[Any, LimitReport | None]:
    """One POST with a non-streamed answer. Raises UpstreamFailure."""
    body: Any = form if data is None else data
    async with host.http.request("POST", url, headers=headers, json=json, form=body) as response:
        if response.status != 200:
            raise host.failure(response.status, response.headers, await read_error(response))
        response_headers, answer = response.headers, await read(response, LARGEST_ANSWER)
        text = response.content_type == "text/plain"
    if text:
        return answer.decode(errors="replace"), host.limit_report(response_headers)
    try:
        documents = values.documents(answer)
    except (ValueError, UnicodeDecodeError) as error:
        raise errors.failure(FailureKind.BAD_RESPONSE, status=200) from error
    return (documents[0] if documents else None), host.limit_report(response_headers)


def read_transcript(
    answer: Any, call: TranscribeCall, notices: tuple[Notice, ...] = (), limits: LimitReport | None = None
) -> Transcript:
    """Parses any documented shape. Raises UpstreamFailure(BAD_RESPONSE) if it holds no text."""
    if isinstance(answer, str):
        return Transcript(answer.strip(), call.language, None, (), notices, limits)
    body = values.mapping(answer)
    if error := body.get("error"):
        raise errors.in_stream(error, began=False)
    body = values.mapping(body.get("result")) or body
    text = body.get("text")
    if not isinstance(text, str):
        text = _of_deepgram(body)
    about, usage = values.mapping(body.get("transcription_info")), values.mapping(body.get("usage"))
    language = next(
        (reported for reported in (body.get("language"), about.get("language")) if isinstance(reported, str)),
        call.language,
    )
    lengths = (body.get("duration"), about.get("duration"), usage.get("prompt_audio_seconds"), usage.get("seconds"))
    seconds = next(
        (length for reported in lengths if (length := values.number(reported)) is not None and length >= 0), None
    )
    listed = body.get("segments") or body.get("chunks")
    segments = tuple(segment for item in values.items(listed) if (segment := _segment(item)) is not None)
    return Transcript(text.strip(), language, seconds, segments, notices, limits)


def _segment(item: Any) -> Segment | None:
    """A segment with its times; None without them."""
    about = values.mapping(item)
    pair = about.get("timestamp")
    start, end = pair if isinstance(pair, list) and len(pair) == 2 else (about.get("start"), about.get("end"))
    first, last, text = values.number(start), values.number(end), about.get("text")
    if first is None or not isinstance(text, str) or first < 0:
        return None
    silence = values.number(about.get("no_speech_prob"))
    # The last chunk of a truncated recording has no end.
    last = first if last is None or last < first or math.isnan(last) else last
    return Segment(first, last, text.strip(), silence if silence is not None and 0 <= silence <= 1 else None)


def _of_deepgram(answer: Mapping[str, Any]) -> str:
    """`results.channels[0].alternatives[0].transcript`. Raises UpstreamFailure."""
    channels = values.items(values.mapping(answer.get("results")).get("channels"))
    first = values.mapping(channels[0]) if channels else {}
    alternatives = values.items(first.get("alternatives"))
    text = values.mapping(alternatives[0]).get("transcript") if alternatives else None
    if not isinstance(text, str):
        raise errors.failure(FailureKind.BAD_RESPONSE, status=200)
    return text


async def asked(provider: Any, request: TranscribeRequest, model: str, secret: str | None) -> AsyncGenerator[Any, None]:
    """The events of one transcription. Raises UpstreamFailure, also if the provider cannot transcribe."""
    listen = getattr(provider, "transcribe", None)
    if listen is None:
        raise UpstreamFailure(FailureKind.UNSUPPORTED, "the provider does not transcribe", capability="transcribe")
    audio = request.audio
    call = TranscribeCall(
        model, audio.data, secret, audio.mime, request.language, request.prompt, request.temperature,
        request.timestamps, request.strict,
    )  # fmt: skip
    made: Transcript = await listen(call)
    yield made.limits or LimitReport()
    for notice in made.notices:
        yield notice
    seconds = made.seconds if made.seconds is not None else seconds_of(audio.data)
    yield Usage(audio_seconds=seconds or 0.0)
    yield Transcribed("" if made.silent else made.text, made.language, seconds, made.segments)
    yield Finish(FinishReason.STOP)
