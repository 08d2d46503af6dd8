"""/usage: mine, and the server's for those who manage it."""

import time
from typing import Any

import discord
from discord import app_commands

from discord_bot.commands import EVERYWHERE, command
from discord_bot.i18n import t
from discord_bot.interactions import private
from discord_bot.problems import countdown_at
from discord_bot.quotas import limits_of, next_day
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
        lines += await left_today(services, locale, user_id, interaction.guild_id)
        if interaction.guild_id is not None and interaction.permissions.manage_guild:
            lines.append(line(locale, "usage-server", await counts.used(now - DAY, guild_id=interaction.guild_id)))
        await private(interaction, "\n".join(lines))

    return [command("usage", usage)]


async def left_today(services: Services, locale: str, user_id: int, guild_id: int | None) -> list[str]:
    """A line for the day's limit, where there is one, and when it begins anew."""
    settings = await services.store.settings.guild(guild_id)
    limits = limits_of(services.admission.gate.defaults, settings.limits)
    if not limits.user_requests_per_day:
        return []
    now = time.time()
    used = (await services.store.usage.windows(user_id, guild_id, now)).user_day.requests
    when = countdown_at(next_day(now))
    return [t(locale, "usage-limit", used=used, limit=limits.user_requests_per_day, when=when)]
