"""The messages of a channel that a person has missed: the newest, up to a limit, each as one numbered line."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import discord

from discord_bot.conversation.history import tokens
from discord_bot.conversation.title import file_name
from discord_bot.features.chat.words import names_in, said_by

MOST_MESSAGES = 300  # three requests to Discord
LONGEST_MESSAGE = 1_200  # characters of one of them
WRITTEN = (
    discord.MessageType.default,
    discord.MessageType.reply,
    discord.MessageType.chat_input_command,
    discord.MessageType.context_menu_command,
)
REFERENCE = re.compile(r"\[((?:№\s?|#)?\d{1,4}(?:\s*[,;–—-]\s*(?:№\s?|#)?\d{1,4})*)\](?!\()")


@dataclass(frozen=True)
class Line:
    """One message, ready for a prompt."""

    author_id: int
    author: str
    text: str
    url: str
    pictures: int = 0
    files: int = 0


@dataclass
class Reading:
    lines: list[Line] = field(default_factory=list)
    """Oldest first."""
    stopped_at: datetime | None = None
    """When the message was written before which nothing is missed; None: it was not among those that were read."""
    full: bool = False
    """There may be older ones that were not read."""


async def read(
    channel: Any,
    is_known: Callable[[discord.Message], bool],
    *,
    after: datetime | None = None,
    most: int = MOST_MESSAGES,
) -> Reading:
    """Back to the first message that `is_known`, or to `after`. Raises discord.HTTPException."""
    reading, count, ended = Reading(), 0, False
    async for message in channel.history(limit=most):
        count += 1
        if is_known(message):
            reading.stopped_at = message.created_at
        ended = reading.stopped_at is not None or (after is not None and message.created_at < after)
        if ended:
            break
        line = line_of(message)
        if line is not None:
            reading.lines.append(line)
    reading.full = count >= most and not ended
    reading.lines.reverse()
    return reading


def line_of(message: discord.Message) -> Line | None:
    """None for system messages, and for messages without readable content."""
    if message.type not in WRITTEN:
        return None
    attached = [
        (attachment, (attachment.content_type or "").startswith("image/")) for attachment in message.attachments
    ]
    parts = [said_by(message, names_in(message), embeds=message.author.bot)[:LONGEST_MESSAGE]]
    parts += [
        said_by(attachment, names_in(message), embeds=True)[:LONGEST_MESSAGE]
        for attachment in message.message_snapshots
    ]
    parts += [_file(attachment, picture=picture) for attachment, picture in attached]
    text = "\n".join(part for part in parts if part.strip())
    if not text:
        return None
    pictures = sum(picture for _, picture in attached)
    return Line(message.author.id, _author(message), text, message.jump_url, pictures, len(attached) - pictures)


def _author(message: discord.Message) -> str:
    name = " ".join(message.author.display_name.split())
    replied = message.reference.resolved if message.reference else None
    if isinstance(replied, discord.Message):
        return f"{name} to {' '.join(replied.author.display_name.split())}"
    return name


def _file(attachment: discord.Attachment, *, picture: bool) -> str:
    about = f": {attachment.description}" if attachment.description else ""
    return f"[{'picture' if picture else 'file'} {file_name(attachment.filename)}{about}]"


def numbered(lines: Sequence[Line], budget: int) -> tuple[str, int]:
    """The newest lines that fit into that many tokens, numbered from 1; and how many older ones do not fit."""
    shown: list[str] = []
    for number in range(len(lines), 0, -1):
        line = f"[{number}] {lines[number - 1].author}: {lines[number - 1].text}"
        budget -= tokens(line)
        if budget < 0 and shown:
            break
        shown.append(line)
    return "\n".join(reversed(shown)), len(lines) - len(shown)


def linked(text: str, urls: Mapping[int, str]) -> str:
    """References like [3] or [3, 5–7] as links to the messages; references to nothing are dropped."""

    def links(match: "re.Match[str]") -> str:
        numbers = dict.fromkeys(int(number) for number in re.findall(r"\d+", match[1]))
        return " ".join(f"[{number}]({urls[number]})" for number in numbers if number in urls)

    return re.sub(r"[ \t]+(?=[.,;:!?]|\n|$)", "", REFERENCE.sub(links, text))
