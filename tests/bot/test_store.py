"""What the bot remembers: over real databases, across restarts and crashes, and gone when a person wants it gone."""

import asyncio
import json
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import select, text, update

from discord_bot.store.conversations import Conversation
from discord_bot.store.database import Store, open_store
from discord_bot.store.privacy import DAY
from discord_bot.store.problem import DatabaseProblem
from discord_bot.store.schema import conversations, metadata, pictures, usage

BIG = 1_400_000_000_000_000_000  # ids of Discord take 61 bits


@pytest.fixture
def url(database_url: str) -> str:
    return database_url


@pytest.fixture
async def store(url: str) -> AsyncIterator[Store]:
    async with opened(url) as made:
        yield made


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Store]:
    made = await open_store(url)
    try:
        yield made
    finally:
        await made.close()


async def talk(store: Store, place: int = BIG, guild: int | None = 7, owner: int = BIG + 5) -> Conversation:
    return await store.conversations.create(place, place, guild, owner, "thread", model="chat", persona=None, title="T")


async def test_a_conversation_outlives_a_restart(url: str) -> None:
    async with opened(url) as store:
        conversation = await talk(store)
        turn = await store.conversations.add_turn(
            conversation, BIG + 5, "Мария", "Почему? 🦊", [BIG + 9], "ru", BIG, [("image/png", b"\x89PNG\0\xff")]
        )
        turn.answer, turn.state, turn.message_ids = "Потому что.\n```py\nx\n```", "done", [BIG + 10, BIG + 11]
        turn.former = ["former"]
        await store.conversations.save(turn)
    async with opened(url) as store:
        found = await store.conversations.find(BIG)
        assert found == conversation
        (again,) = await store.conversations.history(conversation.id)
        assert (again.question, again.answer, again.message_ids) == (turn.question, turn.answer, turn.message_ids)
        assert await store.conversations.images([turn.id]) == {turn.id: [("image/png", b"\x89PNG\0\xff")]}


async def test_the_schema_is_what_the_migrations_make(store: Store) -> None:
    def difference(connection: Any) -> list[Any]:
        return list(compare_metadata(MigrationContext.configure(connection), metadata))

    async with store.database.read() as connection:
        left = await connection.run_sync(difference)
    assert not left


async def test_opening_twice_changes_nothing(url: str) -> None:
    async with opened(url) as first:
        await first.set_meta("commands", "hash")
    async with opened(url) as second:
        assert await second.get_meta("commands") == "hash"
        await second.set_meta("commands", "other")
        assert await second.get_meta("commands") == "other"
        assert await second.get_meta("unknown") is None


async def test_two_beginnings_of_one_place_are_one_conversation(store: Store) -> None:
    made = await asyncio.gather(*(talk(store) for _ in range(5)))
    assert len({one.id for one in made}) == 1


async def test_a_turn_is_found_by_any_of_its_messages_and_only_by_them(store: Store) -> None:
    conversation = await talk(store)
    turn = await store.conversations.add_turn(conversation, 1, "A", "q", [123456, 77], "en", BIG)
    turn.message_ids = [555]
    await store.conversations.save(turn)
    for message in (123456, 77, 555):
        found = await store.conversations.by_message(BIG, message)
        assert found is not None
        assert found.id == turn.id
    assert await store.conversations.by_message(BIG, 1234) is None  # only the beginning of an id
    assert await store.conversations.by_message(BIG + 1, 555) is None


async def test_of_many_saves_the_last_one_stands(store: Store) -> None:
    conversation = await talk(store)
    turn = await store.conversations.add_turn(conversation, 1, "A", "q", [1], "en", BIG)
    saves = []
    for number in range(40):
        turn.answer = str(number)
        saves.append(asyncio.create_task(store.conversations.save(turn)))
        await asyncio.sleep(0)
    await asyncio.gather(*saves)
    (stored,) = await store.conversations.history(conversation.id)
    assert stored.answer == "39"


async def test_a_deleted_question_is_no_longer_in_the_history(store: Store) -> None:
    conversation = await talk(store)
    first = await store.conversations.add_turn(conversation, 1, "A", "first", [1], "en", BIG)
    second = await store.conversations.add_turn(conversation, 1, "A", "second", [2], "en", BIG)
    first.state = "deleted"
    await store.conversations.save(first)
    assert [one.id for one in await store.conversations.history(conversation.id)] == [second.id]
    assert [one.id for one in await store.conversations.running()] == [second.id]


async def test_conversations_of_two_places_share_nothing(store: Store) -> None:
    here, there = await talk(store), await talk(store, BIG + 1)
    await store.conversations.add_turn(here, 1, "A", "secret", [1], "en", BIG)
    assert await store.conversations.history(there.id) == []


async def test_settings_are_kept_by_scope_and_reset(store: Store) -> None:
    await store.settings.set("guild", BIG, "channels", [BIG + 1, BIG + 2])
    await store.settings.set("guild", BIG, "footer", value=False)
    await store.settings.set("channel", BIG, "footer", value=True)
    assert await store.settings.all("guild", BIG) == {"channels": [BIG + 1, BIG + 2], "footer": False}
    await store.settings.set("guild", BIG, "channels", None)
    assert await store.settings.all("guild", BIG) == {"footer": False}
    await store.settings.reset("guild", BIG)
    assert await store.settings.all("guild", BIG) == {}
    assert await store.settings.all("channel", BIG) == {"footer": True}
    assert await store.settings.all("guild", None) == {}


async def test_one_setting_may_be_changed_by_several_at_once(store: Store) -> None:
    await asyncio.gather(*(store.settings.set("guild", 1, "model", f"m{number}") for number in range(8)))
    assert (await store.settings.all("guild", 1))["model"].startswith("m")


async def test_use_adds_up_whoever_counts_at_the_same_time(store: Store) -> None:
    await asyncio.gather(*(store.usage.add(7, BIG, requests=1, tokens=100) for _ in range(12)))
    await store.usage.add(None, BIG, requests=1, tokens=5)
    await store.usage.add(8, BIG + 1, pictures=2)
    now = time.time()
    mine = await store.usage.used(now - 3_600, user_id=BIG)
    assert (mine.requests, mine.tokens, mine.pictures) == (13, 1205, 0)
    assert (await store.usage.used(now - 3_600, guild_id=7)).requests == 12
    assert (await store.usage.used(now + 3_600, user_id=BIG)).requests == 0


async def test_an_order_of_a_picture_is_found_again(store: Store) -> None:
    wish = {"prompt": "лиса", "size": [512, 512], "seed": 7}
    order = await store.pictures.create(BIG, 7, BIG + 1, wish, "ru")
    await store.pictures.change(order.id, message_id=BIG + 3, state="done")
    found = await store.pictures.get(order.id)
    assert found is not None
    assert (found.wish, found.message_id, found.state) == (wish, BIG + 3, "done")
    assert await store.pictures.running() == []
    assert await store.pictures.get(order.id + 1) is None


async def fill(store: Store, person: int) -> None:
    own = await talk(store, BIG, 7, person)
    await store.conversations.add_turn(own, person, "P", "mine", [1], "en", BIG, [("image/png", b"data")])
    other = await talk(store, BIG + 1, 7, 2)
    await store.conversations.add_turn(other, person, "P", "as a guest", [2], "en", BIG + 1)
    await store.conversations.add_turn(other, 2, "O", "of another", [3], "en", BIG + 1)
    await store.pictures.create(person, 7, BIG, {"prompt": "fox"}, "en")
    await store.settings.set("user", person, "locale", "ru")
    await store.usage.add(7, person, requests=1)


async def everything(store: Store) -> dict[str, list[dict[str, Any]]]:
    async with store.database.read() as connection:
        return {
            table.name: [dict(row) for row in (await connection.execute(select(table))).mappings()]
            for table in metadata.sorted_tables
        }


async def test_erasing_a_person_leaves_no_trace_in_any_table(store: Store) -> None:
    person = BIG + 424_242
    await fill(store, person)
    assert str(person) in str(await everything(store))
    await store.privacy.erase_user(person)
    left = await everything(store)
    assert str(person) not in str(left)
    assert left["turn_images"] == []
    assert [row["question"] for row in left["turns"]] == ["of another"]
    assert not any((await store.privacy.counts(person)).values())


async def test_the_wish_not_to_be_stored_outlives_the_erasure(store: Store) -> None:
    await store.settings.set("user", BIG, "no_store", value=True)
    await store.privacy.erase_user(BIG)
    assert await store.settings.all("user", BIG) == {"no_store": True}


async def test_an_export_holds_everything_about_a_person_and_nothing_of_others(store: Store) -> None:
    person = BIG + 424_242
    await fill(store, person)
    told = json.loads(await store.privacy.export(person))
    assert [row["question"] for row in told["turns"]] == ["mine", "as a guest"]
    assert told["turn_images"] == [{"turn_id": told["turns"][0]["id"], "mime": "image/png", "bytes": 4}]
    assert told["settings"][0]["key"] == "locale"
    assert len(told["pictures"]) == len(told["usage"]) == len(told["conversations"]) == 1
    assert "of another" not in json.dumps(told)
    assert await store.privacy.counts(person) == {"conversations": 1, "turns": 2, "pictures": 1, "usage": 1}


async def test_a_server_that_removes_the_bot_is_forgotten(store: Store) -> None:
    await fill(store, BIG + 3)
    await store.settings.set("guild", 7, "footer", value=False)
    await talk(store, BIG + 9, 8, 5)
    await store.privacy.erase_guild(7)
    left = await everything(store)
    assert [row["guild_id"] for row in left["conversations"]] == [8]
    assert not left["turns"]
    assert not left["pictures"]
    assert not left["usage"]
    assert [row["scope"] for row in left["settings"]] == ["user"]


async def test_a_place_that_is_gone_is_forgotten(store: Store) -> None:
    await fill(store, BIG + 3)
    await store.privacy.erase_place(BIG)
    assert await store.conversations.find(BIG) is None
    assert await store.conversations.find(BIG + 1) is not None


async def test_what_nobody_touched_for_long_is_erased(store: Store) -> None:
    await fill(store, BIG + 3)
    old = time.time() - 31 * DAY
    async with store.database.write() as connection:
        await connection.execute(update(conversations).where(conversations.c.place_id == BIG).values(updated_at=old))
        await connection.execute(update(pictures).values(created_at=old))
        await connection.execute(update(usage).values(hour=int(old) // 3_600))
    await store.privacy.erase_older(30)
    left = await everything(store)
    assert [row["place_id"] for row in left["conversations"]] == [BIG + 1]
    assert {row["question"] for row in left["turns"]} == {"as a guest", "of another"}
    assert not left["pictures"]
    assert not left["usage"]


async def test_a_crash_at_any_moment_leaves_the_store_sound(tmp_path: Path) -> None:
    url = f"sqlite+aiosqlite:///{tmp_path / 'bot.db'}"
    writing = """
import asyncio, sys
from discord_bot.store.database import open_store
async def main():
    store = await open_store(sys.argv[1])
    talk = await store.conversations.create(1, 1, 1, 1, "thread", model=None, persona=None)
    number = 0
    while True:
        turn = await store.conversations.add_turn(talk, 1, "A", "q" * 3000, [number], "en", 1, [("image/png", b"x" * 9000)])
        turn.answer, turn.state = str(turn.id) * 500, "done"
        await store.conversations.save(turn)
        print(turn.id, flush=True)
asyncio.run(main())
"""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", writing, url, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    said = [int(await process.stdout.readline()) for _ in range(25)]
    process.send_signal(signal.SIGKILL)
    await process.communicate()
    async with opened(url) as store:
        async with store.database.read() as connection:
            assert (await connection.execute(text("PRAGMA integrity_check"))).scalar_one() == "ok"
        turns = await store.conversations.history(1)
        assert {one.id for one in turns} >= set(said)
        images = await store.conversations.images([one.id for one in turns])
        assert all(images[one.id] == [("image/png", b"x" * 9000)] for one in turns)
        assert all(one.answer == str(one.id) * 500 for one in turns if one.state == "done")
        assert len(await store.conversations.running()) <= 1


async def test_a_database_that_cannot_be_opened_is_an_error(tmp_path: Path) -> None:
    nowhere = tmp_path / "no" / "such" / "place.db"
    with pytest.raises(DatabaseProblem, match=r"place\.db: No such file"):
        await open_store(f"sqlite+aiosqlite:///{nowhere}")
    other = tmp_path / "other.db"
    other.write_bytes(b"this is no database at all" * 100)
    with pytest.raises(DatabaseProblem, match="file is not a database"):
        await open_store(f"sqlite+aiosqlite:///{other}")
    with pytest.raises(DatabaseProblem, match="Connect call failed"):
        await open_store("postgresql+asyncpg://nobody@127.0.0.1:1/none")


async def test_sqlite_lets_readers_and_the_writer_work_side_by_side(tmp_path: Path) -> None:
    async with opened(f"sqlite+aiosqlite:///{tmp_path / 'bot.db'}") as store, store.database.read() as connection:
        assert (await connection.execute(text("PRAGMA journal_mode"))).scalar_one() == "wal"
        assert (await connection.execute(text("PRAGMA foreign_keys"))).scalar_one() == 1
        assert (await connection.execute(text("PRAGMA busy_timeout"))).scalar_one() > 0
