"""Settings of servers, channels and persons. The nearest one counts: channel before server, both before the bot's default."""

import json
from typing import Any

from sqlalchemy import delete, select

from discord_bot.store.engine import Database
from discord_bot.store.schema import settings
from discord_bot.store.upsert import upsert


class Settings:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def all(self, scope: str, scope_id: int | None) -> dict[str, Any]:
        """Of one server ("guild"), channel or person ("user")."""
        if scope_id is None:
            return {}
        query = select(settings.c.key, settings.c.value).where(
            settings.c.scope == scope, settings.c.scope_id == scope_id
        )
        async with self._database.read() as connection:
            return {row.key: json.loads(row.value) for row in await connection.execute(query)}

    async def set(self, scope: str, scope_id: int, key: str, value: Any) -> None:
        """None removes it."""
        place = (settings.c.scope == scope) & (settings.c.scope_id == scope_id) & (settings.c.key == key)
        async with self._database.write() as connection:
            if value is None:
                await connection.execute(delete(settings).where(place))
            else:
                row = {"scope": scope, "scope_id": scope_id, "key": key, "value": json.dumps(value)}
                await upsert(connection, settings, row)

    async def reset(self, scope: str, scope_id: int) -> None:
        async with self._database.write() as connection:
            await connection.execute(delete(settings).where(settings.c.scope == scope, settings.c.scope_id == scope_id))
