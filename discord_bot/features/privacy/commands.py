"""/privacy: what is stored about a person; export, erase, do not store."""

import io
import re
from typing import TYPE_CHECKING, Any, Self

import discord
from discord import app_commands

from discord_bot.commands import EVERYWHERE, command
from discord_bot.features.chat.buttons import view_of
from discord_bot.i18n import t
from discord_bot.interactions import BotInteraction, answered, private

if TYPE_CHECKING:
    from discord_bot.bot import AntiphonBot

LABELS = {
    "export": "button-export",
    "erase": "button-erase",
    "sure": "button-erase-sure",
    "off": "button-no-store",
    "on": "button-store",
}
DANGER = ("erase", "sure")


class PrivacyButton(discord.ui.DynamicItem[discord.ui.Button[Any]], template=r"privacy:1:(?P<action>[a-z]+)"):
    """Each acts on the data of whoever presses it, nobody else's."""

    def __init__(self, action: str, locale: str = "en") -> None:
        self.action = action
        style = discord.ButtonStyle.danger if action in DANGER else discord.ButtonStyle.secondary
        super().__init__(
            discord.ui.Button(label=t(locale, LABELS[action]), style=style, custom_id=f"privacy:1:{action}")
        )

    @classmethod
    async def from_custom_id(cls, interaction: Any, item: Any, match: "re.Match[str]", /) -> Self:  # noqa: ARG003 - the library's signature
        return cls(match["action"] if match["action"] in LABELS else "export")

    async def callback(self, interaction: Any) -> None:
        chosen: BotInteraction = interaction
        async with answered(chosen, f"privacy:{self.action}"):
            await _press(chosen, self.action)


async def _press(interaction: BotInteraction, action: str) -> None:
    store, locale, user_id = interaction.client.store, interaction.locale.value, interaction.user.id
    match action:
        case "export":
            file = discord.File(io.BytesIO(await store.privacy.export(user_id)), "antiphon-export.json")
            await private(interaction, t(locale, "privacy-export"), file=file)
        case "erase":
            view = view_of(PrivacyButton("sure", locale)) or discord.utils.MISSING
            await private(interaction, t(locale, "privacy-erase-sure"), view=view)
        case "sure":
            await store.privacy.erase_user(user_id)
            await interaction.response.edit_message(content=t(locale, "privacy-erased"), view=None)
        case "off" | "on":
            await store.settings.set("user", user_id, "no_store", True if action == "off" else None)
            await private(interaction, t(locale, "privacy-not-stored" if action == "off" else "privacy-stored"))


def privacy_commands(bot: "AntiphonBot") -> list[app_commands.Command[Any, Any, Any]]:
    @EVERYWHERE
    async def privacy(interaction: discord.Interaction[Any]) -> None:
        locale = interaction.locale.value
        counts = await bot.store.privacy.counts(interaction.user.id)
        mine = await bot.store.settings.all("user", interaction.user.id)
        text = t(
            locale,
            "privacy-text",
            conversations=counts["conversations"],
            turns=counts["turns"],
            pictures=counts["pictures"],
            retention=t(locale, "privacy-retention", days=bot.config.bot.retention_days),
        )
        names = ("export", "erase", "on" if mine.get("no_store") else "off")
        await private(interaction, text, view=view_of(*(PrivacyButton(name, locale) for name in names)))

    return [command("privacy", privacy)]
