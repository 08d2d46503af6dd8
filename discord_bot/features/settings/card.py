"""The card of /settings: everything at a glance, each change saved at once."""

import re
from typing import Any

import discord

from discord_bot.features.settings.forms import FORMS, SettingsForm
from discord_bot.features.settings.permissions import report
from discord_bot.i18n import t
from discord_bot.interactions import BotInteraction, pressable, private
from discord_bot.services import Services
from discord_bot.store.settings import SettingScope

SWITCHES = {"pictures": True, "footer": None, "threads": True, "leave_people_alone": True}
"""What can be turned on and off, and how it stands at first; None: as the bot's own configuration says."""
ROWS = (
    (("defaults", "settings-form-defaults"), ("member", "settings-form-member"), ("server", "settings-form-server")),
    tuple((name.replace("_", ""), f"settings-toggle-{name.replace('_', '-')}") for name in SWITCHES),
    (("check", "settings-check"), ("reset", "button-reset")),
)
MOST_NAMED = 12  # channels or roles on the card


def text_of(locale: str, server: str, chosen: dict[str, Any], defaults: dict[str, Any]) -> str:
    """The card's words. Pure."""

    def number(name: str) -> str:
        value = chosen.get(name, defaults.get(name, 0))
        return str(value) if value else t(locale, "settings-unlimited")

    def limits(who: str, what: str) -> str:
        hour, day = number(f"{who}_{what}_per_hour"), number(f"{who}_{what}_per_day")
        return t(locale, "settings-hour-and-day", hour=hour, day=day)

    hours = int(chosen.get("archive_hours", 24))
    archive = t(locale, "settings-days", count=hours // 24) if hours >= 24 else t(locale, "settings-hours", count=hours)
    usual = t(locale, "settings-default")
    channels = _named("<#{}>", chosen.get("channels", ())) or t(locale, "settings-everywhere")
    roles = _named("<@&{}>", chosen.get("roles", ())) or t(locale, "settings-everybody")
    lines = [
        t(locale, "settings-title", server=discord.utils.escape_markdown(server)),
        t(locale, "settings-channels", value=channels),
        t(locale, "settings-roles", value=roles),
        t(locale, "settings-model", value=chosen.get("model") or usual),
        t(locale, "settings-image-model", value=chosen.get("image_model") or usual),
        t(locale, "settings-persona", value=chosen.get("persona") or usual),
        t(locale, "settings-member-answers", value=limits("user", "requests")),
        t(locale, "settings-member-tokens", value=limits("user", "tokens")),
        t(locale, "settings-server-answers", value=limits("server", "requests")),
        t(locale, "settings-server-tokens", value=limits("server", "tokens")),
        t(locale, "settings-archive", value=archive),
    ]
    for name in SWITCHES:
        value = t(locale, "settings-on" if is_on(name, chosen, defaults) else "settings-off")
        lines.append(t(locale, f"settings-{name.replace('_', '-')}", value=value))
    return "\n".join(lines)


def _named(shape: str, ids: Any) -> str:
    shown = " ".join(shape.format(one) for one in ids[:MOST_NAMED])
    return f"{shown} +{len(ids) - MOST_NAMED}" if len(ids) > MOST_NAMED else shown


def is_on(name: str, chosen: dict[str, Any], defaults: dict[str, Any]) -> bool:
    first = SWITCHES[name]
    return bool(chosen.get(name, defaults.get(name, True) if first is None else first))


def settings_controls(services: Services) -> type[discord.ui.DynamicItem[Any]]:
    """The controls of the card; what they hold is in the store, so they work for ever."""

    async def press(interaction: BotInteraction, match: "re.Match[str]", values: list[Any]) -> None:
        await _change(services, interaction, match["action"], values)

    return pressable(r"settings:1:(?P<action>[a-z]+)", press, "settings")


def view(locale: str, chosen: dict[str, Any]) -> discord.ui.View:
    made = discord.ui.View(timeout=None)
    channels: Any = discord.ui.ChannelSelect(
        custom_id="settings:1:channels", min_values=0, max_values=25, placeholder=t(locale, "settings-choose-channels"),
        channel_types=[discord.ChannelType.text, discord.ChannelType.category, discord.ChannelType.forum],
        default_values=[discord.SelectDefaultValue(id=one, type=discord.SelectDefaultValueType.channel) for one in chosen.get("channels", ())],
    )  # fmt: skip
    roles: Any = discord.ui.RoleSelect(
        custom_id="settings:1:roles", min_values=0, max_values=25, placeholder=t(locale, "settings-choose-roles"),
        default_values=[discord.SelectDefaultValue(id=one, type=discord.SelectDefaultValueType.role) for one in chosen.get("roles", ())],
    )  # fmt: skip
    made.add_item(channels)
    made.add_item(roles)
    for row, buttons in enumerate(ROWS, start=2):
        for action, key in buttons:
            style = discord.ButtonStyle.danger if action == "reset" else discord.ButtonStyle.secondary
            button: Any = discord.ui.Button(
                label=t(locale, key), style=style, custom_id=f"settings:1:{action}", row=row
            )
            made.add_item(button)
    made.stop()
    return made


async def show(services: Services, interaction: BotInteraction, *, again: bool = False) -> None:
    locale = interaction.locale.value
    chosen = await services.store.settings.all(SettingScope.GUILD, interaction.guild_id)
    text = text_of(locale, interaction.guild.name if interaction.guild else "", chosen, _defaults(services))
    if again:
        saved = f"{text}\n-# {t(locale, 'settings-saved')}"
        await interaction.response.edit_message(content=saved, view=view(locale, chosen))
    else:
        await private(interaction, text, view=view(locale, chosen))


def _defaults(services: Services) -> dict[str, Any]:
    config = services.config.bot
    return {**config.quotas.model_dump(), "footer": config.footer}


async def _change(services: Services, interaction: BotInteraction, action: str, values: list[Any]) -> None:
    locale, settings, guild_id = interaction.locale.value, services.store.settings, interaction.guild_id
    if guild_id is None or not interaction.permissions.manage_guild:
        await private(interaction, t(locale, "access-manage"))
        return
    chosen = await settings.all(SettingScope.GUILD, guild_id)

    async def saved(again: BotInteraction) -> None:
        await show(services, again, again=again.message is not None)

    switch = next((name for name in SWITCHES if name.replace("_", "") == action), None)
    if switch is not None:
        await settings.set(SettingScope.GUILD, guild_id, switch, not is_on(switch, chosen, _defaults(services)))
    elif action in ("channels", "roles"):
        await settings.set(SettingScope.GUILD, guild_id, action, [one.id for one in values] or None)
    elif action == "reset":
        await settings.reset(SettingScope.GUILD, guild_id)
        await settings.set(SettingScope.GUILD, guild_id, "welcomed", True)
    elif action == "check":
        guild = interaction.guild
        await private(interaction, report(guild, locale) if guild else t(locale, "stale"))
        return
    elif action in FORMS:
        await interaction.response.send_modal(SettingsForm(services, action, locale, chosen, saved))
        return
    else:
        await private(interaction, t(locale, "stale"))
        return
    await saved(interaction)
