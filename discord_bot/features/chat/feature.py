"""Asking: from a question, new or repeated, to the end of its answer."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any

import discord

from discord_bot.features.chat.answer import Answer
from discord_bot.features.chat.asking import Asking, Tell
from discord_bot.features.chat.naming import Titles
from discord_bot.features.chat.records import Records
from discord_bot.features.chat.request import Request
from discord_bot.features.chat.running import Running
from discord_bot.features.tools.toolbox import Fill, no_tools
from discord_bot.quotas import Ticket
from discord_bot.services import Services
from discord_bot.store.conversations import Conversation
from discord_bot.store.turns import State, Turn


class ChatFeature:
    def __init__(self, services: Services) -> None:
        self.services = services
        self.records = Records(services)
        self.titles = Titles(services)
        self.running = Running(services, self.titles)
        self.toolbox: Fill = no_tools

    def answer(self, request: Request) -> Answer:
        """Ready to run."""
        return Answer(self.services, self.records, self.toolbox, request)

    async def ask(self, conversation: Conversation, asking: Asking) -> None:
        """A new question, from its charge to the end of its answer. Raises admission.Refused before any work."""
        ticket = asking.question.ticket or await self.services.admission.admit(
            asking.who, asking.locale, place=conversation.place_id
        )
        async with self._refunded(ticket):
            turn = await self.records.add_turn(conversation, asking)
        if any(message_id in self.records.deleted for message_id in turn.question_ids):
            turn.state = State.DELETED
            await self.records.save(turn)
            await self.services.store.usage.refund(ticket.charge)
            return
        sign = asking.sign
        request = Request(
            conversation, turn, ticket, asking.channel,
            reply_to=asking.reply_to, notices=asking.question.notices, tell=asking.tell,
            known=await sign.take() if sign is not None else None, sign_at=sign.at if sign is not None else 0.0,
        )  # fmt: skip
        await self.running.run(self.answer(request))

    async def ask_again(
        self,
        conversation: Conversation,
        turn: Turn,
        ticket: Ticket,
        channel: Any,
        *,
        reply_to: discord.MessageReference | None = None,
        before: str = "",
        known: list[int] | None = None,
        notices: Sequence[str] = (),
        tell: Tell | None = None,
    ) -> None:
        """An existing turn: retried, continued, regenerated or edited. The ticket has charged it."""
        # A continued half answer may repeat words of people whom only the whole prompt names.
        turn.answer, turn.state = "", State.RUNNING
        if known is None:
            turn.message_ids = []
        async with self._refunded(ticket):
            await self.records.save(turn)
        turn.answer = before
        request = Request(
            conversation, turn, ticket, channel,
            reply_to=reply_to, before=before, known=known, notices=notices, tell=tell,
        )  # fmt: skip
        await self.running.run(self.answer(request))

    def _refunded(self, ticket: Ticket) -> AbstractAsyncContextManager[None]:
        usage = self.services.store.usage
        return self.services.ledger.refunded_on_failure(lambda: usage.refund(ticket.charge))
