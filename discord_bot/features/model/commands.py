"""/model: choose for this conversation, this channel, or for oneself."""

from typing import Any

import discord
from discord import app_commands

from antiphon.events import Model
from discord_bot.commands import EVERYWHERE, command, words
from discord_bot.features.choice import SCOPES, Choice, Target, choose
from discord_bot.i18n import t
from discord_bot.interactions import private
from discord_bot.services import Services


def preview(model: Model, locale: str) -> str:
    """What a model can do, in one line."""
    can = model.capabilities
    said = [t(locale, "model-sees" if can.vision else "model-blind")]
    if can.context_tokens:
        said.append(t(locale, "model-context", count=can.context_tokens))
    if not model.available:
        said.append(t(locale, "model-resting"))
    return " · ".join(said)


def model_commands(services: Services) -> list[app_commands.Command[Any, Any, Any]]:
    @EVERYWHERE
    @app_commands.rename(model=words("option-model"), scope=words("option-scope"))
    @app_commands.describe(model=words("option-model-description"), scope=words("option-scope-description"))
    @app_commands.choices(scope=SCOPES)
    async def model(
        interaction: discord.Interaction[Any],
        model: app_commands.Range[str, 1, 100] | None = None,
        scope: Target = "conversation",
    ) -> None:
        locale = interaction.locale.value
        if model and await services.catalogue.find(model, "chat") is None:
            await private(interaction, t(locale, "model-unknown", model=model))
            return
        where = await choose(services, interaction, scope, Choice.MODEL, model)
        if where is None:
            return
        text = t(locale, "model-set", model=model, scope=where) if model else t(locale, "model-reset", scope=where)
        choice = await services.catalogue.find(model, "chat") if model else None
        await private(interaction, f"{text}\n-# {preview(choice, locale)}" if choice else text)

    registered = command("model", model)

    @registered.autocomplete("model")
    async def models(_: Any, current: str) -> list[app_commands.Choice[str]]:
        return [app_commands.Choice(name=name, value=name) for name in await services.catalogue.names("chat", current)]

    return [registered]
