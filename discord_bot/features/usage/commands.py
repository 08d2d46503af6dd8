"""/usage: mine, and the server's for those who manage it."""

import time
from typing import Any

import discord
from discord import app_commands

from discord_bot.commands import EVERYWHERE, command
from discord_bot.i18n import t
from discord_bot.interactions import private
from discord_bot.quotas import limits_of
from discord_bot.services import Services
from discord_bot.store.usage import DAY, Used


def line(locale: str, key: str, used: Used) -> str:
    return t(locale, key, requests=used.requests, tokens=used.tokens, pictures=used.pictures)


def usage_commands(services: Services) -> list[app_commands.Command[Any, Any, Any]]:
    @EVERYWHERE
    async def usage(interaction: discord.Interaction[Any]) -> None:
        locale, now, user_id = interaction.locale.value, time.time(), interaction.user.id
        counts = services.store.usage
        lines = [
            t(locale, "usage-title"),
            line(locale, "usage-me", await counts.used(now - DAY, user_id=user_id)),
            line(locale, "usage-me-month", await counts.used(now - 30 * DAY, user_id=user_id)),
        ]
        limits = limits_of(
            services.admission.gate.defaults, (await services.store.settings.guild(interaction.guild_id)).limits
        )
        today = await counts.used(now - now % DAY, user_id=user_id)
        if limits.user_requests_per_day:
            lines.append(t(locale, "usage-limit", used=today.requests, limit=limits.user_requests_per_day))
        if interaction.guild_id is not None and interaction.permissions.manage_guild:
            lines.append(line(locale, "usage-server", await counts.used(now - DAY, guild_id=interaction.guild_id)))
        await private(interaction, "\n".join(lines))

    return [command("usage", usage)]
