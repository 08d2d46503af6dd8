"""Counts of use by hour, server and person."""

import time
from dataclasses import dataclass

from sqlalchemy import func, select

from discord_bot.store.engine import Database
from discord_bot.store.schema import usage
from discord_bot.store.upsert import upsert

HOUR = 3_600


@dataclass(frozen=True)
class Used:
    requests: int = 0
    tokens: int = 0
    pictures: int = 0


class UsageCounts:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(
        self, guild_id: int | None, user_id: int, *, requests: int = 0, tokens: int = 0, pictures: int = 0
    ) -> None:
        row = {
            "hour": int(time.time()) // HOUR,
            "guild_id": guild_id or 0,
            "user_id": user_id,
            "requests": requests,
            "tokens": tokens,
            "pictures": pictures,
        }
        more = {name: usage.c[name] + row[name] for name in ("requests", "tokens", "pictures")}
        async with self._database.write() as connection:
            await upsert(connection, usage, row, more)

    async def used(self, since: float, *, user_id: int | None = None, guild_id: int | None = None) -> Used:
        """Sums from the hour of `since` (epoch seconds) on; of a person over all servers unless one is given."""
        query = select(func.sum(usage.c.requests), func.sum(usage.c.tokens), func.sum(usage.c.pictures)).where(
            usage.c.hour >= int(since) // HOUR
        )
        if user_id is not None:
            query = query.where(usage.c.user_id == user_id)
        if guild_id is not None:
            query = query.where(usage.c.guild_id == guild_id)
        async with self._database.read() as connection:
            row = (await connection.execute(query)).one()
        return Used(*(int(value or 0) for value in row))
