"""The store: SQLite by default, PostgreSQL by URL. Migrations run when it opens."""

from asyncpg import PostgresError
from sqlalchemy import delete, select
from sqlalchemy.exc import SQLAlchemyError

from discord_bot.store import schema
from discord_bot.store.address import address_of
from discord_bot.store.contests import Contests
from discord_bot.store.conversations import Conversations
from discord_bot.store.digests import Digests
from discord_bot.store.engine import Database, connect
from discord_bot.store.memory import Memory
from discord_bot.store.migration import migrate
from discord_bot.store.pictures import Pictures
from discord_bot.store.privacy import Privacy
from discord_bot.store.problem import DatabaseProblem, own_words
from discord_bot.store.reminders import Reminders
from discord_bot.store.settings import Settings
from discord_bot.store.upsert import upsert
from discord_bot.store.usage import UsageCounts
from discord_bot.store.wishes import Wishes


async def open_store(url: str) -> "Store":
    """Raises DatabaseProblem when the database cannot be used."""
    return Store(await open_database(url))


async def open_database(url: str) -> Database:
    """Like `open_store`, for code that works on whole tables."""
    address = address_of(url)
    try:
        database = await connect(address)
    except OSError as error:
        raise DatabaseProblem(str(error)) from error
    try:
        await migrate(database)
    except BaseException as error:
        await database.close()
        if isinstance(error, (SQLAlchemyError, PostgresError, OSError)):
            raise DatabaseProblem(own_words(error)) from error
        raise
    return database


class Store:
    """Each part has its own file; all share one database."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.conversations = Conversations(database)
        self.pictures = Pictures(database)
        self.settings = Settings(database)
        self.usage = UsageCounts(database)
        self.privacy = Privacy(database)
        self.wishes = Wishes(database)
        self.contests = Contests(database)
        self.digests = Digests(database)
        self.memory = Memory(database)
        self.reminders = Reminders(database)

    async def get_meta(self, key: str) -> str | None:
        async with self.database.read() as connection:
            result = await connection.execute(select(schema.meta.c.value).where(schema.meta.c.key == key))
            value: str | None = result.scalar_one_or_none()
            return value

    async def set_meta(self, key: str, value: str) -> None:
        async with self.database.write() as connection:
            await upsert(connection, schema.meta, {"key": key, "value": value})

    async def delete_meta(self, key: str) -> None:
        async with self.database.write() as connection:
            await connection.execute(delete(schema.meta).where(schema.meta.c.key == key))

    async def close(self) -> None:
        await self.database.close()
