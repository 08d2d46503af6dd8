"""Whether a message is for the bot, the language of its author, and small replies to it."""

from typing import Any

import discord
import structlog

from discord_bot.features.chat.addressing import Seen, opening_mention, says_something
from discord_bot.features.chat.sign import Sign
from discord_bot.features.voice.listening import quote
from discord_bot.rendering.splitter import split
from discord_bot.services import Services
from discord_bot.store.turns import Turn

log = structlog.get_logger(__name__)
NOT_USED = "🚫"
REFUSAL_SHOWN = 20.0  # seconds until the refusal of a message disappears
MESSAGES = (discord.MessageType.default, discord.MessageType.reply)


async def see(services: Services, message: discord.Message) -> Seen:
    me = services.me
    resolved = message.reference.resolved if message.reference else None
    replied = resolved.author.id if isinstance(resolved, discord.Message) else None
    opening = opening_mention(message.content)
    mentioned = any(user.id == me for user in message.mentions) and opening in (None, me)
    return Seen(
        by_machine=message.author.bot or message.webhook_id is not None or message.type not in MESSAGES,
        direct=message.guild is None,
        own_thread=await _is_own(services, message.channel),
        mentions_me=mentioned or opening == me or mentions_my_role(message),
        opens_with_other=opening is not None and opening != me,
        replies_to_me=replied == me,
        replies_to_other=replied is not None and replied != me,
        readable=says_something(message.content)
        or bool(message.attachments or message.stickers or message.message_snapshots or message.poll),
    )


def mentions_my_role(message: discord.Message) -> bool:
    """The role that Discord creates for the bot has its name; people confuse the two."""
    mine = message.guild.self_role if message.guild else None
    return mine is not None and mine.id in message.raw_role_mentions


async def _is_own(services: Services, channel: Any) -> bool:
    if not isinstance(channel, discord.Thread):
        return False
    # A thread that the bot created is still its own when nothing of it is stored any more.
    if channel.owner_id == services.me or await services.store.conversations.find(channel.id) is not None:
        return True
    if await answer_above(services, channel) is not None:
        return True
    return await services.store.pictures.by_message(channel.parent_id, channel.id) is not None  # under its picture


async def answer_above(services: Services, thread: discord.Thread) -> Turn | None:
    """The answer on which somebody has opened the thread."""
    turn = await services.store.conversations.by_message(thread.parent_id, thread.id)
    return turn if turn is not None and thread.id in turn.message_ids else None


async def locale_for(services: Services, message: discord.Message) -> str:
    locale = (await services.store.settings.user(message.author.id)).locale
    return locale or (message.guild.preferred_locale.value if message.guild else "en")


async def show_typing(message: discord.Message) -> None:
    """The first sign: it comes before anything is read or asked."""
    try:
        await message.channel.typing()
    except (discord.HTTPException, discord.RateLimited):
        log.debug("nobody was shown to type")


async def show_heard(channel: Any, texts: list[str], sign: Sign) -> None:
    """Shows how a recording was understood, so that speaker and readers can see what the question was."""
    if texts:
        await sign.drop()  # the answer comes below the quote
    try:
        for part in (part for text in texts for part in split(quote(text))[:2]):
            await channel.send(part.text, suppress_embeds=True, silent=True)
    except discord.HTTPException:
        log.info("what was heard could not be shown")


async def refuse(message: discord.Message, text: str) -> None:
    """A message cannot be answered privately, so the refusal disappears by itself. If no message is possible, a reaction is added."""
    try:
        if text:
            await message.reply(text, mention_author=False, delete_after=REFUSAL_SHOWN, silent=True)
    except discord.HTTPException:
        try:
            await message.add_reaction(NOT_USED)
        except discord.HTTPException:
            log.info("a refusal could not be told")
