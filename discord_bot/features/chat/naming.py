"""The name of a thread: the first words of its question, later a title for its topic."""

import discord
import structlog

from antiphon.errors import AntiphonError
from discord_bot.conversation.title import clean_title, thread_name
from discord_bot.quotas import Ticket
from discord_bot.recent import Recent
from discord_bot.services import Services
from discord_bot.store.turns import State, Turn

log = structlog.get_logger(__name__)
PROMPT = "Write a title of three to six words for this question, in its language, without quotes:\n\n"
READ, LONGEST_ANSWER = 1_000, 400  # characters of the question; of an answer that may still serve as a title
TIME = 20.0  # seconds


class Titles:
    """Threads that are waiting for their title."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._names = Recent[tuple[int, str]]()  # threads and the names that the bot has given them

    def wanted(self, thread_id: int, question: str) -> None:
        """The bot has just opened the thread for the question."""
        self._names.add((thread_id, thread_name(question)))

    def answered(self, thread_id: int, turn: Turn, ticket: Ticket) -> None:
        """The first finished answer gives the thread its title."""
        name = next((name for thread, name in self._names if thread == thread_id), None)
        if turn.state is State.DONE and name is not None:
            self._names.discard((thread_id, name))
            naming = give_title(self._services, thread_id, name, turn.question, ticket)
            self._services.tasks.spawn(naming, "title")


async def give_title(services: Services, thread_id: int, name: str, question: str, ticket: Ticket) -> None:
    """Once per thread, unless somebody has renamed it. May fail silently: Discord allows two renames in ten minutes.

    Its tokens are charged to the asker.
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
