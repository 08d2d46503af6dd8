"""Conversations: commands, threads, mentions, replies, direct messages; and what happens to them."""

import time
from typing import TYPE_CHECKING, Any

import discord
import structlog

from antiphon.errors import AntiphonError
from discord_bot.access import may_control, refusal
from discord_bot.conversation.attachments import read
from discord_bot.conversation.title import clean_title, thread_name
from discord_bot.features.chat.addressing import For, Seen, judge, opening_mention, says_something, without_mention
from discord_bot.features.chat.answer import Answer
from discord_bot.features.chat.desk import Desk
from discord_bot.features.chat.guard import LoopGuard
from discord_bot.features.chat.places import FollowupChannel, announcement, thread_on
from discord_bot.features.chat.turn_buttons import press
from discord_bot.i18n import t
from discord_bot.interactions import BotInteraction, asker, asker_of, private
from discord_bot.problems import countdown_at
from discord_bot.quotas import Denied
from discord_bot.scope import scope_of
from discord_bot.store.conversations import Conversation, Turn

if TYPE_CHECKING:
    from discord_bot.bot import AntiphonBot

log = structlog.get_logger(__name__)
REFUSAL_SHOWN = 20.0  # seconds that a refusal to a message stands
TITLE_PROMPT = "Write a title of three to six words for this question, in its language, without quotes:\n\n"


class ChatFeature:
    def __init__(self, bot: "AntiphonBot") -> None:
        self._bot = bot
        self.answers: dict[int, Answer] = {}  # running ones, by turn
        self._desks: dict[int, Desk] = {}
        self._guard = LoopGuard()

    # --- /chat ---------------------------------------------------------------------------------

    async def command(
        self,
        interaction: BotInteraction,
        prompt: str,
        attachment: discord.Attachment | None,
        model: str | None,
        persona: str | None,
        *,
        hidden: bool,
    ) -> None:
        locale = interaction.locale.value
        denied = await self.denied(asker_of(interaction), locale)
        if denied:
            await private(interaction, denied)
            return
        if not says_something(prompt):
            await private(interaction, t(locale, "image-empty-prompt"))
            return
        if hidden or not isinstance(interaction.channel, discord.TextChannel):
            await self._answer_in_place(interaction, prompt, attachment, model, persona, hidden=hidden)
            return
        await interaction.response.send_message(
            announcement(interaction.user.display_name, prompt), suppress_embeds=True
        )
        message = await interaction.channel.fetch_message((await interaction.original_response()).id)
        scope = await scope_of(self._bot.store, interaction.guild_id, interaction.channel.id, interaction.user.id)
        thread = await thread_on(message, prompt, int(scope.get("archive_hours", 24)))
        if thread is None:
            await private(interaction, t(locale, "no-threads"))
        place: Any = thread or interaction.channel
        title = thread_name(prompt) if thread else ""
        conversation = await self._bot.store.conversations.create(
            thread.id if thread else message.id,
            place.id,
            interaction.guild_id,
            interaction.user.id,
            "thread" if thread else "chain",
            model=model,
            persona=persona,
            title=title,
        )
        reference = None if thread else message.to_reference(fail_if_not_exists=False)
        given = await read([attachment] if attachment else [], locale)
        turn = await self._add_turn(
            conversation, interaction.user, "\n\n".join((prompt, *given.texts)), [], locale, place.id, given.images
        )
        answer = Answer(self._bot, conversation, turn, place, reply_to=reference, notices=given.notices)
        await self.run(answer)

    async def _answer_in_place(
        self,
        interaction: BotInteraction,
        prompt: str,
        attachment: discord.Attachment | None,
        model: str | None,
        persona: str | None,
        *,
        hidden: bool,
    ) -> None:
        """Where there are no threads, or only the person shall see it."""
        await interaction.response.defer(ephemeral=hidden, thinking=True)
        locale = interaction.locale.value
        given = await read([attachment] if attachment else [], locale)
        await self.answer_privately(
            interaction,
            "\n\n".join((prompt, *given.texts)),
            given.images,
            model=model,
            persona=persona,
            hidden=hidden,
            notices=given.notices,
        )

    async def answer_privately(
        self,
        interaction: BotInteraction,
        question: str,
        images: list[tuple[str, bytes]],
        *,
        model: str | None = None,
        persona: str | None = None,
        hidden: bool = True,
        notices: list[str] | None = None,
    ) -> None:
        """One answer in an interaction that was deferred; it is no conversation that goes on."""
        channel_id = interaction.channel_id or interaction.id
        conversation = await self._bot.store.conversations.create(
            interaction.id,
            channel_id,
            interaction.guild_id,
            interaction.user.id,
            "private",
            model=model,
            persona=persona,
        )
        turn = await self._add_turn(
            conversation, interaction.user, question, [], interaction.locale.value, channel_id, images
        )
        channel: Any = FollowupChannel(interaction, ephemeral=hidden)
        await self.run(Answer(self._bot, conversation, turn, channel, notices=notices, private=True))

    # --- messages ----------------------------------------------------------------------------------

    async def on_message(self, message: discord.Message) -> None:
        me = self._bot.user
        if me is None or message.author.id == me.id:
            return
        whom = judge(await self._see(message, me))
        if whom in (For.NOBODY, For.AWAY):
            return
        locale = await self._locale(message)
        denied = await self._denied_message(message, locale)
        if denied:
            await self._refuse(message, denied)
            return
        conversation = await self._conversation(whom, message)
        if conversation is None:
            return
        desk = self._desks.get(conversation.place_id)
        if desk is None or desk.is_idle:
            self._desks = {place: one for place, one in self._desks.items() if not one.is_idle}
            desk = self._desks[conversation.place_id] = Desk(
                lambda messages: self._answer_messages(conversation.place_id, messages)
            )
        desk.add(message)

    async def _see(self, message: discord.Message, me: discord.ClientUser) -> Seen:
        resolved = message.reference.resolved if message.reference else None
        replied = resolved.author.id if isinstance(resolved, discord.Message) else None
        opening = opening_mention(message.content)
        own = (
            not isinstance(message.channel, discord.TextChannel | discord.DMChannel)
            and await self._bot.store.conversations.find(message.channel.id) is not None
        )
        return Seen(
            by_machine=message.author.bot or message.webhook_id is not None or message.type.value not in (0, 19),
            direct=message.guild is None,
            own_thread=own,
            mentions_me=(any(user.id == me.id for user in message.mentions) and opening in (None, me.id))
            or opening == me.id,
            opens_with_other=opening is not None and opening != me.id,
            replies_to_me=replied == me.id,
            replies_to_other=replied is not None and replied != me.id,
            readable=says_something(message.content) or bool(message.attachments),
        )

    async def _locale(self, message: discord.Message) -> str:
        known = await self._bot.store.settings.all("user", message.author.id)
        return str(known.get("locale") or (message.guild.preferred_locale.value if message.guild else "en"))

    async def _denied_message(self, message: discord.Message, locale: str) -> str | None:
        if not self._guard.allows(message.channel.id, message.author.id, time.monotonic()):
            return t(locale, "limit-loop")
        who = asker(message.author, message.guild.id if message.guild else None, message.channel.id, message.channel)
        return await self.denied(who, locale, queued=message.channel.id in self._desks)

    async def denied(self, who: Any, locale: str, *, queued: bool = False) -> str | None:
        """The sentence that refuses, or None. `queued`: an answer of the same conversation runs, which counts for nothing."""
        scope = await scope_of(self._bot.store, who.guild, who.parent or who.channel, who.user)
        key = refusal(who, scope.guild.get("channels", ()), scope.guild.get("roles", ()))
        if key:
            self._bot.metrics.refused(key)
            return t(locale, key)
        found = await self._bot.gate.check(who.user, who.guild, scope.guild)
        if found is None or (queued and found.key == "limit-concurrent"):
            return None
        self._bot.metrics.refused(found.key)
        return sentence(found, locale)

    async def _refuse(self, message: discord.Message, text: str) -> None:
        """A message cannot be answered privately; the refusal goes away by itself."""
        try:
            await message.reply(text, mention_author=False, delete_after=REFUSAL_SHOWN, silent=True)
        except discord.HTTPException:
            log.info("a refusal could not be told")

    async def _conversation(self, whom: For, message: discord.Message) -> Conversation | None:
        store = self._bot.store.conversations
        guild_id = message.guild.id if message.guild else None
        match whom:
            case For.THREAD:
                return await store.find(message.channel.id)
            case For.DIRECT:
                found = await store.find(message.channel.id)
                return found or await store.create(
                    message.channel.id, message.channel.id, None, message.author.id, "direct", model=None, persona=None
                )
            case For.CHAIN:
                turn = (
                    await store.by_message(message.channel.id, message.reference.message_id or 0)
                    if message.reference
                    else None
                )
                if (
                    turn is not None
                    and (known := await store.get(turn.conversation_id)) is not None
                    and known.kind != "private"
                ):
                    return known
        scope = await scope_of(self._bot.store, guild_id, message.channel.id, message.author.id)
        thread = await thread_on(message, self._question(message), int(scope.get("archive_hours", 24)))
        if thread is not None:
            title = thread_name(self._question(message))
            return await store.create(
                thread.id, thread.id, guild_id, message.author.id, "thread", model=None, persona=None, title=title
            )
        return await store.create(
            message.id, message.channel.id, guild_id, message.author.id, "chain", model=None, persona=None
        )

    def _question(self, message: discord.Message) -> str:
        return without_mention(message.content, self._bot.user.id if self._bot.user else 0)

    async def _answer_messages(self, place_id: int, messages: list[discord.Message]) -> None:
        """One question made of the messages that came together."""
        conversation = await self._bot.store.conversations.find(place_id)
        if conversation is None:
            return
        first, last = messages[0], messages[-1]
        locale = await self._locale(last)
        given = await read([one for message in messages for one in message.attachments], locale)
        about = self._quoted(first)
        question = "\n\n".join(
            text for text in (*about, *(self._question(message) for message in messages), *given.texts) if text
        )
        if not question and not given.images:
            return
        channel: Any = last.channel
        if conversation.kind == "thread" and conversation.channel_id != channel.id:
            channel = self._bot.get_channel(conversation.channel_id) or await self._bot.fetch_channel(
                conversation.channel_id
            )
        ids = [message.id for message in messages]
        turn = await self._add_turn(conversation, last.author, question, ids, locale, channel.id, given.images)
        reference = last.to_reference(fail_if_not_exists=False) if channel.id == last.channel.id else None
        if conversation.closed:
            await self._bot.store.conversations.change(conversation.id, closed=False)
        async with channel.typing():
            pass  # shown for ten seconds, or until the first text
        await self.run(Answer(self._bot, conversation, turn, channel, reply_to=reference, notices=given.notices))

    def _quoted(self, message: discord.Message) -> list[str]:
        """A mention in reply to somebody else's message is about that message."""
        resolved = message.reference.resolved if message.reference else None
        if isinstance(resolved, discord.Message) and resolved.author != self._bot.user and resolved.content:
            return ["> " + resolved.content.replace("\n", "\n> ")]
        return []

    async def _add_turn(
        self,
        conversation: Conversation,
        who: Any,
        question: str,
        ids: list[int],
        locale: str,
        channel_id: int,
        images: list[tuple[str, bytes]],
    ) -> Turn:
        return await self._bot.store.conversations.add_turn(
            conversation, who.id, who.display_name, question, ids, locale, channel_id, images
        )

    # --- running ---------------------------------------------------------------------------------

    async def run(self, answer: Answer) -> None:
        self.answers[answer.turn.id] = answer
        self._bot.metrics.running.inc()
        try:
            await answer.run()
        finally:
            self.answers.pop(answer.turn.id, None)
            self._bot.metrics.running.dec()
        if answer.turn.state == "done" and answer.conversation.title:
            self._bot.spawn(self._name(answer), "title")

    async def save(self, turn: Turn) -> None:
        await self._bot.store.conversations.save(turn)

    async def keep(self, answer: Answer) -> None:
        """The end of a turn. Whoever does not want to be stored leaves only what the buttons need."""
        turn = answer.turn
        mine = await self._bot.store.settings.all("user", turn.asker_id)
        if mine.get("no_store"):
            turn.question = turn.answer = turn.reasoning = turn.asker_name = ""
        await self.save(turn)

    async def _name(self, answer: Answer) -> None:
        """Once a thread: a title from the topic, if nobody has renamed it meanwhile. May fail in silence."""
        conversation = answer.conversation
        await self._bot.store.conversations.change(conversation.id, title="")
        former, conversation.title = conversation.title, ""
        thread = self._bot.get_channel(conversation.place_id)
        if not isinstance(thread, discord.Thread) or thread.name != former:
            return
        stream = self._bot.inference.chat(
            TITLE_PROMPT + answer.turn.question[:1_000],
            self._bot.config.bot.chat_model,
            user_id=str(answer.turn.asker_id),
            timeout=20,
        )
        try:
            async for _ in stream:
                if len(stream.text) > 400:
                    stream.cancel()
            title = clean_title(stream.text) if len(stream.text) <= 400 else ""
            if title and title != former:
                await thread.edit(name=title)
        except (AntiphonError, discord.HTTPException, discord.RateLimited):
            log.info("no title was given")

    async def on_button(self, interaction: BotInteraction, action: str, turn_id: int) -> None:
        turn = await self._bot.store.conversations.turn(turn_id)
        conversation = await self._bot.store.conversations.get(turn.conversation_id) if turn else None
        if turn is None or conversation is None:
            await private(interaction, t(interaction.locale.value, "stale"))
            return
        moderator = interaction.permissions.manage_messages if interaction.guild_id else False
        if action != "reasoning" and not may_control(asker_of(interaction), turn.asker_id, moderator=moderator):
            await private(interaction, t(interaction.locale.value, "access-control"))
            return
        await press(self, interaction, action, conversation, turn)

    def forget(self, message_id: int) -> None:
        """A waiting message was deleted."""
        for desk in self._desks.values():
            desk.remove(message_id)

    def on_typing(self, channel_id: int, user_id: int) -> None:
        desk = self._desks.get(channel_id)
        if desk is not None and self._bot.user is not None and user_id != self._bot.user.id:
            desk.typing()


def sentence(denied: Denied, locale: str) -> str:
    values = dict(denied.values)
    if denied.at is not None:
        values["when"] = countdown_at(denied.at)
    return t(locale, denied.key, **values)
