"""Questions that were asked while the bot was away: answered when they are fresh, offered an answer when they are not."""

import asyncio
import time
from typing import Any

import discord
import structlog

from discord_bot.features.chat import buttons
from discord_bot.features.chat.addressing import says_something
from discord_bot.features.chat.composing import compose
from discord_bot.features.chat.feature import Asking, ChatFeature
from discord_bot.features.chat.hearing import locale_for
from discord_bot.i18n import t
from discord_bot.interactions import asker
from discord_bot.store.conversations import Conversation, Kind
from discord_bot.store.turns import State

log = structlog.get_logger(__name__)
LOOK_BACK = 24 * 3_600.0  # seconds since a conversation was used last
MOST_CONVERSATIONS, MOST_MESSAGES = 200, 20
PAUSE = 0.25  # seconds between two conversations: nobody waits for this, and it must not eat the global limit


async def answer_missed(chat: ChatFeature) -> None:
    """Once after each start of a session. A conversation in which nobody wrote costs no request where Discord tells so."""
    since = time.time() - LOOK_BACK
    for conversation in await chat.services.store.conversations.active(since, MOST_CONVERSATIONS):
        if conversation.closed or chat.is_busy(conversation.place_id):
            continue
        try:
            asked = await _look(chat, conversation)
        except discord.HTTPException as error:
            log.info("a conversation could not be read again", status=error.status)
            asked = True
        if asked:
            await asyncio.sleep(PAUSE)


async def _look(chat: ChatFeature, conversation: Conversation) -> bool:
    """True when Discord was asked."""
    channel: Any = chat.services.rooms.get_channel(conversation.channel_id)
    if channel is None and conversation.kind is Kind.DIRECT:
        channel = await chat.services.rooms.fetch_channel(conversation.channel_id)
    newest = await chat.services.store.conversations.newest(conversation.id)
    if channel is None or newest is None:
        return False  # archived meanwhile, or erased
    known = max(newest.question_ids or newest.message_ids[:1] or [conversation.place_id])
    # The library does not keep it for direct messages; they are looked into.
    last: int | None = getattr(channel, "last_message_id", None)
    if last is not None and last <= max([known, *newest.message_ids]):
        return False
    after = discord.Object(known)
    messages = [one async for one in channel.history(limit=MOST_MESSAGES, after=after, oldest_first=True)]
    missed = []
    for message in messages:
        human = not message.author.bot and message.webhook_id is None
        if human and await chat.services.store.conversations.by_message(channel.id, message.id) is None:
            missed.append(message)
    if not missed:
        return True
    if time.time() - missed[-1].created_at.timestamp() < chat.services.config.bot.missed_timeout:
        for message in missed:
            await chat.on_message(await _as_member(message))
    else:
        await _offer(chat, conversation, channel, missed)
    return True


async def _as_member(message: discord.Message) -> discord.Message:
    """History tells no roles, and roles may be what allows a person to ask."""
    if message.guild is not None and isinstance(message.author, discord.User):
        try:
            message.author = await message.guild.fetch_member(message.author.id)
        except discord.NotFound:
            log.info("a person who asked has left")
    return message


async def _offer(chat: ChatFeature, conversation: Conversation, channel: Any, missed: list[discord.Message]) -> None:
    """One line, and a button that answers."""
    last = missed[-1]
    locale = await locale_for(chat.services, last)
    written = [one for one in missed if says_something(one.content)] or [last]
    question = await compose(chat.services, written, locale)
    if not question:
        return
    who = asker(last.author, conversation.guild_id, channel.id, channel)

    async def tell(text: str) -> None:
        await last.author.send(text)

    turn = await chat.add_turn(conversation, Asking(who, question, locale, channel, channel.id, tell))
    turn.state = State.MISSED
    await chat.save(turn)
    sent = await channel.send(
        f"-# {t(locale, 'state-offline')}",
        view=buttons.offline(turn),
        reference=last.to_reference(fail_if_not_exists=False),
        mention_author=False,
        silent=True,
    )
    turn.message_ids = [sent.id]
    await chat.save(turn)
