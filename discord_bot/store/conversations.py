"""Conversations and their turns."""

import asyncio
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakValueDictionary

from sqlalchemy import delete, func, select, update
from sqlalchemy.exc import IntegrityError

from discord_bot.store.engine import Database
from discord_bot.store.schema import conversations, turn_images, turns


@dataclass
class Conversation:
    id: int
    place_id: int
    channel_id: int
    guild_id: int | None
    owner_id: int
    kind: str
    model: str | None
    persona: str | None
    title: str
    closed: bool


@dataclass
class Turn:
    id: int
    conversation_id: int
    asker_id: int
    asker_name: str
    question: str
    state: str
    locale: str
    channel_id: int
    answer: str = ""
    reasoning: str = ""
    deployment: str = ""
    question_ids: list[int] = field(default_factory=list)
    message_ids: list[int] = field(default_factory=list)
    former: list[str] = field(default_factory=list)
    created_at: float = 0.0
    parent_id: int | None = None


LISTS = ("question_ids", "message_ids", "former")
KEPT = ("id", "created_at", "parent_id")
LONGEST_LINE = 300  # turns that are looked at, however long a conversation grows


def _conversation(row: Any) -> Conversation:
    return Conversation(**{name: row[name] for name in Conversation.__dataclass_fields__})


def _turn(row: Any) -> Turn:
    return Turn(**{name: json.loads(row[name]) if name in LISTS else row[name] for name in Turn.__dataclass_fields__})


def row_id(made: Any) -> int:
    """The key that an insert was given."""
    return int(made.inserted_primary_key[0])


class Conversations:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._saving = WeakValueDictionary[int, asyncio.Lock]()

    async def create(
        self,
        place_id: int,
        channel_id: int,
        guild_id: int | None,
        owner_id: int,
        kind: str,
        *,
        model: str | None,
        persona: str | None,
        title: str = "",
    ) -> Conversation:
        """A new one, or the one that the place has already."""
        now = time.time()
        values: dict[str, Any] = {
            "place_id": place_id, "channel_id": channel_id, "guild_id": guild_id, "owner_id": owner_id, "kind": kind, "model": model,
            "persona": persona, "title": title, "closed": False,
        }  # fmt: skip
        try:
            async with self._database.write() as connection:
                made = await connection.execute(conversations.insert().values(**values, created_at=now, updated_at=now))
                return Conversation(id=row_id(made), **values)
        except IntegrityError:
            # Two messages began the same place at once: both belong to the first one's conversation.
            there = await self.find(place_id)
            if there is None:
                raise
            return there

    async def find(self, place_id: int) -> Conversation | None:
        """By its thread, direct channel or first message."""
        async with self._database.read() as connection:
            row = (
                (await connection.execute(select(conversations).where(conversations.c.place_id == place_id)))
                .mappings()
                .first()
            )
        return _conversation(row) if row else None

    async def get(self, conversation_id: int) -> Conversation | None:
        async with self._database.read() as connection:
            row = (
                (await connection.execute(select(conversations).where(conversations.c.id == conversation_id)))
                .mappings()
                .first()
            )
        return _conversation(row) if row else None

    async def change(self, conversation_id: int, **values: Any) -> None:
        async with self._database.write() as connection:
            await connection.execute(
                update(conversations)
                .where(conversations.c.id == conversation_id)
                .values(updated_at=time.time(), **values)
            )

    # --- turns --------------------------------------------------------------------------------

    async def add_turn(
        self,
        conversation: Conversation,
        asker_id: int,
        asker_name: str,
        question: str,
        question_ids: Sequence[int],
        locale: str,
        channel_id: int,
        images: Sequence[tuple[str, bytes]] = (),
        *,
        parent_id: int | None = None,
    ) -> Turn:
        """The next one of the conversation; `parent_id`: continues that turn instead of the newest."""
        now = time.time()
        values: dict[str, Any] = {
            "conversation_id": conversation.id, "asker_id": asker_id, "asker_name": asker_name[:64], "question": question,
            "state": "running", "locale": locale, "channel_id": channel_id, "created_at": now,
        }  # fmt: skip
        newest = select(func.max(turns.c.id)).where(turns.c.conversation_id == conversation.id)
        async with self._database.write() as connection:
            if parent_id is None:
                parent_id = (await connection.execute(newest)).scalar_one_or_none()
            values["parent_id"] = parent_id
            made = await connection.execute(
                turns.insert().values(
                    **values,
                    question_ids=json.dumps(list(question_ids)),
                    message_ids="[]",
                    former="[]",
                    answer="",
                    reasoning="",
                    deployment="",
                )
            )
            turn_id = row_id(made)
            if images:
                await connection.execute(
                    turn_images.insert(), [{"turn_id": turn_id, "mime": mime, "data": data} for mime, data in images]
                )
            await connection.execute(
                update(conversations).where(conversations.c.id == conversation.id).values(updated_at=now)
            )
        return Turn(id=turn_id, question_ids=list(question_ids), **values)

    async def save(self, turn: Turn) -> None:
        """Everything of the turn but its pictures."""
        # One after another: of two saves the later one must not be overtaken by what the turn was before.
        lock = self._saving.setdefault(turn.id, asyncio.Lock())
        async with lock:
            values = {name: getattr(turn, name) for name in Turn.__dataclass_fields__ if name not in KEPT}
            values |= {name: json.dumps(values[name]) for name in LISTS}
            async with self._database.write() as connection:
                await connection.execute(update(turns).where(turns.c.id == turn.id).values(**values))

    async def turn(self, turn_id: int) -> Turn | None:
        async with self._database.read() as connection:
            row = (await connection.execute(select(turns).where(turns.c.id == turn_id))).mappings().first()
        return _turn(row) if row else None

    async def history(self, conversation_id: int) -> list[Turn]:
        """Oldest first, without what was deleted."""
        query = (
            select(turns)
            .where(turns.c.conversation_id == conversation_id, turns.c.state != "deleted")
            .order_by(turns.c.id)
        )
        async with self._database.read() as connection:
            return [_turn(row) for row in (await connection.execute(query)).mappings()]

    async def line(self, turn: Turn) -> list[Turn]:
        """From the beginning of its branch to this turn, without what was deleted."""
        query = (
            select(turns)
            .where(turns.c.conversation_id == turn.conversation_id, turns.c.id < turn.id)
            .order_by(turns.c.id.desc())
            .limit(LONGEST_LINE)
        )
        async with self._database.read() as connection:
            known = {row["id"]: row for row in (await connection.execute(query)).mappings()}
        found, parent = [turn], turn.parent_id
        while parent is not None and parent in known:
            row = known[parent]
            parent = row["parent_id"]
            if row["state"] != "deleted":
                found.append(_turn(row))
        return found[::-1]

    async def newest(self, conversation_id: int) -> Turn | None:
        """The last turn that was not deleted."""
        query = (
            select(turns)
            .where(turns.c.conversation_id == conversation_id, turns.c.state != "deleted")
            .order_by(turns.c.id.desc())
            .limit(1)
        )
        async with self._database.read() as connection:
            row = (await connection.execute(query)).mappings().first()
        return _turn(row) if row else None

    async def active(self, since: float, most: int) -> list[Conversation]:
        """Those in a place of their own that were used since (epoch seconds), the newest first."""
        query = (
            select(conversations)
            .where(conversations.c.updated_at >= since, conversations.c.kind.in_(("thread", "direct")))
            .order_by(conversations.c.updated_at.desc())
            .limit(most)
        )
        async with self._database.read() as connection:
            return [_conversation(row) for row in (await connection.execute(query)).mappings()]

    async def set_images(self, turn_id: int, images: Sequence[tuple[str, bytes]]) -> None:
        """Instead of those it had."""
        async with self._database.write() as connection:
            await connection.execute(delete(turn_images).where(turn_images.c.turn_id == turn_id))
            if images:
                rows = [{"turn_id": turn_id, "mime": mime, "data": data} for mime, data in images]
                await connection.execute(turn_images.insert(), rows)

    async def images(self, turn_ids: Sequence[int]) -> dict[int, list[tuple[str, bytes]]]:
        found: dict[int, list[tuple[str, bytes]]] = {}
        if not turn_ids:
            return found
        query = select(turn_images).where(turn_images.c.turn_id.in_(turn_ids)).order_by(turn_images.c.id)
        async with self._database.read() as connection:
            for row in (await connection.execute(query)).mappings():
                found.setdefault(row["turn_id"], []).append((row["mime"], row["data"]))
        return found

    async def by_message(self, channel_id: int, message_id: int) -> Turn | None:
        """The turn of which this is a question or an answer."""
        text = str(message_id)
        query = select(turns).where(
            turns.c.channel_id == channel_id, turns.c.question_ids.contains(text) | turns.c.message_ids.contains(text)
        )
        async with self._database.read() as connection:
            rows = (await connection.execute(query.order_by(turns.c.id.desc()).limit(20))).mappings().all()
        return next((turn for turn in map(_turn, rows) if message_id in (*turn.question_ids, *turn.message_ids)), None)

    async def running(self) -> list[Turn]:
        """What a crash or a restart left unfinished."""
        async with self._database.read() as connection:
            return [
                _turn(row)
                for row in (await connection.execute(select(turns).where(turns.c.state == "running"))).mappings()
            ]
