"""The name of a thread: the first words of its question, then once a title from its topic."""

from typing import TYPE_CHECKING

import discord
import structlog

from antiphon.errors import AntiphonError
from discord_bot.conversation.title import clean_title
from discord_bot.store.conversations import Conversation

if TYPE_CHECKING:
    from discord_bot.bot import AntiphonBot

log = structlog.get_logger(__name__)
PROMPT = "Write a title of three to six words for this question, in its language, without quotes:\n\n"
READ, LONGEST_ANSWER = 1_000, 400  # characters of the question; of an answer that may still be a title
TIME = 20.0  # seconds


async def give_title(bot: "AntiphonBot", conversation: Conversation, question: str, asker_id: int) -> None:
    """Once a thread, if nobody has renamed it meanwhile. May fail in silence: Discord allows two names in ten minutes."""
    await bot.store.conversations.change(conversation.id, title="")
    former, conversation.title = conversation.title, ""
    thread = bot.get_channel(conversation.place_id)
    if not isinstance(thread, discord.Thread) or thread.name != former:
        return
    stream = bot.inference.chat(
        PROMPT + question[:READ], bot.config.bot.chat_model, user_id=str(asker_id), timeout=TIME
    )
    try:
        async for _ in stream:
            if len(stream.text) > LONGEST_ANSWER:
                stream.cancel()
        title = clean_title(stream.text) if len(stream.text) <= LONGEST_ANSWER else ""
        if title and title != former:
            await thread.edit(name=title)
    except (AntiphonError, discord.HTTPException, discord.RateLimited):
        log.info("no title was given")
