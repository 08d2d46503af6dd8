"""Reminders: kept until they are delivered, once."""

import time
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import delete, func, select

from discord_bot.store.conversations import row_id
from discord_bot.store.engine import Database
from discord_bot.store.schema import reminders
from discord_bot.store.wishes import Keeping

MOST_REMINDERS, LONGEST_REMINDER = 25, 500


class TooManyReminders(Exception):
    """The person has reached the maximum number of reminders."""


@dataclass(frozen=True)
class Reminder:
    id: int
    person_id: int
    guild_id: int | None
    channel_id: int
    text: str
    locale: str
    due_at: float


class Reminders:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(
        self,
        person_id: int,
        guild_id: int | None,
        channel_id: int,
        text: str,
        locale: str,
        due_at: float,
        keeping: Keeping,
    ) -> Reminder | None:
        """None: the person's words are not stored. Raises TooManyReminders."""
        if not keeping.allows(person_id):
            return None
        values: dict[str, Any] = {
            "person_id": person_id, "guild_id": guild_id, "channel_id": channel_id,
            "text": text[:LONGEST_REMINDER], "locale": locale, "due_at": due_at,
        }  # fmt: skip
        count = select(func.count()).select_from(reminders).where(reminders.c.person_id == person_id)
        async with self._database.write() as connection:
            if (await connection.execute(count)).scalar_one() >= MOST_REMINDERS:
                raise TooManyReminders
            result = await connection.execute(reminders.insert().values(**values, created_at=time.time()))
        return Reminder(row_id(result), **values)

    async def put_back(self, reminder: Reminder, due_at: float, keeping: Keeping) -> None:
        """Puts back a removed reminder that could not be delivered; nothing if the person's words are no longer stored."""
        if keeping.allows(reminder.person_id):
            values = {**asdict(reminder), "due_at": due_at, "created_at": time.time()}
            async with self._database.write() as connection:
                await connection.execute(reminders.insert().values(**values))

    async def of(self, person_id: int) -> list[Reminder]:
        """Soonest first."""
        return await self._select(reminders.c.person_id == person_id)

    async def due(self, now: float) -> list[Reminder]:
        return await self._select(reminders.c.due_at <= now)

    async def next_due(self) -> float | None:
        async with self._database.read() as connection:
            due_at: float | None = (await connection.execute(select(func.min(reminders.c.due_at)))).scalar_one()
            return due_at

    async def take(self, reminder_id: int, person_id: int | None = None) -> bool:
        """Removes it. True for one caller alone, which delivers the reminder or has deleted it."""
        which = reminders.c.id == reminder_id
        if person_id is not None:
            which &= reminders.c.person_id == person_id
        async with self._database.write() as connection:
            return bool((await connection.execute(delete(reminders).where(which))).rowcount)

    async def _select(self, condition: Any) -> list[Reminder]:
        columns = [reminders.c[name] for name in Reminder.__dataclass_fields__]
        query = select(*columns).where(condition).order_by(reminders.c.due_at, reminders.c.id)
        async with self._database.read() as connection:
            return [Reminder(**row) for row in (await connection.execute(query)).mappings()]
