"""Brings a database to the current schema: in one transaction, under a lock, so a crash leaves the former schema."""

from importlib import resources

from alembic import command
from alembic.config import Config as AlembicConfig
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, text

from discord_bot.store.engine import Database, lock_for_migration
from discord_bot.store.problem import NewerDatabase

FIRST_TABLES = ("usage", "settings", "pictures", "turn_images", "turns", "conversations", "meta")


async def migrate(database: Database) -> None:
    """Raises NewerDatabase."""
    async with database.write() as connection:
        await lock_for_migration(connection)
        await connection.run_sync(_upgrade)


def _upgrade(connection: Connection) -> None:
    config = AlembicConfig()
    config.set_main_option("script_location", str(resources.files("discord_bot.store").joinpath("migrations")))
    config.attributes["connection"] = connection
    revisions = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    present = MigrationContext.configure(connection).get_current_heads()
    unknown = set(present) - revisions
    if unknown:
        raise NewerDatabase(
            f"the database has form {', '.join(sorted(unknown))}, which a newer version wrote; "
            f"this version knows forms up to {max(revisions)}. Start the newer version, or restore a backup."
        )
    if not present and connection.dialect.name == "sqlite":
        _clear_unfinished(connection)
    command.upgrade(config, "head")


def _clear_unfinished(connection: Connection) -> None:
    """Version 0.1.0 could be killed during its first start, which left some of its tables, all of them empty."""
    there = set(inspect(connection).get_table_names())
    for name in FIRST_TABLES:
        if name in there and not connection.execute(text(f"SELECT COUNT(*) FROM {name}")).scalar():  # noqa: S608 - a fixed list
            connection.execute(text(f"DROP TABLE {name}"))
