"""/privacy: what is stored about a person; export, erase, do not store."""

import io
import re
from typing import Any

import discord
from discord import app_commands

from discord_bot.commands import EVERYWHERE, command
from discord_bot.features.chat.buttons import view_of
from discord_bot.features.chat.feature import ChatFeature
from discord_bot.i18n import t
from discord_bot.interactions import BotInteraction, pressable, private
from discord_bot.services import Services
from discord_bot.store.settings import SettingScope
from discord_bot.store.wishes import DO_NOT_STORE

LABELS = {
    "export": "button-export",
    "erase": "button-erase",
    "sure": "button-erase-sure",
    "off": "button-no-store",
    "on": "button-store",
}
DANGER = ("erase", "sure")


PATTERN = r"privacy:1:(?P<action>[a-z]+)"


def privacy_button(action: str, locale: str) -> discord.ui.Button[Any]:
    style = discord.ButtonStyle.danger if action in DANGER else discord.ButtonStyle.secondary
    return discord.ui.Button(label=t(locale, LABELS[action]), style=style, custom_id=f"privacy:1:{action}")


def privacy_buttons(chat: ChatFeature) -> type[discord.ui.DynamicItem[Any]]:
    """Buttons that change only the data of the person who presses them."""

    async def press(interaction: BotInteraction, match: "re.Match[str]", _: list[Any]) -> None:
        await _press(chat, interaction, match["action"])

    return pressable(PATTERN, press, "privacy")


async def _press(chat: ChatFeature, interaction: BotInteraction, action: str) -> None:
    store, locale, user_id = chat.services.store, interaction.locale.value, interaction.user.id
    match action:
        case "export":
            file = discord.File(io.BytesIO(await store.privacy.export(user_id)), "antiphon-export.json")
            await private(interaction, t(locale, "privacy-export"), file=file)
        case "erase":
            view = view_of(privacy_button("sure", locale)) or discord.utils.MISSING
            await private(interaction, t(locale, "privacy-erase-sure"), view=view)
        case "sure":
            chat.running.forget_person(user_id)
            await store.usage.forget_later(user_id)
            await store.privacy.erase_user(user_id)
            await interaction.response.edit_message(content=t(locale, "privacy-erased"), view=None)
        case "off" | "on":
            await store.settings.set(SettingScope.USER, user_id, DO_NOT_STORE, True if action == "off" else None)
            await private(interaction, t(locale, "privacy-not-stored" if action == "off" else "privacy-stored"))
        case _:
            await private(interaction, t(locale, "stale"))


def privacy_commands(services: Services) -> list[app_commands.Command[Any, Any, Any]]:
    @EVERYWHERE
    async def privacy(interaction: discord.Interaction[Any]) -> None:
        locale = interaction.locale.value
        counts = await services.store.privacy.counts(interaction.user.id)
        mine = await services.store.settings.user(interaction.user.id)
        here = await services.store.settings.guild(interaction.guild_id)
        days = here.days_kept(services.config.bot.retention_days)
        text = t(
            locale,
            "privacy-text",
            conversations=counts["conversations"],
            turns=counts["turns"],
            pictures=counts["pictures"],
            retention=t(locale, "privacy-retention", days=days),
        )
        names = ("export", "erase", "on" if mine.no_store else "off")
        await private(interaction, text, view=view_of(*(privacy_button(name, locale) for name in names)))

    return [command("privacy", privacy)]
