"""Conversations: for whom a message is, where it is answered, and what runs at the moment."""

import asyncio
import time
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

import discord
import structlog

from discord_bot.access import may_control
from discord_bot.conversation.title import thread_name
from discord_bot.features.chat.addressing import For, Seen, judge, opening_mention, says_something, without_mention
from discord_bot.features.chat.answer import Answer, Tell
from discord_bot.features.chat.context import fetch
from discord_bot.features.chat.desk import Desk
from discord_bot.features.chat.guard import LoopGuard
from discord_bot.features.chat.naming import give_title
from discord_bot.features.chat.places import PASSING, thread_on
from discord_bot.features.chat.question import Question, compose
from discord_bot.features.chat.turn_buttons import press
from discord_bot.i18n import t
from discord_bot.interactions import BotInteraction, asker, asker_of, private
from discord_bot.scope import scope_of
from discord_bot.store.conversations import Conversation, Turn

if TYPE_CHECKING:
    from discord_bot.bot import AntiphonBot

log = structlog.get_logger(__name__)
REFUSAL_SHOWN = 20.0  # seconds that a refusal to a message stands
MESSAGES = (discord.MessageType.default, discord.MessageType.reply)
REMEMBERED = 2_000  # messages, so that one that Discord tells twice is answered once


class ChatFeature:
    def __init__(self, bot: "AntiphonBot") -> None:
        self.bot = bot
        self.answers: dict[int, Answer] = {}  # running ones, by turn
        self.removals: set[int] = set()  # messages that the bot itself takes away
        self.closing = False
        self._desks: dict[int, Desk] = {}
        self._lines = WeakValueDictionary[int, asyncio.Lock]()
        self._claimed: set[int] = set()
        self._guard = LoopGuard()
        self._heard: dict[int, None] = {}

    @property
    def me(self) -> int:
        return self.bot.user.id if self.bot.user else 0

    # --- messages ----------------------------------------------------------------------------------

    async def on_message(self, message: discord.Message) -> None:
        """Also for those that were missed; each is answered once."""
        if message.author.id == self.me or not self._hears(message.id):
            return
        whom = judge(await self._see(message), leave_people_alone=await self._leaves_people_alone(message))
        if whom in (For.NOBODY, For.AWAY):
            return
        locale = await self._locale(message)
        denied = await self._denied(message, locale)
        if denied is not None:
            await self._refuse(message, denied)
            return
        conversation = await self._conversation(whom, message)
        if conversation is not None:
            self._desk(conversation.place_id).add(message)

    def _hears(self, message_id: int) -> bool:
        if message_id in self._heard:
            return False
        self._heard[message_id] = None
        if len(self._heard) > REMEMBERED:
            del self._heard[next(iter(self._heard))]
        return True

    def _desk(self, place_id: int) -> Desk:
        desk = self._desks.get(place_id)
        if desk is None or desk.is_idle:
            self._desks = {place: one for place, one in self._desks.items() if not one.is_idle}
            desk = self._desks[place_id] = Desk(
                lambda messages: self._answer_messages(place_id, messages), self._line(place_id)
            )
        return desk

    async def _see(self, message: discord.Message) -> Seen:
        resolved = message.reference.resolved if message.reference else None
        replied = resolved.author.id if isinstance(resolved, discord.Message) else None
        opening = opening_mention(message.content)
        mentioned = any(user.id == self.me for user in message.mentions) and opening in (None, self.me)
        return Seen(
            by_machine=message.author.bot or message.webhook_id is not None or message.type not in MESSAGES,
            direct=message.guild is None,
            own_thread=await self._is_own(message.channel),
            mentions_me=mentioned or opening == self.me,
            opens_with_other=opening is not None and opening != self.me,
            replies_to_me=replied == self.me,
            replies_to_other=replied is not None and replied != self.me,
            readable=says_something(message.content) or bool(message.attachments),
        )

    async def _is_own(self, channel: Any) -> bool:
        if not isinstance(channel, discord.Thread):
            return False
        # A thread that the bot made is its own even when nothing of it is stored any more.
        return channel.owner_id == self.me or await self.bot.store.conversations.find(channel.id) is not None

    async def _leaves_people_alone(self, message: discord.Message) -> bool:
        if message.guild is None:
            return True
        return bool((await self.bot.store.settings.all("guild", message.guild.id)).get("leave_people_alone", True))

    async def _locale(self, message: discord.Message) -> str:
        known = await self.bot.store.settings.all("user", message.author.id)
        return str(known.get("locale") or (message.guild.preferred_locale.value if message.guild else "en"))

    async def _denied(self, message: discord.Message, locale: str) -> str | None:
        """The refusal; empty when it was said already."""
        channel = message.channel
        if not self._guard.allows(channel.id, message.author.id, now := time.monotonic()):
            return t(locale, "limit-loop") if self._guard.tells(channel.id, message.author.id, now) else ""
        who = asker(message.author, message.guild.id if message.guild else None, channel.id, channel)
        desk = self._desks.get(channel.id)
        return await self.bot.admission.refusal(
            who, locale, place=channel.id, queued=desk is not None and not desk.is_idle
        )

    async def _refuse(self, message: discord.Message, text: str) -> None:
        """A message cannot be answered privately; the refusal goes away by itself."""
        try:
            if text:
                await message.reply(text, mention_author=False, delete_after=REFUSAL_SHOWN, silent=True)
        except discord.HTTPException:
            log.info("a refusal could not be told")

    async def _conversation(self, whom: For, message: discord.Message) -> Conversation | None:
        store, channel, guild = self.bot.store.conversations, message.channel, message.guild
        guild_id, author = guild.id if guild else None, message.author.id
        if whom in (For.THREAD, For.DIRECT):
            kind = "thread" if whom is For.THREAD else "direct"
            found = await store.find(channel.id)
            return found or await store.create(channel.id, channel.id, guild_id, author, kind, model=None, persona=None)
        if whom is For.CHAIN and message.reference is not None:
            turn = await store.by_message(channel.id, message.reference.message_id or 0)
            known = await store.get(turn.conversation_id) if turn is not None else None
            if known is not None and known.kind not in PASSING:
                return known
        scope = await scope_of(self.bot.store, guild_id, channel.id, author)
        question = without_mention(message.content, self.me)
        thread = await thread_on(message, question, scope) if scope.get("threads", True) else None
        if thread is not None:
            return await store.create(
                thread.id, thread.id, guild_id, author, "thread", model=None, persona=None, title=thread_name(question)
            )
        return await store.create(message.id, channel.id, guild_id, author, "chain", model=None, persona=None)

    async def _answer_messages(self, place_id: int, messages: list[discord.Message]) -> None:
        """One question made of the messages that came together."""
        if self.closing:
            return  # the next start finds them
        conversation = await self.bot.store.conversations.find(place_id)
        if conversation is None:
            return
        last = messages[-1]
        locale = await self._locale(last)
        channel: Any = last.channel
        if conversation.kind == "thread" and conversation.channel_id != channel.id:
            channel = self.bot.get_channel(conversation.channel_id) or await self.bot.fetch_channel(
                conversation.channel_id
            )
        question = await compose(messages, self.me, locale)
        if not question:
            await self._refuse(last, "\n".join(question.notices) or t(locale, "empty-prompt"))
            return
        parent = await self._replied_turn(conversation, messages[0])
        turn = await self.add_turn(conversation, last.author, question, locale, channel.id, parent=parent)
        reference = last.to_reference(fail_if_not_exists=False) if channel.id == last.channel.id else None
        if conversation.closed:
            await self.bot.store.conversations.change(conversation.id, closed=False)
        tell = _by_message(last.author)
        await self.run(
            Answer(self.bot, conversation, turn, channel, reply_to=reference, notices=question.notices, tell=tell)
        )

    async def _replied_turn(self, conversation: Conversation, message: discord.Message) -> int | None:
        """A reply to an answer continues from that answer, not from the newest one."""
        if message.reference is None or message.reference.message_id is None:
            return None
        turn = await self.bot.store.conversations.by_message(message.channel.id, message.reference.message_id)
        return turn.id if turn is not None and turn.conversation_id == conversation.id else None

    async def add_turn(
        self,
        conversation: Conversation,
        who: Any,
        question: Question,
        locale: str,
        channel_id: int,
        *,
        parent: int | None = None,
    ) -> Turn:
        return await self.bot.store.conversations.add_turn(
            conversation,
            who.id,
            who.display_name,
            question.text,
            question.ids,
            locale,
            channel_id,
            question.images,
            parent_id=parent,
        )

    # --- running ---------------------------------------------------------------------------------

    async def run(self, answer: Answer) -> None:
        """One answer at a time in a conversation; a later one waits."""
        line = self._line(answer.conversation.place_id)
        self.answers[answer.turn.id] = answer
        try:
            async with line:
                self.bot.metrics.running.inc()
                try:
                    await answer.run()
                finally:
                    self.bot.metrics.running.dec()
        finally:
            answer.done.set()
            if self.answers.get(answer.turn.id) is answer:
                del self.answers[answer.turn.id]
        if answer.turn.state == "done" and answer.conversation.title:
            naming = give_title(self.bot, answer.conversation, answer.asked, answer.turn.asker_id)
            self.bot.spawn(naming, "title")

    def _line(self, place_id: int) -> asyncio.Lock:
        return self._lines.setdefault(place_id, asyncio.Lock())

    def is_busy(self, place_id: int) -> bool:
        return self._line(place_id).locked()

    def claim(self, turn_id: int) -> bool:
        """For whoever is about to answer the turn again; False: somebody is already."""
        if turn_id in self._claimed:
            return False
        self._claimed.add(turn_id)
        return True

    def release(self, turn_id: int) -> None:
        self._claimed.discard(turn_id)

    async def save(self, turn: Turn) -> None:
        await self.bot.store.conversations.save(turn)

    async def keep(self, answer: Answer) -> None:
        """The end of a turn. Of whoever does not want to be stored only what the buttons need is kept."""
        turn = answer.turn
        mine = await self.bot.store.settings.all("user", turn.asker_id)
        if mine.get("no_store"):
            turn.question = turn.answer = turn.reasoning = turn.asker_name = ""
            turn.former = []
            await self.bot.store.conversations.set_images(turn.id, [])
        await self.save(turn)

    async def recall(self, turn: Turn) -> bool:
        """Reads a question that is not stored from its messages in Discord. False: it is not there either."""
        try:
            messages = await fetch(self.bot, turn.channel_id, turn.question_ids)
        except discord.HTTPException:
            return False
        messages = [one for one in messages if one.author.id == turn.asker_id]
        if not messages:
            return False
        question = await compose(messages, self.me, turn.locale)
        turn.question, turn.asker_name = question.text, messages[-1].author.display_name
        if question.images:
            await self.bot.store.conversations.set_images(turn.id, question.images)
        return bool(question)

    async def first_words(self, interaction: BotInteraction) -> None:
        """Where questions go to, privately, to whoever asks for the first time."""
        settings, who = self.bot.store.settings, interaction.user.id
        if (await settings.all("user", who)).get("told") or interaction.is_expired():
            return
        await settings.set("user", who, "told", True)
        try:
            await interaction.followup.send(t(interaction.locale.value, "first-words"), ephemeral=True)
        except discord.HTTPException:
            log.info("the first words could not be told")

    async def on_button(self, interaction: BotInteraction, action: str, turn_id: int) -> None:
        turn = await self.bot.store.conversations.turn(turn_id)
        conversation = await self.bot.store.conversations.get(turn.conversation_id) if turn else None
        if turn is None or conversation is None:
            await private(interaction, t(interaction.locale.value, "stale"))
            return
        moderator = interaction.permissions.manage_messages if interaction.guild_id else False
        for_all = action in ("reasoning", "file", "reply") and conversation.kind not in PASSING
        if not for_all and not may_control(asker_of(interaction), turn.asker_id, moderator=moderator):
            await private(interaction, t(interaction.locale.value, "access-control"))
            return
        await press(self, interaction, action, conversation, turn)

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
        if desk is not None and user_id != self.me:
            desk.typing()


def _by_message(who: discord.User | discord.Member) -> Tell:
    async def tell(text: str) -> None:
        await who.send(text)

    return tell
