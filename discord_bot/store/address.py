"""Database URLs as people have them: SQLAlchemy's own, and those that hosting services print."""

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from discord_bot.store.problem import BadAddress

DRIVERS = {
    "sqlite": "sqlite+aiosqlite",
    "sqlite+aiosqlite": "sqlite+aiosqlite",
    "postgres": "postgresql+asyncpg",
    "postgresql": "postgresql+asyncpg",
    "postgresql+asyncpg": "postgresql+asyncpg",
    "postgresql+psycopg": "postgresql+asyncpg",
    "postgresql+psycopg2": "postgresql+asyncpg",
}
# libpq's parameters that asyncpg does not take. `sslmode` is translated.
LIBPQ_ONLY = ("channel_binding", "connect_timeout", "gssencmode", "keepalives", "target_session_attrs", "pgbouncer")


def address_of(text: str) -> URL:
    """The URL with the drivers the bot ships. Raises BadAddress."""
    try:
        url = make_url(text.strip())
    except (ArgumentError, ValueError):
        raise BadAddress(
            "not a database URL; use sqlite:///file.sqlite3 or postgresql://user:password@host:5432/name"
        ) from None
    driver = DRIVERS.get(url.drivername)
    if driver is None:
        raise BadAddress("this kind of database is not supported; use sqlite:///… or postgresql://…")
    url = url.set(drivername=driver)
    return _for_asyncpg(url) if driver.startswith("postgresql") else url


def is_sqlite(url: URL) -> bool:
    return url.get_backend_name() == "sqlite"


def sqlite_file(url: URL) -> str | None:
    """The path of a SQLite database; None for PostgreSQL and for one in memory."""
    name = url.database or ""
    return name if is_sqlite(url) and name and not name.startswith((":", "file:")) else None


def _for_asyncpg(url: URL) -> URL:
    mode = url.query.get("sslmode")
    url = url.difference_update_query(["sslmode", *LIBPQ_ONLY])
    if mode and "ssl" not in url.query:
        url = url.update_query_dict({"ssl": str(mode if isinstance(mode, str) else mode[0])})
    return url
