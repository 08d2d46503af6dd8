"""What is typed in /settings: limits as numbers, defaults as names. A form is checked whole before any of it is saved."""

from collections.abc import Awaitable, Callable
from typing import Any, Literal

import discord

from discord_bot.i18n import t
from discord_bot.interactions import BotInteraction, answered, private
from discord_bot.services import Services
from discord_bot.store.settings import SettingScope

HOURS = (1, 24, 72, 168)
HIGHEST = 1_000_000_000
FORMS: dict[str, tuple[str, ...]] = {
    "defaults": ("model", "image_model", "persona", "archive_hours"),
    "member": ("user_requests_per_hour", "user_requests_per_day", "user_tokens_per_hour", "user_tokens_per_day"),
    "server": (
        "server_requests_per_hour",
        "server_requests_per_day",
        "server_tokens_per_hour",
        "server_tokens_per_day",
    ),
}
NAMES: dict[str, Literal["chat", "image"]] = {"model": "chat", "image_model": "image"}
"""Fields that name a model, by what it must be able to do."""

Saved = Callable[[BotInteraction], Awaitable[None]]


class SettingsForm(discord.ui.Modal):
    """An empty field takes the bot's own value again."""

    def __init__(self, services: Services, form: str, locale: str, chosen: dict[str, Any], saved: Saved) -> None:
        super().__init__(title=t(locale, f"settings-form-{form}"))
        self._services, self._saved = services, saved
        self._fields: dict[str, discord.ui.TextInput[Any]] = {}
        for name in FORMS[form]:
            value = chosen.get(name)
            field: Any = discord.ui.TextInput(
                label=t(locale, f"settings-field-{name.replace('_', '-')}")[:45],
                required=False,
                max_length=10 if name not in (*NAMES, "persona") else 100,
                default=None if value is None else str(value),
                custom_id=name,
            )
            self._fields[name] = field
            self.add_item(field)

    async def on_submit(self, interaction: Any, /) -> None:
        chosen: BotInteraction = interaction
        async with answered(chosen, "settings:form"):
            if not chosen.permissions.manage_guild:  # it may have been taken away while the form was open
                await private(chosen, t(chosen.locale.value, "access-manage"))
                return
            values, wrong = await self._read(chosen)
            if wrong:
                await private(chosen, wrong)
                return
            for name, value in values.items():
                await self._services.store.settings.set(SettingScope.GUILD, chosen.guild_id or 0, name, value)
            await self._saved(chosen)

    async def _read(self, interaction: BotInteraction) -> tuple[dict[str, Any], str]:
        locale, services = interaction.locale.value, self._services
        values: dict[str, Any] = {}
        for name, field in self._fields.items():
            typed = field.value.strip()
            values[name] = typed or None
            if not typed:
                continue
            if name in NAMES:
                if await services.catalogue.find(typed, NAMES[name]) is None:
                    return {}, t(locale, "model-unknown", model=typed)
            elif name == "persona":
                if typed not in services.config.bot.personas:
                    return {}, t(locale, "persona-unknown", persona=typed)
            elif not typed.isdecimal() or int(typed) > HIGHEST:
                return {}, t(locale, "settings-bad-number", value=typed)
            elif name == "archive_hours":
                values[name] = min(HOURS, key=lambda hours: abs(hours - int(typed)))
            else:
                values[name] = int(typed)
        return values, ""
