"""Both databases, each test on a fresh one."""

import asyncio
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import asyncpg
import pytest

from tests.support.postgres import binaries, cluster, fresh_name


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    programs = binaries()
    if programs is None:
        if os.environ.get("CI"):
            pytest.fail("PostgreSQL is not installed, and here it must be")
        pytest.skip("PostgreSQL is not installed")
    with cluster(programs) as address:
        yield address


def fresh_database(server: str) -> str:
    """The URL of a new, empty database; it goes with its cluster."""
    name = fresh_name()

    async def create() -> None:
        door = await asyncpg.connect(f"postgresql://antiphon@{server}/postgres")
        await door.execute(f"CREATE DATABASE {name}")
        await door.close()

    with ThreadPoolExecutor(1) as thread:  # fixtures have no loop of their own to await on
        thread.submit(asyncio.run, create()).result()
    return f"postgresql+asyncpg://antiphon@{server}/{name}"


@pytest.fixture
def postgres_url(postgres_server: str) -> str:
    return fresh_database(postgres_server)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite+aiosqlite:///{tmp_path / 'bot.db'}"
    return fresh_database(request.getfixturevalue("postgres_server"))
