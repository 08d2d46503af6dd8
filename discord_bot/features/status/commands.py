"""/status: who can answer right now, for operators."""

from typing import Any

import discord
from discord import app_commands

from antiphon.errors import AntiphonError
from discord_bot.commands import EVERYWHERE, command
from discord_bot.i18n import t
from discord_bot.interactions import private
from discord_bot.problems import describe, utcnow
from discord_bot.services import Services


def status_commands(services: Services) -> list[app_commands.Command[Any, Any, Any]]:
    @EVERYWHERE
    async def status(interaction: discord.Interaction[Any]) -> None:
        locale = interaction.locale.value
        if interaction.user.id not in services.config.bot.operators:
            await private(interaction, t(locale, "access-operator"))
            return
        await interaction.response.defer(ephemeral=True, thinking=True)
        try:
            now = await services.inference.status()
        except AntiphonError as error:
            await interaction.followup.send(describe(error, utcnow()).text(locale, utcnow()), ephemeral=True)
            return
        lines = [
            t(locale, "status-ready" if now.ready else "status-not-ready"),
            t(locale, "status-live", count=now.live_requests),
            t(locale, "status-hour", requests=now.last_hour.requests, failures=now.last_hour.failures),
        ]
        for route in now.routes:
            state = t(locale, "status-ready" if route.available else "status-not-ready")
            lines.append(f"- {t(locale, 'status-model', model=route.model, state=state)}")
        await interaction.followup.send("\n".join(lines)[:1_900], ephemeral=True)

    return [command("status", status)]
