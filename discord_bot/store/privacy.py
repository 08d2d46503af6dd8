"""What is stored about a person: shown, exported, erased; old data is erased automatically."""

import json
import time
from typing import Any

from sqlalchemy import ColumnElement, delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from discord_bot.store.engine import Database
from discord_bot.store.pictures import AUTHORS, WORDS
from discord_bot.store.schema import (
    PERSONAL,
    contests,
    conversations,
    digests,
    pictures,
    reminders,
    settings,
    turn_images,
    turn_parts,
    turns,
    usage,
    votes,
)
from discord_bot.store.wishes import DO_NOT_STORE

DAY = 86_400
BYTES = (pictures.c.input_data, turn_images.c.data)


def _settings_of(user_id: int) -> ColumnElement[bool]:
    """What a person has chosen for themselves, and typed for others."""
    return ((settings.c.scope == "user") & (settings.c.scope_id == user_id)) | (settings.c.author_id == user_id)


class Privacy:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def counts(self, user_id: int) -> dict[str, int]:
        """Rows about a person, by table name."""
        async with self._database.read() as connection:
            return {
                table.name: (
                    await connection.execute(select(func.count()).select_from(table).where(column == user_id))
                ).scalar_one()
                for table, column in PERSONAL.items()
            }

    async def export(self, user_id: int) -> bytes:
        """Everything about a person as JSON; for pictures that the person attached, kind and size."""
        exported: dict[str, Any] = {}
        async with self._database.read() as connection:
            for table, column in PERSONAL.items():
                columns = [func.length(stored).label("bytes") if stored in BYTES else stored for stored in table.c]
                rows = (await connection.execute(select(*columns).where(column == user_id))).mappings()
                exported[table.name] = [dict(row) for row in rows]
            own = select(settings).where(_settings_of(user_id))
            exported["settings"] = [dict(row) for row in (await connection.execute(own)).mappings()]
            typed = select(conversations.c.id, conversations.c.persona).where(
                conversations.c.persona_author_id == user_id
            )
            exported["instructions"] = [dict(row) for row in (await connection.execute(typed)).mappings()]
        return json.dumps(exported, ensure_ascii=False, indent=1).encode()

    async def erase_user(self, user_id: int) -> None:
        """Nothing that names the person, or that the person wrote, stays in any table."""
        async with self._database.write() as connection:
            # An answer may repeat what the person said before it, whoever asked.
            present = select(turns.c.conversation_id).where(
                turns.c.id.in_(select(turn_parts.c.turn_id).where(turn_parts.c.author_id == user_id))
            )
            blank = {"answer": "", "reasoning": "", "former": "[]"}
            await connection.execute(update(turns).where(turns.c.conversation_id.in_(present)).values(**blank))
            await self._erase_turns(connection, turns.c.asker_id == user_id)
            mine = select(conversations.c.id).where(conversations.c.owner_id == user_id)
            await self._erase_turns(connection, turns.c.conversation_id.in_(mine))
            for table, column in PERSONAL.items():
                await connection.execute(delete(table).where(column == user_id))
            await connection.execute(
                update(conversations)
                .where(conversations.c.persona_author_id == user_id)
                .values(persona=None, persona_author_id=None)
            )
            await self._erase_from_orders(connection, user_id)
            # The choice not to be stored must outlive the erasure, and is the only thing that does.
            await connection.execute(delete(settings).where(_settings_of(user_id), settings.c.key != DO_NOT_STORE))
        await self._database.scrub()

    @staticmethod
    async def _erase_from_orders(connection: AsyncConnection, user_id: int) -> None:
        """Others may have drawn again what the person wrote: their orders stay, without the words."""
        mentioned = select(pictures.c.id, pictures.c.wish).where(pictures.c.wish.contains(str(user_id)))
        for number, text in (await connection.execute(mentioned)).all():
            wish = json.loads(text)
            if user_id in wish.get(AUTHORS, ()):
                rest = {name: value for name, value in wish.items() if name not in (*WORDS, AUTHORS)}
                blank = {"wish": json.dumps(rest), "input_mime": None, "input_data": None}
                await connection.execute(update(pictures).where(pictures.c.id == number).values(**blank))

    async def erase_guild(self, guild_id: int) -> None:
        """The bot was removed from a server."""
        async with self._database.write() as connection:
            await self._erase_conversations(connection, conversations.c.guild_id == guild_id)
            await connection.execute(delete(pictures).where(pictures.c.guild_id == guild_id))
            await connection.execute(delete(usage).where(usage.c.guild_id == guild_id))
            await self._erase_contests(connection, contests.c.guild_id == guild_id)
            for table in (digests, reminders):
                await connection.execute(delete(table).where(table.c.guild_id == guild_id))
            await connection.execute(
                delete(settings).where(settings.c.scope == "guild", settings.c.scope_id == guild_id)
            )
        await self._database.scrub()

    async def erase_place(self, place_id: int) -> None:
        """A thread or channel is gone."""
        async with self._database.write() as connection:
            condition = (conversations.c.place_id == place_id) | (conversations.c.channel_id == place_id)
            await self._erase_conversations(connection, condition)
            for table in (pictures, digests, reminders):
                await connection.execute(delete(table).where(table.c.channel_id == place_id))
        await self._database.scrub()

    async def erase_older(self, days: int) -> None:
        """Each question with its answer by its own age, however active its conversation is; counts go with it."""
        oldest = time.time() - days * DAY
        async with self._database.write() as connection:
            await self._erase_turns(connection, turns.c.created_at < oldest)
            empty = conversations.c.id.not_in(select(turns.c.conversation_id))
            await connection.execute(delete(conversations).where(conversations.c.updated_at < oldest, empty))
            await connection.execute(delete(pictures).where(pictures.c.created_at < oldest))
            await self._erase_contests(connection, contests.c.created_at < oldest)
            await connection.execute(delete(usage).where(usage.c.hour < int(oldest) // 3_600))
        await self._database.scrub()

    async def erase_older_in(self, guild_id: int, days: int) -> None:
        """A server that keeps less than the bot does elsewhere."""
        oldest = time.time() - days * DAY
        mine = select(conversations.c.id).where(conversations.c.guild_id == guild_id)
        async with self._database.write() as connection:
            await self._erase_turns(connection, turns.c.conversation_id.in_(mine) & (turns.c.created_at < oldest))
            empty = conversations.c.id.not_in(select(turns.c.conversation_id))
            old = (conversations.c.guild_id == guild_id) & (conversations.c.updated_at < oldest)
            await connection.execute(delete(conversations).where(old, empty))
            drawn = (pictures.c.guild_id == guild_id) & (pictures.c.created_at < oldest)
            await connection.execute(delete(pictures).where(drawn))
        await self._database.scrub()

    async def _erase_conversations(self, connection: AsyncConnection, condition: Any) -> None:
        await self._erase_turns(connection, turns.c.conversation_id.in_(select(conversations.c.id).where(condition)))
        await connection.execute(delete(conversations).where(condition))

    @staticmethod
    async def _erase_contests(connection: AsyncConnection, condition: Any) -> None:
        gone = select(contests.c.id).where(condition)
        await connection.execute(delete(votes).where(votes.c.contest_id.in_(gone)))
        await connection.execute(delete(contests).where(condition))

    @staticmethod
    async def _erase_turns(connection: AsyncConnection, condition: Any) -> None:
        for table in (turn_images, turn_parts):
            await connection.execute(delete(table).where(table.c.turn_id.in_(select(turns.c.id).where(condition))))
        await connection.execute(delete(turns).where(condition))
