"""The `[bot]` table of `antiphon.toml`."""

from typing import Literal, Self

from pydantic import Field, model_validator

from antiphon.config.section import EnvironmentName, Port, Seconds, Section


class BotQuotas(Section):
    """Defaults. Managers of a server may change them, up to these maxima. 0: unlimited."""

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


class BotAccess(Section):
    """Who may use the bot at all, by Discord ids. Managers of a server restrict channels and roles in /settings."""

    allowed_users: list[int] = []
    """With `allowed_roles`: only these people. Both empty: everybody."""
    blocked_users: list[int] = []
    """Never these people."""
    allowed_servers: list[int] = []
    """Only on these servers. Empty: everywhere."""
    blocked_servers: list[int] = []
    """Never on these servers."""
    allowed_roles: list[int] = []
    """Only people with one of these roles (or in `allowed_users`). Closes direct messages, where roles are unknown."""
    blocked_roles: list[int] = []
    """Never people with one of these roles. Closes direct messages, where roles are unknown."""
    direct_messages: bool = True
    """Answer in direct messages, too."""


class McpServer(Section):
    """One server of the Model Context Protocol: a program to start, or an address."""

    command: list[str] = []
    """Program and its arguments; it speaks on its standard input and output."""
    env: list[str] = []
    """Environment variables that the program gets, besides PATH, HOME and LANG."""
    url: str = ""
    """Address of a server that runs already (streamable HTTP). With `command` empty."""
    token_env: EnvironmentName | None = None
    """Environment variable with the bearer token for `url`."""
    allowed: list[str] = []
    """Tools that run without asking the person, besides those that say that they only read."""

    @model_validator(mode="after")
    def _is_reachable(self) -> Self:
        if bool(self.command) == bool(self.url):
            raise ValueError("give either `command` or `url`")
        return self


class BotTools(Section):
    """What a model may do while it answers, with models that call tools. Each call is shown; costly ones are asked for."""

    enabled: bool = True
    """Offer tools at all."""
    search_url: str = ""
    """Search endpoint with the JSON API of SearXNG, such as "https://searx.example/search". Empty: no web search."""
    messages: bool = True
    """Search the messages of the server that the asker may read."""
    drawing: bool = True
    """Draw pictures, after the asker has allowed it."""
    reminders: bool = True
    """Set reminders, after the asker has allowed it."""
    mcp: dict[str, McpServer] = {}
    """Tools of other programs, by a short name that people see."""


class Persona(Section):
    name: str = Field(max_length=80)
    """As people see it, at most 80 characters."""
    prompt: str = Field(max_length=8_000)
    """Instructions for the model, at most 8,000 characters."""
    description: str = Field("", max_length=100)
    """One line for the list, at most 100 characters."""


class Bot(Section):
    token_env: EnvironmentName = "DISCORD_TOKEN"  # noqa: S105 - the name of a variable, not a token
    """Environment variable that holds the Discord token."""
    database: str = "sqlite+aiosqlite:///antiphon.sqlite3"
    """SQLAlchemy URL; "postgresql+asyncpg://…" works too. `database_env` wins where it is set."""
    database_env: EnvironmentName = "ANTIPHON_DATABASE_URL"
    """Environment variable with the URL, for one that holds a password."""
    chat_model: str = "chat"
    """Model for conversations, until a server or person chooses another."""
    vision_model: str = "vision"
    """Model for conversations with pictures."""
    image_model: str = "image"
    """Model that draws."""
    transcribe_model: str = "transcribe"
    """Model that writes voice messages down."""
    models: list[str] = []
    """What people may choose: names of routes, or "provider/model". Empty: the routes."""
    personas: dict[str, Persona] = {}
    """Characters that /persona offers."""
    default_persona: str | None = None
    """The persona that people get without choosing. Unset: none."""
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
    """Questions, answers and pictures older than this are erased, each by its own age. 0: kept."""
    quotas: BotQuotas = BotQuotas()
    """How much people may ask."""
    access: BotAccess = BotAccess()
    """Who may ask."""
    tools: BotTools = BotTools()
    """What models may do while they answer."""
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
    """Base URL of Discord's API, for a proxy in front of it."""
    metrics_port: Port | None = None
    """Serve Prometheus metrics of the bot, and whether it is connected to Discord, on this port. Unset: not."""
    metrics_host: str = "127.0.0.1"
    """Where the metrics of the bot are served; they need no token."""
    shard_count: int | None = Field(None, ge=1)
    """Unset: the number that Discord recommends."""
