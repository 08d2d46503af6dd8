"""What was said before, of people who do not want to be stored: their words stand in Discord alone."""

from typing import TYPE_CHECKING, Any

import discord
import structlog

from discord_bot.features.chat.addressing import without_mention
from discord_bot.features.chat.places import announced
from discord_bot.store.conversations import Turn

if TYPE_CHECKING:
    from discord_bot.bot import AntiphonBot

log = structlog.get_logger(__name__)
LOOK_BACK = 100  # messages: one request


async def recollect(bot: "AntiphonBot", turns: list[Turn]) -> list[Turn]:
    """The same turns; those of which nothing is kept have their words from the channel, as far as they still stand."""
    bare = [one for one in turns if not one.question and not one.answer and one.state == "done"]
    if not bare:
        return turns
    found: dict[int, discord.Message] = {}
    for channel_id in {one.channel_id for one in bare}:
        channel: Any = bot.get_channel(channel_id) or bot.get_partial_messageable(channel_id)
        try:
            found |= {message.id: message async for message in channel.history(limit=LOOK_BACK)}
            if isinstance(channel, discord.Thread):
                found |= {message.id: message for message in await fetch(bot, channel_id, [channel_id])}
        except discord.HTTPException:
            log.info("a channel could not be read again")
    me = bot.user.id if bot.user else 0
    for turn in bare:
        # What /chat was asked stands above the thread, in the bot's own words.
        asked = [found[one] for one in turn.question_ids or [turn.channel_id] if one in found]
        turn.question = "\n\n".join(_question(message, me) for message in asked)
        turn.asker_name = asked[-1].author.display_name if asked else ""
        turn.answer = "\n".join(_said(found[one].content) for one in turn.message_ids if one in found).strip()
    return [one for one in turns if one.question]


async def fetch(bot: "AntiphonBot", channel_id: int, ids: list[int]) -> list[discord.Message]:
    """Messages of a channel. The one that a thread hangs on stands in the channel above. Raises discord.HTTPException."""
    channel: Any = bot.get_channel(channel_id) or bot.get_partial_messageable(channel_id)
    above = channel.parent if isinstance(channel, discord.Thread) else None
    return [
        await (above if one == channel_id and isinstance(above, discord.TextChannel) else channel).fetch_message(one)
        for one in ids
    ]


def _question(message: discord.Message, me: int) -> str:
    if message.author.id == me:
        return announced(message.content)
    return without_mention(message.content, me)


def _said(content: str) -> str:
    """An answer's message without the small lines below it."""
    lines = content.splitlines()
    while lines and lines[-1].startswith("-# "):
        lines.pop()
    return "\n".join(lines)
