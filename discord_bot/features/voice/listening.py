"""Voice messages and other recordings, written down by the service: what somebody says is a question like any other."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import aiohttp
import discord
import structlog

from antiphon import errors
from antiphon.events import Audio
from discord_bot.conversation.title import file_name
from discord_bot.i18n import t
from discord_bot.services import Services

log = structlog.get_logger(__name__)
LARGEST = 20 * 1024 * 1024
LONGEST = 20 * 60.0  # seconds
LONGEST_TEXT = 20_000  # characters
TIME = 90.0  # seconds that a recording may take
# What the service takes; videos hold a voice, too, but nobody asks by video.
KINDS = ("audio/",)
NOBODY_LISTENS = (errors.UnknownModel, errors.Unsupported, errors.PermissionDenied)


@dataclass(frozen=True)
class Heard:
    """`text` is empty where nothing was understood; then `notice` says why."""

    text: str = ""
    notice: str = ""
    is_voice: bool = False
    """Spoken into Discord, and so the person's own words; else a file that the person has brought."""


Listen = Callable[[discord.Attachment, str], Awaitable[Heard]]
"""Takes an attachment and the reader's language."""


def is_recording(attachment: discord.Attachment) -> bool:
    return attachment.is_voice_message() or (attachment.content_type or "").startswith(KINDS)


def ears(services: Services, person_id: int, guild_id: int | None) -> Listen:
    """For the questions of one person."""

    async def listen(attachment: discord.Attachment, locale: str) -> Heard:
        name, is_voice = file_name(attachment.filename), attachment.is_voice_message()

        def deaf(key: str) -> Heard:
            label = t(locale, "voice-message") if is_voice else name
            return Heard(notice=t(locale, key, name=label), is_voice=is_voice)

        if attachment.size > LARGEST or (attachment.duration or 0) > LONGEST:
            return deaf("voice-too-long")
        try:
            data = await attachment.read()
            mime = (attachment.content_type or "audio/ogg").partition(";")[0]
            transcript = await services.inference.transcribe(
                Audio(mime, data), services.config.bot.transcribe_model,
                tenant_id=str(guild_id or ""), user_id=str(person_id), timeout=TIME,
            )  # fmt: skip
        except NOBODY_LISTENS as refused:
            log.info("nobody can listen", error=type(refused).__name__)
            return deaf("voice-nobody")
        except errors.InvalidRequest:
            return deaf("voice-unreadable")
        except (errors.AntiphonError, discord.HTTPException, aiohttp.ClientError, OSError) as failed:
            log.info("a recording could not be heard", error=type(failed).__name__)
            return deaf("voice-failed")
        text = transcript.text.strip()[:LONGEST_TEXT]
        return Heard(text, is_voice=is_voice) if text else deaf("voice-silent")

    return listen


def quote(text: str) -> str:
    """As people read it above the answer."""
    return "\n".join(f"> {line}" for line in text.splitlines() if line.strip())
