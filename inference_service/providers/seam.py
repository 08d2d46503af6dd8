"""The seam between routing and the upstreams: a provider is a declaration and three methods.

A provider can neither pick a credential nor retry; it makes one upstream call per `chat` or
`image` and yields what happens. It raises `UpstreamFailure` only (and lets CancelledError
through, having closed its sockets). It bounds connecting by itself (`HttpClient`); waiting
for headers, first token, idle gaps and the total is the attempt's business, by cancelling.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import ClassVar, Protocol

from msgspec import Struct

from inference_service.domain import Capabilities, ChatEvent, ChatRequest, ImageEvent, ImageRequest
from inference_service.quotas import LimitFact


class ModelInfo(Struct, frozen=True):
    """One upstream model that a provider offers."""

    name: str  # the upstream's id
    capabilities: Capabilities
    aliases: tuple[str, ...] = ()  # public names of the mission, e.g. "janus"


class Patience(Struct, frozen=True):
    """Longer bounds on silence than usual, in seconds; 0: the usual ones. For local servers that load a model, and queues."""

    headers: float = 0.0
    first_token: float = 0.0
    idle: float = 0.0


class Declaration(Struct, frozen=True):
    """What a kind of provider is, as data.

    credentials: names of environment variables; "GIT_TOKEN" stands for GIT_TOKEN and for
        GIT_TOKEN1, GIT_TOKEN2, … (any number, gaps allowed).
    needs_credential: False where an empty pool is fine (a local server, a public Space).
    default_models: the upstream models offered without any configuration; the first one of a
        task is what the default route of the task uses.
    capabilities: by upstream model; the key "*" is what unknown models are taken for.
    quota_group: "credential" when each credential has limits of its own, "account" when all
        credentials of the provider share one.
    patience: how long silence is normal here; what the operator sets explicitly wins.
    discovers: True where `models` tells chat, vision and image models apart, so that its list is worth keeping.
    sources: documents that the wire format was taken from.
    """

    kind: str
    title: str
    base_url: str
    credentials: tuple[str, ...] = ()
    needs_credential: bool = True
    default_models: tuple[str, ...] = ()
    model_aliases: Mapping[str, str] = {}
    capabilities: Mapping[str, Capabilities] = {}
    quota_group: str = "credential"
    patience: Patience = Patience()
    discovers: bool = False
    sources: tuple[str, ...] = ()


class Settings(Struct, frozen=True):
    """One configured instance of a provider, from `antiphon.toml` and the environment.

    options: what only this kind understands (`[providers.x.options]`), checked by the provider.
    """

    name: str
    base_url: str
    headers: Mapping[str, str] = {}
    proxy: str | None = None
    models: tuple[str, ...] = ()
    aliases: Mapping[str, str] = {}
    capabilities: Mapping[str, Capabilities] = {}
    options: Mapping[str, object] = {}
    verify_tls: bool = True
    connect_timeout: float = 5.0


class ChatCall(Struct, frozen=True):
    """One upstream call. `prefix` is the text already delivered that the answer must continue."""

    request: ChatRequest
    model: str
    secret: str | None
    prefix: str = ""


class ImageCall(Struct, frozen=True):
    """One upstream call for `count` pictures (at most the deployment's max_count).

    `size` is resolved: what the deployment allows, or None for its default.
    """

    request: ImageRequest
    model: str
    secret: str | None
    count: int = 1
    first_index: int = 0
    size: tuple[int, int] | None = None


class LimitReport(Struct, frozen=True):
    """The provider accepted the call. `limits`: what its response headers told, before they bite."""

    limits: tuple[LimitFact, ...] = ()


class Provider(Protocol):
    declaration: ClassVar[Declaration]
    settings: Settings

    def capabilities(self, model: str) -> Capabilities:
        """What this upstream model can do; declared, configured or discovered."""
        ...

    def chat(self, call: ChatCall) -> AsyncIterator[ChatEvent | LimitReport]:
        """Answers once. Raises UpstreamFailure; ends after Finish, or without one if it was cut."""
        ...

    def image(self, call: ImageCall) -> AsyncIterator[ImageEvent | LimitReport]:
        """Draws once. Raises UpstreamFailure."""
        ...

    async def models(self, secret: str | None) -> Sequence[ModelInfo]:
        """Asks the upstream which models it offers (a smallest question, also used by `antiphon check`).

        Raises UpstreamFailure.
        """
        ...

    async def close(self) -> None:
        """Closes sessions; calls running on them end with a failure."""
        ...
