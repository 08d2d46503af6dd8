"""Questions asked while the bot was away: recent ones are answered, older ones are offered an answer."""

import asyncio
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import discord
import structlog

from discord_bot.clock import DiscordClock
from discord_bot.features.chat import buttons
from discord_bot.features.chat.addressing import For, judge, says_something
from discord_bot.features.chat.asking import Asking
from discord_bot.features.chat.composing import compose
from discord_bot.features.chat.context import fetch
from discord_bot.features.chat.hearing import locale_for, see
from discord_bot.features.chat.inbox import Inbox
from discord_bot.i18n import t
from discord_bot.interactions import asker
from discord_bot.store.conversations import Conversation, Kind
from discord_bot.store.turns import State, Turn

log = structlog.get_logger(__name__)
LOOK_BACK = 24 * 3_600.0  # maximum seconds of an absence that are read again
EARLIER = 60.0  # seconds before a conversation was stored in which its first message may have arrived
MOST_CONVERSATIONS, MOST_CHANNELS, MOST_MESSAGES = 200, 100, 50
PAUSE = 0.25  # seconds between two conversations: nobody waits for this, and it must not use up the global limit


async def answer_missed(inbox: Inbox, channels: Iterable[Any], away_since: float | None, clock: DiscordClock) -> None:
    """Runs once after each start of a session. Places without new messages cost no request.

    `channels`: in which the bot may have been mentioned; `away_since`: epoch seconds, None if unknown.
    """
    await _in_conversations(inbox, clock)
    if away_since is not None:
        earliest, now = clock.now() - LOOK_BACK, clock.now()
        # A time in the future was recorded by a wrong clock.
        since = max(away_since, earliest) if away_since <= now else earliest
        await _in_channels(inbox, channels, since, clock)


async def _in_channels(inbox: Inbox, channels: Iterable[Any], since: float, clock: DiscordClock) -> None:
    """Mentions and replies in channels, which belong to no conversation yet. The most active channels first."""
    after = discord.utils.time_snowflake(datetime.fromtimestamp(since, UTC))
    lively = sorted(
        (candidate for candidate in channels if (getattr(candidate, "last_message_id", None) or 0) > after),
        key=lambda candidate: -candidate.last_message_id,
    )
    for channel in lively[:MOST_CHANNELS]:
        try:
            messages = [
                candidate async for candidate in channel.history(limit=MOST_MESSAGES, after=discord.Object(after))
            ]
            for message in messages:
                await _answer_mention(inbox, message, clock)
        except discord.HTTPException as error:
            log.info("a channel could not be read again", status=error.status)
        await asyncio.sleep(PAUSE)


async def _answer_mention(inbox: Inbox, message: discord.Message, clock: DiscordClock) -> None:
    store = inbox.services.store.conversations
    whom = judge(await see(inbox.services, message))
    if message.author.bot or whom not in (For.MENTION, For.CHAIN) or inbox.has_heard(message.id):
        return
    for place in (message.channel.id, message.id):  # the channel, or the thread attached to the message
        if await store.by_message(place, message.id) is not None:
            return
    if is_fresh(inbox, message, clock):
        await inbox.on_message(await _as_member(message))
        return
    guild_id = message.guild.id if message.guild else None
    conversation = await store.create(message.id, message.channel.id, guild_id, message.author.id, Kind.CHAIN)
    await _offer(inbox, conversation, message.channel, [message])


def is_fresh(inbox: Inbox, message: discord.Message, clock: DiscordClock) -> bool:
    return clock.now() - message.created_at.timestamp() < inbox.services.config.bot.missed_timeout


async def _in_conversations(inbox: Inbox, clock: DiscordClock) -> None:
    for conversation in await inbox.services.store.conversations.recent(MOST_CONVERSATIONS):
        if conversation.closed or inbox.chat.running.is_busy(conversation.place_id):
            continue
        try:
            called = await _look(inbox, conversation, clock)
        except discord.HTTPException as error:
            log.info("a conversation could not be read again", status=error.status)
            called = True
        if called:
            await asyncio.sleep(PAUSE)


async def _look(inbox: Inbox, conversation: Conversation, clock: DiscordClock) -> bool:
    """Returns whether Discord was asked."""
    newest = await inbox.services.store.conversations.newest(conversation.id)
    if newest is None and inbox.began <= conversation.created_at <= time.time():
        return False  # it is just starting
    channel: Any = inbox.services.rooms.get_channel(conversation.channel_id)
    if channel is None and (conversation.kind is Kind.DIRECT or newest is None):
        channel = await inbox.services.rooms.fetch_channel(conversation.channel_id)
    if channel is None:
        return False  # archived meanwhile
    if newest is None:
        await _begin(inbox, conversation, channel)
    last_known = _last_known(conversation, newest, clock.now())
    # The library does not cache it for direct messages, so they are read.
    last: int | None = getattr(channel, "last_message_id", None)
    if last is not None and last <= max([last_known, *(newest.message_ids if newest is not None else ())]):
        return False
    after = discord.Object(last_known)
    messages = [later async for later in channel.history(limit=MOST_MESSAGES, after=after, oldest_first=True)]
    missed = []
    for message in messages:
        human = not message.author.bot and message.webhook_id is None
        if human and await inbox.services.store.conversations.by_message(channel.id, message.id) is None:
            missed.append(message)
    if not missed:
        return True
    if is_fresh(inbox, missed[-1], clock):
        for message in missed:
            await inbox.on_message(await _as_member(message))
    else:
        await _offer(inbox, conversation, channel, missed)
    return True


def _last_known(conversation: Conversation, newest: Turn | None, now: float) -> int:
    """Messages after this one may have been missed. `now`: epoch seconds by Discord's clock."""
    if newest is not None:
        return max(newest.question_ids or newest.message_ids[:1] or [conversation.place_id])
    if conversation.kind is Kind.THREAD:
        return conversation.place_id
    began = conversation.created_at if conversation.created_at <= now else now - LOOK_BACK
    return discord.utils.time_snowflake(datetime.fromtimestamp(began - EARLIER, UTC))


async def _begin(inbox: Inbox, conversation: Conversation, channel: Any) -> None:
    """A thread that the bot opened just before it was killed, so that the question was not stored."""
    if conversation.kind is not Kind.THREAD:
        return
    (first,) = await fetch(inbox.services, channel.id, [conversation.place_id])
    if not first.author.bot and first.webhook_id is None:
        await inbox.on_message(await _as_member(first))
    elif not [message async for message in channel.history(limit=1) if message.author.id == inbox.services.me]:
        # A command's question: its content is lost.
        locale = first.guild.preferred_locale.value if first.guild else "en"
        await channel.send(f"-# {t(locale, 'state-restart')}", silent=True)


async def _as_member(message: discord.Message) -> discord.Message:
    """History contains no roles, and a role may be what allows a person to ask."""
    if message.guild is not None and isinstance(message.author, discord.User):
        try:
            message.author = await message.guild.fetch_member(message.author.id)
        except discord.NotFound:
            log.info("a person who asked has left")
    return message


async def _offer(inbox: Inbox, conversation: Conversation, channel: Any, missed: list[discord.Message]) -> None:
    """One line, and a button that answers."""
    last = missed[-1]
    locale = await locale_for(inbox.services, last)
    written = [message for message in missed if says_something(message.content)] or [last]
    question = await compose(inbox.services, written, locale)
    if not question:
        return
    who = asker(last.author, conversation.guild_id, channel.id, channel)
    turn = await inbox.chat.records.add_turn(
        conversation, Asking(who, question, locale, channel, channel.id, last.author.send)
    )
    turn.state = State.MISSED
    await inbox.chat.records.save(turn)
    sent = await channel.send(
        f"-# {t(locale, 'state-offline')}",
        view=buttons.offline(turn),
        reference=last.to_reference(fail_if_not_exists=False),
        mention_author=False,
        silent=True,
    )
    turn.message_ids = [sent.id]
    await inbox.chat.records.save(turn)
