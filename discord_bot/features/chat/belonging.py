"""Which conversation a message belongs to, and how much of its surroundings is read."""

import discord

from discord_bot.features.chat.addressing import For
from discord_bot.features.chat.card import IN_THREADS
from discord_bot.features.chat.composing import own_text
from discord_bot.features.chat.hearing import answer_above
from discord_bot.features.chat.naming import Titles
from discord_bot.features.chat.places import thread_on
from discord_bot.services import Services
from discord_bot.store.conversations import PASSING, Conversation, Kind


async def conversation_for(services: Services, titles: Titles, whom: For, message: discord.Message) -> Conversation:
    channel, store = message.channel, services.store.conversations
    guild_id, author = message.guild.id if message.guild else None, message.author.id
    # A reply continues where the answer is, even in a conversation that was left behind by /new.
    replied = await _replied_conversation(services, message)
    if replied is not None and (whom is For.CHAIN or replied.channel_id == channel.id):
        return replied
    if whom in (For.THREAD, For.DIRECT):
        kind = Kind.THREAD if whom is For.THREAD else Kind.DIRECT
        known = await store.find(channel.id)
        if known is not None and whom is For.DIRECT and any(one.id == services.me for one in message.mentions):
            await store.retire(known)  # a mention begins anew, as it does in channels
            known = None
        if known is not None:
            return known
        above = await answer_above(services, channel) if isinstance(channel, discord.Thread) else None
        origin = above.id if above is not None else None
        return await store.create(channel.id, channel.id, guild_id, author, kind, origin_turn=origin)
    settings = await services.store.settings.guild(guild_id)
    question = own_text(services, message)
    thread = await thread_on(message, question, settings)
    if thread is None:
        return await store.create(message.id, channel.id, guild_id, author, Kind.CHAIN)
    titles.wanted(thread.id, question)
    return await store.create(thread.id, thread.id, guild_id, author, Kind.THREAD)


async def _replied_conversation(services: Services, message: discord.Message) -> Conversation | None:
    if message.reference is None or message.reference.message_id is None:
        return None
    turn = await services.store.conversations.by_message(message.channel.id, message.reference.message_id)
    conversation = await services.store.conversations.get(turn.conversation_id) if turn is not None else None
    return None if conversation is None or conversation.kind in PASSING else conversation


async def messages_before(services: Services, conversation: Conversation, first: discord.Message) -> int:
    """How many messages of the channel are read when the bot is called into a conversation between people."""
    if conversation.place_id != first.id and conversation.kind is not Kind.THREAD:
        return 0
    if isinstance(first.channel, discord.Thread):
        return IN_THREADS if conversation.kind is Kind.CHAIN else 0
    begins = first.guild is not None and await services.store.conversations.newest(conversation.id) is None
    return (await services.store.settings.guild(conversation.guild_id)).context_messages if begins else 0


async def replied_turn(services: Services, conversation: Conversation, message: discord.Message) -> int | None:
    """A reply to an answer continues from that answer, not from the newest one."""
    if message.reference is None or message.reference.message_id is None:
        return None
    turn = await services.store.conversations.by_message(message.channel.id, message.reference.message_id)
    return turn.id if turn is not None and turn.conversation_id == conversation.id else None
