"""What a caller sends and receives, as plain values. Times are in seconds, sizes in bytes, lengths in Unicode code points."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from antiphon.errors import FailedAttempt


@dataclass(frozen=True)
class Text:
    text: str


@dataclass(frozen=True)
class Image:
    """A picture file. `mime` must match the bytes: PNG, JPEG, WebP or GIF."""

    mime: str
    data: bytes = field(repr=False)


@dataclass(frozen=True)
class ImageLink:
    """A picture that the service fetches: an https URL of a public address."""

    url: str


@dataclass(frozen=True)
class Document:
    """A PDF ("application/pdf") or a text ("text/…"), of which the model reads the words."""

    mime: str
    data: bytes = field(repr=False)
    name: str = ""


@dataclass(frozen=True)
class Audio:
    """A recording; `mime` must be what the bytes are, such as "audio/ogg" for a voice message of Discord."""

    mime: str
    data: bytes = field(repr=False)


@dataclass(frozen=True)
class Tool:
    """A function that the model may ask for. `parameters`: JSON Schema of its arguments, an object."""

    name: str
    description: str = ""
    parameters: Mapping[str, Any] | None = None
    strict: bool = False


@dataclass(frozen=True)
class ToolCall:
    """A tool that the model asks the caller to run. Pass it back unchanged in the next turn."""

    id: str
    name: str
    arguments: str
    """A whole JSON object as text, so that long numbers keep their digits."""
    signature: bytes = field(default=b"", repr=False)

    @property
    def parsed(self) -> dict[str, Any]:
        """The arguments as a dictionary."""
        arguments: dict[str, Any] = json.loads(self.arguments)
        return arguments


@dataclass(frozen=True)
class ToolResult:
    """What a tool has returned: text, or JSON as text."""

    call_id: str
    content: str
    is_error: bool = False


@dataclass(frozen=True)
class JsonObject:
    """The answer is any JSON object."""


@dataclass(frozen=True)
class JsonSchema:
    """The answer is one JSON document that this schema accepts."""

    schema: Mapping[str, Any]
    name: str = "answer"
    description: str = ""


Part = Text | Image | ImageLink | Document | Audio | ToolCall | ToolResult


@dataclass(frozen=True)
class Message:
    """One turn. Pictures, documents and recordings only from the user; results of tools only from "tool".

    partial: the last message, of the assistant: the answer has begun like this and is to be continued.
    """

    role: Literal["system", "user", "assistant", "tool"]
    parts: tuple[Part, ...]
    partial: bool = False

    @classmethod
    def user(cls, text: str, *others: Part) -> "Message":
        return cls("user", (*others, *((Text(text),) if text else ())))

    @classmethod
    def tool(cls, *results: ToolResult) -> "Message":
        return cls("tool", results)

    @classmethod
    def system(cls, text: str) -> "Message":
        return cls("system", (Text(text),))

    @classmethod
    def assistant(cls, text: str, *calls: ToolCall, partial: bool = False) -> "Message":
        return cls("assistant", (*((Text(text),) if text else ()), *calls), partial)

    @property
    def text(self) -> str:
        return "".join(part.text for part in self.parts if isinstance(part, Text))


@dataclass(frozen=True)
class Sampling:
    """Sampling settings. None leaves the choice to the deployment. The contract lists the ranges."""

    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()
    seed: int | None = None
    top_k: int | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    reasoning_effort: Literal["none", "low", "medium", "high"] | None = None
    top_logprobs: int | None = None


# --- events ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Started:
    request_id: str
    deployment: str
    attempt: int


@dataclass(frozen=True)
class Delta:
    text: str


@dataclass(frozen=True)
class Reasoning:
    text: str


@dataclass(frozen=True)
class Progress:
    stage: str
    fraction: float | None = None
    queue_position: int | None = None
    eta: float | None = None
    kind: str = ""  # waiting, queued, loading, generating; empty: not known


@dataclass(frozen=True)
class Notice:
    kind: str  # dropped, changed, info
    field: str
    message: str


@dataclass(frozen=True)
class Handover:
    from_deployment: str
    to_deployment: str
    reason: str
    keep_chars: int
    attempt: int


@dataclass(frozen=True)
class Usage:
    deployment: str
    prompt_tokens: int = 0
    completion_tokens: int = 0
    reasoning_tokens: int = 0
    images: int = 0
    estimated: bool = False
    discarded: bool = False
    cached_tokens: int = 0
    audio_tokens: int = 0
    audio_seconds: float = 0.0
    cost: "Cost | None" = None

    @property
    def tokens(self) -> int:
        return self.prompt_tokens + self.completion_tokens


@dataclass(frozen=True)
class Cost:
    """Millionths of a currency, by prices of this day. incomplete: parts without a known price are missing."""

    micros: int
    currency: str
    price_date: str
    incomplete: bool = False


@dataclass(frozen=True)
class TokenLogprob:
    """A token with the natural logarithm of its probability, and the likeliest ones in its place."""

    token: str
    logprob: float
    top: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True)
class Logprobs:
    tokens: tuple[TokenLogprob, ...]


@dataclass(frozen=True)
class Finished:
    reason: str  # stop, length, tool_calls, content_filter, other
    total_chars: int
    first_token: float | None
    attempts: int
    deployment: str
    failed_attempts: tuple[FailedAttempt, ...] = ()
    usage: Usage | None = None
    tool_calls: int = 0
    replayed: bool = False


@dataclass(frozen=True)
class Completion:
    """An answer in one piece."""

    request_id: str
    text: str
    finished: Finished
    reasoning: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    usages: tuple[Usage, ...] = ()
    notices: tuple[Notice, ...] = ()
    logprobs: Logprobs | None = None

    @property
    def message(self) -> Message:
        """The answer as a turn of the conversation."""
        return Message.assistant(self.text, *self.tool_calls)


@dataclass(frozen=True)
class Preview:
    index: int
    mime: str
    data: bytes = field(repr=False)


@dataclass(frozen=True)
class Picture:
    index: int
    mime: str
    data: bytes = field(repr=False)
    width: int = 0
    height: int = 0
    seed: int | None = None


@dataclass(frozen=True)
class ImageFinished:
    images: int
    duration: float
    attempts: int
    deployment: str
    failed_attempts: tuple[FailedAttempt, ...] = ()
    usage: Usage | None = None
    replayed: bool = False


ChatEvent = Started | Delta | Reasoning | Progress | Notice | Handover | ToolCall | Logprobs | Usage | Finished
ImageEvent = Started | Progress | Preview | Notice | Handover | Picture | Usage | ImageFinished


# --- vectors and speech --------------------------------------------------------------------


@dataclass(frozen=True)
class Embeddings:
    request_id: str
    vectors: tuple[tuple[float, ...], ...] = field(repr=False)
    deployment: str = ""
    usage: Usage | None = None
    notices: tuple[Notice, ...] = ()
    attempts: int = 0
    failed_attempts: tuple[FailedAttempt, ...] = ()
    replayed: bool = False


@dataclass(frozen=True)
class Segment:
    """A stretch of a recording; seconds from its start. no_speech: how likely nobody speaks, 0 to 1."""

    start: float
    end: float
    text: str
    no_speech: float | None = None


@dataclass(frozen=True)
class Transcript:
    request_id: str
    text: str
    language: str = ""
    duration: float | None = None
    segments: tuple[Segment, ...] = ()
    deployment: str = ""
    usage: Usage | None = None
    notices: tuple[Notice, ...] = ()
    attempts: int = 0
    failed_attempts: tuple[FailedAttempt, ...] = ()
    replayed: bool = False


@dataclass(frozen=True)
class TokenCount:
    tokens: int
    estimated: bool
    deployment: str
    context_tokens: int  # 0: not known


# --- listings ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Capabilities:
    vision: bool = False
    streaming: bool = False
    prefill: bool = False
    seed: bool = False
    negative_prompt: bool = False
    input_image: bool = False
    context_tokens: int = 0
    max_side: int = 0
    tools: bool = False
    json_schema: bool = False
    audio: bool = False
    settings: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()


@dataclass(frozen=True)
class Model:
    name: str
    aliases: tuple[str, ...]
    tasks: tuple[str, ...]  # chat, image
    deployments: tuple[str, ...]
    capabilities: Capabilities
    available: bool
    is_deployment: bool
    requests_left: int | None = None  # None: no quota is known
    refills_at: float | None = None  # epoch seconds


@dataclass(frozen=True)
class UsageRow:
    deployment: str
    requests: int
    prompt_tokens: int
    completion_tokens: int
    images: int
    estimated_tokens: int
    discarded_tokens: int
    caller: str = ""
    tenant_id: str = ""
    user_id: str = ""
    model: str = ""
    day: float | None = None  # epoch seconds of its start, by UTC
    cached_tokens: int = 0
    reasoning_tokens: int = 0
    audio_tokens: int = 0
    audio_seconds: int = 0
    cost_micros: int = 0  # of US dollars
