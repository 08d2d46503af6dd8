"""/compare: two models answer the same question side by side, and people vote on the answers."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import discord
import structlog

from discord_bot.admission import Refused
from discord_bot.features.chat.addressing import says_something
from discord_bot.features.chat.answer import Answer
from discord_bot.features.chat.card import Spot
from discord_bot.features.chat.composing import compose_typed
from discord_bot.features.chat.feature import ChatFeature
from discord_bot.features.chat.places import announcement, may_have_thread, thread_on
from discord_bot.features.chat.question import Question
from discord_bot.features.chat.request import Request
from discord_bot.features.chat.starting import first_words, teller
from discord_bot.features.compare import card
from discord_bot.i18n import t
from discord_bot.interactions import BotInteraction, asker_of, private
from discord_bot.quotas import Ticket
from discord_bot.store.conversations import PASSING, Conversation, Kind
from discord_bot.store.turns import State, Turn

log = structlog.get_logger(__name__)
BOTH = 2


@dataclass(frozen=True)
class Asked:
    """The fields that a person has filled in."""

    prompt: str
    models: tuple[str, str]
    attachment: discord.Attachment | None = None


class Comparison:
    """One question of one person to two models. Both answers are charged to that person."""

    def __init__(self, chat: ChatFeature, interaction: BotInteraction, form: Asked) -> None:
        self._chat, self._services = chat, chat.services
        self._interaction, self._asked, self._locale = interaction, form, interaction.locale.value
        self._place: Any = interaction.channel

    async def run(self) -> None:
        interaction = self._interaction
        denied = await self._denied()
        if denied:
            await private(interaction, denied)
            return
        files = (self._asked.attachment,) if self._asked.attachment else ()
        said = await interaction.response.send_message(
            announcement(interaction.user.display_name, self._asked.prompt, len(files)), suppress_embeds=True
        )
        spot = Spot(interaction.user, interaction.channel, interaction.guild_id)
        question = await compose_typed(self._chat.services, self._asked.prompt, files, spot, self._locale)
        question.ids = [said.message_id or interaction.id]
        if not question:
            await private(interaction, "\n".join(question.notices) or t(self._locale, "empty-prompt"))
            return
        conversation = await self._conversation(said.message_id or interaction.id)
        await self._answer_both(conversation, question)
        await first_words(self._chat, interaction)

    async def _denied(self) -> str | None:
        first, second = self._asked.models
        if self._interaction.guild_id is None or not self._interaction.is_guild_integration():
            return t(self._locale, "compare-direct")
        if (await self._services.store.settings.guild(self._interaction.guild_id)).lock_model:
            return t(self._locale, "compare-locked")
        for name in (first, second):
            if await self._services.catalogue.find(name, "chat") is None:
                return t(self._locale, "model-unknown", model=name)
        if await self._services.catalogue.find(first, "chat") == await self._services.catalogue.find(second, "chat"):
            return t(self._locale, "compare-same")
        if not says_something(self._asked.prompt) and self._asked.attachment is None:
            return t(self._locale, "empty-prompt")
        who = asker_of(self._interaction)
        return await self._services.admission.refusal(who, self._locale, place=self._interaction.id, count=BOTH)

    async def _conversation(self, message_id: int) -> Conversation:
        """The conversation of this thread, or a new one: in a new thread if the channel has threads."""
        interaction, store = self._interaction, self._services.store
        if isinstance(self._place, discord.Thread):
            here = await store.conversations.find(self._place.id)
            if here is not None and here.kind not in PASSING:
                return here
        settings = await store.settings.guild(interaction.guild_id)
        thread = None
        if may_have_thread(self._place, interaction.guild):
            message = self._place.get_partial_message(message_id)
            thread = await thread_on(message, self._asked.prompt, settings)
        if thread is not None:
            self._chat.titles.wanted(thread.id, self._asked.prompt)
            self._place = thread
        kind, place_id = (Kind.THREAD, thread.id) if thread else (Kind.CHAIN, message_id)
        return await store.conversations.create(
            place_id, self._place.id, interaction.guild_id, interaction.user.id, kind
        )

    async def _answer_both(self, conversation: Conversation, question: Question) -> None:
        try:
            tickets = await self._tickets(conversation)
        except Refused as refused:
            await private(self._interaction, str(refused))
            return
        async with self._services.ledger.refunded_on_failure(lambda: self._refund(tickets)):
            first = await self._turn(conversation, question, self._asked.models[0])
            second = await self._turn(conversation, question, self._asked.models[1], beside=first)
            models = self._asked.models
            contest = await self._services.store.contests.create(
                conversation.guild_id, self._place.id, (first.id, second.id), models
            )
        answers = [
            self._answer(conversation, turn, ticket, f"{letter} · {model}", question.notices)
            for turn, ticket, letter, model in zip((first, second), tickets, "AB", models, strict=True)
        ]
        await self._chat.running.run(*answers)
        if all(turn.state is State.DONE for turn in (first, second)):
            public = self._interaction.guild_locale.value if self._interaction.guild_locale else self._locale
            sent = await self._place.send(
                card.text(contest, {}, public), view=card.view(contest, {}, public), silent=True
            )
            await self._services.store.contests.set_message(contest.id, sent.id)

    async def _tickets(self, conversation: Conversation) -> tuple[Ticket, Ticket]:
        """One ticket per answer, or none at all. Raises Refused."""
        admission, who = self._services.admission, asker_of(self._interaction)
        first = await admission.admit(who, self._locale, place=conversation.place_id)
        try:
            return first, await admission.admit(who, self._locale, place=conversation.place_id)
        except BaseException:
            await self._services.ledger.note("refund", lambda: self._refund((first,)))
            raise

    async def _refund(self, tickets: Iterable[Ticket]) -> None:
        for ticket in tickets:
            await self._services.store.usage.refund(ticket.charge)

    async def _turn(
        self, conversation: Conversation, question: Question, model: str, *, beside: Turn | None = None
    ) -> Turn:
        store, who = self._services.store, self._interaction.user.id
        keeping = await store.wishes.keeping({who, *question.people})
        return await store.conversations.add_turn(
            conversation, who, question.parts, question.ids, self._locale, self._place.id, keeping,
            question.images, model=model, beside=beside,
        )  # fmt: skip

    def _answer(self, conversation: Conversation, turn: Turn, ticket: Ticket, label: str, notices: list[str]) -> Answer:
        request = Request(
            replace(conversation, model=turn.model), turn, ticket, self._place,
            notices=[label, *notices], tell=teller(self._interaction),
        )  # fmt: skip
        return self._chat.answer(request)
