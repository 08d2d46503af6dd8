"""Comparisons of two models, and what people voted: one vote a person, and the last one counts."""

import time
from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import delete, func, select, update

from discord_bot.store.conversations import row_id
from discord_bot.store.engine import Database
from discord_bot.store.schema import contests, turns, votes
from discord_bot.store.upsert import upsert


class Vote(StrEnum):
    FIRST = "first"
    SECOND = "second"
    TIE = "tie"


@dataclass(frozen=True)
class Contest:
    id: int
    guild_id: int | None
    channel_id: int
    first_turn: int
    second_turn: int
    first_model: str
    second_model: str
    message_id: int | None = None


@dataclass(frozen=True)
class Ballot:
    """One vote of one person."""

    first_model: str
    second_model: str
    vote: Vote


class Contests:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(
        self, guild_id: int | None, channel_id: int, turns: tuple[int, int], models: tuple[str, str]
    ) -> Contest:
        values: dict[str, Any] = {
            "guild_id": guild_id, "channel_id": channel_id, "first_turn": turns[0], "second_turn": turns[1],
            "first_model": models[0], "second_model": models[1],
        }  # fmt: skip
        async with self._database.write() as connection:
            result = await connection.execute(contests.insert().values(**values, created_at=time.time()))
        return Contest(row_id(result), **values)

    async def set_message(self, contest_id: int, message_id: int) -> None:
        async with self._database.write() as connection:
            await connection.execute(update(contests).where(contests.c.id == contest_id).values(message_id=message_id))

    async def get(self, contest_id: int) -> Contest | None:
        return await self._one(contests.c.id == contest_id)

    async def _one(self, condition: Any) -> Contest | None:
        columns = [contests.c[name] for name in Contest.__dataclass_fields__]
        async with self._database.read() as connection:
            row = (await connection.execute(select(*columns).where(condition))).mappings().first()
        return Contest(**row) if row else None

    async def vote(self, contest_id: int, voter_id: int, vote: Vote) -> bool:
        """False: this person had voted so before, and takes the vote back."""
        mine = (votes.c.contest_id == contest_id) & (votes.c.voter_id == voter_id)
        async with self._database.write() as connection:
            former = (await connection.execute(select(votes.c.choice).where(mine))).scalar_one_or_none()
            if former == vote:
                await connection.execute(delete(votes).where(mine))
                return False
            await upsert(connection, votes, {"contest_id": contest_id, "voter_id": voter_id, "choice": vote})
        return True

    async def count(self, contest_id: int) -> Counter[Vote]:
        query = select(votes.c.choice).where(votes.c.contest_id == contest_id)
        async with self._database.read() as connection:
            return Counter(Vote(value) for value in (await connection.execute(query)).scalars())

    async def leader(self, conversation_id: int) -> int | None:
        """The better answer where a conversation ends with a comparison: it goes on from that one."""
        newest = select(func.max(turns.c.id)).where(turns.c.conversation_id == conversation_id).scalar_subquery()
        contest = await self._one(contests.c.second_turn == newest)
        if contest is None:
            return None
        counts = await self.count(contest.id)
        return contest.second_turn if counts[Vote.SECOND] > counts[Vote.FIRST] else contest.first_turn

    async def ballots(self, guild_id: int) -> list[Ballot]:
        """Every vote of a server."""
        query = (
            select(contests.c.first_model, contests.c.second_model, votes.c.choice)
            .join(votes, votes.c.contest_id == contests.c.id)
            .where(contests.c.guild_id == guild_id)
        )
        async with self._database.read() as connection:
            rows = await connection.execute(query)
            return [Ballot(row.first_model, row.second_model, Vote(row.choice)) for row in rows]
