"""/chat and /close."""

from collections.abc import Callable
from typing import Any

import discord
import structlog
from discord import app_commands

from discord_bot.commands import EVERYWHERE, command, words
from discord_bot.features.chat.anew import new_command
from discord_bot.features.chat.feature import ChatFeature
from discord_bot.features.chat.starting import Asked, start
from discord_bot.i18n import t
from discord_bot.interactions import BotInteraction, private
from discord_bot.services import Services
from discord_bot.store.conversations import PASSING

log = structlog.get_logger(__name__)


def chat_commands(feature: ChatFeature) -> list[app_commands.Command[Any, Any, Any]]:
    services = feature.services

    @EVERYWHERE
    @app_commands.rename(
        prompt=words("command-chat-prompt"),
        attachment=words("command-chat-attachment"),
        model=words("option-model"),
        persona=words("option-persona"),
        hidden=words("command-chat-private"),
    )
    @app_commands.describe(
        prompt=words("command-chat-prompt-description"),
        attachment=words("command-chat-attachment-description"),
        model=words("option-model-description"),
        persona=words("option-persona-description"),
        hidden=words("command-chat-private-description"),
    )
    async def chat(
        interaction: discord.Interaction[Any],
        prompt: app_commands.Range[str, 1, 6000],
        attachment: discord.Attachment | None = None,
        model: app_commands.Range[str, 1, 100] | None = None,
        persona: app_commands.Range[str, 1, 100] | None = None,
        hidden: bool = False,
    ) -> None:
        if model and not await known_model(services, interaction, model):
            return
        if persona and persona not in services.config.bot.personas:
            await private(interaction, t(interaction.locale.value, "persona-unknown", persona=persona))
            return
        files = (attachment,) if attachment else ()
        await start(feature, interaction, Asked(prompt, files, model, persona, hidden))

    registered = command("chat", chat)

    @registered.autocomplete("model")
    async def models(_: Any, current: str) -> list[app_commands.Choice[str]]:
        return [app_commands.Choice(name=name, value=name) for name in await services.catalogue.names("chat", current)]

    @registered.autocomplete("persona")
    async def personas(_: Any, current: str) -> list[app_commands.Choice[str]]:
        return persona_choices(services, current)

    return [registered, new_command(services), command("close", _close(services))]


def _close(services: Services) -> Callable[..., Any]:
    @EVERYWHERE
    async def close(interaction: discord.Interaction[Any]) -> None:
        locale = interaction.locale.value
        conversation = await services.store.conversations.find(interaction.channel_id or 0)
        if conversation is None or conversation.kind in PASSING:
            await private(interaction, t(locale, "not-a-conversation"))
            return
        moderator = interaction.permissions.manage_threads if interaction.guild_id else True
        if interaction.user.id != conversation.owner_id and not moderator:
            await private(interaction, t(locale, "access-control"))
            return
        await services.store.conversations.set_closed(conversation.id, closed=True)
        await interaction.response.send_message(t(locale, "closed"))
        if isinstance(interaction.channel, discord.Thread):
            try:
                await interaction.channel.edit(archived=True)
            except discord.HTTPException:
                log.info("a thread could not be archived")

    return close


def persona_choices(services: Services, current: str) -> list[app_commands.Choice[str]]:
    """Name and description, so that a persona can be chosen by what it does."""
    matches = [
        (key, name)
        for key, name in services.config.bot.personas.items()
        if current.casefold() in f"{key} {name.name}".casefold()
    ]
    return [
        app_commands.Choice(
            name=f"{name.name} – {name.description}"[:100] if name.description else name.name[:100], value=key
        )
        for key, name in matches[:25]
    ]


async def known_model(services: Services, interaction: BotInteraction, name: str) -> bool:
    """Whether the model can be used; if not, sends the reason to the person who chose it."""
    if await services.catalogue.find(name, "chat") is None:
        await private(interaction, t(interaction.locale.value, "model-unknown", model=name))
        return False
    return True
