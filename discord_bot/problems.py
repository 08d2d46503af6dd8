"""Errors of the service and of Discord, as a message that a person can read and act on.

One shape everywhere: what happened, what to do, when, an id. Exception texts, provider
names and keys are never shown; `tests/bot/test_i18n.py` checks both tables in all languages.
"""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import discord

from antiphon.errors import (
    AnswerIncomplete,
    AntiphonError,
    ConnectionLost,
    ContentRefused,
    DeadlineExceeded,
    Interrupted,
    InvalidRequest,
    PermissionDenied,
    QuotaExceeded,
    Unauthenticated,
    Unavailable,
    UnknownModel,
    Unsupported,
)
from discord_bot.i18n import t
from discord_bot.ledger import DATABASE
from discord_bot.notices import field_word


@dataclass(frozen=True)
class ErrorText:
    key: str
    retry: bool = True
    """Asking the same again may help."""
    edit: bool = False
    """Asking something else may help."""


# Subclasses before their parents: the first match wins.
SERVICE: tuple[tuple[type[BaseException], ErrorText], ...] = (
    (ContentRefused, ErrorText("error-refused", retry=False, edit=True)),
    (UnknownModel, ErrorText("error-unknown-model", retry=True)),
    (Unsupported, ErrorText("error-unsupported", retry=False, edit=True)),
    (InvalidRequest, ErrorText("error-invalid-request", retry=False, edit=True)),
    (QuotaExceeded, ErrorText("error-quota")),
    (Interrupted, ErrorText("error-interrupted")),
    (AnswerIncomplete, ErrorText("error-incomplete")),
    (Unavailable, ErrorText("error-unavailable")),
    (ConnectionLost, ErrorText("error-connection")),
    (DeadlineExceeded, ErrorText("error-deadline")),
    (Unauthenticated, ErrorText("error-service-access")),
    (PermissionDenied, ErrorText("error-service-access")),
    (AntiphonError, ErrorText("error-general")),
)

# Discord error codes with a message of their own (opcodes and status codes in its documentation).
DISCORD: dict[int, str] = {
    10003: "error-discord-channel-gone",
    10008: "error-discord-message-gone",
    20028: "error-discord-too-fast",
    30046: "error-discord-old-message",
    40005: "error-discord-too-large",
    50001: "error-discord-no-access",
    50007: "error-discord-no-dm",
    50013: "error-discord-permission",
    50083: "error-discord-archived",
    50278: "error-discord-no-dm",
    160004: "error-discord-thread-exists",
    160005: "error-discord-thread-locked",
    160006: "error-discord-too-many-threads",
    200000: "error-discord-automod",
    200001: "error-discord-automod",
}


CHANNEL_GONE = 10003


@dataclass(frozen=True)
class Problem:
    key: str
    retry: bool
    edit: bool
    retry_at: datetime | None = None
    reference: str = ""
    fields: tuple[str, ...] = ()
    """What is wrong with a request, by the contract's names."""

    def text(self, locale: str, now: datetime, command: str = "") -> str:
        """The whole message: sentence, time as a countdown in the reader's own language, id.

        `command`: the one that chooses another model here.
        """
        fields = ", ".join(dict.fromkeys(field_word(locale, name) for name in self.fields))
        key = "error-invalid-request-fields" if fields else self.key
        parts = [t(locale, key, command=command or f"`/{t(locale, 'command-model')}`", fields=fields)]
        if self.retry_at is not None and self.retry_at > now:
            parts.append(t(locale, "error-retry-at", when=countdown(self.retry_at)))
        elif self.retry:
            parts.append(t(locale, "error-retry-now"))
        lines = [" ".join(parts)]
        if self.reference:
            lines.append(f"-# {t(locale, 'error-reference', reference=self.reference)}")
        return "\n".join(lines)


def empty(request_id: str) -> Problem:
    """The answer has no words: the model only reasoned, or the provider sent nothing."""
    return Problem("error-empty", retry=True, edit=False, reference=short_reference(request_id))


def countdown(moment: datetime) -> str:
    """A Discord timestamp, shown in each reader's language; rounded up so that it never promises too much."""
    seconds = moment.timestamp()
    return f"<t:{int(seconds) + (seconds > int(seconds))}:R>"


def short_reference(request_id: str | None) -> str:
    """Five characters are enough to find a request in a day's logs, and a person can read them out."""
    return (request_id or "").replace("-", "")[-5:].upper()


def describe(error: BaseException, now: datetime, reference: str = "") -> Problem:
    """The message for any error; an unknown error gets the general sentence."""
    if isinstance(error, AntiphonError):
        row = next(row for kind, row in SERVICE if isinstance(error, kind))
        retry_at = now + timedelta(seconds=error.retry_after) if error.retry_after else None
        reference = short_reference(error.request_id) or reference
        fields = tuple(name for name, _ in error.violations) if isinstance(error, InvalidRequest) else ()
        return Problem(row.key, row.retry, row.edit, retry_at, reference, fields)
    if isinstance(error, discord.HTTPException) and error.code in DISCORD:
        return Problem(DISCORD[error.code], retry=False, edit=False, reference=reference)
    if isinstance(error, discord.Forbidden):
        return Problem("error-discord-permission", retry=False, edit=False, reference=reference)
    if isinstance(error, DATABASE):
        return Problem("error-storage", retry=True, edit=False, reference=reference)
    if isinstance(error, TimeoutError | asyncio.CancelledError):
        return Problem("error-deadline", retry=True, edit=False, reference=reference)
    return Problem("error-general", retry=True, edit=False, reference=reference)


def delivery(reason: str) -> str | None:
    """The sentence for why an answer could not be posted; None if a person has removed its place."""
    if reason == str(CHANNEL_GONE):
        return None
    if reason.isdecimal():
        return DISCORD.get(int(reason), "error-general")
    return {"permission": "error-discord-permission", "closed": "error-discord-archived"}.get(
        reason, "error-discord-away"
    )


def utcnow() -> datetime:
    return datetime.now(UTC)


def countdown_at(epoch: float) -> str:
    """Like `countdown`, from epoch seconds."""
    return countdown(datetime.fromtimestamp(epoch, UTC))
