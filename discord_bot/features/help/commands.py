"""/help."""

from typing import Any

import discord
from discord import app_commands

from discord_bot.commands import EVERYWHERE, command
from discord_bot.i18n import t
from discord_bot.interactions import private
from discord_bot.services import Services


def help_commands(services: Services) -> list[app_commands.Command[Any, Any, Any]]:
    @EVERYWHERE
    async def help_(interaction: discord.Interaction[Any]) -> None:
        locale = interaction.locale.value
        names = ("chat", "image", "model", "persona", "usage", "privacy")
        text = t(locale, "help-text", **{name: services.commands.of(locale, name) for name in names})
        if not services.config.bot.message_content_intent:
            text += f"\n{t(locale, 'help-no-content')}"
        await private(interaction, text)

    return [command("help", help_)]
