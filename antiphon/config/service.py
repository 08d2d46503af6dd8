"""`[service]`: where it listens, who may call, and how much at once."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, field_validator, model_validator

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
    """PEM file; when set, callers must show a certificate signed by it (mutual TLS). `callers` says who is who."""
    reload_seconds: Seconds = 60
    """How often the files are looked at for a renewal."""


class CallerConfig(Section):
    """A caller shows what is set here: its token, its certificate, or both."""

    token_env: EnvironmentName | None = None
    """Environment variable that holds the caller's token."""
    certificate: str | None = Field(None, min_length=1)
    """With mutual TLS: common name or alternative name in the caller's certificate, such as "bot.example"."""
    scopes: frozenset[Scope] = frozenset({Scope.CHAT, Scope.IMAGE})
    """What the caller may do: "chat", "image", "operate" (status, reload, everybody's usage)."""
    requests_per_minute: int | None = Field(None, ge=1)
    """Unset: no bound."""
    tokens_per_day: int | None = Field(None, ge=1)
    """Tokens read and written. Unset: no bound."""
    max_streams: int = Field(100, ge=1)
    """Streams open at once."""

    @model_validator(mode="after")
    def _can_be_told_apart(self) -> Self:
        if self.token_env is None and self.certificate is None:
            raise ValueError("needs token_env, certificate or both")
        return self


class Service(Section):
    host: str = "127.0.0.1"
    """Address to listen on. Anything but loopback needs `tls`, or `insecure` in writing."""
    port: Port = 50551
    """0 takes a free port and prints it."""
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
    """Named callers. Empty: everybody who reaches the port may call; with mutual TLS everybody with a certificate may chat
    and draw, but not operate."""
    status_page: bool | None = None
    """Serve the status page and metrics over HTTP. Unset: only on loopback."""
    status_host: str = "127.0.0.1"
    """Where the status page listens."""
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
