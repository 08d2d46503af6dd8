"""Insert or update in one atomic statement; both databases use the same syntax."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Table
from sqlalchemy.dialects import sqlite
from sqlalchemy.ext.asyncio import AsyncConnection


async def upsert(
    connection: AsyncConnection, table: Table, row: Mapping[str, Any], change: Mapping[str, Any] | None = None
) -> None:
    """Inserts the row; if its primary key exists already, applies `change` (else the row's other values)."""
    keys = [column.name for column in table.primary_key]
    statement = _insert(connection.dialect.name, table)
    new = change if change is not None else {name: value for name, value in row.items() if name not in keys}
    await connection.execute(statement.values(**row).on_conflict_do_update(index_elements=keys, set_=dict(new)))


def _insert(dialect: str, table: Table) -> Any:
    if dialect == "postgresql":
        from sqlalchemy.dialects import postgresql  # noqa: PLC0415 - it takes long to import, and few bots need it

        return postgresql.insert(table)
    return sqlite.insert(table)
