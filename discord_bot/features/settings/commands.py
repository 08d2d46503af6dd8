"""/settings: the rules of a server, for people who manage it."""

from typing import Any

import discord
from discord import app_commands

from discord_bot.commands import command
from discord_bot.features.settings.changes import show
from discord_bot.i18n import t
from discord_bot.interactions import private
from discord_bot.services import Services


def settings_commands(services: Services) -> list[app_commands.Command[Any, Any, Any]]:
    @app_commands.guild_only()
    @app_commands.default_permissions(manage_guild=True)
    async def settings(interaction: discord.Interaction[Any]) -> None:
        if not interaction.permissions.manage_guild:
            await private(interaction, t(interaction.locale.value, "access-manage"))
            return
        await show(services, interaction)

    return [command("settings", settings)]
