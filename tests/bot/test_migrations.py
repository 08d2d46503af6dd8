"""The database comes to its present form whole or not at all: killed at any statement, started by many at once."""

import asyncio
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from discord_bot.store.conversations import Kind
from discord_bot.store.database import open_store
from discord_bot.store.problem import DatabaseProblem, NewerDatabase
from discord_bot.store.settings import SettingScope
from discord_bot.store.turns import Attached

# Starts, and is killed at each statement of the migration in turn; prints how many there were.
KILLED_AT_EACH_STATEMENT = """
import asyncio, os, signal, sys
from sqlalchemy import event
from sqlalchemy.engine import Engine
import discord_bot.store.database as store
import discord_bot.store.upgrade  # once, not in each child

def start(url, fatal):
    done = 0
    @event.listens_for(Engine, "before_cursor_execute")
    def count(*_):
        nonlocal done
        done += 1
        if done == fatal:
            os.kill(os.getpid(), signal.SIGKILL)
    async def main():
        await (await store.open_store(url)).close()
    asyncio.run(main())

number = -1
while True:
    number += 2
    folder = os.path.join(sys.argv[1], str(number))
    os.mkdir(folder)
    child = os.fork()
    if child == 0:
        start(f"sqlite:///{folder}/bot.sqlite3", number)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if not os.WIFSIGNALED(status):
        break
print(number - 2)
"""

OPEN = """
import asyncio, sys
from discord_bot.store.database import open_store
async def main():
    store = await open_store(sys.argv[1])
    print("open", flush=True)
    sys.stdin.readline()
    await store.close()
asyncio.run(main())
"""


async def test_a_first_start_that_is_killed_at_any_statement_leaves_a_database_that_starts(tmp_path: Path) -> None:
    kills = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-c", KILLED_AT_EACH_STATEMENT, str(tmp_path)],
        capture_output=True,
        text=True,
        check=True,
    )
    count = int(kills.stdout)
    assert count > 20, "every statement of the migrations was a moment to die"
    for number in range(1, count + 1, 2):
        with sqlite3.connect(f"{tmp_path}/{number}/bot.sqlite3") as left:
            assert left.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            assert left.execute("SELECT name FROM sqlite_master").fetchall() == [], "all of it, or nothing"
        left.close()
    for number in (1, count // 2 * 2 - 1, count | 1 if count % 2 else count - 1):
        store = await open_store(f"sqlite:///{tmp_path}/{number}/bot.sqlite3")
        await store.set_meta("works", "yes")
        await store.close()


async def test_an_unfinished_database_of_the_first_version_starts(tmp_path: Path) -> None:
    path = tmp_path / "bot.sqlite3"
    with sqlite3.connect(path) as half:
        half.execute("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)")
        half.execute("CREATE TABLE meta (key VARCHAR(64) PRIMARY KEY, value TEXT NOT NULL)")
        half.execute("CREATE TABLE conversations (id INTEGER PRIMARY KEY)")
    half.close()
    store = await open_store(f"sqlite:///{path}")
    await store.conversations.create(1, 1, None, 1, Kind.DIRECT)
    await store.close()


async def test_bots_that_start_together_on_a_new_database_all_come_up(database_url: str) -> None:
    started = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-c", OPEN, database_url, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        for _ in range(5)
    ]
    for process in started:
        assert process.stdout is not None
        assert await process.stdout.readline() == b"open\n"
    for process in started:
        await process.communicate(b"\n")
        assert process.returncode == 0


async def test_a_database_of_a_newer_version_is_refused_and_left_as_it_is(database_url: str) -> None:
    store = await open_store(database_url)
    async with store.database.write() as connection:
        await connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    await store.close()
    with pytest.raises(NewerDatabase, match="9999"):
        await open_store(database_url)


async def test_the_files_are_their_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "bot.sqlite3"
    path.touch(0o644)
    store = await open_store(f"sqlite:///{path}")
    await store.set_meta("a", "b")
    modes = {one.name: one.stat().st_mode & 0o777 for one in tmp_path.iterdir()}
    await store.close()
    assert set(modes.values()) == {0o600}, modes
    assert {"bot.sqlite3", "bot.sqlite3-wal", "bot.sqlite3-shm"} <= set(modes)


async def test_a_database_of_the_first_version_keeps_its_data_and_what_was_refused_goes(tmp_path: Path) -> None:
    path = tmp_path / "bot.sqlite3"
    old = sqlite3.connect(path)
    old.executescript((Path(__file__).parent / "data" / "version-0.1.0.sql").read_text())
    old.close()
    store = await open_store(f"sqlite:///{path}")
    try:
        conversation = await store.conversations.find(1400000000000000001)
        assert conversation is not None
        assert (conversation.model, conversation.persona, conversation.kind) == ("chat", "pirate", Kind.THREAD)
        maria, ivan = await store.conversations.history(conversation.id)
        # Maria had asked not to be stored; version 0.1.0 stored her words all the same.
        assert (maria.parts, maria.answer, maria.former, maria.message_ids) == ([], "", [], [1400000000000000003])
        assert [(part.author_id, part.author_name, part.text) for part in ivan.parts] == [
            (200, "Иван", "А почему закат красный?")
        ]
        assert ivan.parent_id == maria.id
        assert await store.conversations.images([maria.id, ivan.id]) == {}
        order = await store.pictures.get(1)
        assert order is not None
        assert (order.wish, await store.pictures.beginning(1)) == ({}, None)
        assert (await store.settings.guild(7)).channels == [1, 2]
        assert await store.settings.all(SettingScope.USER, 100) == {"no_store": True, "locale": "en-US"}
        assert (await store.usage.used(0, user_id=100)).tokens == 500
        assert await store.get_meta("commands") == "hash"
    finally:
        await store.close()


async def test_pictures_of_the_first_version_belong_to_the_asker(tmp_path: Path) -> None:
    path = tmp_path / "bot.sqlite3"
    old = sqlite3.connect(path)
    old.executescript((Path(__file__).parent / "data" / "version-0.1.0.sql").read_text())
    old.execute("DELETE FROM settings WHERE key = 'no_store'")
    old.commit()
    old.close()
    store = await open_store(f"sqlite:///{path}")
    assert await store.conversations.images([1]) == {1: [Attached(100, "image/png", b"\x89PNG\x00\xff")]}
    await store.close()


@pytest.mark.parametrize(
    "text",
    ["postgres://{user}@{server}/{name}", "postgresql://{user}@{server}/{name}?sslmode=disable&channel_binding=prefer"],
)
async def test_a_url_as_hosting_services_print_it_is_accepted(postgres_url: str, text: str) -> None:
    server, name = postgres_url.split("@")[1].split("/")
    store = await open_store(text.format(user="antiphon", server=server, name=name))
    await store.set_meta("a", "b")
    await store.close()


async def test_the_database_servers_own_words_are_shown_without_a_password(postgres_url: str) -> None:
    server = postgres_url.split("@")[1].split("/", maxsplit=1)[0]
    with pytest.raises(DatabaseProblem, match='database "nowhere" does not exist') as raised:
        await open_store(f"postgres://antiphon:hunter2@{server}/nowhere")
    assert "hunter2" not in str(raised.value)


@pytest.mark.parametrize("text", ["mysql://user:hunter2@host/name", "hunter2", "hunter2://"])
async def test_an_address_that_cannot_be_used_is_explained_without_repeating_it(text: str) -> None:
    with pytest.raises(DatabaseProblem, match="postgresql://") as raised:
        await open_store(text)
    assert "hunter2" not in str(raised.value)
