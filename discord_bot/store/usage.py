"""Usage by hour, server and person. Work is charged when it starts, in the same step that checks the limits."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, and_, case, func, or_, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from discord_bot.store.engine import Database
from discord_bot.store.schema import usage
from discord_bot.store.upsert import upsert

HOUR = 3_600
DAY = 24 * HOUR
Refusal = TypeVar("Refusal")


@dataclass(frozen=True)
class Used:
    requests: int = 0
    tokens: int = 0
    pictures: int = 0

    def plus(self, other: "Used") -> "Used":
        return Used(self.requests + other.requests, self.tokens + other.tokens, self.pictures + other.pictures)


@dataclass(frozen=True)
class Windows:
    """Usage in the current hour and day (UTC): by the person anywhere, by the person here, by the server."""

    user_hour: Used = field(default_factory=Used)
    user_day: Used = field(default_factory=Used)
    here_hour: Used = field(default_factory=Used)
    here_day: Used = field(default_factory=Used)
    server_hour: Used = field(default_factory=Used)
    server_day: Used = field(default_factory=Used)


@dataclass(frozen=True)
class Charge:
    """One charged piece of work: where its tokens are added, and what a refund returns."""

    hour: int
    guild_id: int
    user_id: int
    requests: int
    pictures: int


class UsageCounts:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._erased: list[tuple[int, int, int, Used]] = []

    async def windows(self, user_id: int, guild_id: int | None, now: float) -> Windows:
        async with self._database.read() as connection:
            return await self._windows(connection, user_id, guild_id or 0, now)

    async def charge(
        self,
        user_id: int,
        guild_id: int | None,
        refuse: Callable[[Windows], Refusal | None],
        *,
        requests: int = 1,
        pictures: int = 0,
    ) -> Charge | Refusal:
        """Charges the work unless `refuse` says why not. Of two simultaneous askers only one gets the last slot."""
        now = time.time()
        charge = Charge(int(now) // HOUR, guild_id or 0, user_id, requests, pictures)
        async with self._database.write() as connection:
            if connection.dialect.name == "postgresql":
                for key in {user_id, guild_id or user_id}:
                    await connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": key})
            refusal = refuse(await self._windows(connection, user_id, guild_id or 0, now))
            if refusal is not None:
                return refusal
            await _add(connection, charge, Used(requests, 0, pictures))
        return charge

    async def refund(self, charge: Charge) -> None:
        """The work failed, through no fault of the person."""
        await self._change(charge, Used(-charge.requests, 0, -charge.pictures))

    async def add_tokens(self, charge: Charge, tokens: int) -> None:
        await self._change(charge, Used(0, tokens, 0))

    async def _change(self, charge: Charge, more: Used) -> None:
        """Updates an existing row: one that was erased meanwhile is not recreated."""
        row = (
            (usage.c.hour == charge.hour) & (usage.c.guild_id == charge.guild_id) & (usage.c.user_id == charge.user_id)
        )
        values = {
            "requests": usage.c.requests + more.requests,
            "tokens": usage.c.tokens + more.tokens,
            "pictures": usage.c.pictures + more.pictures,
        }
        async with self._database.write() as connection:
            await connection.execute(update(usage).where(row).values(**values))

    async def used(self, since: float, *, user_id: int | None = None, guild_id: int | None = None) -> Used:
        """Sums from the hour of `since` (epoch seconds) on; a person's are over all servers unless one is given."""
        query = select(func.sum(usage.c.requests), func.sum(usage.c.tokens), func.sum(usage.c.pictures)).where(
            usage.c.hour >= int(since) // HOUR
        )
        if user_id is not None:
            query = query.where(usage.c.user_id == user_id)
        if guild_id is not None:
            query = query.where(usage.c.guild_id == guild_id)
        async with self._database.read() as connection:
            row = (await connection.execute(query)).one()
        return Used(*(int(value or 0) for value in row))

    async def forget_later(self, user_id: int) -> None:
        """Before a person's rows are erased: today's counts stay in memory, or erasing would renew the quota."""
        now = time.time()
        today = int(now - now % DAY) // HOUR
        mine = select(usage).where(usage.c.user_id == user_id, usage.c.hour >= today)
        async with self._database.read() as connection:
            rows = (await connection.execute(mine)).mappings().all()
        self._erased = [erased for erased in self._erased if erased[0] >= today]
        self._erased += [
            (row["hour"], row["guild_id"], user_id, Used(row["requests"], row["tokens"], row["pictures"]))
            for row in rows
        ]

    async def _windows(self, connection: AsyncConnection, user_id: int, guild_id: int, now: float) -> Windows:
        hour, today = int(now) // HOUR, int(now - now % DAY) // HOUR
        mine, here = usage.c.user_id == user_id, usage.c.guild_id == guild_id
        subjects: list[ColumnElement[bool]] = [mine, and_(mine, here), here]
        conditions = [owner for subject in subjects for owner in (and_(subject, usage.c.hour >= hour), subject)]
        sums: list[Any] = [
            func.sum(case((condition, column), else_=0))
            for condition in conditions
            for column in (usage.c.requests, usage.c.tokens, usage.c.pictures)
        ]
        # Rows of future hours come from a clock that was wrong for a while; they must not lock anybody out.
        query = select(*sums).where(usage.c.hour.between(today, hour), or_(mine, here))
        row = [int(value or 0) for value in (await connection.execute(query)).one()]
        counted = [Used(*row[number : number + 3]) for number in range(0, len(row), 3)]
        for at, where, who, more in self._erased:
            of = (who == user_id, who == user_id and where == guild_id, where == guild_id)
            for number, (belongs, recent) in enumerate(
                (owner, two) for owner in of for two in (at >= hour, at >= today)
            ):
                if belongs and recent and at <= hour:
                    counted[number] = counted[number].plus(more)
        if not guild_id:
            counted[4:] = [Used(), Used()]
        return Windows(*counted)


async def _add(connection: AsyncConnection, charge: Charge, more: Used) -> None:
    row = {
        "hour": charge.hour, "guild_id": charge.guild_id, "user_id": charge.user_id,
        "requests": more.requests, "tokens": more.tokens, "pictures": more.pictures,
    }  # fmt: skip
    change = {name: usage.c[name] + row[name] for name in ("requests", "tokens", "pictures")}
    await upsert(connection, usage, row, change)
