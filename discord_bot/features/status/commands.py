"""/status: which models can answer right now, and what is left today. Operators see more."""

from typing import Any

import discord
from discord import app_commands

from antiphon.errors import AntiphonError
from discord_bot.commands import EVERYWHERE, command
from discord_bot.features.usage.commands import left_today
from discord_bot.i18n import t
from discord_bot.interactions import asker_of
from discord_bot.problems import describe, utcnow
from discord_bot.services import Services


def status_commands(services: Services) -> list[app_commands.Command[Any, Any, Any]]:
    @EVERYWHERE
    async def status(interaction: discord.Interaction[Any]) -> None:
        locale = interaction.locale.value
        await interaction.response.defer(ephemeral=True, thinking=True)
        lines = await _state(services, locale, operator=interaction.user.id in services.config.bot.operators)
        lines += await left_today(services, locale, asker_of(interaction))
        await interaction.followup.send("\n".join(lines)[:1_900], ephemeral=True)

    return [command("status", status)]


async def _state(services: Services, locale: str, *, operator: bool) -> list[str]:
    try:
        now = await services.inference.status()
    except AntiphonError as error:
        return [describe(error, utcnow()).text(locale, utcnow())]
    lines = [t(locale, "status-ready" if now.ready else "status-not-ready")]
    if operator:
        lines.append(t(locale, "status-live", count=now.live_requests))
        lines.append(t(locale, "status-hour", requests=now.last_hour.requests, failures=now.last_hour.failures))
    for route in now.routes:
        state = t(locale, "status-model-ready" if route.available else "status-model-resting")
        lines.append(f"- {t(locale, 'status-model', model=route.model, state=state)}")
    return lines
