"""The shape of `antiphon.toml`: one file for both processes, every key with a default.

Nothing configured at all is a valid configuration. Times are seconds, sizes bytes.
Secrets are never values of this file: keys that end in `_env` name an environment
variable, and for every variable NAME a variable NAME_FILE may name a file instead.
"""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from antiphon.config.bot import Bot
from antiphon.config.quotas import QuotaConfig
from antiphon.config.section import EnvironmentName, Port, Seconds, Section


class Scope(StrEnum):
    CHAT = "chat"
    IMAGE = "image"
    OPERATE = "operate"


class Tls(Section):
    certificate: Path
    """PEM file with the server's certificate and its chain."""
    key: Path
    """PEM file with its private key."""
    client_ca: Path | None = None
    """PEM file; if set, callers must present a certificate signed by it (mutual TLS). `callers` maps certificates to names."""
    reload_seconds: Seconds = 60
    """How often the files are checked for a renewal."""


class CallerConfig(Section):
    """A caller presents what is set here: its token, its certificate, or both."""

    token_env: EnvironmentName | None = None
    """Environment variable that holds the caller's token."""
    certificate: str | None = Field(None, min_length=1)
    """With mutual TLS: common name or alternative name in the caller's certificate, such as "bot.example"."""
    scopes: frozenset[Scope] = frozenset({Scope.CHAT, Scope.IMAGE})
    """What the caller may do: "chat", "image", "operate" (status, reload, everybody's usage)."""
    requests_per_minute: int | None = Field(None, ge=1)
    """Unset: no limit."""
    tokens_per_day: int | None = Field(None, ge=1)
    """Tokens read and written. Unset: no limit."""
    max_streams: int = Field(100, ge=1)
    """Streams open at once."""

    @model_validator(mode="after")
    def _can_be_told_apart(self) -> Self:
        if self.token_env is None and self.certificate is None:
            raise ValueError("needs token_env, certificate or both")
        return self


class Service(Section):
    host: str = "127.0.0.1"
    """Address to listen on. Any address but loopback requires `tls`, or `insecure`."""
    port: Port = 50551
    """0 takes a free port and prints it."""
    transport: Literal["grpcio", "h2"] = "grpcio"
    """What speaks gRPC: "grpcio" (the C library), or "h2" (in the event loop itself: faster, and newer)."""
    workers: int = Field(1, ge=1, le=64)
    """Processes that share the port; more than one needs Redis to share state."""
    grace: Seconds = 20
    """How long running streams may continue after SIGTERM."""
    chat_deadline: Seconds = 180
    """Longest a chat may take when the caller sets no deadline."""
    image_deadline: Seconds = 600
    """The same for pictures."""
    max_request_bytes: int = Field(20 * 1024 * 1024, ge=65_536, le=256 * 1024 * 1024)
    """Largest request, including its pictures."""
    max_streams: int = Field(2_000, ge=1)
    """Requests running at once, over all callers."""
    connection_age: Annotated[float, Field(ge=1, le=86_400)] = 1_800
    """Age after which a connection is replaced, so that new replicas get their share. Its streams finish."""
    keepalive: Annotated[float, Field(ge=1, le=3_600)] = 60
    """Silence after which the service checks whether a caller is still connected."""
    allow_provider_options: bool = False
    """Let callers put fields of their own into the bodies of upstream calls (`provider_options`)."""
    insecure: bool = False
    """Listen without TLS on an address that is not loopback. The log repeats it at every start."""
    tls: Tls | None = None
    """TLS for callers. Unset: plain text."""
    callers: dict[str, CallerConfig] = {}
    """Named callers. Empty: everybody who reaches the port may call; with mutual TLS everybody with a certificate may chat
    and draw, but not operate."""
    http: bool | None = None
    """Serve OpenAI's API over HTTP, with the same callers, limits and TLS. Unset: only on loopback."""
    http_host: str = "127.0.0.1"
    """Where OpenAI's API listens."""
    http_port: Port = 50550
    """0 takes a free port."""
    http_cors: list[str] = []
    """Origins whose web pages may call it, such as "https://chat.example"; "*": all. Empty: no browser."""
    status_page: bool | None = None
    """Serve the status page and metrics over HTTP. Unset: only on loopback."""
    status_host: str = "127.0.0.1"
    """Where the status page listens."""
    status_names: list[str] = []
    """Host names under which browsers and Prometheus may reach it; addresses, "localhost" and the machine's name always work."""
    status_port: Port = 50552
    """0 takes a free port."""

    @field_validator("callers")
    @classmethod
    def _one_caller_a_certificate(cls, callers: dict[str, CallerConfig]) -> dict[str, CallerConfig]:
        alone = [
            caller.certificate.lower() for caller in callers.values() if caller.certificate and not caller.token_env
        ]
        if len(set(alone)) < len(alone):
            raise ValueError("two callers have the same certificate and no token")
        return callers

    @model_validator(mode="after")
    def _certificates_are_asked_for(self) -> Self:
        named = [name for name, caller in self.callers.items() if caller.certificate]
        if named and (self.tls is None or self.tls.client_ca is None):
            raise ValueError(f"callers.{named[0]}.certificate needs tls.client_ca, so that callers show a certificate")
        return self


class Client(Section):
    target: str | None = None
    """gRPC target of the service, such as "dns:///antiphon:50551". Unset: service.host and service.port."""
    token_env: EnvironmentName = "ANTIPHON_TOKEN"  # noqa: S105 - the name of a variable, not a token
    """Environment variable that holds this caller's token, if the service requires one."""
    ca: Path | None = None
    """PEM file that signed the service's certificate; setting it (or `tls`) turns TLS on."""
    tls: bool = False
    """TLS with the authorities that this machine trusts."""
    certificate: Path | None = None
    """PEM file with this client's certificate, for mutual TLS. Needs `key`."""
    key: Path | None = None
    """PEM file with its private key."""
    server_name: str | None = None
    """Name to expect in the certificate when it differs from the target."""


class ModelConfig(Section):
    """Corrects what a provider's declaration says about one upstream model."""

    chat: bool | None = None
    """It answers chats."""
    vision: bool | None = None
    """It reads pictures."""
    audio: bool | None = None
    """It listens to recordings in a chat."""
    tools: bool | None = None
    """It calls tools."""
    image: bool | None = None
    """It draws pictures."""
    prefill: bool | None = None
    """It continues a partial answer, so that a handover loses no word."""
    max_images: int | None = Field(None, ge=1)
    """How many pictures one request may contain."""
    context_tokens: int | None = Field(None, ge=1)
    """How many tokens it can read."""
    max_side: int | None = Field(None, ge=64)
    """Longest side of a picture in pixels."""
    drop_settings: list[str] = []
    """Dotted request fields that the model does not support."""
    provider_options: dict[str, Any] = {}
    """Extra fields for the body of every chat with this model, as its provider documents them."""


class ProviderConfig(Section):
    kind: str | None = None
    """Kind of adapter. Unset: the table's own name."""
    enabled: bool = True
    """false: as if the table were missing."""
    base_url: str | None = None
    """Address of the API. Unset: the kind's own."""
    credentials_env: list[EnvironmentName] | None = None
    """Names of environment variables; "X" means X, X1, X2, … Unset: the kind's own names."""
    quota_groups: list[list[str]] = []
    """Credentials (by variable name) that share one account and rest together."""
    anonymous: bool | None = None
    """Call without a credential. Unset: as the kind needs."""
    headers: dict[str, str] = {}
    """Sent with every call; not for secrets."""
    proxy: str | None = None
    """HTTP proxy, such as "http://proxy:3128"."""
    verify_tls: bool = True
    """false accepts any certificate. Only for your own server."""
    connect_timeout: Seconds = 5
    """Longest time to connect."""
    models: list[str] = []
    """Upstream models to offer first; the first of a task is used by the default route."""
    aliases: dict[str, str] = {}
    """Other names for upstream models."""
    model: dict[str, ModelConfig] = {}
    """Corrections to the declaration, by upstream model."""
    max_concurrent: int | None = Field(None, ge=1)
    """Calls at once on one credential. Unset: learned from refusals."""
    quotas: list[QuotaConfig] = []
    """What each credential may use; see docs/guides/operating.md. Unset: learned from what the provider reports and refuses."""
    options: dict[str, Any] = {}
    """What only this kind understands; see docs/providers.md."""
    provider_options: dict[str, Any] = {}
    """Extra fields for the body of every chat, as the provider documents them."""


class Hedge(Section):
    after: Seconds | Literal["p95"] = "p95"
    """Delay before the next deployment starts too."""
    minimum: Seconds = 0.3
    """Lower bound for "p95"."""
    budget: float = Field(0.1, ge=0, le=1)
    """Hedges per request on average, at most."""


class Timeouts(Section):
    """`None` in a route: the value of [routing.timeouts]."""

    headers: Seconds = 8
    """Longest until the provider begins to answer."""
    first_token: Seconds = 10
    """Longest until the first text. Bounds on silence move an answer on only while another deployment can take it."""
    idle: Seconds = 10
    """Longest silence within an answer."""
    total: Seconds = 170
    """Longest one attempt may take."""
    slowest: float = Field(1.0, ge=0, le=1_000)
    """Characters per second over `slowest_window`; below it the stream is too slow. 0: no bound."""
    slowest_window: Seconds = 20
    """Period over which the speed is measured."""
    short_wait: float = Field(2.0, ge=0, le=600)
    """Longest rest named by the provider for which to wait for the preferred deployment instead of using a healthy one."""


class ImageTimeouts(Section):
    headers: Seconds = 120
    """Longest until the provider begins to answer."""
    idle: Seconds = 120
    """No event at all for this long."""
    total: Seconds = 300
    """Longest one attempt may take."""
    short_wait: float = Field(20.0, ge=0, le=600)
    """Longest rest named by the provider for which to wait for the preferred deployment instead of using a healthy one."""


class BreakerConfig(Section):
    failures: int = Field(2, ge=1)
    """Failures in a row after which a deployment is left alone; or this many, if they are half of the calls in `window`."""
    window: Seconds = 60
    """Calls older than this are forgotten."""
    probe_interval: Seconds = 20
    """Pause between two probes of a deployment that is left alone."""
    bench: Seconds = 86_400
    """Longest pause between two probes of a model that is gone; the first pauses are 1, 5 and 30 minutes."""


class Routing(Section):
    order: list[str] = []
    """Providers that default routes ask first, in this order; the others follow, free before paid."""
    attempts: int = Field(8, ge=1, le=50)
    """Upstream calls of one request, refusals included; every deployment of the route keeps one of them."""
    retry_budget: float = Field(0.2, ge=0, le=10)
    """Retries per request on average over the last ten seconds (with a floor of 10)."""
    timeouts: Timeouts = Timeouts()
    """For chats."""
    image_timeouts: ImageTimeouts = ImageTimeouts()
    """For pictures."""
    breaker: BreakerConfig = BreakerConfig()
    """When a deployment is left alone."""


class RouteConfig(Section):
    deployments: list[str] = []
    """"provider/upstream-model" in the order to try, or another route's name alone with `alias_of`."""
    alias_of: str | None = None
    """This name means that route."""
    order: Literal["listed", "quota"] = "listed"
    """"listed": deployments are tried as they are listed. "quota": they are equal; the one whose quota would be lost soonest
    is asked first, and turns of one conversation stay with the same one while that costs no wait."""
    on_interruption: Literal["continue", "restart", "fail"] = "continue"
    """When an answer breaks off: "continue" where it stopped (or restart if that is impossible), "restart", "fail"."""
    continue_by_instruction: list[str] = []
    """Deployments without prefill that may be asked by instruction to continue."""
    timeouts: Timeouts | None = None
    """Unset: those of [routing]."""
    image_timeouts: ImageTimeouts | None = None
    """Unset: those of [routing]."""
    hedge: Hedge | None = None
    """Also ask the next deployment when the first is slow. Unset: never."""


class State(Section):
    directory: Path | None = None
    """Where limits and cooldowns are stored across restarts. Unset: ".antiphon" next to the configuration file, or the user's
    state directory without one."""
    backend: Literal["memory", "redis"] | None = None
    """Unset: redis when the variable of `redis_url_env` is set, else memory."""
    redis_url_env: EnvironmentName = "ANTIPHON_REDIS_URL"
    """Environment variable with the URL of Redis, such as redis://localhost:6379/0."""
    prefix: str = "antiphon"
    """Beginning of every key in Redis."""
    timeout: Seconds = 0.25
    """Longest wait for Redis before memory is used."""
    lease: Seconds = 60
    """How long the calls of a crashed process stay counted."""


class Images(Section):
    max_pixels: int = Field(4_096 * 4_096, ge=4_096, le=500_000_000)
    """Larger pictures are refused, from callers and providers. Decoding one takes up to 16 bytes a pixel."""
    max_bytes: int = Field(32 * 1024 * 1024, ge=65_536)
    """Largest file from a provider."""
    fetch_timeout: Seconds = 60
    """Longest download of a picture that a provider names by its address."""
    allow_private_addresses: bool = False
    """Also fetch pictures from private or plain-HTTP addresses, for a provider in your own network."""


class Embedded(Section):
    """The offline demo voice."""

    characters_per_second: float = Field(180.0, ge=0)
    """0: as fast as possible."""
    image_seconds: float = Field(2.0, ge=0)
    """How long a drawing takes. 0: as fast as possible."""


class Telemetry(Section):
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """"debug", "info", "warning" or "error"."""
    log_format: Literal["console", "json"] | None = None
    """Unset: console on a terminal, else json."""
    otlp_endpoint: str | None = None
    """gRPC endpoint of an OTLP collector for traces. Needs the extra `telemetry`."""
    trace_share: float = Field(1.0, ge=0, le=1)
    """Share of requests that are traced, 0 to 1."""


class Config(Section):
    service: Service = Service()
    """The inference service."""
    client: Client = Client()
    """How the bot and the command reach the service."""
    bot: Bot = Bot()
    """The Discord bot."""
    catalogue_dir: Path | None = None
    """Directory with rows (*.toml) of providers beside the shipped ones; ~/.config/antiphon/providers is read, too."""
    providers: dict[str, ProviderConfig] = {}
    """Who answers: one table per provider."""
    routing: Routing = Routing()
    """Settings of all routes."""
    routes: dict[str, RouteConfig] = {}
    """Names that callers request, and which deployments answer them in which order."""
    state: State = State()
    """Where limits, cooldowns, breakers and budgets are kept."""
    images: Images = Images()
    """Bounds for pictures."""
    embedded: Embedded = Embedded()
    """The offline demo voice."""
    telemetry: Telemetry = Telemetry()
    """Logs and traces."""
