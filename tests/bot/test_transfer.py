"""Backup while the bot writes, restore, and the move to another database, through the command that people use."""

import asyncio
import sqlite3
from pathlib import Path

from discord_bot.store.conversations import Kind
from discord_bot.store.database import Store, open_store
from discord_bot.store.settings import SettingScope
from discord_bot.store.turns import Attached, Part, State
from tests.support.terminal import program

PICTURE = bytes(range(256)) * 20


async def fill(store: Store, count: int = 3) -> None:
    for number in range(count):
        place = 1_400_000_000_000_000_000 + number
        conversation = await store.conversations.create(place, place, 7, 5, Kind.THREAD, model="chat")
        keeping = await store.wishes.keeping([5])
        turn = await store.conversations.add_turn(
            conversation, 5, [Part(5, "Мария", "Почему? 🦊")], [number], "ru", place, keeping,
            [Attached(5, "image/png", PICTURE)],
        )  # fmt: skip
        turn.answer, turn.state = f"Потому {number}", State.DONE
        await store.conversations.save(turn, keeping)
    await store.settings.set(SettingScope.GUILD, 7, "channels", [1, 2])


async def contents(url: str) -> list[tuple[str, str, bytes]]:
    store = await open_store(url)
    try:
        found = []
        for number in range(100):
            conversation = await store.conversations.find(1_400_000_000_000_000_000 + number)
            if conversation is None:
                break
            (turn,) = await store.conversations.history(conversation.id)
            images = await store.conversations.images([turn.id])
            found.append((turn.question, turn.answer, images[turn.id][0].data))
        assert (await store.settings.guild(7)).channels == [1, 2]
        # New rows get numbers that are free.
        new = await store.conversations.create(99, 99, None, 1, Kind.DIRECT)
        assert new.id > len(found)
        return found
    finally:
        await store.close()


async def command(
    folder: Path, url: str, *arguments: str, through: str = "discord_bot", **more: str
) -> tuple[int, str]:
    """`antiphon backup`, `restore` and `migrate` become the program of the bot, which starts faster by itself."""
    environ = {"ANTIPHON_DATABASE_URL": url, **more}
    ran = await program(through, *arguments, directory=folder, environ=environ)
    return ran.code, ran.out + ran.err


async def test_a_backup_of_a_busy_database_restores_into_the_other_kind(database_url: str, tmp_path: Path) -> None:
    store = await open_store(database_url)
    await fill(store)
    busy = asyncio.create_task(_write_on(store))
    code, said = await command(tmp_path, database_url, "backup", "saved.sqlite3")
    busy.cancel()
    await asyncio.gather(busy, return_exceptions=True)
    await store.close()
    assert code == 0, said
    saved = tmp_path / "saved.sqlite3"
    assert saved.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir() if "saved" in path.name] == ["saved.sqlite3"]
    with sqlite3.connect(saved) as backup:
        assert backup.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    backup.close()
    code, _ = await command(tmp_path, database_url, "backup", "saved.sqlite3", through="antiphon")
    assert code == 2, "no backup is overwritten"
    fresh = f"sqlite:///{tmp_path / 'fresh.sqlite3'}"
    code, said = await command(tmp_path, fresh, "restore", "saved.sqlite3", through="antiphon")
    assert code == 0, said
    assert await contents(fresh) == await contents(database_url)
    code, said = await command(tmp_path, fresh, "restore", "saved.sqlite3")
    assert code == 2
    assert "--replace" in said
    assert (await command(tmp_path, fresh, "restore", "saved.sqlite3", "--replace"))[0] == 0


async def _write_on(store: Store) -> None:
    number = 0
    while True:
        number += 1
        await store.set_meta("busy", str(number))


async def test_the_move_from_sqlite_to_postgresql_loses_nothing(postgres_url: str, tmp_path: Path) -> None:
    here = f"sqlite:///{tmp_path / 'bot.sqlite3'}"
    store = await open_store(here)
    await fill(store, 5)
    await store.close()
    plain = postgres_url.replace("postgresql+asyncpg://", "postgres://")
    code, said = await command(tmp_path, here, "migrate", "NEW_DATABASE", through="antiphon", NEW_DATABASE=plain)
    assert code == 0, said
    assert await contents(plain) == await contents(here)
    assert len(await contents(plain)) == 5


async def test_a_backup_that_cannot_be_restored_is_reported_in_one_line(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'bot.sqlite3'}"
    code, said = await command(tmp_path, url, "restore", "nothing.sqlite3")
    assert (code, said.count("\n")) == (2, 1)
    (tmp_path / "text.sqlite3").write_text("no database " * 100)
    code, said = await command(tmp_path, url, "restore", "text.sqlite3")
    assert (code, said.count("\n")) == (2, 1)
    assert "not a database" in said
    code, said = await command(tmp_path, url, "migrate", "NOWHERE")
    assert (code, said.count("\n")) == (2, 1)
