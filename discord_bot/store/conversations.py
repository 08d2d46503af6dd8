"""Conversations and their turns."""

import asyncio
import json
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from weakref import WeakValueDictionary

from sqlalchemy import delete, func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from discord_bot.store.engine import Database
from discord_bot.store.schema import conversations, turn_images, turn_parts, turns
from discord_bot.store.turns import Attached, Part, PartKind, State, Turn
from discord_bot.store.wishes import Keeping

LONGEST_NAME = 64
LONGEST_LINE = 300  # turns that are looked at, however long a conversation grows
LISTS = ("question_ids", "message_ids", "former")
COLUMNS = tuple(name for name in Turn.__dataclass_fields__ if name not in ("parts", "images"))
WORDLESS = ("state", "locale", "channel_id", "deployment", "question_ids", "message_ids")
WORDS = ("answer", "reasoning", "former")


class Kind(StrEnum):
    THREAD = "thread"
    CHAIN = "chain"
    """Replies in a channel."""
    DIRECT = "direct"
    PRIVATE = "private"
    """An interaction's answer that only its asker sees; no conversation that goes on."""
    PUBLIC = "public"
    """An interaction's answer that everybody sees; no conversation that goes on."""


PASSING = (Kind.PRIVATE, Kind.PUBLIC)


@dataclass
class Conversation:
    id: int
    place_id: int
    channel_id: int
    guild_id: int | None
    owner_id: int
    kind: Kind
    model: str | None
    persona: str | None
    closed: bool
    created_at: float = 0.0
    origin_turn: int | None = None
    """Of a fork: the turn of another conversation that it continues."""


def _conversation(row: Any) -> Conversation:
    values: dict[str, Any] = {name: row[name] for name in Conversation.__dataclass_fields__}
    return Conversation(**{**values, "kind": Kind(values["kind"])})


def _turn(row: Any) -> Turn:
    values = {name: json.loads(row[name]) if name in LISTS else row[name] for name in COLUMNS}
    return Turn(**{**values, "state": State(values["state"])})


def _stored(turn: Turn, names: Iterable[str]) -> dict[str, Any]:
    return {name: json.dumps(getattr(turn, name)) if name in LISTS else getattr(turn, name) for name in names}


def row_id(result: Any) -> int:
    """The key that an insert was given."""
    return int(result.inserted_primary_key[0])


class Conversations:
    """Whatever writes a person's words takes a `Keeping`; everything else writes none."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._saving = WeakValueDictionary[int, asyncio.Lock]()

    async def create(
        self,
        place_id: int,
        channel_id: int,
        guild_id: int | None,
        owner_id: int,
        kind: Kind,
        *,
        model: str | None = None,
        persona: str | None = None,
        origin_turn: int | None = None,
    ) -> Conversation:
        """A new one, or the one that the place has already. `persona`: the name of one that the operator offers."""
        now = time.time()
        values: dict[str, Any] = {
            "place_id": place_id, "channel_id": channel_id, "guild_id": guild_id, "owner_id": owner_id,
            "kind": kind, "model": model, "persona": persona, "closed": False, "created_at": now,
            "origin_turn": origin_turn,
        }  # fmt: skip
        try:
            async with self._database.write() as connection:
                result = await connection.execute(conversations.insert().values(**values, updated_at=now))
                return Conversation(id=row_id(result), **values)
        except IntegrityError:
            # Two messages began the same place at once: both belong to the first one's conversation.
            there = await self.find(place_id)
            if there is None:
                raise
            return there

    async def find(self, place_id: int) -> Conversation | None:
        """By its thread, direct channel or first message."""
        return await self._one(conversations.c.place_id == place_id)

    async def get(self, conversation_id: int) -> Conversation | None:
        return await self._one(conversations.c.id == conversation_id)

    async def _one(self, condition: Any) -> Conversation | None:
        async with self._database.read() as connection:
            row = (await connection.execute(select(conversations).where(condition))).mappings().first()
        return _conversation(row) if row else None

    async def retire(self, conversation: Conversation) -> None:
        """Its place begins anew. What was said stays with it, and a reply to it still finds it."""
        await self._change(conversation.id, place_id=-conversation.id, closed=True)

    async def set_closed(self, conversation_id: int, *, closed: bool) -> None:
        await self._change(conversation_id, closed=closed)

    async def set_model(self, conversation_id: int, model: str | None) -> None:
        await self._change(conversation_id, model=model)

    async def set_persona(self, conversation_id: int, name: str | None) -> None:
        """One of the operator's, by its name."""
        await self._change(conversation_id, persona=name, persona_author_id=None)

    async def set_instructions(self, conversation_id: int, text: str, author_id: int, keeping: Keeping) -> bool:
        """A person's own instead of a persona. False: that person's words are not stored."""
        if not keeping.allows(author_id):
            return False
        await self._change(conversation_id, persona=text, persona_author_id=author_id)
        return True

    async def _change(self, conversation_id: int, **values: Any) -> None:
        async with self._database.write() as connection:
            await connection.execute(
                update(conversations)
                .where(conversations.c.id == conversation_id)
                .values(updated_at=time.time(), **values)
            )

    # --- writing turns --------------------------------------------------------------------------

    async def add_turn(
        self,
        conversation: Conversation,
        asker_id: int,
        parts: Sequence[Part],
        question_ids: Sequence[int],
        locale: str,
        channel_id: int,
        keeping: Keeping,
        images: Sequence[Attached] = (),
        *,
        parent_id: int | None = None,
        model: str | None = None,
        beside: Turn | None = None,
    ) -> Turn:
        """The next one of the conversation; `parent_id`: continues that turn instead of the newest.

        `beside`: another answer to the same question, which continues what that turn continues.

        The turn holds all words; of them only those that may be kept are written.
        """
        turn = Turn(
            0, conversation.id, asker_id, State.RUNNING, locale, channel_id, list(parts), list(images),
            question_ids=list(question_ids), created_at=time.time(), parent_id=parent_id,
            model=model,
        )  # fmt: skip
        newest = select(func.max(turns.c.id)).where(turns.c.conversation_id == conversation.id)
        async with self._database.write() as connection:
            if beside is not None:
                turn.parent_id = beside.parent_id
            elif parent_id is None:
                turn.parent_id = (await connection.execute(newest)).scalar_one_or_none() or conversation.origin_turn
            result = await connection.execute(
                turns.insert().values(
                    conversation_id=turn.conversation_id, asker_id=asker_id, created_at=turn.created_at,
                    parent_id=turn.parent_id, model=model, **_stored(turn, (*WORDLESS, *WORDS)),
                )
            )  # fmt: skip
            turn.id = row_id(result)
            await _insert_parts(connection, turn, keeping)
            await connection.execute(
                update(conversations).where(conversations.c.id == conversation.id).values(updated_at=turn.created_at)
            )
        return turn

    async def set_question(self, turn: Turn, keeping: Keeping) -> None:
        """The question was edited, or read again: its parts and pictures instead of those that are stored."""
        async with self._lock(turn), self._database.write() as connection:
            there = select(turns.c.id).where(turns.c.id == turn.id)
            if (await connection.execute(there)).first() is None:
                return  # erased meanwhile
            for table in (turn_parts, turn_images):
                await connection.execute(delete(table).where(table.c.turn_id == turn.id))
            await _insert_parts(connection, turn, keeping)
            await connection.execute(update(turns).where(turns.c.id == turn.id).values(**_stored(turn, WORDLESS)))

    async def update(self, turn: Turn) -> None:
        """Where the turn stands; no word of it."""
        # One after another: of two saves the later one must not be overtaken by what the turn was before.
        async with self._lock(turn), self._database.write() as connection:
            await connection.execute(update(turns).where(turns.c.id == turn.id).values(**_stored(turn, WORDLESS)))

    async def save(self, turn: Turn, keeping: Keeping) -> None:
        """Where the turn stands, and its answer if all who took part agree. Takes away parts that may not stay.

        `keeping` is about everybody whose words the answer may repeat: those of the question and of the whole prompt.
        """
        async with self._lock(turn), self._database.write() as connection:
            values = _stored(turn, WORDLESS)
            if keeping.everybody and turn.people <= keeping.people:
                values |= _stored(turn, WORDS)
            else:
                values |= {"answer": "", "reasoning": "", "former": "[]"}
                allowed = keeping.people - keeping.refusing
                for table in (turn_parts, turn_images):
                    refused = (table.c.turn_id == turn.id) & table.c.author_id.not_in(allowed)
                    await connection.execute(delete(table).where(refused))
            await connection.execute(update(turns).where(turns.c.id == turn.id).values(**values))

    async def erase(self, turn: Turn) -> None:
        """The question or its answer was deleted in Discord: the turn keeps its place in the line, but no words."""
        turn.parts, turn.images = [], []
        turn.answer, turn.reasoning, turn.former, turn.state = "", "", [], State.DELETED
        async with self._lock(turn), self._database.write() as connection:
            for table in (turn_parts, turn_images):
                await connection.execute(delete(table).where(table.c.turn_id == turn.id))
            values = _stored(turn, (*WORDLESS, *WORDS))
            await connection.execute(update(turns).where(turns.c.id == turn.id).values(**values))
        await self._database.scrub()

    def _lock(self, turn: Turn) -> asyncio.Lock:
        return self._saving.setdefault(turn.id, asyncio.Lock())

    # --- reading turns --------------------------------------------------------------------------

    async def turn(self, turn_id: int) -> Turn | None:
        return next(iter(await self._turns(turns.c.id == turn_id)), None)

    async def history(self, conversation_id: int) -> list[Turn]:
        """Oldest first, without what was deleted."""
        return await self._turns(turns.c.conversation_id == conversation_id, turns.c.state != State.DELETED)

    async def line(self, turn: Turn) -> list[Turn]:
        """From the beginning of its branch to this turn, without what was deleted."""
        branch, parent, turns = [turn], turn.parent_id, await self._before(turn)
        while parent is not None and len(branch) < LONGEST_LINE:
            if parent not in turns:
                # A fork goes on from a turn of another conversation.
                origin = await self.turn(parent)
                turns = {} if origin is None else {origin.id: origin, **await self._before(origin)}
            former = turns.get(parent)
            if former is None:
                break  # erased
            parent = former.parent_id
            if former.state is not State.DELETED:
                branch.append(former)
        return branch[::-1]

    async def _before(self, turn: Turn) -> dict[int, Turn]:
        older = (turns.c.conversation_id == turn.conversation_id, turns.c.id < turn.id)
        return {earlier.id: earlier for earlier in await self._turns(*older, newest_first=True, limit=LONGEST_LINE)}

    async def fork_of(self, turn_id: int, owner_id: int) -> Conversation | None:
        """The fork that a person has made of a turn already."""
        return await self._one((conversations.c.origin_turn == turn_id) & (conversations.c.owner_id == owner_id))

    async def newest(self, conversation_id: int) -> Turn | None:
        """The last turn that was not deleted."""
        mine = (turns.c.conversation_id == conversation_id, turns.c.state != State.DELETED)
        return next(iter(await self._turns(*mine, newest_first=True, limit=1)), None)

    async def by_message(self, channel_id: int, message_id: int) -> Turn | None:
        """The turn of which this is a question or an answer."""
        text = str(message_id)
        named = turns.c.question_ids.contains(text) | turns.c.message_ids.contains(text)
        candidates = await self._turns(turns.c.channel_id == channel_id, named, newest_first=True, limit=20)
        return next((turn for turn in candidates if message_id in (*turn.question_ids, *turn.message_ids)), None)

    async def running(self) -> list[Turn]:
        """What a crash or a restart left unfinished."""
        return await self._turns(turns.c.state == State.RUNNING)

    async def _turns(self, *conditions: Any, newest_first: bool = False, limit: int | None = None) -> list[Turn]:
        query = select(turns).where(*conditions).order_by(turns.c.id.desc() if newest_first else turns.c.id)
        async with self._database.read() as connection:
            rows = (await connection.execute(query.limit(limit))).mappings().all()
            by_id = {row["id"]: _turn(row) for row in rows}
            if by_id:
                parts = select(turn_parts).where(turn_parts.c.turn_id.in_(by_id)).order_by(turn_parts.c.id)
                for row in (await connection.execute(parts)).mappings():
                    part = Part(row["author_id"], row["author_name"], row["text"], PartKind(row["kind"]))
                    by_id[row["turn_id"]].parts.append(part)
        return list(by_id.values())

    async def images(self, turn_ids: Sequence[int]) -> dict[int, list[Attached]]:
        images: dict[int, list[Attached]] = {}
        if not turn_ids:
            return images
        query = select(turn_images).where(turn_images.c.turn_id.in_(turn_ids)).order_by(turn_images.c.id)
        async with self._database.read() as connection:
            for row in (await connection.execute(query)).mappings():
                images.setdefault(row["turn_id"], []).append(Attached(row["author_id"], row["mime"], row["data"]))
        return images

    async def recent(self, most: int) -> list[Conversation]:
        """Those in a place of their own, the last used first.

        Bounded by their number alone: a bound in seconds forgets people after a long absence or a jump of the clock.
        """
        query = (
            select(conversations)
            .where(conversations.c.kind.in_((Kind.THREAD, Kind.DIRECT)))
            .order_by(conversations.c.updated_at.desc())
            .limit(most)
        )
        async with self._database.read() as connection:
            return [_conversation(row) for row in (await connection.execute(query)).mappings()]


async def _insert_parts(connection: AsyncConnection, turn: Turn, keeping: Keeping) -> None:
    kept = [
        {"turn_id": turn.id, "author_id": image.author_id, "author_name": image.author_name[:LONGEST_NAME], "kind": image.kind, "text": image.text}
        for image in turn.parts
        # What people said to each other is read for one answer and never stored.
        if keeping.allows(image.author_id) and image.kind is not PartKind.CONTEXT
    ]  # fmt: skip
    if kept:
        await connection.execute(turn_parts.insert(), kept)
    pictures = [
        {"turn_id": turn.id, "author_id": image.author_id, "mime": image.mime, "data": image.data}
        for image in turn.images
        if keeping.allows(image.author_id)
    ]
    if pictures:
        await connection.execute(turn_images.insert(), pictures)
