"""Conversations: which message is asked where, what runs at the moment, and how its end is noted."""

import asyncio
import time
import uuid
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any
from weakref import WeakValueDictionary

import discord
import structlog

from discord_bot.access import Asker
from discord_bot.admission import Refused
from discord_bot.features.chat import passing
from discord_bot.features.chat.addressing import For, judge
from discord_bot.features.chat.answer import Answer, Tell
from discord_bot.features.chat.belonging import conversation_for, messages_before, replied_turn
from discord_bot.features.chat.composing import compose, holds_anything
from discord_bot.features.chat.desk import Desk
from discord_bot.features.chat.guard import LoopGuard
from discord_bot.features.chat.hearing import locale_for, see, show_heard, show_typing
from discord_bot.features.chat.naming import give_title
from discord_bot.features.chat.places import FollowupChannel, may_have_thread
from discord_bot.features.chat.question import Question
from discord_bot.features.chat.sign import Sign
from discord_bot.features.tools.toolbox import Fill, no_tools
from discord_bot.i18n import t
from discord_bot.interactions import asker
from discord_bot.problems import describe, short_reference, utcnow
from discord_bot.quotas import Ticket
from discord_bot.recent import Recent
from discord_bot.services import Services
from discord_bot.store.conversations import Conversation, Kind
from discord_bot.store.turns import State, Turn

log = structlog.get_logger(__name__)
NOT_USED = "🚫"
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
    sign: Sign | None = None


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
        self._unread = Recent[int]()  # threads in which it was said that messages cannot be read
        self._gone = Recent[int]()  # messages that people have deleted
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
        if whom is For.AWAY:
            await self._tell_unread(message)
        if whom in (For.NOBODY, For.AWAY):
            return
        try:
            await self._take(whom, message)
        except Exception as error:  # noqa: BLE001 - the outermost place of a message; logged and told
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

    async def _tell_unread(self, message: discord.Message) -> None:
        """Nothing of it can be read. In a thread that is said once: people talk to each other there, too."""
        readable = message.guild is None or self.services.config.bot.message_content_intent
        if readable or self._unread.add(message.channel.id):
            await self._refuse(
                message, t(await self._locale(message), "nothing-here" if readable else "help-no-content")
            )

    def has_heard(self, message_id: int) -> bool:
        return message_id in self._heard

    async def _take(self, whom: For, message: discord.Message) -> None:
        begins = whom in (For.MENTION, For.CHAIN)
        if not (whom is For.MENTION and may_have_thread(message.channel, message.guild)) and not self._waits(message):
            # The first sign comes before anything is read or asked. A thread of its own is one, too.
            self.services.tasks.spawn(show_typing(message), "typing")
        denied = await self._denied(message)
        if denied is None and not holds_anything(self.services, message):
            denied = t(await self._locale(message), "empty-prompt")
        if denied is not None:
            await self._refuse(message, denied)
            return
        for take in self.takers:
            if await take(message):
                return
        conversation = await conversation_for(self, whom, message)
        self._desk(conversation, merges=not begins).add(message)

    def _waits(self, message: discord.Message) -> bool:
        """An answer runs in the place, so the message gets a mark of its own."""
        desk = self._desks.get(message.channel.id)
        return desk is not None and not desk.is_idle

    async def _leaves_people_alone(self, message: discord.Message) -> bool:
        guild_id = message.guild.id if message.guild else None
        return (await self.services.store.settings.guild(guild_id)).leave_people_alone

    async def _locale(self, message: discord.Message) -> str:
        return await locale_for(self.services, message)

    def _desk(self, conversation: Conversation, *, merges: bool) -> Desk:
        place_id = conversation.place_id
        desk = self._desks.get(place_id)
        if desk is None or desk.is_idle:
            self._desks = {place: one for place, one in self._desks.items() if not one.is_idle}
            desk = self._desks[place_id] = Desk(
                lambda messages, since: self._answer_or_apologise(conversation, messages, since),
                self._line(place_id),
                merges=merges,
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
            await self._mark(message)

    @staticmethod
    async def _mark(message: discord.Message) -> None:
        """Where no word is possible, a sign is."""
        try:
            await message.add_reaction(NOT_USED)
        except discord.HTTPException:
            log.info("a refusal could not be told")

    async def _answer_or_apologise(
        self, conversation: Conversation, messages: list[discord.Message], since: float
    ) -> None:
        try:
            await self._answer_messages(conversation, messages, since)
        except Exception as error:  # noqa: BLE001 - as above: typing was shown, so silence would be wrong
            await self._apologise(messages[-1], error)

    async def _answer_messages(self, conversation: Conversation, messages: list[discord.Message], since: float) -> None:
        """One question made of the messages that came together."""
        messages = [one for one in messages if one.id not in self._gone]
        if self.closing or not messages:
            return  # what comes at the end of the process is found by its next start
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
        reply_to = last.to_reference(fail_if_not_exists=False) if channel.id == last.channel.id else None
        sign = Sign(channel, locale, since=since, reply_to=reply_to)
        try:
            question = await compose(
                services, messages, locale, before=await messages_before(services, known, messages[0])
            )
            if not question:
                raise Refused("\n".join(question.notices) or t(locale, "empty-prompt"))
            await show_heard(channel, question.heard, sign)
            if known.closed and known.place_id == place_id > 0:
                await services.store.conversations.set_closed(known.id, closed=False)
            asking = Asking(
                asker(last.author, known.guild_id, channel.id, channel), question, locale, channel, channel.id,
                tell=lambda text: self._tell(last, text), reply_to=reply_to,
                parent=await replied_turn(services, known, messages[0]), sign=sign,
            )  # fmt: skip
            await self.ask(known, asking)
        except Refused as refused:
            await sign.drop()
            await self._refuse(last, str(refused))
        finally:
            await sign.drop()

    @staticmethod
    async def _tell(message: discord.Message, text: str) -> None:
        await message.author.send(text)

    # --- asking and running -----------------------------------------------------------------------

    async def ask(self, conversation: Conversation, asking: Asking) -> None:
        """A new question, from its charge to the end of its answer. Raises admission.Refused before any work."""
        ticket = await self.services.admission.admit(asking.who, asking.locale, place=conversation.place_id)
        async with self._refunded(ticket):
            turn = await self.add_turn(conversation, asking)
        if any(one in self._gone for one in turn.question_ids):
            turn.state = State.DELETED
            await self.save(turn)
            await self.services.store.usage.refund(ticket.charge)
            return
        sign = asking.sign
        await self.run(
            Answer(
                self.services, self, conversation, turn, ticket, asking.channel,
                reply_to=asking.reply_to, notices=asking.question.notices, tell=asking.tell,
                known=await sign.take() if sign is not None else None, sign_at=sign.at if sign is not None else 0.0,
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
        # While they wait, too, an erasure, the end, and a connection that comes back must reach them.
        self.answers |= {one.turn.id: one for one in answers}
        try:
            async with self._line(answers[0].conversation.place_id):
                await asyncio.gather(*map(self._run, answers))
        finally:
            self.answers = {number: one for number, one in self.answers.items() if one not in answers}

    async def _run(self, answer: Answer) -> None:
        if isinstance(answer.channel, FollowupChannel):
            note = passing.note(self.services, answer.turn.id, answer.channel.interaction)
            self.services.tasks.spawn(note, "interaction")
        try:
            with self.services.metrics.running.track_inprogress():
                await answer.run()
        finally:
            self._claimed.pop(answer.turn.id, None)
            answer.done.set()
        if isinstance(answer.channel, FollowupChannel):
            await passing.forget(self.services, answer.turn.id)
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
        """A message was deleted, perhaps one that waits or is about to be asked."""
        self._gone.add(message_id)
        for desk in self._desks.values():
            desk.remove(message_id)

    def replace(self, message: discord.Message) -> bool:
        """A waiting message was edited. False: it does not wait."""
        return any(desk.replace(message) for desk in self._desks.values())

    def on_typing(self, channel_id: int, user_id: int) -> None:
        desk = self._desks.get(channel_id)
        if desk is not None and user_id != self.services.me:
            desk.typing(user_id)
