"""A choice of model or persona, stored at the level where it applies."""

from enum import StrEnum
from typing import Literal

import discord
from discord import app_commands

from discord_bot.access import may_control
from discord_bot.commands import words
from discord_bot.i18n import t
from discord_bot.interactions import BotInteraction, asker_of, private
from discord_bot.services import Services
from discord_bot.store.conversations import Conversation
from discord_bot.store.settings import SettingScope

Target = Literal["conversation", "channel", "me"]
SCOPES = [app_commands.Choice(name=words(f"choice-{name}"), value=name) for name in ("conversation", "channel", "me")]


class Choice(StrEnum):
    MODEL = "model"
    PERSONA = "persona"


async def choose(
    services: Services,
    interaction: BotInteraction,
    target: Target,
    choice: Choice,
    value: str | None,
    *,
    own_words: bool = False,
) -> str | None:
    """Stores it and returns the words for where; None if the person was refused and told so.

    `own_words`: the person has typed it, so it is stored only if that person's words are.
    """
    locale, who = interaction.locale.value, interaction.user.id
    if own_words and not (await services.store.wishes.keeping([who])).allows(who):
        command = services.commands.of(locale, "privacy")
        await private(interaction, t(locale, "persona-not-stored", command=command))
        return None
    if choice is Choice.MODEL and value and target != "channel" and await is_locked(services, interaction):
        await private(interaction, t(locale, "model-locked"))
        return None
    conversation = await services.store.conversations.find(interaction.channel_id or 0)
    if target == "conversation" and conversation is not None:
        if not may_change(interaction, conversation):
            await private(interaction, t(locale, "model-owner"))
            return None
        await _change(services, conversation, who, choice, value, own_words=own_words)
        return t(locale, "where-conversation")
    if target == "channel" and interaction.guild_id is not None:
        if not interaction.permissions.manage_channels:
            await private(interaction, t(locale, "access-manage-channels"))
            return None
        channel_id = getattr(interaction.channel, "parent_id", None) or interaction.channel_id or 0
        await _set(services, SettingScope.CHANNEL, channel_id, choice, value, author=who if own_words else None)
        return t(locale, "where-channel")
    await _set(services, SettingScope.USER, who, choice, value, author=who if own_words else None)
    return t(locale, "where-me")


async def _set(
    services: Services, scope: SettingScope, scope_id: int, choice: Choice, value: str | None, *, author: int | None
) -> None:
    settings = services.store.settings
    if author is None or value is None:
        await settings.set(scope, scope_id, choice, value)
    else:
        await settings.set_words(scope, scope_id, choice, value, author, await services.store.wishes.keeping([author]))


async def is_locked(services: Services, interaction: BotInteraction) -> bool:
    """The server's model applies to everybody; only a channel may have another, which its moderators choose."""
    return (await services.store.settings.guild(interaction.guild_id)).lock_model


def may_change(interaction: BotInteraction, conversation: Conversation) -> bool:
    """A conversation's model and persona may be changed by its owner or a moderator."""
    permissions: discord.Permissions = interaction.permissions
    moderator = permissions.manage_threads or permissions.manage_messages
    return may_control(asker_of(interaction), conversation.owner_id, moderator=moderator)


async def _change(
    services: Services, conversation: Conversation, who: int, choice: Choice, value: str | None, *, own_words: bool
) -> None:
    store = services.store.conversations
    if choice is Choice.MODEL:
        await store.set_model(conversation.id, value)
    elif own_words and value:
        await store.set_instructions(conversation.id, value, who, await services.store.wishes.keeping([who]))
    else:
        await store.set_persona(conversation.id, value)
