"""/help."""

from typing import TYPE_CHECKING, Any

import discord
from discord import app_commands

from discord_bot.commands import EVERYWHERE, command
from discord_bot.i18n import t
from discord_bot.interactions import private

if TYPE_CHECKING:
    from discord_bot.bot import AntiphonBot


def help_commands(bot: "AntiphonBot") -> list[app_commands.Command[Any, Any, Any]]:
    @EVERYWHERE
    async def help_(interaction: discord.Interaction[Any]) -> None:
        locale = interaction.locale.value
        text = t(locale, "help-text")
        if not bot.message_content:
            text += f"\n{t(locale, 'help-no-content')}"
        await private(interaction, text)

    return [command("help", help_)]
