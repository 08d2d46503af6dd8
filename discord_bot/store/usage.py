"""Counts of use by hour, server and person."""

import time
from dataclasses import dataclass

from sqlalchemy import func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine

from discord_bot.store.schema import usage

HOUR = 3_600


@dataclass(frozen=True)
class Used:
    requests: int = 0
    tokens: int = 0
    pictures: int = 0


class UsageCounts:
    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def add(
        self, guild_id: int | None, user_id: int, *, requests: int = 0, tokens: int = 0, pictures: int = 0
    ) -> None:
        hour, guild = int(time.time()) // HOUR, guild_id or 0
        more = {
            "requests": usage.c.requests + requests,
            "tokens": usage.c.tokens + tokens,
            "pictures": usage.c.pictures + pictures,
        }
        place = (usage.c.hour == hour) & (usage.c.guild_id == guild) & (usage.c.user_id == user_id)
        for _ in range(2):  # somebody else may make the row between the two statements
            async with self._engine.begin() as connection:
                if (await connection.execute(update(usage).where(place).values(**more))).rowcount:
                    return
            try:
                async with self._engine.begin() as connection:
                    row = {
                        "hour": hour,
                        "guild_id": guild,
                        "user_id": user_id,
                        "requests": requests,
                        "tokens": tokens,
                        "pictures": pictures,
                    }
                    await connection.execute(usage.insert().values(**row))
                    return
            except IntegrityError:
                continue

    async def used(self, since: float, *, user_id: int | None = None, guild_id: int | None = None) -> Used:
        """Sums from the hour of `since` (epoch seconds) on; of a person over all servers unless one is given."""
        query = select(func.sum(usage.c.requests), func.sum(usage.c.tokens), func.sum(usage.c.pictures)).where(
            usage.c.hour >= int(since) // HOUR
        )
        if user_id is not None:
            query = query.where(usage.c.user_id == user_id)
        if guild_id is not None:
            query = query.where(usage.c.guild_id == guild_id)
        async with self._engine.connect() as connection:
            row = (await connection.execute(query)).one()
        return Used(*(int(value or 0) for value in row))
