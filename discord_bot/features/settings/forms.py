"""The limits of a server, typed as numbers. A form is checked whole before any of it is saved."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import discord

from discord_bot.i18n import t
from discord_bot.interactions import BotInteraction, answered, private
from discord_bot.services import Services
from discord_bot.store.settings import LIMITS, SettingScope

HIGHEST = 1_000_000_000
PREFIX = {"member": "user_", "server": "server_"}

Saved = Callable[[BotInteraction], Awaitable[None]]


class LimitsForm(discord.ui.Modal):
    """An empty field takes the bot's own value again."""

    def __init__(self, services: Services, form: str, locale: str, chosen: Mapping[str, int], saved: Saved) -> None:
        super().__init__(title=t(locale, f"settings-form-{form}"))
        self._services, self._saved = services, saved
        self._fields: dict[str, discord.ui.TextInput[Any]] = {}
        for name in (one for one in LIMITS if one.startswith(PREFIX[form])):
            value = chosen.get(name)
            field: discord.ui.TextInput[Any] = discord.ui.TextInput(
                label=t(locale, f"settings-field-{name.replace('_', '-')}")[:45],
                required=False,
                max_length=10,
                default=None if value is None else str(value),
                custom_id=name,
            )
            self._fields[name] = field
            self.add_item(field)

    async def on_submit(self, interaction: Any, /) -> None:
        chosen: BotInteraction = interaction
        async with answered(chosen, "settings:form"):
            locale = chosen.locale.value
            if not chosen.permissions.manage_guild:  # it may have been taken away while the form was open
                await private(chosen, t(locale, "access-manage"))
                return
            typed = {name: field.value.strip() for name, field in self._fields.items()}
            wrong = next((text for text in typed.values() if text and not _is_limit(text)), None)
            if wrong is not None:
                await private(chosen, t(locale, "settings-bad-number", value=wrong))
                return
            for name, text in typed.items():
                value = int(text) if text else None
                await self._services.store.settings.set(SettingScope.GUILD, chosen.guild_id or 0, name, value)
            await self._saved(chosen)


def _is_limit(text: str) -> bool:
    return text.isdecimal() and int(text) <= HIGHEST
