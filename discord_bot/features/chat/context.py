"""What was said before, of people who do not want to be stored: their words stand in Discord alone."""

from typing import TYPE_CHECKING, Any

import discord
import structlog

from discord_bot.features.chat.addressing import without_mention
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
        except discord.HTTPException:
            log.info("a channel could not be read again")
    me = bot.user.id if bot.user else 0
    for turn in bare:
        asked = [found[one] for one in turn.question_ids if one in found]
        turn.question = "\n\n".join(without_mention(message.content, me) for message in asked)
        turn.asker_name = asked[-1].author.display_name if asked else ""
        turn.answer = "\n".join(_said(found[one].content) for one in turn.message_ids if one in found).strip()
    return turns


def _said(content: str) -> str:
    """An answer's message without the small lines below it."""
    lines = content.splitlines()
    while lines and lines[-1].startswith("-# "):
        lines.pop()
    return "\n".join(lines)
