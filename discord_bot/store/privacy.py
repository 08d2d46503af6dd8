"""What is stored about a person: shown, exported, erased; and what is too old is erased by itself."""

import json
import time
from typing import Any

from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from discord_bot.store.engine import Database
from discord_bot.store.schema import PERSONAL, conversations, pictures, settings, turn_images, turns, usage

DAY = 86_400


class Privacy:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def counts(self, user_id: int) -> dict[str, int]:
        """Rows about a person by the name of the table."""
        async with self._database.read() as connection:
            return {
                table.name: (
                    await connection.execute(select(func.count()).select_from(table).where(column == user_id))
                ).scalar_one()
                for table, column in PERSONAL.items()
            }

    async def export(self, user_id: int) -> bytes:
        """Everything about a person as JSON; of the pictures that the person attached, kind and size."""
        found: dict[str, Any] = {}
        async with self._database.read() as connection:
            for table, column in PERSONAL.items():
                told = [
                    one for one in table.c if one is not pictures.c.input_data
                ]  # pictures are told by kind and size
                rows = (await connection.execute(select(*told).where(column == user_id))).mappings()
                found[table.name] = [dict(row) for row in rows]
            sent = select(turn_images.c.turn_id, turn_images.c.mime, func.length(turn_images.c.data).label("bytes"))
            mine = turn_images.c.turn_id.in_(select(turns.c.id).where(turns.c.asker_id == user_id))
            found["turn_images"] = [dict(row) for row in (await connection.execute(sent.where(mine))).mappings()]
            own = select(settings).where(settings.c.scope == "user", settings.c.scope_id == user_id)
            found["settings"] = [dict(row) for row in (await connection.execute(own)).mappings()]
        return json.dumps(found, ensure_ascii=False, indent=1).encode()

    async def erase_user(self, user_id: int) -> None:
        """Nothing that names the person stays in any table."""
        async with self._database.write() as connection:
            await self._erase_turns(connection, turns.c.asker_id == user_id)
            mine = select(conversations.c.id).where(conversations.c.owner_id == user_id)
            await self._erase_turns(connection, turns.c.conversation_id.in_(mine))
            for table, column in PERSONAL.items():
                await connection.execute(delete(table).where(column == user_id))
            # The wish not to be stored must outlive the erasure, and is the only thing that does.
            await connection.execute(
                delete(settings).where(
                    settings.c.scope == "user", settings.c.scope_id == user_id, settings.c.key != "no_store"
                )
            )

    async def erase_guild(self, guild_id: int) -> None:
        """The bot was removed from a server."""
        async with self._database.write() as connection:
            await self._erase_conversations(connection, conversations.c.guild_id == guild_id)
            await connection.execute(delete(pictures).where(pictures.c.guild_id == guild_id))
            await connection.execute(delete(usage).where(usage.c.guild_id == guild_id))
            await connection.execute(
                delete(settings).where(settings.c.scope == "guild", settings.c.scope_id == guild_id)
            )

    async def erase_place(self, place_id: int) -> None:
        """A thread or channel is gone."""
        async with self._database.write() as connection:
            condition = (conversations.c.place_id == place_id) | (conversations.c.channel_id == place_id)
            await self._erase_conversations(connection, condition)

    async def erase_older(self, days: int) -> None:
        """What was not touched for so long; counts go with it."""
        oldest = time.time() - days * DAY
        async with self._database.write() as connection:
            await self._erase_conversations(connection, conversations.c.updated_at < oldest)
            await connection.execute(delete(pictures).where(pictures.c.created_at < oldest))
            await connection.execute(delete(usage).where(usage.c.hour < int(oldest) // 3_600))

    async def _erase_conversations(self, connection: AsyncConnection, condition: Any) -> None:
        await self._erase_turns(connection, turns.c.conversation_id.in_(select(conversations.c.id).where(condition)))
        await connection.execute(delete(conversations).where(condition))

    @staticmethod
    async def _erase_turns(connection: AsyncConnection, condition: Any) -> None:
        await connection.execute(
            delete(turn_images).where(turn_images.c.turn_id.in_(select(turns.c.id).where(condition)))
        )
        await connection.execute(delete(turns).where(condition))
