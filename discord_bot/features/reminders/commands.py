"""/remind and /reminders."""

import re
import time
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import discord
from discord import app_commands

from discord_bot.commands import EVERYWHERE, command, words
from discord_bot.features.chat.buttons import view_of
from discord_bot.features.moments import zone_of, zones_like
from discord_bot.features.reminders.feature import LONGEST_WAIT, Reminders
from discord_bot.features.reminders.when import Local, parse
from discord_bot.i18n import t
from discord_bot.interactions import BotInteraction, asker_of, pressable, private
from discord_bot.services import Services
from discord_bot.store.reminders import LONGEST_REMINDER, MOST_REMINDERS, Reminder, TooManyReminders
from discord_bot.store.settings import SettingScope

PATTERN = r"reminders:1:(?P<action>delete)"
UTC_ZONE = ZoneInfo("UTC")
SHOWN = 80  # characters of a reminder in the list


def reminder_commands(services: Services, reminders: Reminders) -> list[app_commands.Command[Any, Any, Any]]:
    names = ("when", "text", "zone")

    @EVERYWHERE
    @app_commands.rename(**{name: words(f"command-remind-{name}") for name in names})
    @app_commands.describe(**{name: words(f"command-remind-{name}-description") for name in names})
    async def remind(
        interaction: discord.Interaction[Any],
        when: app_commands.Range[str, 1, 60],
        text: app_commands.Range[str, 1, LONGEST_REMINDER],
        zone: app_commands.Range[str, 1, 64] | None = None,
    ) -> None:
        await private(interaction, await _set(services, reminders, interaction, when, text, zone))

    @EVERYWHERE
    async def listed(interaction: discord.Interaction[Any]) -> None:
        text, view = await _card(services, interaction)
        await private(interaction, text, **({"view": view} if view else {}))

    registered = command("remind", remind)

    @registered.autocomplete("zone")
    async def zones(_: Any, current: str) -> list[app_commands.Choice[str]]:
        return [app_commands.Choice(name=name, value=name) for name in zones_like(current)]

    return [registered, command("reminders", listed)]


async def _set(
    services: Services, reminders: Reminders, interaction: BotInteraction, when: str, text: str, zone_name: str | None
) -> str:
    locale, who = interaction.locale.value, interaction.user.id
    barred = await services.admission.barred(asker_of(interaction), locale)
    if barred:
        return barred
    stored_zone = zone_name or (await services.store.settings.user(who)).zone
    zone = zone_of(stored_zone) if stored_zone else None
    if zone_name and zone is None:
        return t(locale, "digest-bad-zone", value=zone_name)
    now = time.time()
    wanted = parse(when, datetime.fromtimestamp(now, zone or UTC_ZONE).date())
    if wanted is None:
        return t(locale, "remind-bad-time", value=when)
    if isinstance(wanted, Local) and zone is None:
        return t(locale, "remind-no-zone")
    if zone_name and zone is not None:
        await services.store.settings.set(SettingScope.USER, who, "zone", zone.key)
    due = wanted.moment(zone or UTC_ZONE, now) if isinstance(wanted, Local) else now + wanted
    if not now < due <= now + LONGEST_WAIT:
        return (
            t(locale, "remind-bounds", when=f"<t:{int(due)}:F>")
            if due < 2**40
            else t(locale, "remind-bad-time", value=when)
        )
    try:
        reminder = await reminders.set(who, interaction.guild_id, interaction.channel_id or 0, text, locale, due)
    except TooManyReminders:
        return t(locale, "remind-too-many", most=MOST_REMINDERS, command=services.commands.of(locale, "reminders"))
    if reminder is None:
        return t(locale, "remind-not-stored", command=services.commands.of(locale, "privacy"))
    moment = f"<t:{int(due)}:F> (<t:{int(due)}:R>)"
    return t(locale, "remind-set", when=moment, command=services.commands.of(locale, "reminders"))


async def _card(services: Services, interaction: BotInteraction) -> tuple[str, discord.ui.View | None]:
    locale = interaction.locale.value
    mine = await services.store.reminders.of(interaction.user.id)
    if not mine:
        return t(locale, "reminders-none", command=services.commands.of(locale, "remind")), None
    lines = [t(locale, "reminders-title")]
    lines += [
        f"- <t:{int(reminder.due_at)}:f> – {discord.utils.escape_markdown(_short(reminder.text))}"
        for reminder in mine[:15]
    ]
    if len(mine) > 15:
        lines.append(f"-# {t(locale, 'memory-more', count=len(mine) - 15)}")
    return "\n".join(lines)[:2_000], view_of(_select(mine, locale))


def _select(mine: list[Reminder], locale: str) -> discord.ui.Select[Any]:
    options = [discord.SelectOption(label=_short(reminder.text), value=str(reminder.id)) for reminder in mine[:25]]
    return discord.ui.Select(
        custom_id="reminders:1:delete", placeholder=t(locale, "reminders-delete"), options=options,
        max_values=len(options),
    )  # fmt: skip


def _short(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= SHOWN else f"{flat[: SHOWN - 1]}…"


def reminder_controls(services: Services) -> type[discord.ui.DynamicItem[Any]]:
    """The select deletes reminders of the person who uses it, nobody else's."""

    async def press(interaction: BotInteraction, _: "re.Match[str]", values: list[Any]) -> None:
        for value in values:
            await services.store.reminders.take(int(value), interaction.user.id)
        text, view = await _card(services, interaction)
        await interaction.response.edit_message(content=text, view=view)

    return pressable(PATTERN, press, "reminders")
