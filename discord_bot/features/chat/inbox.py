"""Incoming messages: which are for the bot, which are refused, and how related ones become one question."""

import asyncio
import time
import uuid
from collections.abc import Awaitable, Callable
from typing import Any

import discord
import structlog

from discord_bot.admission import Refused
from discord_bot.features.chat.addressing import For, judge
from discord_bot.features.chat.asking import Asking
from discord_bot.features.chat.belonging import conversation_for, messages_before, replied_turn
from discord_bot.features.chat.composing import compose, holds_anything
from discord_bot.features.chat.desk import Desk
from discord_bot.features.chat.feature import ChatFeature
from discord_bot.features.chat.guard import LoopGuard
from discord_bot.features.chat.hearing import locale_for, refuse, see, show_heard, show_typing
from discord_bot.features.chat.places import may_have_thread
from discord_bot.features.chat.sign import Sign
from discord_bot.i18n import t
from discord_bot.interactions import asker
from discord_bot.problems import describe, short_reference, utcnow
from discord_bot.recent import Recent
from discord_bot.store.conversations import Conversation, Kind

log = structlog.get_logger(__name__)
Take = Callable[[discord.Message], Awaitable[bool]]


class Inbox:
    def __init__(self, chat: ChatFeature) -> None:
        self.chat, self.services = chat, chat.services
        self.began = time.time()
        self.takers: list[Take] = []
        """Features that a message may be for instead; True: it was answered."""
        self._desks: dict[int, Desk] = {}
        self._guard = LoopGuard()
        self._heard = Recent[int]()
        self._unread = Recent[int]()  # threads in which people were told that messages cannot be read

    async def on_message(self, message: discord.Message) -> None:
        """Also for those that were missed; each is answered once."""
        if self.chat.running.closing:
            return  # the next start finds it
        if message.author.id == self.services.me or not self._heard.add(message.id):
            return
        if message.author.bot or message.webhook_id is not None:
            return  # most messages of a busy server end here, without a database query
        facts = await see(self.services, message)
        whom = judge(facts, leave_people_alone=not facts.own_thread or await self._leaves_people_alone(message))
        if whom is For.AWAY:
            await self._tell_unread(message)
        if whom in (For.NOBODY, For.AWAY):
            return
        try:
            await self._take(whom, message)
        except Exception as error:  # noqa: BLE001 - the outermost place of a message; logged and told
            await self._apologise(message, error)

    def has_heard(self, message_id: int) -> bool:
        return message_id in self._heard

    # --- who is refused ------------------------------------------------------------------------------

    async def _take(self, whom: For, message: discord.Message) -> None:
        begins = whom in (For.MENTION, For.CHAIN)
        if not (whom is For.MENTION and may_have_thread(message.channel, message.guild)) and not self._waits(message):
            # The first sign comes before anything is read or asked. A new thread is one, too.
            self.services.tasks.spawn(show_typing(message), "typing")
        denied = await self._denied(message)
        if denied is None and not holds_anything(self.services, message):
            denied = t(await locale_for(self.services, message), "empty-prompt")
        if denied is not None:
            await refuse(message, denied)
            return
        for take in self.takers:
            if await take(message):
                return
        conversation = await conversation_for(self.services, self.chat.titles, whom, message)
        self._desk(conversation, merges=not begins).add(message)

    async def _denied(self, message: discord.Message) -> str | None:
        """The refusal; empty if it was shown already."""
        channel, locale = message.channel, await locale_for(self.services, message)
        if not self._guard.allows(channel.id, message.author.id, now := time.monotonic()):
            return t(locale, "limit-loop") if self._guard.tells(channel.id, message.author.id, now) else ""
        who = asker(message.author, message.guild.id if message.guild else None, channel.id, channel)
        desk = self._desks.get(channel.id)
        queued = desk is not None and not desk.is_idle
        return await self.services.admission.refusal(who, locale, place=channel.id, queued=queued)

    async def _tell_unread(self, message: discord.Message) -> None:
        """Its content cannot be read. In a thread, this is said once: people talk to each other there, too."""
        readable = message.guild is None or self.services.config.bot.message_content_intent
        if readable or self._unread.add(message.channel.id):
            locale = await locale_for(self.services, message)
            await refuse(message, t(locale, "nothing-here" if readable else "help-no-content"))

    async def _apologise(self, message: discord.Message, error: Exception) -> None:
        reference = short_reference(uuid.uuid4().hex)
        self.services.metrics.errors.labels("message").inc()
        self.services.admission.gate.release(message.author.id, message.channel.id)
        log.error("a message could not be taken", reference=reference, exc_info=error)
        # Not the person's own language: that would need the database as well.
        locale = message.guild.preferred_locale.value if message.guild else "en"
        problem = describe(error, utcnow(), reference)
        await refuse(message, problem.text(locale, utcnow()))

    async def _leaves_people_alone(self, message: discord.Message) -> bool:
        guild_id = message.guild.id if message.guild else None
        return (await self.services.store.settings.guild(guild_id)).leave_people_alone

    # --- messages that wait ------------------------------------------------------------------------

    def _waits(self, message: discord.Message) -> bool:
        """An answer is running in this place, so the message gets a reaction of its own."""
        desk = self._desks.get(message.channel.id)
        return desk is not None and not desk.is_idle

    def _desk(self, conversation: Conversation, *, merges: bool) -> Desk:
        place_id = conversation.place_id
        desk = self._desks.get(place_id)
        if desk is None or desk.is_idle:
            self._desks = {place: other for place, other in self._desks.items() if not other.is_idle}
            desk = self._desks[place_id] = Desk(
                lambda messages, since: self._answer_or_apologise(conversation, messages, since),
                self.chat.running.line(place_id),
                merges=merges,
            )
        return desk

    def forget(self, message_id: int) -> None:
        """A message was deleted, perhaps one that is waiting or about to be asked."""
        self.chat.records.deleted.add(message_id)
        for desk in self._desks.values():
            desk.remove(message_id)

    def replace(self, message: discord.Message) -> bool:
        """A waiting message was edited. False: it is not waiting."""
        return any(desk.replace(message) for desk in self._desks.values())

    def on_typing(self, channel_id: int, user_id: int) -> None:
        desk = self._desks.get(channel_id)
        if desk is not None and user_id != self.services.me:
            desk.typing(user_id)

    async def end(self) -> None:
        """Shutdown: questions that are still being read are found by the next start."""
        await asyncio.gather(*(desk.end() for desk in self._desks.values()))

    # --- one question ----------------------------------------------------------------------------

    async def _answer_or_apologise(
        self, conversation: Conversation, messages: list[discord.Message], since: float
    ) -> None:
        try:
            await self._answer(conversation, messages, since)
        except Exception as error:  # noqa: BLE001 - as above: typing was shown, so silence would be wrong
            await self._apologise(messages[-1], error)

    async def _answer(self, conversation: Conversation, messages: list[discord.Message], since: float) -> None:
        """One question made of the messages that arrived together."""
        messages = [message for message in messages if message.id not in self.chat.records.deleted]
        if self.chat.running.closing or not messages:
            return  # what arrives during a shutdown is found by the next start
        last, services = messages[-1], self.services
        place_id, locale = conversation.place_id, await locale_for(services, last)
        # It may have been erased while the messages waited.
        existing = await services.store.conversations.find(place_id) or await services.store.conversations.create(
            place_id, conversation.channel_id, conversation.guild_id, last.author.id, conversation.kind
        )
        channel = await self._channel(existing, last)
        reply_to = last.to_reference(fail_if_not_exists=False) if channel.id == last.channel.id else None
        sign = Sign(channel, locale, since=since, reply_to=reply_to)
        try:
            question = await compose(
                services, messages, locale, before=await messages_before(services, existing, messages[0])
            )
            if not question:
                raise Refused("\n".join(question.notices) or t(locale, "empty-prompt"))
            await show_heard(channel, question.heard, sign)
            if existing.closed and existing.place_id == place_id > 0:
                await services.store.conversations.set_closed(existing.id, closed=False)
            asking = Asking(
                asker(last.author, existing.guild_id, channel.id, channel), question, locale, channel, channel.id,
                tell=last.author.send, reply_to=reply_to,
                parent=await replied_turn(services, existing, messages[0]), sign=sign,
            )  # fmt: skip
            await self.chat.ask(existing, asking)
        except Refused as refused:
            await sign.drop()
            await refuse(last, str(refused))
        finally:
            await sign.drop()

    async def _channel(self, conversation: Conversation, message: discord.Message) -> Any:
        """A conversation in a thread is answered there, even if its first message is in the channel above."""
        if conversation.kind is not Kind.THREAD or conversation.channel_id == message.channel.id:
            return message.channel
        rooms, channel_id = self.services.rooms, conversation.channel_id
        return rooms.get_channel(channel_id) or await rooms.fetch_channel(channel_id)
