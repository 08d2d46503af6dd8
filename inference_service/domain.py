"""The values that the service uses inside: requests, events, capabilities.

Everything here is a frozen value. Adapters yield events, the router passes them on,
the API turns them into protobuf; nothing here knows HTTP, gRPC or a clock.
Characters are Unicode code points, times are seconds as float, sizes are bytes.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from msgspec import Struct

from inference_service.settings import CHAT_SETTINGS, IMAGE_SETTINGS, Sampling
from inference_service.tools import ResponseFormat, Tool, ToolCall, ToolChoice, ToolResult

__all__ = ["CHAT_SETTINGS", "IMAGE_SETTINGS"]  # declared in the settings table, used with Capabilities


class Task(StrEnum):
    CHAT = "chat"
    IMAGE = "image"
    EMBED = "embed"
    TRANSCRIBE = "transcribe"


class Role(StrEnum):
    SYSTEM = "system"
    USER = "user"
    ASSISTANT = "assistant"
    TOOL = "tool"


class OnInterruption(StrEnum):
    CONTINUE = "continue"
    RESTART = "restart"
    FAIL = "fail"


class FinishReason(StrEnum):
    STOP = "stop"
    LENGTH = "length"
    CONTENT_FILTER = "content_filter"
    OTHER = "other"
    TOOL_CALLS = "tool_calls"


class NoticeKind(StrEnum):
    DROPPED = "dropped"
    CHANGED = "changed"
    INFO = "info"


class ImageFormat(StrEnum):
    """Values are Pillow's names in lower case."""

    PNG = "png"
    JPEG = "jpeg"
    WEBP = "webp"


# --- requests ---------------------------------------------------------------------


class TextPart(Struct, frozen=True):
    text: str


class ImagePart(Struct, frozen=True):
    """A picture file within a request; `mime` is what the bytes are (checked by the API)."""

    mime: str
    data: bytes


class AudioPart(Struct, frozen=True):
    """A recording to listen to; `mime` is what the bytes are (checked by the API)."""

    mime: str
    data: bytes


Part = TextPart | ImagePart | AudioPart | ToolCall | ToolResult


class Message(Struct, frozen=True):
    role: Role
    parts: tuple[Part, ...]

    @property
    def text(self) -> str:
        return "".join(part.text for part in self.parts if isinstance(part, TextPart))

    @property
    def images(self) -> tuple[ImagePart, ...]:
        return tuple(part for part in self.parts if isinstance(part, ImagePart))

    @property
    def recordings(self) -> tuple[AudioPart, ...]:
        return tuple(part for part in self.parts if isinstance(part, AudioPart))

    @property
    def calls(self) -> tuple[ToolCall, ...]:
        return tuple(part for part in self.parts if isinstance(part, ToolCall))

    @property
    def results(self) -> tuple[ToolResult, ...]:
        return tuple(part for part in self.parts if isinstance(part, ToolResult))


class Caller(Struct, frozen=True):
    """Who sends the request. `name` is the authenticated caller ("local" without tokens); the ids are opaque."""

    name: str = "local"
    tenant_id: str = ""
    user_id: str = ""


class ChatRequest(Struct, frozen=True):
    """partial: the beginning of the answer, to be continued; it is not among `messages`.

    tool_choice: None: the model decides. provider_options: fields for the body of the upstream call, by provider name.
    """

    request_id: str
    model: str
    messages: tuple[Message, ...]
    sampling: Sampling = Sampling()
    on_interruption: OnInterruption | None = None  # None: the route decides
    strict: bool = False  # refuse a setting that a deployment cannot honour, instead of dropping it
    caller: Caller = Caller()
    tools: tuple[Tool, ...] = ()
    tool_choice: ToolChoice | None = None
    response_format: ResponseFormat | None = None
    conversation_id: str = ""
    partial: str = ""
    provider_options: Mapping[str, Mapping[str, Any]] = {}

    @property
    def has_images(self) -> bool:
        return any(message.images for message in self.messages)

    @property
    def has_audio(self) -> bool:
        return any(message.recordings for message in self.messages)

    @property
    def uses_tools(self) -> bool:
        """Whether only a deployment with tools can answer: they are offered, or were called before."""
        return bool(self.tools) or any(message.calls or message.results for message in self.messages)


class ImageRequest(Struct, frozen=True):
    """At most one of size and aspect_ratio is set; both are (width, height)."""

    request_id: str
    model: str
    prompt: str
    negative_prompt: str = ""
    size: tuple[int, int] | None = None
    aspect_ratio: tuple[int, int] | None = None
    seed: int | None = None
    steps: int | None = None
    guidance_scale: float | None = None
    count: int = 1
    format: ImageFormat | None = None
    max_bytes: int | None = None
    input_image: ImagePart | None = None
    strict: bool = False
    caller: Caller = Caller()


# --- events that adapters yield ------------------------------------------------------


class Delta(Struct, frozen=True):
    """Text of the answer. Adapters join all text that arrived in one read."""

    text: str


class Reasoning(Struct, frozen=True):
    """Text of the model's reasoning; never part of the answer."""

    text: str


class Retract(Struct, frozen=True):
    """The text of this call so far turned out to be reasoning. The answer begins after this event.

    The answer must be cut back to where this call began.
    """


class Composing(Struct, frozen=True):
    """The model is writing a tool call: a sign of life with its length so far; no caller sees it."""

    characters: int


class TokenLogprob(Struct, frozen=True):
    """A token with its log probability, and the likeliest ones in its place as (token, log probability)."""

    token: str
    logprob: float
    top: tuple[tuple[str, float], ...] = ()


class Logprobs(Struct, frozen=True):
    tokens: tuple[TokenLogprob, ...]


class Progress(Struct, frozen=True):
    stage: str
    fraction: float | None = None
    queue_position: int | None = None  # from 1
    eta: float | None = None  # seconds


class Notice(Struct, frozen=True):
    kind: NoticeKind
    field: str
    message: str


class Usage(Struct, frozen=True):
    """Totals of one attempt as the provider reported them. A later event replaces an earlier one."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    reasoning_tokens: int = 0
    images: int = 0
    cached_tokens: int = 0  # among the prompt's
    audio_tokens: int = 0  # among the prompt's
    audio_seconds: float = 0.0  # listened to


class Finish(Struct, frozen=True):
    """The provider reported the end. A stream that ends without this event was cut off."""

    reason: FinishReason


class Preview(Struct, frozen=True):
    index: int
    mime: str
    data: bytes


class Picture(Struct, frozen=True):
    """A finished picture as the provider sent it, not validated yet."""

    index: int
    data: bytes
    seed: int | None = None


ChatEvent = Delta | Reasoning | Retract | Composing | ToolCall | Logprobs | Progress | Notice | Usage | Finish
ImageEvent = Progress | Preview | Notice | Usage | Picture | Finish


# --- events that the router adds -------------------------------------------------------


class Started(Struct, frozen=True):
    deployment: str  # "provider/upstream-model"
    attempt: int  # from 1


class Handover(Struct, frozen=True):
    from_deployment: str
    to_deployment: str
    reason: str  # a FailureKind value
    keep_chars: int
    attempt: int


class Cost(Struct, frozen=True):
    """Millionths of a currency (ISO 4217), at the prices of a day (ISO 8601). incomplete: parts without a price are missing."""

    micros: int
    currency: str
    date: str
    incomplete: bool = False


class UsageRecord(Struct, frozen=True):
    """What one attempt used, settled. `discarded`: its text is not in the answer. `cost` None: no price is known."""

    deployment: str
    usage: Usage
    estimated: bool = False
    discarded: bool = False
    cost: Cost | None = None


class AttemptRecord(Struct, frozen=True):
    """One failed upstream call, for the caller's accounting."""

    deployment: str
    failure: str  # a FailureKind value
    http_status: int  # 0: none
    duration: float


class CheckedPicture(Struct, frozen=True):
    """A picture that was decoded, cleaned and converted to the requested format."""

    index: int
    data: bytes
    mime: str
    width: int
    height: int
    seed: int | None = None


class Finished(Struct, frozen=True):
    reason: FinishReason
    deployment: str
    total_chars: int  # of the whole answer after all handovers; 0 for images
    first_token: float | None  # seconds from the arrival of the request
    attempts: int
    failed: tuple[AttemptRecord, ...] = ()
    tool_calls: int = 0
    used: tuple[UsageRecord, ...] = ()


RoutedChatEvent = (
    Started | Delta | Reasoning | Progress | Notice | Handover | ToolCall | Logprobs | UsageRecord | Finished
)
RoutedImageEvent = Started | Progress | Preview | Notice | Handover | CheckedPicture | UsageRecord | Finished


# --- what a deployment can do --------------------------------------------------------


class Capabilities(Struct, frozen=True):
    """Declared as data. The router filters by it, and `docs/providers.md` is generated from it.

    `settings` are the dotted request fields that the deployment honours ("sampling.seed",
    "negative_prompt", "steps", …); others are dropped with a notice, or refused if strict.
    `sizes` lists the allowed (width, height); empty means any size that is a multiple of
    `size_step` between `min_side` and `max_side`.
    `unknown` names capabilities ("vision", "prefill", "tools") that are False here because nothing is known about them.
    Such a deployment is tried only if no other is left.
    """

    chat: bool = False
    vision: bool = False
    image: bool = False
    transcribe: bool = False
    embed: bool = False
    tools: bool = False
    audio: bool = False  # accepts recordings in a conversation
    formats: frozenset[str] = frozenset()  # formats that it enforces: "json_object", "json_schema"
    streaming: bool = False
    prefill: bool = False
    settings: frozenset[str] = frozenset()
    context_tokens: int = 0  # 0: unknown
    max_images: int = 0  # input pictures per request; 0: unknown
    sizes: tuple[tuple[int, int], ...] = ()
    size_step: int = 8
    min_side: int = 64
    max_side: int = 0  # 0: unknown
    max_count: int = 1  # pictures per call; the router makes more calls for more pictures
    input_image: bool = False
    unknown: frozenset[str] = frozenset()

    def can(self, task: Task) -> bool:
        return bool(getattr(self, task.value))
