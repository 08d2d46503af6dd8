"""The limits of a server, typed as numbers. A form is validated whole before any of it is saved."""

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
    """An empty field restores the bot's own value."""

    def __init__(
        self,
        services: Services,
        form: str,
        locale: str,
        chosen: Mapping[str, int],
        saved: Saved,
        *,
        role: discord.abc.Snowflake | None = None,
    ) -> None:
        """`role`: whose limits these are; None: everybody's."""
        title = t(locale, f"settings-form-{form}") if role is None else t(locale, "settings-form-role")
        super().__init__(title=title)
        self._services, self._saved, self._role = services, saved, role
        self._fields: dict[str, discord.ui.TextInput[Any]] = {}
        for name in (limit for limit in LIMITS if limit.startswith(PREFIX[form])):
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
            if not chosen.permissions.manage_guild:  # the permission may have been removed while the form was open
                await private(chosen, t(locale, "access-manage"))
                return
            typed = {name: field.value.strip() for name, field in self._fields.items()}
            wrong = next((text for text in typed.values() if text and not _is_limit(text)), None)
            if wrong is not None:
                await private(chosen, t(locale, "settings-bad-number", value=wrong))
                return
            limits = {name: int(text) for name, text in typed.items() if text}
            if self._role is None:
                for name in typed:
                    await self._set(chosen, name, limits.get(name))
            else:
                settings = await self._services.store.settings.guild(chosen.guild_id)
                others = {role: kept for role, kept in settings.role_limits.items() if role != str(self._role.id)}
                mine = {str(self._role.id): limits} if limits else {}
                await self._set(chosen, "role_limits", {**others, **mine} or None)
            await self._saved(chosen)

    async def _set(self, interaction: BotInteraction, name: str, value: Any) -> None:
        await self._services.store.settings.set(SettingScope.GUILD, interaction.guild_id or 0, name, value)


def _is_limit(text: str) -> bool:
    return text.isdecimal() and int(text) <= HIGHEST
