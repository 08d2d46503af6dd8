"""The card of /settings: everything at a glance, each change saved at once."""

import re
from typing import Any, Self

import discord

from discord_bot.i18n import t
from discord_bot.interactions import BotInteraction, answered, private

LIMITS = ("user_requests_per_day", "server_requests_per_day")
HOURS = (1, 24, 72, 168)
HIGHEST = 1_000_000


def text_of(locale: str, server: str, chosen: dict[str, Any], defaults: dict[str, Any]) -> str:
    """The card's words. Pure."""

    def number(name: str) -> str:
        value = chosen.get(name, defaults.get(name, 0))
        return str(value) if value else t(locale, "settings-unlimited")

    def switch(name: str, default: bool) -> str:
        return t(locale, "settings-on" if chosen.get(name, default) else "settings-off")

    channels = " ".join(f"<#{one}>" for one in chosen.get("channels", ())) or t(locale, "settings-everywhere")
    roles = " ".join(f"<@&{one}>" for one in chosen.get("roles", ())) or t(locale, "settings-everybody")
    hours = int(chosen.get("archive_hours", 24))
    archive = t(locale, "settings-days", count=hours // 24) if hours >= 24 else t(locale, "settings-hours", count=hours)
    usual = t(locale, "settings-default")
    lines = [
        t(locale, "settings-title", server=discord.utils.escape_markdown(server)),
        t(locale, "settings-channels", value=channels),
        t(locale, "settings-roles", value=roles),
        t(locale, "settings-model", value=chosen.get("model") or usual),
        t(locale, "settings-persona", value=chosen.get("persona") or usual),
        t(locale, "settings-user-hour", value=number("user_requests_per_hour")),
        t(locale, "settings-user-day", value=number("user_requests_per_day")),
        t(locale, "settings-server-day", value=number("server_requests_per_day")),
        t(locale, "settings-server-tokens", value=number("server_tokens_per_day")),
        t(locale, "settings-pictures", value=switch("pictures", default=True)),
        t(locale, "settings-archive", value=archive),
        t(locale, "settings-footer", value=switch("footer", default=bool(defaults.get("footer", True)))),
    ]
    return "\n".join(lines)


class SettingsItem(discord.ui.DynamicItem[Any], template=r"settings:1:(?P<action>[a-z]+)"):
    """A control of the card; what it holds is in the store, so it works for ever."""

    def __init__(self, action: str, item: discord.ui.Item[Any]) -> None:
        self.action = action
        super().__init__(item)

    @classmethod
    async def from_custom_id(cls, interaction: Any, item: Any, match: "re.Match[str]", /) -> Self:  # noqa: ARG003 - the library's signature
        return cls(match["action"], item)

    async def callback(self, interaction: Any) -> None:
        chosen: BotInteraction = interaction
        async with answered(chosen, f"settings:{self.action}"):
            await _change(chosen, self.action, list(getattr(self.item, "values", ())))


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
    made.add_item(SettingsItem("channels", channels))
    made.add_item(SettingsItem("roles", roles))
    for action, key in (
        ("limits", "settings-limits"),
        ("pictures", "settings-toggle-pictures"),
        ("footer", "settings-toggle-footer"),
        ("reset", "button-reset"),
    ):
        style = discord.ButtonStyle.danger if action == "reset" else discord.ButtonStyle.secondary
        button: Any = discord.ui.Button(label=t(locale, key), style=style, custom_id=f"settings:1:{action}", row=2)
        made.add_item(SettingsItem(action, button))
    made.stop()
    return made


async def show(interaction: BotInteraction, *, again: bool = False) -> None:
    bot, locale = interaction.client, interaction.locale.value
    chosen = await bot.store.settings.all("guild", interaction.guild_id)
    defaults = {**bot.config.bot.quotas.model_dump(), "footer": bot.config.bot.footer}
    text = text_of(locale, interaction.guild.name if interaction.guild else "", chosen, defaults)
    if again:
        await interaction.response.edit_message(content=text, view=view(locale, chosen))
    else:
        await private(interaction, text, view=view(locale, chosen))


async def _change(interaction: BotInteraction, action: str, values: list[Any]) -> None:
    locale, settings, guild_id = interaction.locale.value, interaction.client.store.settings, interaction.guild_id
    if guild_id is None or not interaction.permissions.manage_guild:
        await private(interaction, t(locale, "access-manage"))
        return
    chosen = await settings.all("guild", guild_id)
    match action:
        case "channels" | "roles":
            await settings.set("guild", guild_id, action, [one.id for one in values] or None)
        case "pictures" | "footer":
            default = True if action == "pictures" else interaction.client.config.bot.footer
            await settings.set("guild", guild_id, action, not chosen.get(action, default))
        case "reset":
            await settings.reset("guild", guild_id)
            await settings.set("guild", guild_id, "welcomed", True)
        case "limits":
            await interaction.response.send_modal(LimitsForm(locale, chosen))
            return
    await show(interaction, again=True)


class LimitsForm(discord.ui.Modal):
    """Numbers and names that are typed."""

    def __init__(self, locale: str, chosen: dict[str, Any]) -> None:
        super().__init__(title=t(locale, "settings-modal-title"))
        self._fields: dict[str, discord.ui.TextInput[Any]] = {}
        rows = (
            ("model", "settings-modal-model", 100),
            ("persona", "settings-modal-persona", 100),
            ("user_requests_per_day", "settings-modal-user-day", 7),
            ("server_requests_per_day", "settings-modal-server-day", 7),
            ("archive_hours", "settings-modal-archive", 3),
        )
        for name, key, longest in rows:
            value = chosen.get(name)
            field: Any = discord.ui.TextInput(
                label=t(locale, key)[:45],
                required=False,
                max_length=longest,
                default=None if value is None else str(value),
                custom_id=name,
            )
            self._fields[name] = field
            self.add_item(field)

    async def on_submit(self, interaction: Any, /) -> None:
        chosen: BotInteraction = interaction
        async with answered(chosen, "settings:limits"):
            await self._save(chosen)

    async def _save(self, interaction: BotInteraction) -> None:
        locale, store, guild_id = interaction.locale.value, interaction.client.store.settings, interaction.guild_id or 0
        values: dict[str, Any] = {}
        for name, field in self._fields.items():
            typed = field.value.strip()
            if name in ("model", "persona"):
                values[name] = typed or None
                continue
            if typed and not (typed.isdecimal() and int(typed) <= HIGHEST):
                await private(interaction, t(locale, "settings-bad-number", value=typed))
                return
            values[name] = int(typed) if typed else None
        if values["archive_hours"] is not None and values["archive_hours"] not in HOURS:
            values["archive_hours"] = min(HOURS, key=lambda hours: abs(hours - values["archive_hours"]))
        if values["model"] and await interaction.client.catalogue.find(values["model"], "chat") is None:
            await private(interaction, t(locale, "model-unknown", model=values["model"]))
            return
        for name, value in values.items():
            await store.set("guild", guild_id, name, value)
        await show(interaction, again=interaction.message is not None)
