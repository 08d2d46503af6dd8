"""Stores conversations: of each person's words, only what that person allows."""

from typing import Protocol

from discord_bot.features.chat.asking import Asking
from discord_bot.recent import Recent
from discord_bot.services import Services
from discord_bot.store.conversations import Conversation
from discord_bot.store.turns import Turn


class Ended(Protocol):
    """An answer as the store needs to see it."""

    people: frozenset[int]
    forgotten: bool

    @property
    def turn(self) -> Turn: ...


class Records:
    def __init__(self, services: Services) -> None:
        self._services = services
        self.removals = Recent[int]()
        """Messages that the bot itself takes away."""
        self.deleted = Recent[int]()
        """Messages that people have deleted."""

    async def add_turn(self, conversation: Conversation, asking: Asking) -> Turn:
        question, who, store = asking.question, asking.who.user, self._services.store
        keeping = await store.wishes.keeping({who, *question.people})
        return await store.conversations.add_turn(
            conversation, who, question.parts, question.ids, asking.locale, asking.channel_id, keeping,
            question.images, parent_id=asking.parent or await store.contests.leader(conversation.id),
        )  # fmt: skip

    async def save(self, turn: Turn) -> None:
        """The turn as it is now."""
        store = self._services.store
        await store.conversations.save(turn, await store.wishes.keeping(turn.people))

    async def keep(self, answer: Ended) -> None:
        """A posted answer stays whether or not the database accepts it now."""
        store = self._services.store

        async def write() -> None:
            wishes, people = store.wishes, answer.people | answer.turn.people
            keeping = wishes.nothing(people) if answer.forgotten else await wishes.keeping(people)
            await store.conversations.save(answer.turn, keeping)

        await self._services.ledger.note("turn", write)
