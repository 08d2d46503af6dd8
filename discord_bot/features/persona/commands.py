"""/persona: choose for this conversation, this channel, or for oneself."""

from typing import Any

import discord
from discord import app_commands

from discord_bot.commands import EVERYWHERE, command, words
from discord_bot.features.chat.commands import persona_choices
from discord_bot.features.choice import SCOPES, Choice, Target, choose
from discord_bot.i18n import t
from discord_bot.interactions import private
from discord_bot.services import Services


def persona_commands(services: Services) -> list[app_commands.Command[Any, Any, Any]]:
    @EVERYWHERE
    @app_commands.rename(
        persona=words("option-persona"), text=words("command-persona-text"), scope=words("option-scope")
    )
    @app_commands.describe(
        persona=words("option-persona-description"),
        text=words("command-persona-text-description"),
        scope=words("option-scope-description"),
    )
    @app_commands.choices(scope=SCOPES)
    async def persona(
        interaction: discord.Interaction[Any],
        persona: app_commands.Range[str, 1, 100] | None = None,
        text: app_commands.Range[str, 1, 2000] | None = None,
        scope: Target = "conversation",
    ) -> None:
        locale = interaction.locale.value
        if persona and persona not in services.config.bot.personas:
            await private(interaction, t(locale, "persona-unknown", persona=persona))
            return
        where = await choose(services, interaction, scope, Choice.PERSONA, text or persona, own_words=bool(text))
        if where is None:
            return
        name = t(locale, "persona-own") if text else services.config.bot.personas[persona].name if persona else ""
        said = t(locale, "persona-set", persona=name, scope=where) if name else t(locale, "persona-reset", scope=where)
        if persona and not text:
            said += f"\n> {services.config.bot.personas[persona].prompt[:500]}"
        await private(interaction, said)

    registered = command("persona", persona)

    @registered.autocomplete("persona")
    async def personas(_: Any, current: str) -> list[app_commands.Choice[str]]:
        return persona_choices(services, current)

    return [registered]
