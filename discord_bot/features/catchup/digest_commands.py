"""/digest: a daily summary of this channel, switched on and off by those who manage the server."""

import re
import time
from typing import Any

import discord
from discord import app_commands

from discord_bot.commands import command, words
from discord_bot.features.catchup.digest import Digests
from discord_bot.features.chat.buttons import view_of
from discord_bot.features.moments import minute_of_day, next_time, zone_of, zones_like
from discord_bot.i18n import t
from discord_bot.interactions import BotInteraction, pressable, private
from discord_bot.problems import countdown_at
from discord_bot.services import Services
from discord_bot.store.digests import Digest

PATTERN = r"digest:1:(?P<action>off):(?P<channel>\d+)"
NEEDED = ("view_channel", "read_message_history")


def digest_commands(services: Services, digests: Digests) -> list[app_commands.Command[Any, Any, Any]]:
    @app_commands.guild_only()
    @app_commands.default_permissions(manage_guild=True)
    @app_commands.rename(at=words("command-digest-at"), zone=words("command-digest-zone"))
    @app_commands.describe(at=words("command-digest-at-description"), zone=words("command-digest-zone-description"))
    async def digest(
        interaction: discord.Interaction[Any],
        at: app_commands.Range[str, 1, 10] | None = None,
        zone: app_commands.Range[str, 1, 64] | None = None,
    ) -> None:
        locale = interaction.locale.value
        if not interaction.permissions.manage_guild:
            await private(interaction, t(locale, "access-manage"))
        elif at is None:
            await show(services, interaction)
        else:
            await private(interaction, await _switch_on(services, digests, interaction, at, zone or "UTC"))

    registered = command("digest", digest)

    @registered.autocomplete("zone")
    async def zones(_: Any, current: str) -> list[app_commands.Choice[str]]:
        return [app_commands.Choice(name=name, value=name) for name in zones_like(current)]

    return [registered]


async def show(services: Services, interaction: BotInteraction) -> None:
    """The setting of this channel, and the button that ends it."""
    locale = interaction.locale.value
    digest = await services.store.digests.find(interaction.channel_id or 0)
    if digest is None:
        await private(interaction, t(locale, "digest-none", command=services.commands.of(locale, "digest")))
        return
    off: discord.ui.Button[Any] = discord.ui.Button(
        label=t(locale, "button-digest-off"), custom_id=f"digest:1:off:{digest.channel_id}"
    )
    await private(interaction, _on(digest, locale), view=view_of(off))


def _on(digest: Digest, locale: str) -> str:
    at = f"{digest.minute // 60:02}:{digest.minute % 60:02}"
    return t(locale, "digest-on", at=at, zone=digest.zone, when=countdown_at(digest.due_at))


async def _switch_on(services: Services, digests: Digests, interaction: BotInteraction, at: str, zone_name: str) -> str:
    locale, minute, zone = interaction.locale.value, minute_of_day(at), zone_of(zone_name)
    if minute is None:
        return t(locale, "digest-bad-time", value=at)
    if zone is None:
        return t(locale, "digest-bad-zone", value=zone_name)
    mine = interaction.app_permissions
    in_thread = isinstance(interaction.channel, discord.Thread)
    writing = mine.send_messages_in_threads if in_thread else mine.send_messages
    if not writing or not all(getattr(mine, name) for name in NEEDED):
        return t(locale, "digest-no-permission")
    now = time.time()
    former = await services.store.digests.find(interaction.channel_id or 0)
    language = interaction.guild_locale.value if interaction.guild_locale else locale
    digest = Digest(
        interaction.channel_id or 0, interaction.guild_id or 0, minute, zone.key, language,
        since=former.since if former else now, due_at=next_time(minute, zone, now),
    )  # fmt: skip
    await services.store.digests.set(digest)
    digests.alarm.changed()
    return _on(digest, locale)


def digest_buttons(services: Services) -> type[discord.ui.DynamicItem[Any]]:
    async def press(interaction: BotInteraction, match: "re.Match[str]", _: list[Any]) -> None:
        locale = interaction.locale.value
        if not interaction.permissions.manage_guild:
            await private(interaction, t(locale, "access-manage"))
            return
        digest = await services.store.digests.find(int(match["channel"]))
        # Channels of other servers do not concern this manager.
        if digest is not None and digest.guild_id == interaction.guild_id:
            await services.store.digests.remove(digest.channel_id)
        await interaction.response.edit_message(content=t(locale, "digest-off"), view=None)

    return pressable(PATTERN, press, "digest")
