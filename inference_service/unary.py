"""Non-streamed requests, embeddings and speech to text, with their results."""

from msgspec import Struct

from inference_service.domain import AudioPart, Caller


class EmbedRequest(Struct, frozen=True):
    request_id: str
    model: str
    inputs: tuple[str, ...]
    dimensions: int | None = None
    strict: bool = False
    caller: Caller = Caller()


class TranscribeRequest(Struct, frozen=True):
    request_id: str
    model: str
    audio: AudioPart
    language: str = ""
    prompt: str = ""
    temperature: float | None = None
    timestamps: bool = False
    strict: bool = False
    caller: Caller = Caller()


class Segment(Struct, frozen=True):
    """A segment of a recording. Times are seconds from its start. no_speech: probability of silence, 0 to 1."""

    start: float
    end: float
    text: str
    no_speech: float | None = None


class Transcribed(Struct, frozen=True):
    """What was said. language: as the provider names it. seconds: length of the recording."""

    text: str
    language: str = ""
    seconds: float | None = None
    segments: tuple[Segment, ...] = ()


class Embedded(Struct, frozen=True):
    """One vector per input, in order, all of the same length."""

    vectors: tuple[tuple[float, ...], ...]
