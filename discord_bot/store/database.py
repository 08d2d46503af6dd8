"""The store: SQLite by default, PostgreSQL by URL. Migrations run when it opens."""

import asyncio
import sqlite3
from importlib import resources
from typing import Any

from alembic import command
from alembic.config import Config as AlembicConfig
from sqlalchemy import Connection, event, make_url, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from discord_bot.store import schema
from discord_bot.store.conversations import Conversations
from discord_bot.store.pictures import Pictures
from discord_bot.store.privacy import Privacy
from discord_bot.store.settings import Settings
from discord_bot.store.upsert import upsert
from discord_bot.store.usage import UsageCounts


async def open_store(url: str) -> "Store":
    """Raises SQLAlchemyError or OSError when the database cannot be opened."""
    address = make_url(url)
    if address.get_backend_name() == "sqlite" and not (address.database or ":").startswith((":", "file:")):
        # A connection that fails to open leaves a thread of the driver behind; so it is tried without the driver first.
        await asyncio.to_thread(_try_sqlite, str(address.database))
    engine = create_async_engine(url, pool_pre_ping=not url.startswith("sqlite"))
    if url.startswith("sqlite"):
        event.listen(engine.sync_engine, "connect", _tune_sqlite)
    try:
        async with engine.begin() as connection:
            await _migrate(connection)
    except BaseException:
        await engine.dispose()
        raise
    return Store(engine)


def _try_sqlite(path: str) -> None:
    try:
        sqlite3.connect(path).close()
    except sqlite3.Error as error:
        raise OSError(f"{path}: {error}") from error


def _tune_sqlite(connection: Any, _: Any) -> None:
    cursor = connection.cursor()
    # A crash at any moment leaves it sound; readers and the writer do not wait for each other.
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON", "busy_timeout=5000"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


async def _migrate(connection: AsyncConnection) -> None:
    def upgrade(plain: Connection) -> None:
        config = AlembicConfig()
        config.set_main_option("script_location", str(resources.files("discord_bot.store").joinpath("migrations")))
        config.attributes["connection"] = plain
        command.upgrade(config, "head")

    await connection.run_sync(upgrade)


class Store:
    """Each part has its own file; all share one engine."""

    def __init__(self, engine: AsyncEngine) -> None:
        self.engine = engine
        self.conversations = Conversations(engine)
        self.pictures = Pictures(engine)
        self.settings = Settings(engine)
        self.usage = UsageCounts(engine)
        self.privacy = Privacy(engine)

    async def get_meta(self, key: str) -> str | None:
        async with self.engine.connect() as connection:
            found = await connection.execute(select(schema.meta.c.value).where(schema.meta.c.key == key))
            value: str | None = found.scalar_one_or_none()
            return value

    async def set_meta(self, key: str, value: str) -> None:
        async with self.engine.begin() as connection:
            await upsert(connection, schema.meta, {"key": key, "value": value})

    async def close(self) -> None:
        await self.engine.dispose()
