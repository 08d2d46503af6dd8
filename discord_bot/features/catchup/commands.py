"""/catchup, the menu *Since here*, and the button that tries again."""

import re
from typing import Any

import discord
from discord import app_commands

from discord_bot.commands import command, words
from discord_bot.features.catchup.feature import PATTERN, Catchup, Start, start_of
from discord_bot.i18n import t
from discord_bot.interactions import BotInteraction, pressable, private
from discord_bot.services import Services

LONGEST = 7 * 24  # hours


def catchup_commands(services: Services) -> list[app_commands.Command[Any, Any, Any] | app_commands.ContextMenu]:
    @app_commands.rename(hours=words("command-catchup-hours"))
    @app_commands.describe(hours=words("command-catchup-hours-description"))
    async def catchup(
        interaction: discord.Interaction[Any], hours: app_commands.Range[int, 1, LONGEST] | None = None
    ) -> None:
        await Catchup(services, interaction).run(Start(hours=hours or 0))

    async def since(interaction: discord.Interaction[Any], message: discord.Message) -> None:
        await Catchup(services, interaction).run(Start(message_id=message.id))

    return [command("catchup", catchup), app_commands.ContextMenu(name=words("menu-since"), callback=since)]


def catchup_buttons(services: Services) -> type[discord.ui.DynamicItem[Any]]:
    async def press(interaction: BotInteraction, match: "re.Match[str]", _: list[Any]) -> None:
        start = start_of(match["action"], int(match["since"]))
        if start is None:
            await private(interaction, t(interaction.locale.value, "stale"))
            return
        await Catchup(services, interaction).run(start)

    return pressable(PATTERN, press, "catchup")
