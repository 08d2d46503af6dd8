"""/usage: a person's own, and the server's for people who manage it."""

import time
from typing import Any

import discord
from discord import app_commands

from discord_bot.access import Asker
from discord_bot.commands import EVERYWHERE, command
from discord_bot.i18n import t
from discord_bot.interactions import asker_of, private
from discord_bot.problems import countdown_at
from discord_bot.quotas import limits_of, next_day, next_hour
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
        lines += await left_today(services, locale, asker_of(interaction))
        if interaction.guild_id is not None and interaction.permissions.manage_guild:
            lines.append(line(locale, "usage-server", await counts.used(now - DAY, guild_id=interaction.guild_id)))
        await private(interaction, "\n".join(lines))

    return [command("usage", usage)]


async def left_today(services: Services, locale: str, who: Asker) -> list[str]:
    """A line for each limit that applies here: how much is left, and when it resets."""
    settings = await services.store.settings.guild(who.guild)
    defaults = services.admission.gate.defaults
    limits = limits_of(defaults, settings.limits_for(who.roles))
    now = time.time()
    used = await services.store.usage.windows(who.user, who.guild, now)
    rows = (
        ("left-hour", limits.user_requests_per_hour, used.user_hour.requests, next_hour(now)),
        ("left-day", limits.user_requests_per_day, used.user_day.requests, next_day(now)),
        ("left-tokens-hour", limits.user_tokens_per_hour, used.user_hour.tokens, next_hour(now)),
        ("left-tokens-day", limits.user_tokens_per_day, used.user_day.tokens, next_day(now)),
        ("left-server-hour", limits.server_requests_per_hour, used.server_hour.requests, next_hour(now)),
        ("left-server-day", limits.server_requests_per_day, used.server_day.requests, next_day(now)),
    )
    lines = [
        t(locale, key, left=max(0, limit - counted), limit=limit, when=countdown_at(at))
        for key, limit, counted, at in rows
        if limit
    ]
    return lines or [t(locale, "left-unlimited")]
