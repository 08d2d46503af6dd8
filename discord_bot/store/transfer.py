"""Copies all rows of one database to another: backup, restore, and the move from SQLite to PostgreSQL.

A copy is read in one transaction, so it is consistent even while the bot writes, and written in one, so it is
complete or absent. A backup is a SQLite file, whatever database the bot uses.
"""

import contextlib
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from sqlalchemy import Table, delete, func, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from discord_bot.store.database import open_database
from discord_bot.store.engine import Database
from discord_bot.store.problem import DatabaseProblem
from discord_bot.store.schema import metadata

# ruff: noqa: ASYNC240 - commands with a loop of their own

ROWS = 500  # rows at a time: pictures are large


async def backup(source_url: str, path: Path) -> int:
    """Returns the number of rows. Raises DatabaseProblem; an existing file is never overwritten."""
    if path.exists():
        raise DatabaseProblem(f"{path} exists already; choose another name")
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        async with _opened(source_url) as source, _opened(f"sqlite:///{unfinished}") as target:
            rows = await copy(source, target)
            await target.scrub()  # one file, without a write-ahead log next to it
        unfinished.rename(path)
    finally:
        for ending in ("", "-wal", "-shm"):
            Path(f"{unfinished}{ending}").unlink(missing_ok=True)
    return rows


async def restore(path: Path, target_url: str, *, replace: bool) -> int:
    """Loads a backup of this or an older version. Raises DatabaseProblem."""
    if not path.is_file():
        raise DatabaseProblem(f"{path}: there is no such file")
    copied = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        # An older backup is migrated in a copy; the backup itself is not changed.
        copied.touch(0o600)
        copied.write_bytes(path.read_bytes())
        return await move(f"sqlite:///{copied}", target_url, replace=replace)
    finally:
        for ending in ("", "-wal", "-shm"):
            Path(f"{copied}{ending}").unlink(missing_ok=True)


async def move(source_url: str, target_url: str, *, replace: bool) -> int:
    """Copies everything. `replace`: discard the target's contents. Raises DatabaseProblem."""
    async with _opened(source_url) as source, _opened(target_url) as target:
        if source.engine.url == target.engine.url:
            raise DatabaseProblem(
                "the target is the bot's present database: put the new address into a variable of its own"
            )
        return await copy(source, target, replace=replace)


async def copy(source: Database, target: Database, *, replace: bool = False) -> int:
    rows = 0
    async with source.read() as reading, target.write() as writing:
        if reading.dialect.name == "postgresql":
            await reading.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"))
        if not replace and await _holds_data(writing):
            raise DatabaseProblem("the target holds data already; use --replace to overwrite it")
        for table in metadata.sorted_tables:
            await writing.execute(delete(table))
            async for batch in _batches(reading, table):
                await writing.execute(table.insert(), batch)
                rows += len(batch)
            await _count_on(writing, table)
    return rows


async def _holds_data(connection: AsyncConnection) -> bool:
    for table in metadata.sorted_tables:
        if (await connection.execute(select(func.count()).select_from(table))).scalar():
            return True
    return False


async def _batches(connection: AsyncConnection, table: Table) -> AsyncIterator[list[dict[str, Any]]]:
    result = await connection.stream(select(table).order_by(*table.primary_key))
    async for part in result.mappings().partitions(ROWS):
        yield [dict(row) for row in part]


async def _count_on(connection: AsyncConnection, table: Table) -> None:
    """PostgreSQL numbers new rows by a sequence, which knows nothing of the copied ids."""
    if connection.dialect.name == "postgresql" and table.autoincrement_column is not None and "id" in table.c:
        await connection.execute(
            text(
                f"SELECT setval(pg_get_serial_sequence('{table.name}', 'id'),"  # noqa: S608 - our own table's name
                f" COALESCE((SELECT MAX(id) FROM {table.name}), 0) + 1, false)"
            )
        )


@contextlib.asynccontextmanager
async def _opened(url: str) -> AsyncIterator[Database]:
    database = await open_database(url)
    try:
        yield database
    finally:
        await database.close()
