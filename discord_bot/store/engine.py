"""The one connection pool of the store, and the two ways to use it: `read` and `write`.

SQLite's driver must not begin or commit by itself, or a crash cuts a migration in two: every transaction is
opened here. A write opens with BEGIN IMMEDIATE, so it waits for another writer instead of failing half way.
"""

import asyncio
import contextlib
import os
import sqlite3
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import structlog
from sqlalchemy import URL, Connection, event, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from discord_bot.store.address import is_sqlite, sqlite_file

log = structlog.get_logger(__name__)
PATIENCE = 30.0  # seconds that a writer waits for another process, such as several bots on their first start
CONNECTING, LONGEST_COMMAND = 10.0, 60.0  # seconds, for PostgreSQL
OWNER_ONLY = 0o600
BESIDE = ("", "-wal", "-shm", "-journal")
CLOSING = 5.0  # seconds that `close` waits for transactions in progress


class Database:
    def __init__(self, engine: AsyncEngine) -> None:
        self.engine = engine
        self._in_use = 0
        self._idle = asyncio.Event()
        self._idle.set()

    @property
    def is_sqlite(self) -> bool:
        return is_sqlite(self.engine.url)

    @contextlib.asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        async with self._connection() as connection:
            yield connection

    @contextlib.asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        """One transaction: all of it is committed, or nothing."""
        async with self._connection() as connection:
            await connection.execution_options(writes=True)
            async with connection.begin():
                yield connection

    async def scrub(self) -> None:
        """After an erasure: the write-ahead log must not keep what the tables no longer contain."""
        if not self.is_sqlite:
            return  # PostgreSQL's autovacuum reclaims the rows
        async with self._connection() as connection:
            raw = (await connection.get_raw_connection()).driver_connection
            assert raw is not None  # noqa: S101 - a connection that was opened has one
            async with raw.execute("PRAGMA wal_checkpoint(TRUNCATE)") as cursor:
                busy, *_ = await cursor.fetchone()
        if busy:
            log.info("the write-ahead log is in use; it is truncated at the next erasure")

    async def close(self) -> None:
        """Waits until every connection is back in the pool: a loop that ends must not cancel a rollback midway."""
        try:
            async with asyncio.timeout(CLOSING):
                await self._idle.wait()
        except TimeoutError:
            log.warning("the database closes with transactions in progress", count=self._in_use)
        await self.engine.dispose()

    @contextlib.asynccontextmanager
    async def _connection(self) -> AsyncIterator[AsyncConnection]:
        self._in_use += 1
        self._idle.clear()
        try:
            async with self.engine.connect() as connection:
                yield connection
        finally:
            self._in_use -= 1
            if not self._in_use:
                self._idle.set()


async def connect(url: URL) -> Database:
    """Opens nothing yet for PostgreSQL. Raises OSError if the SQLite file cannot be opened."""
    path = sqlite_file(url)
    if path is not None:
        # A connection that fails to open leaks a thread of the driver, so the file is tried without it first.
        await asyncio.to_thread(_prepare_file, path)
    # A database error may name the statement, but never a person's words.
    bounds = {} if is_sqlite(url) else {"timeout": CONNECTING, "command_timeout": LONGEST_COMMAND}
    engine = create_async_engine(url, hide_parameters=True, pool_pre_ping=not is_sqlite(url), connect_args=bounds)
    if is_sqlite(url):
        event.listen(engine.sync_engine, "connect", _tune)
        event.listen(engine.sync_engine, "begin", _begin)
    return Database(engine)


def _prepare_file(path: str) -> None:
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, OWNER_ONLY))
        for ending in BESIDE:
            with contextlib.suppress(FileNotFoundError):
                Path(path + ending).chmod(OWNER_ONLY)
        _use_write_ahead_log(path)
    except sqlite3.Error as error:
        raise OSError(f"{path}: {error}") from error
    except OSError as error:
        raise OSError(f"{path}: {error.strerror or error}") from error


def _use_write_ahead_log(path: str) -> None:
    """Stored in the file. The change needs exclusive access and does not wait for it, so it is retried."""
    until = time.monotonic() + PATIENCE
    while True:
        connection = sqlite3.connect(path, timeout=PATIENCE)
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > until:
                raise
            time.sleep(0.02)
        else:
            return
        finally:
            connection.close()


def _tune(connection: Any, _: Any) -> None:
    connection.isolation_level = None  # the driver commits nothing by itself
    cursor = connection.cursor()
    # A crash at any moment leaves the file intact; erased bytes are overwritten.
    for pragma in (
        f"busy_timeout={int(PATIENCE * 1_000)}",
        "synchronous=NORMAL",
        "foreign_keys=ON",
        "secure_delete=ON",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin(connection: Connection) -> None:
    writes = connection.get_execution_options().get("writes")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


async def lock_for_migration(connection: AsyncConnection) -> None:
    """Bots that start together migrate one after another. SQLite's BEGIN IMMEDIATE is already such a lock."""
    if connection.dialect.name == "postgresql":
        await connection.execute(text("SELECT pg_advisory_xact_lock(47110001)"))
