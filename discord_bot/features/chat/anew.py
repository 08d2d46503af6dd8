"""/new: starts over in a place that is one conversation, a thread or direct messages."""

from collections.abc import Callable
from typing import Any

import discord
from discord import app_commands

from discord_bot.commands import EVERYWHERE, command
from discord_bot.features.choice import may_change
from discord_bot.i18n import t
from discord_bot.interactions import private
from discord_bot.services import Services
from discord_bot.store.conversations import PASSING


def new_command(services: Services) -> app_commands.Command[Any, Any, Any]:
    return command("new", _new(services))


def _new(services: Services) -> Callable[..., Any]:
    @EVERYWHERE
    async def new(interaction: discord.Interaction[Any]) -> None:
        locale, store = interaction.locale.value, services.store.conversations
        conversation = await store.find(interaction.channel_id or 0)
        if conversation is None or conversation.kind in PASSING:
            if interaction.guild_id is None:
                await interaction.response.send_message(t(locale, "new-begun"))  # there was no conversation before
            else:
                await private(interaction, t(locale, "new-elsewhere", command=services.commands.of(locale, "chat")))
            return
        if not may_change(interaction, conversation):
            await private(interaction, t(locale, "access-control"))
            return
        await store.retire(conversation)
        await interaction.response.send_message(t(locale, "new-begun"))

    return new
