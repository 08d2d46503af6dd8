"""Every command, menu and button, registered in one place."""

from typing import Any

import discord
from discord import app_commands

from discord_bot.features.catchup.commands import catchup_buttons, catchup_commands
from discord_bot.features.catchup.digest import Digests
from discord_bot.features.catchup.digest_commands import digest_buttons, digest_commands
from discord_bot.features.chat.commands import chat_commands
from discord_bot.features.chat.feature import ChatFeature
from discord_bot.features.chat.presses import turn_buttons
from discord_bot.features.compare.commands import compare_commands, compare_controls
from discord_bot.features.help.commands import help_buttons, help_commands
from discord_bot.features.image.commands import image_commands
from discord_bot.features.image.feature import ImageFeature
from discord_bot.features.image.presses import picture_buttons
from discord_bot.features.memory.commands import memory_buttons, memory_commands
from discord_bot.features.menus.commands import menu_commands
from discord_bot.features.model.commands import model_commands
from discord_bot.features.persona.commands import persona_commands
from discord_bot.features.privacy.commands import privacy_buttons, privacy_commands
from discord_bot.features.reminders.commands import reminder_commands, reminder_controls
from discord_bot.features.reminders.feature import Reminders
from discord_bot.features.settings.changes import settings_controls
from discord_bot.features.settings.commands import settings_commands
from discord_bot.features.status.commands import status_commands
from discord_bot.features.usage.commands import usage_commands

Command = app_commands.Command[Any, Any, Any] | app_commands.ContextMenu


def all_commands(chat: ChatFeature, image: ImageFeature, digests: Digests, reminders: Reminders) -> list[Command]:
    services = chat.services
    return [
        *chat_commands(chat),
        *image_commands(image),
        *menu_commands(chat, image),
        *model_commands(services),
        *persona_commands(services),
        *settings_commands(services),
        *usage_commands(services),
        *status_commands(services),
        *privacy_commands(services),
        *help_commands(services),
        *catchup_commands(services),
        *digest_commands(services, digests),
        *compare_commands(chat),
        *memory_commands(services),
        *reminder_commands(services, reminders),
    ]


def all_controls(chat: ChatFeature, image: ImageFeature) -> list[type[discord.ui.DynamicItem[Any]]]:
    """Buttons and selects, which never expire."""
    services = chat.services
    return [
        turn_buttons(chat),
        picture_buttons(image),
        privacy_buttons(chat),
        settings_controls(services),
        help_buttons(chat, image),
        catchup_buttons(services),
        digest_buttons(services),
        *compare_controls(services),
        memory_buttons(services),
        reminder_controls(services),
    ]
