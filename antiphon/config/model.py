"""The shape of `antiphon.toml`: one file for both processes, every key with a default.

Nothing configured at all is a valid configuration. Times are seconds, sizes bytes.
Secrets are never values of this file: keys that end in `_env` name an environment
variable, and for every variable NAME a variable NAME_FILE may name a file instead.
"""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Seconds = Annotated[float, Field(gt=0, le=86_400)]
Port = Annotated[int, Field(ge=0, le=65_535)]


class Section(BaseModel):
    """A table of the file: unknown keys are errors, values never change after the load."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


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
    """PEM file; when set, callers must show a certificate signed by it (mutual TLS)."""
    reload_seconds: Seconds = 60
    """How often the files are looked at for a renewal."""


class CallerConfig(Section):
    token_env: str
    """Environment variable that holds the caller's token."""
    scopes: frozenset[Scope] = frozenset({Scope.CHAT, Scope.IMAGE})
    """What the caller may do: "chat", "image", "operate" (status, reload, everybody's usage)."""
    requests_per_minute: int | None = Field(None, ge=1)
    """Unset: no bound."""
    tokens_per_day: int | None = Field(None, ge=1)
    """Tokens read and written. Unset: no bound."""
    max_streams: int = Field(100, ge=1)
    """Streams open at once."""


class Service(Section):
    host: str = "127.0.0.1"
    """Address to listen on. Anything but loopback needs `tls`, or `insecure` in writing."""
    port: Port = 50551
    """0 takes a free port and prints it."""
    transport: Literal["grpcio", "h2"] = "grpcio"
    """What speaks gRPC: "grpcio" (the C library), or "h2" (in the event loop itself: faster, and newer)."""
    workers: int = Field(1, ge=1, le=64)
    """Processes that share the port; more than one needs Redis to share state."""
    grace: Seconds = 20
    """How long running streams may go on after SIGTERM."""
    chat_deadline: Seconds = 180
    """Longest a chat may take when the caller sets no deadline."""
    image_deadline: Seconds = 600
    """The same for pictures."""
    max_request_bytes: int = Field(20 * 1024 * 1024, ge=65_536, le=256 * 1024 * 1024)
    """Largest request, pictures to look at included."""
    max_streams: int = Field(2_000, ge=1)
    """Requests running at once, over all callers."""
    connection_age: Annotated[float, Field(ge=1, le=86_400)] = 1_800
    """After so long a connection is left for a new one, so that new replicas get their share; streams on it finish."""
    keepalive: Annotated[float, Field(ge=1, le=3_600)] = 60
    """Silence after which a caller is asked whether it is still there."""
    insecure: bool = False
    """Listen without TLS on an address that is not loopback; said at every start."""
    tls: Tls | None = None
    """TLS for callers. Unset: plain text."""
    callers: dict[str, CallerConfig] = {}
    """Named callers. Empty: whoever reaches the port may call."""
    status_page: bool | None = None
    """Serve the status page and metrics over HTTP. Unset: only on loopback."""
    status_host: str = "127.0.0.1"
    """Where the status page listens."""
    status_port: Port = 50552
    """0 takes a free port."""


class Client(Section):
    target: str | None = None
    """gRPC target of the service, such as "dns:///antiphon:50551". Unset: service.host and service.port."""
    token_env: str = "ANTIPHON_TOKEN"  # noqa: S105 - the name of a variable, not a token
    """Environment variable that holds this caller's token, where the service wants one."""
    ca: Path | None = None
    """PEM file that signed the service's certificate; setting it (or `tls`) turns TLS on."""
    tls: bool = False
    """TLS with the authorities that this machine trusts."""
    certificate: Path | None = None
    """PEM file with our own certificate, for mutual TLS; `key` goes with it."""
    key: Path | None = None
    """PEM file with its private key."""
    server_name: str | None = None
    """Name to expect in the certificate when it differs from the target."""


class BotQuotas(Section):
    """Defaults; a server's managers may set lower or higher ones up to these maxima. 0: unlimited."""

    user_requests_per_hour: int = Field(60, ge=0)
    """Answers and pictures of one person."""
    user_requests_per_day: int = Field(300, ge=0)
    """The same by day."""
    user_tokens_per_hour: int = Field(0, ge=0)
    """Tokens read and written for one person."""
    user_tokens_per_day: int = Field(0, ge=0)
    """The same by day."""
    server_requests_per_hour: int = Field(0, ge=0)
    """Answers and pictures of one Discord server."""
    server_requests_per_day: int = Field(0, ge=0)
    """The same by day."""
    server_tokens_per_hour: int = Field(0, ge=0)
    """Tokens read and written for one Discord server."""
    server_tokens_per_day: int = Field(0, ge=0)
    """The same by day."""
    user_concurrent: int = Field(2, ge=1)
    """Answers and pictures of one person at the same time."""


class Persona(Section):
    name: str = Field(max_length=80)
    """As people see it, at most 80 characters."""
    prompt: str = Field(max_length=8_000)
    """Instructions for the model, at most 8,000 characters."""
    description: str = Field("", max_length=100)
    """One line for the list, at most 100 characters."""


class Bot(Section):
    token_env: str = "DISCORD_TOKEN"  # noqa: S105 - the name of a variable, not a token
    """Environment variable that holds the Discord token."""
    database: str = "sqlite+aiosqlite:///antiphon.sqlite3"
    """SQLAlchemy URL; "postgresql+asyncpg://…" works too. `database_env` wins where it is set."""
    database_env: str = "ANTIPHON_DATABASE_URL"
    """Environment variable with the URL, for one that holds a password."""
    chat_model: str = "chat"
    """Model for conversations, until a server or person chooses another."""
    vision_model: str = "vision"
    """Model for conversations with pictures."""
    image_model: str = "image"
    """Model that draws."""
    personas: dict[str, Persona] = {}
    """Characters that /persona offers."""
    default_persona: str | None = None
    """The one that is taken without a choice. Unset: none."""
    system_prompt: str = (
        "You are a helpful assistant in a Discord conversation. Answer in the language of the question."
    )
    """Instructions for every conversation without a persona."""
    history_tokens: int = Field(8_000, ge=500)
    """Budget of a conversation when the model's context is not known."""
    answer_timeout: Seconds = 180
    """Longest a person waits for a whole answer."""
    image_timeout: Seconds = 600
    """Longest a person waits for a picture."""
    missed_timeout: float = Field(600, ge=0)
    """A question asked while the bot was away is answered when it is younger than so many seconds; else it is offered."""
    retention_days: int = Field(30, ge=0)
    """Conversations older than this are erased. 0: kept."""
    quotas: BotQuotas = BotQuotas()
    """How much people may ask."""
    message_content_intent: bool = True
    """Read messages in threads without a mention; must be switched on in the developer portal, too."""
    footer: bool = True
    """Say under an answer who gave it and how fast."""
    reasoning: bool = True
    """Offer the model's reasoning under an answer."""
    operators: list[int] = []
    """Discord user ids that may see /status."""
    mature_pictures: Literal["refuse", "age_restricted_only", "allow"] = "age_restricted_only"
    """Pictures that are marked as mature: "refuse", "age_restricted_only" (in such channels) or "allow"."""
    api_base_url: str = "https://discord.com/api/v10"
    """For a proxy in front of Discord."""
    metrics_port: Port | None = None
    """Serve Prometheus metrics of the bot on this port, on all addresses. Unset: not."""
    shard_count: int | None = Field(None, ge=1)
    """Unset: what Discord recommends."""


class ModelConfig(Section):
    """Corrects what a provider's declaration says about one upstream model."""

    chat: bool | None = None
    """It converses."""
    vision: bool | None = None
    """It looks at pictures."""
    image: bool | None = None
    """It draws."""
    prefill: bool | None = None
    """It continues an answer that was begun, so that a handover loses no word."""
    context_tokens: int | None = Field(None, ge=1)
    """How much it can read."""
    max_side: int | None = Field(None, ge=64)
    """Longest side of a picture in pixels."""
    drop_settings: list[str] = []
    """Dotted request fields that the model does not honour."""


class ProviderConfig(Section):
    kind: str | None = None
    """Kind of adapter. Unset: the table's own name."""
    enabled: bool = True
    """false: as if it were not there."""
    base_url: str | None = None
    """Address of the API. Unset: the kind's own."""
    credentials_env: list[str] | None = None
    """Names of environment variables; "X" stands for X, X1, X2, … Unset: the kind's own names."""
    quota_groups: list[list[str]] = []
    """Credentials (by variable name) that share one account and rest together."""
    anonymous: bool | None = None
    """Call without a credential. Unset: as the kind needs."""
    headers: dict[str, str] = {}
    """Sent with every call; not for secrets."""
    proxy: str | None = None
    """HTTP proxy, such as "http://proxy:3128"."""
    verify_tls: bool = True
    """false accepts any certificate; for a server of your own only."""
    connect_timeout: Seconds = 5
    """Longest until a connection stands."""
    models: list[str] = []
    """Upstream models to offer first; the first of a task is used by the default route."""
    aliases: dict[str, str] = {}
    """Other names for upstream models."""
    model: dict[str, ModelConfig] = {}
    """What the declaration has wrong, by upstream model."""
    max_concurrent: int | None = Field(None, ge=1)
    """Calls at once on one credential. Unset: no bound of ours."""
    options: dict[str, Any] = {}
    """What only this kind understands; see docs/providers.md."""


class Hedge(Section):
    after: Seconds | Literal["p95"] = "p95"
    """Delay before the next deployment starts too."""
    minimum: Seconds = 0.3
    """Lower bound for "p95"."""
    budget: float = Field(0.1, ge=0, le=1)
    """Hedges per request on average, at most."""


class Timeouts(Section):
    """`None` in a route: the value of [routing.timeouts]."""

    headers: Seconds = 20
    """Longest until the provider begins to answer."""
    first_token: Seconds = 20
    """Longest until the first text."""
    idle: Seconds = 15
    """Longest silence within an answer."""
    total: Seconds = 170
    """Longest one attempt may take."""
    slowest: float = Field(1.0, ge=0, le=1_000)
    """Characters per second over `slowest_window`; below it the stream is too slow. 0: no bound."""
    slowest_window: Seconds = 20
    """Over how long the speed is measured."""
    short_wait: float = Field(5.0, ge=0, le=600)
    """Longest wait for a resting credential or a loading model before the next deployment is asked."""


class ImageTimeouts(Section):
    headers: Seconds = 120
    """Longest until the provider begins to answer."""
    idle: Seconds = 120
    """No event at all for this long."""
    total: Seconds = 300
    """Longest one attempt may take."""
    short_wait: float = Field(20.0, ge=0, le=600)
    """Longest wait for a resting credential or a loading model before the next deployment is asked."""


class BreakerConfig(Section):
    failures: int = Field(3, ge=1)
    """So many within `window` open the breaker of a deployment."""
    window: Seconds = 60
    """Failures older than this are forgotten."""
    probe_interval: Seconds = 15
    """Pause between two probes of an open one."""
    bench: Seconds = 86_400
    """How long a model that is gone is left alone."""


class Routing(Section):
    attempts: int = Field(4, ge=1, le=20)
    """Upstream calls that reach a model, over all deployments of one request."""
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
    on_interruption: Literal["continue", "restart", "fail"] = "continue"
    """When an answer breaks off: "continue" where it stopped (or restart where that cannot be), "restart", "fail"."""
    continue_by_instruction: list[str] = []
    """Deployments without prefill that may be asked in words to continue."""
    timeouts: Timeouts | None = None
    """Unset: those of [routing]."""
    image_timeouts: ImageTimeouts | None = None
    """Unset: those of [routing]."""
    hedge: Hedge | None = None
    """Ask the next deployment, too, when the first is slow. Unset: not."""


class State(Section):
    backend: Literal["memory", "redis"] | None = None
    """Unset: redis when the variable of `redis_url_env` is set, else memory."""
    redis_url_env: str = "ANTIPHON_REDIS_URL"
    """Environment variable with the URL of Redis, such as redis://localhost:6379/0."""
    prefix: str = "antiphon"
    """Beginning of every key in Redis."""
    timeout: Seconds = 0.25
    """Longest wait for Redis before memory is used."""
    lease: Seconds = 60
    """How long an in-flight count outlives a crashed process."""


class Images(Section):
    max_pixels: int = Field(40_000_000, ge=4_096, le=500_000_000)
    """Larger pictures are refused, from callers and providers."""
    max_bytes: int = Field(32 * 1024 * 1024, ge=65_536)
    """Largest file from a provider."""
    fetch_timeout: Seconds = 60
    """Longest download of a picture that a provider names by its address."""
    allow_private_addresses: bool = False
    """Fetch pictures from private or plain-HTTP addresses too, for a provider in the own network."""


class Embedded(Section):
    """The offline demo voice."""

    characters_per_second: float = Field(180.0, ge=0)
    """0: as fast as it goes."""
    image_seconds: float = Field(2.0, ge=0)
    """How long a drawing takes. 0: as fast as it goes."""


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
    providers: dict[str, ProviderConfig] = {}
    """Who answers: one table a provider."""
    routing: Routing = Routing()
    """What holds for all routes."""
    routes: dict[str, RouteConfig] = {}
    """Names that callers ask for, and who answers them in which order."""
    state: State = State()
    """Where cooldowns, breakers and budgets live."""
    images: Images = Images()
    """Bounds for pictures."""
    embedded: Embedded = Embedded()
    """The offline demo voice."""
    telemetry: Telemetry = Telemetry()
    """Logs and traces."""
