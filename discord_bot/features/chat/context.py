"""Earlier turns that are not stored: if people do not want their words stored, these are in Discord alone."""

from typing import Any

import discord
import structlog

from discord_bot.features.chat.addressing import without_mention
from discord_bot.features.chat.places import announced
from discord_bot.services import Services
from discord_bot.store.turns import ENDED, Part, Turn

log = structlog.get_logger(__name__)
LOOK_BACK = 100  # messages: one request


async def recollect(services: Services, turns: list[Turn]) -> list[Turn]:
    """The same turns; those that are not stored in full are read from the channel, if they are still there."""
    bare = [turn for turn in turns if turn.state in ENDED and (not turn.answer or not turn.parts)]
    if bare:
        await _read_again(services, bare)
    return [turn for turn in turns if turn.parts or turn.images]


async def recall_answer(services: Services, turn: Turn) -> None:
    """The answer of a turn from Discord, if it is not stored."""
    if not turn.answer and turn.message_ids:
        await _read_again(services, [turn])


async def _read_again(services: Services, turns: list[Turn]) -> None:
    standing: dict[int, discord.Message] = {}
    for channel_id in {original.channel_id for original in turns}:
        channel: Any = services.rooms.get_channel(channel_id) or services.rooms.get_partial_messageable(channel_id)
        try:
            standing |= {message.id: message async for message in channel.history(limit=LOOK_BACK)}
            if isinstance(channel, discord.Thread):
                standing |= {original.id: original for original in await fetch(services, channel_id, [channel_id])}
        except discord.HTTPException:
            log.info("a channel could not be read again")
    for turn in turns:
        turn.answer = (
            turn.answer
            or "\n".join(
                said(standing[original].content) for original in turn.message_ids if original in standing
            ).strip()
        )
        # The question of /chat is above the thread, in the bot's own message.
        question = [standing[original] for original in turn.question_ids or [turn.channel_id] if original in standing]
        authors = {part.author_id for part in turn.parts}
        unkept = [
            original
            for original in question
            if original.author.id not in authors and (original.author.id != services.me or not authors)
        ]
        turn.parts += [_part(message, turn, services.me) for message in unkept]


async def fetch(services: Services, channel_id: int, ids: list[int]) -> list[discord.Message]:
    """Messages of a channel. A thread's first message is in the channel above. Raises discord.HTTPException."""
    channel: Any = services.rooms.get_channel(channel_id) or services.rooms.get_partial_messageable(channel_id)
    above = channel.parent if isinstance(channel, discord.Thread) else None
    return [
        await (above if message_id == channel_id and isinstance(above, discord.TextChannel) else channel).fetch_message(
            message_id
        )
        for message_id in ids
    ]


def _part(message: discord.Message, turn: Turn, me: int) -> Part:
    if message.author.id == me:
        return Part(turn.asker_id, "", announced(message.content))
    return Part(message.author.id, message.author.display_name, without_mention(message.content, me))


def said(content: str) -> str:
    """An answer's message without the small lines below it."""
    lines = content.splitlines()
    while lines and lines[-1].startswith("-# "):
        lines.pop()
    return "\n".join(lines)
