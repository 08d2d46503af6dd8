"""Voice messages and other recordings, transcribed by the service: speech is a question like any other.

A recording is charged when transcription starts. Answering the question that it is part of costs nothing extra.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import aiohttp
import discord
import structlog

from antiphon import errors
from antiphon.events import Audio
from discord_bot.access import Asker
from discord_bot.admission import Refused
from discord_bot.conversation.title import file_name
from discord_bot.i18n import t
from discord_bot.quotas import Ticket
from discord_bot.services import Services

log = structlog.get_logger(__name__)
LARGEST = 20 * 1024 * 1024
LONGEST = 20 * 60.0  # seconds
LONGEST_TEXT = 20_000  # characters
TIME = 90.0  # seconds that a recording may take
# Formats that the service accepts; videos contain speech, too, but nobody asks by video.
KINDS = ("audio/",)
NOBODY_LISTENS = (errors.UnknownModel, errors.Unsupported, errors.PermissionDenied)


@dataclass(frozen=True)
class Heard:
    """`text` is empty if nothing was understood; then `notice` says why."""

    text: str = ""
    notice: str = ""
    is_voice: bool = False
    """Spoken into Discord, and so the person's own words; else a file that the person has brought."""
    ticket: Ticket | None = None
    """What the person was charged for it."""


Listen = Callable[[discord.Attachment, str], Awaitable[Heard]]
"""Takes an attachment and the reader's language."""


def is_recording(attachment: discord.Attachment) -> bool:
    return attachment.is_voice_message() or (attachment.content_type or "").startswith(KINDS)


def ears(services: Services, who: Asker) -> Listen:
    """For the questions of one person, who is charged."""

    async def listen(attachment: discord.Attachment, locale: str) -> Heard:
        name, is_voice = file_name(attachment.filename), attachment.is_voice_message()

        def deaf(key: str) -> Heard:
            label = t(locale, "voice-message") if is_voice else name
            return Heard(notice=t(locale, key, name=label), is_voice=is_voice)

        if attachment.size > LARGEST or (attachment.duration or 0) > LONGEST:
            return deaf("voice-too-long")
        try:
            data = await attachment.read()
            ticket = await services.admission.admit(who, locale, place=who.channel)
        except Refused as refused:
            return Heard(notice=str(refused), is_voice=is_voice)
        except (discord.HTTPException, aiohttp.ClientError, OSError):
            return deaf("voice-failed")
        mime = (attachment.content_type or "audio/ogg").partition(";")[0]
        problem, text = await _transcribe(services, who, Audio(mime, data), ticket)
        return Heard(text, is_voice=is_voice, ticket=ticket) if not problem else deaf(problem)

    return listen


async def _transcribe(services: Services, who: Asker, audio: Audio, ticket: Ticket) -> tuple[str, str]:
    """The words, or the message key that says why there are none."""
    usage, charge = services.store.usage, ticket.charge
    problem = ""
    try:
        transcript = await services.inference.transcribe(
            audio, services.config.bot.transcribe_model,
            tenant_id=str(who.guild or ""), user_id=str(who.user), timeout=TIME,
        )  # fmt: skip
    except NOBODY_LISTENS as refused:
        log.info("nobody can listen", error=type(refused).__name__)
        problem = "voice-nobody"
    except errors.InvalidRequest:
        return "voice-unreadable", ""  # it was transcribed
    except errors.AntiphonError as failed:
        log.info("a recording could not be heard", error=type(failed).__name__)
        problem = "voice-failed"
    if problem:
        await services.ledger.note("refund", lambda: usage.refund(charge))
        return problem, ""
    text = transcript.text.strip()[:LONGEST_TEXT]
    tokens = transcript.usage.tokens if transcript.usage else 0
    await services.ledger.note("tokens", lambda: usage.add_tokens(charge, tokens or len(text) // 4))
    return ("", text) if text else ("voice-silent", "")


def quote(text: str) -> str:
    """The form that people read above the answer."""
    return "\n".join(f"> {line}" for line in text.splitlines() if line.strip())
