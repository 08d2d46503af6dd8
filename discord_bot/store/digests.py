"""Daily summaries of channels: when each is due, and where it starts."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, func, select, update

from discord_bot.store.engine import Database
from discord_bot.store.schema import digests
from discord_bot.store.upsert import upsert


@dataclass(frozen=True)
class Digest:
    channel_id: int
    guild_id: int
    minute: int
    """Of the day, in `zone`."""
    zone: str
    locale: str
    since: float
    due_at: float


class Digests:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(self, channel_id: int) -> Digest | None:
        return next(iter(await self._select(digests.c.channel_id == channel_id)), None)

    async def set(self, digest: Digest) -> None:
        async with self._database.write() as connection:
            await upsert(connection, digests, digest.__dict__)

    async def remove(self, channel_id: int) -> bool:
        """False: there was none."""
        here = digests.c.channel_id == channel_id
        async with self._database.write() as connection:
            return bool((await connection.execute(delete(digests).where(here))).rowcount)

    async def due(self, now: float) -> list[Digest]:
        return await self._select(digests.c.due_at <= now)

    async def next_due(self) -> float | None:
        async with self._database.read() as connection:
            due_at: float | None = (await connection.execute(select(func.min(digests.c.due_at)))).scalar_one()
            return due_at

    async def claim(self, digest: Digest, since: float, due_at: float) -> bool:
        """Schedules the next one at `due_at`. True for one caller alone, which sends the digest."""
        here = (digests.c.channel_id == digest.channel_id) & (digests.c.due_at == digest.due_at)
        async with self._database.write() as connection:
            changed = await connection.execute(update(digests).where(here).values(since=since, due_at=due_at))
            return bool(changed.rowcount)

    async def _select(self, condition: Any) -> list[Digest]:
        async with self._database.read() as connection:
            rows = (await connection.execute(select(digests).where(condition).order_by(digests.c.due_at))).mappings()
            return [Digest(**row) for row in rows]
