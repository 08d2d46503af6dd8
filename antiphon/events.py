"""What a caller sends and receives, as plain values. Times are seconds, sizes bytes, characters Unicode code points."""

from dataclasses import dataclass, field
from typing import Literal

from antiphon.errors import FailedAttempt


@dataclass(frozen=True)
class Text:
    text: str


@dataclass(frozen=True)
class Image:
    """A picture file; `mime` must be what the bytes are: PNG, JPEG, WebP or GIF."""

    mime: str
    data: bytes = field(repr=False)


@dataclass(frozen=True)
class Message:
    """One turn. Pictures only from the user."""

    role: Literal["system", "user", "assistant"]
    parts: tuple[Text | Image, ...]

    @classmethod
    def user(cls, text: str, *images: Image) -> "Message":
        return cls("user", (*images, *((Text(text),) if text else ())))

    @classmethod
    def system(cls, text: str) -> "Message":
        return cls("system", (Text(text),))

    @classmethod
    def assistant(cls, text: str) -> "Message":
        return cls("assistant", (Text(text),))

    @property
    def text(self) -> str:
        return "".join(part.text for part in self.parts if isinstance(part, Text))


@dataclass(frozen=True)
class Sampling:
    """How to choose words; what is None is left to the deployment. Ranges as in the contract."""

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

    @property
    def tokens(self) -> int:
        return self.prompt_tokens + self.completion_tokens


@dataclass(frozen=True)
class Finished:
    reason: str  # stop, length, content_filter, other
    total_chars: int
    first_token: float | None
    attempts: int
    deployment: str
    failed_attempts: tuple[FailedAttempt, ...] = ()


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


ChatEvent = Started | Delta | Reasoning | Progress | Notice | Handover | Usage | Finished
ImageEvent = Started | Progress | Preview | Notice | Handover | Picture | Usage | ImageFinished


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
