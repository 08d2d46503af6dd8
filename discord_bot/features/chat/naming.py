"""The name of a thread: the first words of its question, then once a title from its topic."""

import discord
import structlog

from antiphon.errors import AntiphonError
from discord_bot.conversation.title import clean_title
from discord_bot.quotas import Ticket
from discord_bot.services import Services

log = structlog.get_logger(__name__)
PROMPT = "Write a title of three to six words for this question, in its language, without quotes:\n\n"
READ, LONGEST_ANSWER = 1_000, 400  # characters of the question; of an answer that may still be a title
TIME = 20.0  # seconds


async def give_title(services: Services, thread_id: int, name: str, question: str, ticket: Ticket) -> None:
    """Once a thread, if nobody has renamed it meanwhile. May fail in silence: Discord allows two names in ten minutes.

    Its tokens are charged to whoever asked.
    """
    thread = services.rooms.get_channel(thread_id)
    if not isinstance(thread, discord.Thread) or thread.name != name:
        return
    stream = services.inference.chat(
        PROMPT + question[:READ], services.config.bot.chat_model, user_id=str(ticket.payer), timeout=TIME
    )
    try:
        async for _ in stream:
            if len(stream.text) > LONGEST_ANSWER:
                stream.cancel()
        title = clean_title(stream.text) if len(stream.text) <= LONGEST_ANSWER else ""
        if title and title != name:
            await thread.edit(name=title)
    except (AntiphonError, discord.HTTPException, discord.RateLimited):
        log.info("no title was given")
    finally:
        tokens = stream.usage.tokens or len(stream.text) // 4
        await services.ledger.note("tokens", lambda: services.store.usage.add_tokens(ticket.charge, tokens))
