"""*Fork*: a new thread that continues from an answer, for people who want to take the conversation elsewhere."""

from dataclasses import replace
from typing import Any

import discord
import structlog

from discord_bot.conversation.title import shorten
from discord_bot.features.chat.feature import ChatFeature
from discord_bot.features.chat.places import may_have_thread, thread_on
from discord_bot.i18n import t
from discord_bot.interactions import BotInteraction, asker_of, private
from discord_bot.store.conversations import Conversation, Kind
from discord_bot.store.turns import Turn

log = structlog.get_logger(__name__)
SHOWN_TITLE = 80


async def fork(chat: ChatFeature, interaction: BotInteraction, conversation: Conversation, turn: Turn) -> None:
    """The interaction was deferred privately. Nothing is charged until the first question there."""
    locale, who = interaction.locale.value, asker_of(interaction)
    claim = chat.running.claim(turn.id)
    if claim is None:
        await private(interaction, t(locale, "fork-busy"))
        return
    try:
        former = await chat.services.store.conversations.fork_of(turn.id, who.user)
        if former is not None and await _exists(chat, former.channel_id):
            await private(interaction, t(locale, "fork-there", thread=f"<#{former.channel_id}>"))
            return
        denied = await chat.services.admission.refusal(who, locale, place=interaction.id, queued=True)
        await private(interaction, denied or await _open(chat, interaction, conversation, turn))
    finally:
        chat.running.release(turn.id, claim)


async def _exists(chat: ChatFeature, channel_id: int) -> bool:
    try:
        return bool(chat.services.rooms.get_channel(channel_id) or await chat.services.rooms.fetch_channel(channel_id))
    except discord.HTTPException:
        return False


async def _open(chat: ChatFeature, interaction: BotInteraction, conversation: Conversation, turn: Turn) -> str:
    locale, services, here = interaction.locale.value, chat.services, interaction.channel
    if isinstance(here, discord.Thread) and here.is_private():
        return t(locale, "fork-private")
    parent: Any = here.parent if isinstance(here, discord.Thread) else here
    if not may_have_thread(parent, interaction.guild):
        return t(locale, "fork-no-thread")
    settings = replace(await services.store.settings.guild(interaction.guild_id), threads=True)
    public = interaction.guild_locale.value if interaction.guild_locale else locale
    name = discord.utils.escape_markdown(interaction.user.display_name)
    link = interaction.message.jump_url if interaction.message else ""
    announced = await parent.send(t(public, "fork-announced", who=name, link=link), suppress_embeds=True, silent=True)
    title = t(public, "fork-title", title=shorten(_title(here, turn), SHOWN_TITLE))
    thread = await thread_on(announced, title, settings)
    if thread is None:
        await announced.delete()
        return t(locale, "fork-no-thread")
    # A person's own instructions are that person's words, and stay where they were written.
    persona = conversation.persona if conversation.persona in services.config.bot.personas else None
    await services.store.conversations.create(
        thread.id, thread.id, interaction.guild_id, interaction.user.id, Kind.THREAD,
        model=conversation.model, persona=persona, origin_turn=turn.id,
    )  # fmt: skip
    await thread.send(t(public, "fork-begins", link=link), suppress_embeds=True, silent=True)
    return t(locale, "fork-made", thread=thread.mention)


def _title(here: object, turn: Turn) -> str:
    return here.name if isinstance(here, discord.Thread) else turn.question or "Antiphon"
