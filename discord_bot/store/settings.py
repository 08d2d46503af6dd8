"""Settings of servers, channels and people, with typed access. The nearest one applies."""

import json
from collections.abc import Collection
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from sqlalchemy import delete, or_, select

from discord_bot.store.engine import Database
from discord_bot.store.schema import settings
from discord_bot.store.upsert import upsert
from discord_bot.store.wishes import DO_NOT_STORE, Keeping


class SettingScope(StrEnum):
    GUILD = "guild"
    CHANNEL = "channel"
    USER = "user"


LIMITS = tuple(
    f"{who}_{what}_per_{window}"
    for who in ("user", "server")
    for what in ("requests", "tokens")
    for window in ("hour", "day")
)


@dataclass(frozen=True)
class GuildSettings:
    """A server's settings; unset ones have their default."""

    channels: list[int] = field(default_factory=list)
    roles: list[int] = field(default_factory=list)
    blocked_channels: list[int] = field(default_factory=list)
    blocked_roles: list[int] = field(default_factory=list)
    model: str | None = None
    image_model: str | None = None
    persona: str | None = None
    archive_hours: int = 24
    context_messages: int = 0
    """Messages before a mention that the bot reads in a channel."""
    pictures: bool = True
    web_search: bool = True
    message_search: bool = True
    drawing_tool: bool = True
    reminder_tool: bool = True
    foreign_tools: bool = True
    """Tools of other programs, over MCP."""
    threads: bool = True
    leave_people_alone: bool = True
    lock_model: bool = False
    """The server's model holds for everybody."""
    footer: bool | None = None
    """None: as the bot's configuration says."""
    welcomed: bool = False
    retention_days: int | None = None
    """None: as the bot's configuration says; never longer."""
    role_limits: dict[str, dict[str, int]] = field(default_factory=dict)
    """By the id of a role: limits of a member that has it."""
    limits: dict[str, int] = field(default_factory=dict)
    """By the names of `BotQuotas`."""

    def limits_for(self, roles: Collection[int]) -> dict[str, int]:
        """Limits of a member with these roles: the most generous of its roles, else everybody's. 0 means no limit."""
        mine = [self.role_limits[str(role)] for role in roles if str(role) in self.role_limits]
        best = dict(self.limits)
        for name in {name for limits in mine for name in limits}:
            values = [limits[name] for limits in mine if name in limits]
            best[name] = 0 if 0 in values else max(values)
        return best

    def days_kept(self, most: int) -> int:
        """For how long questions and answers are kept here; 0 is forever, `most` is the operator's limit."""
        wanted = self.retention_days
        return most if wanted is None else min(wanted or most, most) if most else wanted


@dataclass(frozen=True)
class UserSettings:
    locale: str | None = None
    told: bool = False
    """The first words about where questions go were said."""
    no_store: bool = False
    model: str | None = None
    persona: str | None = None
    memory: bool = False
    zone: str | None = None
    """IANA name of the time zone, once the person has told it."""

    @property
    def remembers(self) -> bool:
        """Whether the person's notes are used."""
        return self.memory and not self.no_store


@dataclass(frozen=True)
class ChannelSettings:
    model: str | None = None
    persona: str | None = None


@dataclass(frozen=True)
class Scope:
    """The settings that apply in a place."""

    guild: GuildSettings = field(default_factory=GuildSettings)
    channel: ChannelSettings = field(default_factory=ChannelSettings)
    user: UserSettings = field(default_factory=UserSettings)

    @property
    def model(self) -> str | None:
        """A person's own choice wins, unless the server has locked its model."""
        servers = self.channel.model or self.guild.model
        return servers or self.user.model if self.guild.lock_model else self.user.model or servers

    @property
    def persona(self) -> str | None:
        return self.channel.persona or self.user.persona or self.guild.persona

    def footer(self, default: bool) -> bool:
        return default if self.guild.footer is None else self.guild.footer


Rows = dict[tuple[str, int], dict[str, Any]]


class Settings:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def guild(self, guild_id: int | None) -> GuildSettings:
        return _guild(await self.all(SettingScope.GUILD, guild_id))

    async def user(self, user_id: int) -> UserSettings:
        return _user(await self.all(SettingScope.USER, user_id))

    async def scope(self, guild_id: int | None, channel_id: int, user_id: int) -> Scope:
        """All three in one query."""
        rows = await self._rows(
            (SettingScope.GUILD, guild_id or 0), (SettingScope.CHANNEL, channel_id), (SettingScope.USER, user_id)
        )
        guild = rows.get((SettingScope.GUILD, guild_id or 0), {}) if guild_id is not None else {}
        channel = rows.get((SettingScope.CHANNEL, channel_id), {})
        return Scope(
            _guild(guild),
            ChannelSettings(channel.get("model"), channel.get("persona")),
            _user(rows.get((SettingScope.USER, user_id), {})),
        )

    async def all(self, scope: SettingScope, scope_id: int | None) -> dict[str, Any]:
        """As they are stored, by key."""
        if scope_id is None:
            return {}
        return (await self._rows((scope, scope_id))).get((scope, scope_id), {})

    async def _rows(self, *places: tuple[SettingScope, int]) -> Rows:
        wanted = or_(*((settings.c.scope == scope) & (settings.c.scope_id == scope_id) for scope, scope_id in places))
        rows_by_key: Rows = {}
        async with self._database.read() as connection:
            for row in await connection.execute(select(settings).where(wanted)):
                rows_by_key.setdefault((row.scope, row.scope_id), {})[row.key] = json.loads(row.value)
        return rows_by_key

    async def set(self, scope: SettingScope, scope_id: int, key: str, value: Any) -> None:
        """None removes it. Never text that a person has typed: that goes through `set_words`."""
        await self._write(scope, scope_id, key, value, None)

    async def set_words(
        self, scope: SettingScope, scope_id: int, key: str, text: str, author_id: int, keeping: Keeping
    ) -> bool:
        """Text that a person has typed. False: that person's words are not stored."""
        if not keeping.allows(author_id):
            return False
        await self._write(scope, scope_id, key, text, author_id)
        return True

    async def _write(self, scope: SettingScope, scope_id: int, key: str, value: Any, author_id: int | None) -> None:
        place = (settings.c.scope == scope) & (settings.c.scope_id == scope_id) & (settings.c.key == key)
        async with self._database.write() as connection:
            if value is None:
                await connection.execute(delete(settings).where(place))
                return
            row = {"scope": scope, "scope_id": scope_id, "key": key, "value": json.dumps(value), "author_id": author_id}
            await upsert(connection, settings, row)

    async def kept_otherwise(self) -> dict[int, int]:
        """Servers with their own retention, and its days."""
        query = select(settings.c.scope_id, settings.c.value).where(
            settings.c.scope == SettingScope.GUILD, settings.c.key == "retention_days"
        )
        async with self._database.read() as connection:
            return {row.scope_id: int(json.loads(row.value)) for row in await connection.execute(query)}

    async def reset(self, scope: SettingScope, scope_id: int) -> None:
        async with self._database.write() as connection:
            await connection.execute(delete(settings).where(settings.c.scope == scope, settings.c.scope_id == scope_id))


def _guild(rows: dict[str, Any]) -> GuildSettings:
    values = {name: rows[name] for name in GuildSettings.__dataclass_fields__ if name in rows and name != "limits"}
    return GuildSettings(**values, limits={name: int(rows[name]) for name in LIMITS if name in rows})


def _user(rows: dict[str, Any]) -> UserSettings:
    names = (name for name in UserSettings.__dataclass_fields__ if name in rows)
    return UserSettings(
        **{name: rows[name] for name in names if name != DO_NOT_STORE}, no_store=bool(rows.get(DO_NOT_STORE))
    )
