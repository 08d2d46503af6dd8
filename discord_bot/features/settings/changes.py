"""What a press in /settings changes: saved at once, by people who manage the server."""

import re
from typing import Any

import discord

from discord_bot.features.settings.card import (
    ARCHIVE_HOURS,
    CONTEXT_MESSAGES,
    FORMS,
    LISTS,
    PATTERN,
    RETENTION_DAYS,
    ROLE_LIMIT,
    SWITCHES,
    Card,
    Offers,
    Page,
    is_on,
)
from discord_bot.features.settings.forms import LimitsForm
from discord_bot.features.settings.permissions import report
from discord_bot.i18n import t
from discord_bot.interactions import BotInteraction, pressable, private
from discord_bot.services import Services
from discord_bot.store.settings import SettingScope

NUMBERS = {"archive_hours": ARCHIVE_HOURS, "context_messages": CONTEXT_MESSAGES, "retention_days": RETENTION_DAYS}
NAMES = ("model", "image_model", "persona")


def settings_controls(services: Services) -> type[discord.ui.DynamicItem[Any]]:
    """The controls of the card; their values are in the store, so they never expire."""

    async def press(interaction: BotInteraction, match: "re.Match[str]", values: list[Any]) -> None:
        page = Page(match["page"]) if match["page"] in list(Page) else Page.ACCESS
        await _change(services, interaction, page, match["action"], values)

    return pressable(PATTERN, press, "settings")


async def show(
    services: Services, interaction: BotInteraction, page: Page = Page.ACCESS, *, again: bool = False, note: str = ""
) -> None:
    view = (await _card(services, interaction, page, note)).layout()
    if again:
        await interaction.response.edit_message(view=view)
    else:
        await interaction.response.send_message(view=view, ephemeral=True)


async def _card(services: Services, interaction: BotInteraction, page: Page, note: str) -> Card:
    server = interaction.guild.name if interaction.guild else ""
    settings = await services.store.settings.guild(interaction.guild_id)
    personas = [(key, persona.name) for key, persona in services.config.bot.personas.items()]
    offers = Offers(await services.catalogue.names("chat", ""), await services.catalogue.names("image", ""), personas)
    return Card(interaction.locale.value, page, server, settings, services.config.bot, offers, note)


async def _change(services: Services, interaction: BotInteraction, page: Page, action: str, values: list[Any]) -> None:
    locale, settings, guild_id = interaction.locale.value, services.store.settings, interaction.guild_id
    if guild_id is None or not interaction.permissions.manage_guild:
        await private(interaction, t(locale, "access-manage"))
        return
    chosen = await settings.guild(guild_id)
    note = t(locale, "settings-saved")
    if action == "show":
        note = ""
    elif action in SWITCHES.get(page, ()):
        await settings.set(SettingScope.GUILD, guild_id, action, not is_on(action, chosen, services.config.bot))
    elif action in LISTS:
        await settings.set(SettingScope.GUILD, guild_id, action, [value.id for value in values] or None)
    elif action in NAMES:
        await settings.set(SettingScope.GUILD, guild_id, action, values[0] if values else None)
    elif action in NUMBERS and (not values or int(values[0]) in NUMBERS[action]):
        await settings.set(SettingScope.GUILD, guild_id, action, int(values[0]) if values else None)
    elif action == "reset":
        await settings.reset(SettingScope.GUILD, guild_id)
        await settings.set(SettingScope.GUILD, guild_id, "welcomed", True)
    elif action == "check":
        await private(interaction, report(interaction.guild, locale) if interaction.guild else t(locale, "stale"))
        return
    elif action in FORMS:
        await interaction.response.send_modal(LimitsForm(services, action, locale, chosen.limits, _saved(services)))
        return
    elif action == ROLE_LIMIT and values:
        own = chosen.role_limits.get(str(values[0].id), {})
        form = LimitsForm(services, "member", locale, own, _saved(services), role=values[0])
        await interaction.response.send_modal(form)
        return
    else:
        await private(interaction, t(locale, "stale"))
        return
    await show(services, interaction, page, again=True, note=note)


def _saved(services: Services) -> Any:
    async def saved(interaction: BotInteraction) -> None:
        note = t(interaction.locale.value, "settings-saved")
        await show(services, interaction, Page.LIMITS, again=interaction.message is not None, note=note)

    return saved
