"""The card of /settings: a page per topic, and every control shows its current value. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import discord

from antiphon.config.bot import Bot
from discord_bot.i18n import t
from discord_bot.quotas import limits_of
from discord_bot.store.settings import GuildSettings

PATTERN = r"settings:2:(?P<page>[a-z]+):(?P<action>[a-z_]+)"
ARCHIVE_HOURS = (1, 24, 72, 168)
CONTEXT_MESSAGES = (0, 5, 10, 20)
RETENTION_DAYS = (1, 7, 30, 90)
ROLE_LIMIT = "role_limit"
MOST_ROLES = 10  # roles with limits of their own, as lines
BUTTONS_IN_A_ROW = 3  # page buttons per row; with Discord's five, a phone cuts the labels
MOST_NAMED = 12  # channels or roles in a line
PLACES = [discord.ChannelType.text, discord.ChannelType.voice, discord.ChannelType.category, discord.ChannelType.forum]


class Page(StrEnum):
    ACCESS = "access"
    ANSWERS = "answers"
    PICTURES = "pictures"
    LIMITS = "limits"
    TOOLS = "tools"
    PRIVACY = "privacy"


SWITCHES = {
    Page.ANSWERS: ("threads", "leave_people_alone", "footer", "lock_model"),
    Page.PICTURES: ("pictures",),
    Page.TOOLS: ("web_search", "message_search", "drawing_tool", "reminder_tool", "foreign_tools"),
}
LISTS = ("channels", "blocked_channels", "roles", "blocked_roles")
FORMS = ("member", "server")


@dataclass(frozen=True)
class Offers:
    """The available choices: names of models, and personas with their keys."""

    models: Sequence[str] = ()
    image_models: Sequence[str] = ()
    personas: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True)
class Card:
    locale: str
    page: Page
    server: str
    settings: GuildSettings
    config: Bot
    offers: Offers
    note: str = ""

    def layout(self) -> discord.ui.LayoutView:
        view = discord.ui.LayoutView(timeout=None)
        container: discord.ui.Container[Any] = discord.ui.Container()
        title = t(self.locale, "settings-title", server=discord.utils.escape_markdown(self.server))
        container.add_item(discord.ui.TextDisplay("\n".join([title, *self._lines()])))
        for row in self._rows():
            container.add_item(discord.ui.ActionRow(*row))
        container.add_item(discord.ui.Separator())
        pages: list[discord.ui.Item[Any]] = [self._page_button(page) for page in Page]
        for row in (pages[:BUTTONS_IN_A_ROW], pages[BUTTONS_IN_A_ROW:]):
            container.add_item(discord.ui.ActionRow(*row))
        container.add_item(
            discord.ui.ActionRow(
                self._button("check", t(self.locale, "settings-check")),
                self._button("reset", t(self.locale, "button-reset"), discord.ButtonStyle.danger),
            )
        )
        if self.note:
            container.add_item(discord.ui.TextDisplay(f"-# {self.note}"))
        view.add_item(container)
        view.stop()  # the ids hold everything: this view needs no memory
        return view

    # --- what holds now ---------------------------------------------------------------------------

    def _lines(self) -> list[str]:
        match self.page:
            case Page.ACCESS:
                return [self._list_line(name) for name in LISTS]
            case Page.ANSWERS:
                return [
                    self._line("model", self.settings.model or t(self.locale, "settings-default")),
                    t(self.locale, "settings-model-locked" if self.settings.lock_model else "settings-model-free"),
                    self._line("persona", self.settings.persona or t(self.locale, "settings-default")),
                    self._line("archive", self._hours(self.settings.archive_hours)),
                    self._line("context", str(self.settings.context_messages)),
                ]
            case Page.PICTURES:
                return [self._line("image-model", self.settings.image_model or t(self.locale, "settings-default"))]
            case Page.TOOLS:
                return [t(self.locale, "settings-tools" if self._switches() else "settings-tools-none")]
            case Page.PRIVACY:
                days = self.settings.days_kept(self.config.retention_days)
                return [self._line("retention", self._days(days)), t(self.locale, "settings-retention-note")]
            case _:
                return self._limit_lines()

    def _limit_lines(self) -> list[str]:
        lines = [
            self._line(f"{who}-{what}", self._limits(key, kind))
            for who, key in (("member", "user"), ("server", "server"))
            for what, kind in (("answers", "requests"), ("tokens", "tokens"))
        ]
        for role, own in list(self.settings.role_limits.items())[:MOST_ROLES]:
            value = self._limits("user", "requests", own)
            lines.append(t(self.locale, "settings-role-answers", role=f"<@&{role}>", value=value))
        return lines

    def _days(self, days: int) -> str:
        return t(self.locale, "settings-days", count=days) if days else t(self.locale, "settings-for-ever")

    def _line(self, name: str, value: str) -> str:
        return t(self.locale, f"settings-{name}", value=value)

    def _list_line(self, name: str) -> str:
        shape = "<#{}>" if name.endswith("channels") else "<@&{}>"
        ids = getattr(self.settings, name)
        shown = " ".join(shape.format(item) for item in ids[:MOST_NAMED])
        if len(ids) > MOST_NAMED:
            shown += f" +{len(ids) - MOST_NAMED}"
        key = name.replace("_", "-")
        return self._line(key, shown or t(self.locale, f"settings-{key}-none"))

    def _limits(self, who: str, what: str, own: Mapping[str, int] | None = None) -> str:
        """`own`: limits of a role, next to everybody's."""
        limits = limits_of(self.config.quotas, {**self.settings.limits, **(own or {})})

        values = {window: getattr(limits, f"{who}_{what}_per_{window}") for window in ("hour", "day")}
        lines = [t(self.locale, f"settings-per-{window}", value=value) for window, value in values.items() if value]
        return ", ".join(lines) or t(self.locale, "settings-unlimited")

    def _hours(self, hours: int) -> str:
        if hours >= 24:
            return t(self.locale, "settings-days", count=hours // 24)
        return t(self.locale, "settings-hours", count=hours)

    # --- controls -----------------------------------------------------------------------------------

    def _rows(self) -> list[list[discord.ui.Item[Any]]]:
        rows: list[list[discord.ui.Item[Any]]] = []
        match self.page:
            case Page.ACCESS:
                rows += [[self._places(name)] for name in LISTS[:2]] + [[self._roles(name)] for name in LISTS[2:]]
            case Page.ANSWERS:
                rows += self._choice("model", [(days, days) for days in self.offers.models], self.settings.model)
                rows += self._choice("persona", self.offers.personas, self.settings.persona)
                hours = [(str(days), self._hours(days)) for days in ARCHIVE_HOURS]
                rows += self._choice("archive_hours", hours, str(self.settings.archive_hours))
                counts = [(str(days), t(self.locale, "settings-context", value=str(days))) for days in CONTEXT_MESSAGES]
                rows += self._choice("context_messages", counts, str(self.settings.context_messages))
            case Page.PICTURES:
                models = [(days, days) for days in self.offers.image_models]
                rows += self._choice("image_model", models, self.settings.image_model)
            case Page.PRIVACY:
                most = self.config.retention_days
                offered = [days for days in RETENTION_DAYS if not most or days <= most]
                kept = [(str(days), self._days(days)) for days in offered]
                rows += self._choice("retention_days", kept, str(self.settings.retention_days))
            case Page.TOOLS:
                pass  # only switches
            case _:
                rows.append([self._button(form, t(self.locale, f"settings-form-{form}")) for form in FORMS])
                rows.append([self._role_limit()])
        if switches := self._switches():
            rows.append([self._switch(name) for name in switches])
        return rows

    def _switches(self) -> list[str]:
        """The tools that the operator offers."""
        offered = offered_tools(self.config)
        return [name for name in SWITCHES.get(self.page, ()) if offered.get(name, True)]

    def _id(self, action: str) -> str:
        return f"settings:2:{self.page}:{action}"

    def _button(
        self, action: str, label: str, style: discord.ButtonStyle = discord.ButtonStyle.secondary
    ) -> discord.ui.Button[Any]:
        return discord.ui.Button(label=label, style=style, custom_id=self._id(action))

    def _page_button(self, page: Page) -> discord.ui.Button[Any]:
        here = page is self.page
        style = discord.ButtonStyle.primary if here else discord.ButtonStyle.secondary
        label = t(self.locale, f"settings-page-{page}")
        return discord.ui.Button(label=label, style=style, disabled=here, custom_id=f"settings:2:{page}:show")

    def _switch(self, name: str) -> discord.ui.Button[Any]:
        on = is_on(name, self.settings, self.config)
        label = t(
            self.locale,
            "settings-switch",
            name=t(self.locale, f"settings-switch-{name.replace('_', '-')}"),
            state=t(self.locale, "settings-on" if on else "settings-off"),
        )
        return self._button(name, label, discord.ButtonStyle.success if on else discord.ButtonStyle.secondary)

    def _choice(
        self, action: str, options: Sequence[tuple[str, str]], chosen: str | None
    ) -> list[list[discord.ui.Item[Any]]]:
        """One select; clearing it restores the default. Without any options there is none."""
        if not options:
            return []
        select: discord.ui.Select[Any] = discord.ui.Select(
            custom_id=self._id(action),
            min_values=0,
            max_values=1,
            placeholder=t(self.locale, f"settings-choose-{action.replace('_', '-')}"),
            options=[
                discord.SelectOption(label=label[:100], value=value, default=value == chosen)
                for value, label in options[:25]
            ],
        )
        return [[select]]

    def _places(self, name: str) -> discord.ui.Item[Any]:
        kind = discord.SelectDefaultValueType.channel
        select: discord.ui.ChannelSelect[Any] = discord.ui.ChannelSelect(
            custom_id=self._id(name),
            min_values=0,
            max_values=25,
            placeholder=t(self.locale, f"settings-choose-{name.replace('_', '-')}"),
            channel_types=PLACES,
            default_values=[discord.SelectDefaultValue(id=place, type=kind) for place in getattr(self.settings, name)],
        )
        return select

    def _role_limit(self) -> discord.ui.Item[Any]:
        """Choosing a role opens the form with its limits."""
        select: discord.ui.RoleSelect[Any] = discord.ui.RoleSelect(
            custom_id=self._id(ROLE_LIMIT), placeholder=t(self.locale, "settings-choose-role-limit")
        )
        return select

    def _roles(self, name: str) -> discord.ui.Item[Any]:
        kind = discord.SelectDefaultValueType.role
        select: discord.ui.RoleSelect[Any] = discord.ui.RoleSelect(
            custom_id=self._id(name),
            min_values=0,
            max_values=25,
            placeholder=t(self.locale, f"settings-choose-{name.replace('_', '-')}"),
            default_values=[discord.SelectDefaultValue(id=role, type=kind) for role in getattr(self.settings, name)],
        )
        return select


def is_on(name: str, settings: GuildSettings, config: Bot) -> bool:
    if name == "footer":
        return config.footer if settings.footer is None else settings.footer
    return bool(getattr(settings, name))


def offered_tools(config: Bot) -> dict[str, bool]:
    """For the switch of a tool: whether there is anything to switch."""
    tools = config.tools
    offered = {
        "web_search": bool(tools.search_url),
        "message_search": tools.messages and config.message_content_intent,
        "drawing_tool": tools.drawing,
        "reminder_tool": tools.reminders,
        "foreign_tools": bool(tools.mcp),
    }
    return {name: tools.enabled and able for name, able in offered.items()}
