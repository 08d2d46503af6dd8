"""Orders of pictures, so that the buttons under them work for ever."""

import json
import time
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select, update

from discord_bot.store.conversations import row_id
from discord_bot.store.engine import Database
from discord_bot.store.schema import pictures


@dataclass
class PictureOrder:
    id: int
    owner_id: int
    guild_id: int | None
    channel_id: int
    message_id: int | None
    wish: dict[str, Any]
    state: str
    locale: str


class Pictures:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(
        self,
        owner_id: int,
        guild_id: int | None,
        channel_id: int,
        wish: dict[str, Any],
        locale: str,
        beginning: tuple[str, bytes] | None = None,
    ) -> PictureOrder:
        """`beginning`: MIME and bytes of the picture that it starts from, for the buttons below."""
        values: dict[str, Any] = {
            "owner_id": owner_id,
            "guild_id": guild_id,
            "channel_id": channel_id,
            "state": "running",
            "locale": locale,
        }
        async with self._database.write() as connection:
            made = await connection.execute(
                pictures.insert().values(
                    **values,
                    wish=json.dumps(wish),
                    created_at=time.time(),
                    input_mime=beginning[0] if beginning else None,
                    input_data=beginning[1] if beginning else None,
                )
            )
        return PictureOrder(id=row_id(made), message_id=None, wish=wish, **values)

    async def change(self, order_id: int, **values: Any) -> None:
        async with self._database.write() as connection:
            await connection.execute(update(pictures).where(pictures.c.id == order_id).values(**values))

    async def get(self, order_id: int) -> PictureOrder | None:
        found = await self._select(pictures.c.id == order_id)
        return found[0] if found else None

    async def beginning(self, order_id: int) -> tuple[str, bytes] | None:
        """The picture that it started from."""
        query = select(pictures.c.input_mime, pictures.c.input_data).where(pictures.c.id == order_id)
        async with self._database.read() as connection:
            row = (await connection.execute(query)).first()
        return (row.input_mime, row.input_data) if row is not None and row.input_data is not None else None

    async def running(self) -> list[PictureOrder]:
        return await self._select(pictures.c.state == "running")

    async def _select(self, condition: Any) -> list[PictureOrder]:
        async with self._database.read() as connection:
            columns = [pictures.c[name] for name in PictureOrder.__dataclass_fields__]
            rows = (await connection.execute(select(*columns).where(condition))).mappings()
            return [
                PictureOrder(
                    **{
                        name: json.loads(row[name]) if name == "wish" else row[name]
                        for name in PictureOrder.__dataclass_fields__
                    }
                )
                for row in rows
            ]
