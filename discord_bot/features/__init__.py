"""Every command, menu and button, registered in one place."""

from typing import TYPE_CHECKING

from discord_bot.features.chat.buttons import TurnButton
from discord_bot.features.chat.commands import chat_commands
from discord_bot.features.help.commands import help_commands
from discord_bot.features.image.buttons import PictureButton
from discord_bot.features.image.commands import image_commands
from discord_bot.features.menus.commands import menu_commands
from discord_bot.features.model.commands import model_commands
from discord_bot.features.persona.commands import persona_commands
from discord_bot.features.privacy.commands import PrivacyButton, privacy_commands
from discord_bot.features.settings.card import SettingsItem
from discord_bot.features.settings.commands import settings_commands
from discord_bot.features.status.commands import status_commands
from discord_bot.features.usage.commands import usage_commands

if TYPE_CHECKING:
    from discord_bot.bot import AntiphonBot


def register_all(bot: "AntiphonBot") -> None:
    for make in (
        chat_commands,
        image_commands,
        menu_commands,
        model_commands,
        persona_commands,
        settings_commands,
        usage_commands,
        status_commands,
        privacy_commands,
        help_commands,
    ):
        for command in make(bot):
            bot.tree.add_command(command)
    bot.add_dynamic_items(TurnButton, PictureButton, PrivacyButton, SettingsItem)
