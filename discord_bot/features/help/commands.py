"""/help: a private card with examples that can be clicked."""

import re
from typing import Any

import discord
from discord import app_commands

from discord_bot.commands import EVERYWHERE, command
from discord_bot.features.chat.buttons import view_of
from discord_bot.features.chat.feature import ChatFeature
from discord_bot.features.chat.starting import Asked, start
from discord_bot.features.image.feature import ImageFeature
from discord_bot.features.image.options import Wish
from discord_bot.i18n import t
from discord_bot.interactions import BotInteraction, pressable, private
from discord_bot.services import Services

PATTERN = r"help:1:(?P<action>[a-z]+)"
EXAMPLES = ("explain", "plan", "code", "draw")
NAMED = ("chat", "image", "model", "persona", "usage", "privacy")
MORE = ("catchup", "compare", "models", "remind", "memory")


def text_of(services: Services, locale: str) -> str:
    text = t(locale, "help-text", **{name: services.commands.of(locale, name) for name in NAMED})
    text += "\n" + t(locale, "help-more", **{name: services.commands.of(locale, name) for name in MORE})
    if not services.config.bot.message_content_intent:
        text += f"\n{t(locale, 'help-no-content')}"
    return f"{text}\n{t(locale, 'help-try')}"


def _example(name: str, locale: str, row: int) -> discord.ui.Button[Any]:
    return discord.ui.Button(label=t(locale, f"help-example-{name}"), custom_id=f"help:1:{name}", row=row)


def help_commands(services: Services) -> list[app_commands.Command[Any, Any, Any]]:
    @EVERYWHERE
    async def help_(interaction: discord.Interaction[Any]) -> None:
        locale = interaction.locale.value
        view = view_of(*(_example(name, locale, number // 2) for number, name in enumerate(EXAMPLES)))
        await private(interaction, text_of(services, locale), view=view)

    return [command("help", help_)]


def help_buttons(chat: ChatFeature, image: ImageFeature) -> type[discord.ui.DynamicItem[Any]]:
    """An example is asked or drawn as if the person had typed it; only that person sees the answer."""

    async def press(interaction: BotInteraction, match: "re.Match[str]", _: list[Any]) -> None:
        locale, action = interaction.locale.value, match["action"]
        if action not in EXAMPLES:
            await private(interaction, t(locale, "stale"))
        elif action == "draw":
            await image.begin(interaction, Wish(t(locale, "help-example-draw")))
        else:
            await start(chat, interaction, Asked(t(locale, f"help-example-{action}"), hidden=True))

    return pressable(PATTERN, press, "help")
