"""Orders of pictures, so that the buttons under them never expire."""

import json
import time
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import func, select, update

from discord_bot.store.conversations import row_id
from discord_bot.store.engine import Database
from discord_bot.store.schema import pictures
from discord_bot.store.wishes import Keeping

WORDS = ("prompt", "negative")
"""Fields of an order that a person has typed."""
AUTHORS = "authors"
"""Who wrote them, if not the owner alone: the author of a message that is drawn, or of an order that is drawn again."""


class OrderState(StrEnum):
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"
    INTERRUPTED = "interrupted"
    DELETED = "deleted"


@dataclass
class PictureOrder:
    id: int
    owner_id: int
    guild_id: int | None
    channel_id: int
    message_id: int | None
    wish: dict[str, Any]
    """Without its words where the owner's words are not stored."""
    state: OrderState
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
        keeping: Keeping,
        beginning: tuple[str, bytes] | None = None,
    ) -> PictureOrder:
        """`beginning`: MIME and bytes of the picture that it starts from, for the buttons below.

        Words and picture are stored only if the owner and everybody who wrote a part of the prompt agree.
        """
        kept = all(keeping.allows(person) for person in (owner_id, *wish.get(AUTHORS, ())))
        stored = wish if kept else {name: value for name, value in wish.items() if name not in WORDS}
        mime, data = beginning if beginning is not None and kept else (None, None)
        values: dict[str, Any] = {
            "owner_id": owner_id, "guild_id": guild_id, "channel_id": channel_id,
            "state": OrderState.RUNNING, "locale": locale,
        }  # fmt: skip
        async with self._database.write() as connection:
            result = await connection.execute(
                pictures.insert().values(
                    **values, wish=json.dumps(stored), created_at=time.time(), input_mime=mime, input_data=data
                )
            )
        return PictureOrder(id=row_id(result), message_id=None, wish=wish, **values)

    async def set_message(self, order_id: int, message_id: int) -> None:
        await self._change(order_id, message_id=message_id)

    async def set_state(self, order_id: int, state: OrderState) -> None:
        await self._change(order_id, state=state)

    async def set_seed(self, order_id: int, seed: int) -> None:
        """Stores the seed that was used: the same order then draws the same picture again."""
        async with self._database.write() as connection:
            row = (await connection.execute(select(pictures.c.wish).where(pictures.c.id == order_id))).first()
            if row is not None:
                wish = json.dumps({**json.loads(row.wish), "seed": seed})
                await connection.execute(update(pictures).where(pictures.c.id == order_id).values(wish=wish))

    async def erase(self, order_id: int) -> None:
        """It was deleted in Discord: only the existence of the order is kept."""
        blank: dict[str, Any] = {"wish": "{}", "input_mime": None, "input_data": None}
        await self._change(order_id, state=OrderState.DELETED, **blank)
        await self._database.scrub()

    async def _change(self, order_id: int, **values: Any) -> None:
        async with self._database.write() as connection:
            await connection.execute(update(pictures).where(pictures.c.id == order_id).values(**values))

    async def get(self, order_id: int) -> PictureOrder | None:
        return next(iter(await self._select(pictures.c.id == order_id)), None)

    async def by_message(self, channel_id: int, message_id: int) -> PictureOrder | None:
        """The order shown in one of the bot's messages."""
        here = (pictures.c.channel_id == channel_id) & (pictures.c.message_id == message_id)
        return next(iter(await self._select(here)), None)

    async def newest_in(self, channel_id: int) -> PictureOrder | None:
        """The latest picture drawn in a channel."""
        done = (pictures.c.channel_id == channel_id) & (pictures.c.state == OrderState.DONE)
        newest = select(func.max(pictures.c.id)).where(done).scalar_subquery()
        return next(iter(await self._select(pictures.c.id == newest)), None)

    async def beginning(self, order_id: int) -> tuple[str, bytes] | None:
        """The picture that it started from."""
        query = select(pictures.c.input_mime, pictures.c.input_data).where(pictures.c.id == order_id)
        async with self._database.read() as connection:
            row = (await connection.execute(query)).first()
        return (row.input_mime, row.input_data) if row is not None and row.input_data is not None else None

    async def running(self) -> list[PictureOrder]:
        return await self._select(pictures.c.state == OrderState.RUNNING)

    async def _select(self, condition: Any) -> list[PictureOrder]:
        columns = [pictures.c[name] for name in PictureOrder.__dataclass_fields__]
        async with self._database.read() as connection:
            rows = (await connection.execute(select(*columns).where(condition))).mappings().all()
        return [
            PictureOrder(**{**row, "wish": json.loads(row["wish"]), "state": OrderState(row["state"])}) for row in rows
        ]
