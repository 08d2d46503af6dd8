"""Brings a database to the current schema: in one transaction, under a lock, so a crash leaves the former schema."""

from importlib import resources

from sqlalchemy import Connection, inspect, text

from discord_bot.store.engine import Database, lock_for_migration
from discord_bot.store.problem import NewerDatabase

FIRST_TABLES = ("usage", "settings", "pictures", "turn_images", "turns", "conversations", "meta")


async def migrate(database: Database) -> None:
    """Raises NewerDatabase."""
    async with database.write() as connection:
        await lock_for_migration(connection)
        await connection.run_sync(_migrate)


def _migrate(connection: Connection) -> None:
    present, known = _forms(connection), _known_forms()
    if present == {known[-1]}:
        return
    if unknown := present - set(known):
        raise NewerDatabase(
            f"the database has form {', '.join(sorted(unknown))}, which a newer version wrote; "
            f"this version knows forms up to {known[-1]}. Start the newer version, or restore a backup."
        )
    if not present and connection.dialect.name == "sqlite":
        _clear_unfinished(connection)
    from discord_bot.store.upgrade import upgrade  # noqa: PLC0415 - only a start that migrates needs Alembic

    upgrade(connection)


def _forms(connection: Connection) -> set[str]:
    """What Alembic has noted down in the database; empty for a new one."""
    if not inspect(connection).has_table("alembic_version"):
        return set()
    return set(connection.execute(text("SELECT version_num FROM alembic_version")).scalars())


def _known_forms() -> list[str]:
    """The migrations' numbers, with which their files' names begin, in order."""
    folder = resources.files("discord_bot.store").joinpath("migrations", "versions")
    numbers = {file.name.partition("_")[0] for file in folder.iterdir()}
    return sorted(number for number in numbers if number.isdecimal())


def _clear_unfinished(connection: Connection) -> None:
    """Version 0.1.0 could be killed during its first start, which left some of its tables, all of them empty."""
    there = set(inspect(connection).get_table_names())
    for name in FIRST_TABLES:
        if name in there and not connection.execute(text(f"SELECT COUNT(*) FROM {name}")).scalar():  # noqa: S608 - a fixed list
            connection.execute(text(f"DROP TABLE {name}"))
