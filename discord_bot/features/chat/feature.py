"""Conversations: which message is asked where, what runs at the moment, and how its end is noted."""

import asyncio
import time
import uuid
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakValueDictionary

import discord
import structlog

from discord_bot.access import Asker
from discord_bot.admission import Refused
from discord_bot.conversation.title import thread_name
from discord_bot.features.chat.addressing import For, judge, says_something
from discord_bot.features.chat.answer import Answer, Tell
from discord_bot.features.chat.card import IN_THREADS
from discord_bot.features.chat.composing import compose, own_text
from discord_bot.features.chat.desk import Desk
from discord_bot.features.chat.guard import LoopGuard
from discord_bot.features.chat.hearing import locale_for, see, show_heard, show_typing
from discord_bot.features.chat.naming import give_title
from discord_bot.features.chat.places import thread_on
from discord_bot.features.chat.question import Question
from discord_bot.features.tools.toolbox import Fill, no_tools
from discord_bot.i18n import t
from discord_bot.interactions import asker
from discord_bot.problems import describe, short_reference, utcnow
from discord_bot.quotas import Ticket
from discord_bot.recent import Recent
from discord_bot.services import Services
from discord_bot.store.conversations import PASSING, Conversation, Kind
from discord_bot.store.turns import State, Turn

log = structlog.get_logger(__name__)
REFUSAL_SHOWN = 20.0  # seconds that a refusal to a message stands


@dataclass
class Asking:
    """Who asks what, and where the answer goes."""

    who: Asker
    question: Question
    locale: str
    channel: Any
    channel_id: int
    tell: Tell
    """Reaches the asker alone."""
    reply_to: discord.MessageReference | None = None
    parent: int | None = None
    notices: list[str] = field(default_factory=list)


class ChatFeature:
    def __init__(self, services: Services) -> None:
        self.services = services
        self.answers: dict[int, Answer] = {}  # running ones, by turn
        self.removals = Recent[int]()  # messages that the bot itself takes away
        self.closing = False
        self.names = Recent[tuple[int, str]]()  # threads and the names that the bot has given them
        self._desks: dict[int, Desk] = {}
        self._lines = WeakValueDictionary[int, asyncio.Lock]()
        self._claimed: dict[int, object] = {}
        self._guard = LoopGuard()
        self._heard = Recent[int]()
        self.takers: list[Callable[[discord.Message], Awaitable[bool]]] = []
        """Features that a message may be for instead; True: it was answered."""
        self.toolbox: Fill = no_tools

    # --- messages ----------------------------------------------------------------------------------

    async def on_message(self, message: discord.Message) -> None:
        """Also for those that were missed; each is answered once."""
        if message.author.id == self.services.me or not self._heard.add(message.id):
            return
        if message.author.bot or message.webhook_id is not None:
            return  # most messages of a busy server end here, without a question to the store
        seen = await see(self.services, message)
        whom = judge(seen, leave_people_alone=not seen.own_thread or await self._leaves_people_alone(message))
        if whom in (For.NOBODY, For.AWAY):
            return
        try:
            await self._take(whom, message)
        except Exception as error:  # noqa: BLE001 - the outermost place of a message; logged and told
            # A database that is away, a Discord that refuses: the person hears of it, whatever it was.
            await self._apologise(message, error)

    async def _apologise(self, message: discord.Message, error: Exception) -> None:
        reference = short_reference(uuid.uuid4().hex)
        self.services.metrics.errors.labels("message").inc()
        self.services.admission.gate.release(message.author.id, message.channel.id)
        log.error("a message could not be taken", reference=reference, exc_info=error)
        # Not the person's own language: that is in the database, too.
        locale = message.guild.preferred_locale.value if message.guild else "en"
        problem = describe(error, utcnow(), reference)
        await self._refuse(message, problem.text(locale, utcnow()))

    async def _take(self, whom: For, message: discord.Message) -> None:
        denied = await self._denied(message)
        if denied is None and not _holds_anything(message, own_text(self.services, message)):
            denied = t(await self._locale(message), "empty-prompt")
        if denied is not None:
            await self._refuse(message, denied)
            return
        self.services.tasks.spawn(show_typing(message), "typing")
        for take in self.takers:
            if await take(message):
                return
        conversation = await self._conversation(whom, message)
        self._desk(conversation).add(message)

    async def _leaves_people_alone(self, message: discord.Message) -> bool:
        guild_id = message.guild.id if message.guild else None
        return (await self.services.store.settings.guild(guild_id)).leave_people_alone

    async def _locale(self, message: discord.Message) -> str:
        return await locale_for(self.services, message)

    def _desk(self, conversation: Conversation) -> Desk:
        place_id = conversation.place_id
        desk = self._desks.get(place_id)
        if desk is None or desk.is_idle:
            self._desks = {place: one for place, one in self._desks.items() if not one.is_idle}
            desk = self._desks[place_id] = Desk(
                lambda messages: self._answer_or_apologise(conversation, messages), self._line(place_id)
            )
        return desk

    async def _denied(self, message: discord.Message) -> str | None:
        """The refusal; empty when it was said already."""
        channel, locale = message.channel, await self._locale(message)
        if not self._guard.allows(channel.id, message.author.id, now := time.monotonic()):
            return t(locale, "limit-loop") if self._guard.tells(channel.id, message.author.id, now) else ""
        who = asker(message.author, message.guild.id if message.guild else None, channel.id, channel)
        desk = self._desks.get(channel.id)
        queued = desk is not None and not desk.is_idle
        return await self.services.admission.refusal(who, locale, place=channel.id, queued=queued)

    async def _refuse(self, message: discord.Message, text: str) -> None:
        """A message cannot be answered privately; the refusal goes away by itself."""
        try:
            if text:
                await message.reply(text, mention_author=False, delete_after=REFUSAL_SHOWN, silent=True)
        except discord.HTTPException:
            log.info("a refusal could not be told")

    async def _conversation(self, whom: For, message: discord.Message) -> Conversation:
        store, channel = self.services.store.conversations, message.channel
        guild_id, author = message.guild.id if message.guild else None, message.author.id
        if whom in (For.THREAD, For.DIRECT):
            kind = Kind.THREAD if whom is For.THREAD else Kind.DIRECT
            return await store.find(channel.id) or await store.create(channel.id, channel.id, guild_id, author, kind)
        if whom is For.CHAIN and message.reference is not None:
            turn = await store.by_message(channel.id, message.reference.message_id or 0)
            known = await store.get(turn.conversation_id) if turn is not None else None
            if known is not None and known.kind not in PASSING:
                return known
        settings = await self.services.store.settings.guild(guild_id)
        question = own_text(self.services, message)
        thread = await thread_on(message, question, settings)
        if thread is None:
            return await store.create(message.id, channel.id, guild_id, author, Kind.CHAIN)
        self.names.add((thread.id, thread_name(question)))
        return await store.create(thread.id, thread.id, guild_id, author, Kind.THREAD)

    async def _answer_or_apologise(self, conversation: Conversation, messages: list[discord.Message]) -> None:
        try:
            await self._answer_messages(conversation, messages)
        except Exception as error:  # noqa: BLE001 - as above: typing was shown, so silence would be wrong
            await self._apologise(messages[-1], error)

    async def _answer_messages(self, conversation: Conversation, messages: list[discord.Message]) -> None:
        """One question made of the messages that came together."""
        if self.closing:
            return  # the next start finds them
        last, services = messages[-1], self.services
        place_id, locale = conversation.place_id, await self._locale(last)
        # It may have been erased while the messages waited.
        known = await services.store.conversations.find(place_id) or await services.store.conversations.create(
            place_id, conversation.channel_id, conversation.guild_id, last.author.id, conversation.kind
        )
        channel: Any = last.channel
        if known.kind is Kind.THREAD and known.channel_id != channel.id:
            channel = services.rooms.get_channel(known.channel_id) or await services.rooms.fetch_channel(
                known.channel_id
            )
        question = await compose(services, messages, locale, before=await self._before(known, messages[0]))
        if not question:
            await self._refuse(last, "\n".join(question.notices) or t(locale, "empty-prompt"))
            return
        await show_heard(channel, question.heard)
        if known.closed:
            await services.store.conversations.set_closed(known.id, closed=False)
        asking = Asking(
            asker(last.author, known.guild_id, channel.id, channel), question, locale, channel, channel.id,
            tell=lambda text: self._tell(last, text),
            reply_to=last.to_reference(fail_if_not_exists=False) if channel.id == last.channel.id else None,
            parent=await self._replied_turn(known, messages[0]),
        )  # fmt: skip
        try:
            await self.ask(known, asking)
        except Refused as refused:
            await self._refuse(last, str(refused))

    async def _before(self, conversation: Conversation, first: discord.Message) -> int:
        """How many messages of the channel are read where the bot is called into a talk of people."""
        if conversation.place_id != first.id and conversation.kind is not Kind.THREAD:
            return 0
        if isinstance(first.channel, discord.Thread):
            return IN_THREADS if conversation.kind is Kind.CHAIN else 0
        begins = first.guild is not None and await self.services.store.conversations.newest(conversation.id) is None
        return (await self.services.store.settings.guild(conversation.guild_id)).context_messages if begins else 0

    @staticmethod
    async def _tell(message: discord.Message, text: str) -> None:
        await message.author.send(text)

    async def _replied_turn(self, conversation: Conversation, message: discord.Message) -> int | None:
        """A reply to an answer continues from that answer, not from the newest one."""
        if message.reference is None or message.reference.message_id is None:
            return None
        turn = await self.services.store.conversations.by_message(message.channel.id, message.reference.message_id)
        return turn.id if turn is not None and turn.conversation_id == conversation.id else None

    # --- asking and running -----------------------------------------------------------------------

    async def ask(self, conversation: Conversation, asking: Asking) -> None:
        """A new question, from its charge to the end of its answer. Raises admission.Refused before any work."""
        ticket = await self.services.admission.admit(asking.who, asking.locale, place=conversation.place_id)
        async with self._refunded(ticket):
            turn = await self.add_turn(conversation, asking)
        await self.run(
            Answer(
                self.services, self, conversation, turn, ticket, asking.channel,
                reply_to=asking.reply_to, notices=asking.question.notices, tell=asking.tell,
            )
        )  # fmt: skip

    def _refunded(self, ticket: Ticket) -> AbstractAsyncContextManager[None]:
        usage = self.services.store.usage
        return self.services.ledger.refunded_on_failure(lambda: usage.refund(ticket.charge))

    async def add_turn(self, conversation: Conversation, asking: Asking) -> Turn:
        question, who = asking.question, asking.who.user
        keeping = await self.services.store.wishes.keeping({who, *question.people})
        return await self.services.store.conversations.add_turn(
            conversation, who, question.parts, question.ids, asking.locale, asking.channel_id, keeping,
            question.images, parent_id=asking.parent or await self.services.store.contests.leader(conversation.id),
        )  # fmt: skip

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
        notices: list[str] | None = None,
        tell: Tell | None = None,
    ) -> None:
        """A turn that stands already: tried again, continued, regenerated or edited. It was charged by the ticket."""
        # The half answer that is continued may repeat words of people who only the whole prompt names.
        turn.answer, turn.state = "", State.RUNNING
        if known is None:
            turn.message_ids = []
        async with self._refunded(ticket):
            await self.save(turn)
        turn.answer = before
        await self.run(
            Answer(
                self.services, self, conversation, turn, ticket, channel,
                reply_to=reply_to, before=before, known=known, notices=notices, tell=tell,
            )
        )  # fmt: skip

    async def run(self, *answers: Answer) -> None:
        """One question at a time in a conversation; more than one answer to it stand side by side."""
        async with self._line(answers[0].conversation.place_id):
            await asyncio.gather(*map(self._run, answers))

    async def _run(self, answer: Answer) -> None:
        self.answers[answer.turn.id] = answer
        try:
            self.services.metrics.running.inc()
            try:
                await answer.run()
            finally:
                self.services.metrics.running.dec()
        finally:
            self._claimed.pop(answer.turn.id, None)
            answer.done.set()
            if self.answers.get(answer.turn.id) is answer:
                del self.answers[answer.turn.id]
        place = answer.conversation.place_id
        name = next((name for thread, name in self.names if thread == place), None)
        if answer.turn.state is State.DONE and name is not None:
            self.names.discard((place, name))
            naming = give_title(self.services, place, name, answer.turn.question, answer.ticket)
            self.services.tasks.spawn(naming, "title")

    def _line(self, place_id: int) -> asyncio.Lock:
        return self._lines.setdefault(place_id, asyncio.Lock())

    def is_busy(self, place_id: int) -> bool:
        return self._line(place_id).locked()

    def claim(self, turn_id: int) -> object | None:
        """For whoever is about to answer the turn again; None: somebody is already. It ends when the answer stands."""
        if turn_id in self._claimed:
            return None
        claim = self._claimed[turn_id] = object()
        return claim

    def release(self, turn_id: int, claim: object | None) -> None:
        """A claim that came to nothing."""
        if claim is not None and self._claimed.get(turn_id) is claim:
            del self._claimed[turn_id]

    async def standing(self, turn_id: int) -> bool:
        """False while the turn is being answered; where its answer stands, waits until that is noted down."""
        running = self.answers.get(turn_id)
        if running is None:
            return True
        if running.turn.state is State.RUNNING:
            return False
        await running.done.wait()
        return True

    # --- noting down ------------------------------------------------------------------------------

    async def save(self, turn: Turn) -> None:
        """The turn as it is now; of its words only those of people who agree."""
        store = self.services.store
        await store.conversations.save(turn, await store.wishes.keeping(turn.people))

    async def keep(self, answer: Answer) -> None:
        """An answer stands in Discord whether or not the database takes it now."""
        store = self.services.store

        async def write() -> None:
            wishes, people = store.wishes, answer.people | answer.turn.people
            keeping = wishes.nothing(people) if answer.forgotten else await wishes.keeping(people)
            await store.conversations.save(answer.turn, keeping)

        await self.services.ledger.note("turn", write)

    def removed(self, message_id: int) -> None:
        """The bot itself takes a message away."""
        self.removals.add(message_id)

    def forget_person(self, user_id: int) -> None:
        """Everything of the person was erased: what still runs is not stored again."""
        for answer in self.answers.values():
            if user_id in answer.people | answer.turn.people:
                answer.forgotten = True

    # --- what people do meanwhile --------------------------------------------------------------------

    def forget(self, message_id: int) -> None:
        """A waiting message was deleted."""
        for desk in self._desks.values():
            desk.remove(message_id)

    def replace(self, message: discord.Message) -> bool:
        """A waiting message was edited. False: it does not wait."""
        return any(desk.replace(message) for desk in self._desks.values())

    def on_typing(self, channel_id: int, user_id: int) -> None:
        desk = self._desks.get(channel_id)
        if desk is not None and user_id != self.services.me:
            desk.typing()


def _holds_anything(message: discord.Message, text: str) -> bool:
    """A bare mention asks nothing, unless it points at something."""
    pointed = message.reference or message.message_snapshots or message.stickers or message.poll
    return says_something(text) or bool(message.attachments or pointed)
