"""What people have asked the bot to remember about them. Only the person reads, changes or erases it."""

import time
from collections.abc import Sequence

from sqlalchemy import delete, func, select

from discord_bot.store.engine import Database
from discord_bot.store.schema import memories
from discord_bot.store.wishes import Keeping

MOST_NOTES, LONGEST_NOTE = 25, 200


class MemoryFull(Exception):
    """The maximum number of notes is reached."""


class Memory:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def notes(self, person_id: int) -> list[str]:
        """Oldest first."""
        query = select(memories.c.text).where(memories.c.person_id == person_id).order_by(memories.c.id)
        async with self._database.read() as connection:
            return list((await connection.execute(query)).scalars())

    async def add(self, person_id: int, text: str, keeping: Keeping) -> bool:
        """Adds a note; an existing note is not repeated. False: the person's words are not stored.

        Raises MemoryFull.
        """
        note = cleaned(text)
        if not note or not keeping.allows(person_id):
            return False
        mine = memories.c.person_id == person_id
        async with self._database.write() as connection:
            there = (await connection.execute(select(memories.c.text).where(mine))).scalars().all()
            if note in there:
                return True
            if len(there) >= MOST_NOTES:
                raise MemoryFull
            await connection.execute(memories.insert().values(person_id=person_id, text=note, created_at=time.time()))
        return True

    async def replace(self, person_id: int, notes: Sequence[str], keeping: Keeping) -> bool:
        """Replaces all notes by these. False: the person's words are not stored."""
        if not keeping.allows(person_id):
            return False
        kept = list(dict.fromkeys(note for note in map(cleaned, notes) if note))[:MOST_NOTES]
        now = time.time()
        async with self._database.write() as connection:
            await connection.execute(delete(memories).where(memories.c.person_id == person_id))
            if kept:
                rows = [{"person_id": person_id, "text": note, "created_at": now} for note in kept]
                await connection.execute(memories.insert(), rows)
        return True

    async def erase(self, person_id: int) -> int:
        """Returns the number of deleted notes."""
        mine = memories.c.person_id == person_id
        async with self._database.write() as connection:
            count = (await connection.execute(select(func.count()).select_from(memories).where(mine))).scalar_one()
            await connection.execute(delete(memories).where(mine))
        await self._database.scrub()
        return count


def cleaned(note: str) -> str:
    """One line of at most 200 characters."""
    return " ".join(note.split())[:LONGEST_NOTE].rstrip()
