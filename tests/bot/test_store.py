"""What the bot remembers: over real databases, across restarts and crashes, and gone when a person wants it gone."""

import asyncio
import json
import signal
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import select, text, update

from discord_bot.store.conversations import Conversation, Kind
from discord_bot.store.database import Store, open_store
from discord_bot.store.pictures import OrderState
from discord_bot.store.privacy import DAY
from discord_bot.store.problem import DatabaseProblem
from discord_bot.store.schema import conversations, metadata, pictures, turns, usage
from discord_bot.store.settings import SettingScope
from discord_bot.store.turns import Attached, Part, PartKind, State, Turn
from discord_bot.store.usage import Charge

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
    return await store.conversations.create(place, place, guild, owner, Kind.THREAD, model="chat")


async def ask(
    store: Store,
    conversation: Conversation,
    asker: int,
    question: str,
    ids: list[int],
    channel: int = BIG,
    images: Sequence[bytes] = (),
) -> Turn:
    return await store.conversations.add_turn(
        conversation,
        asker,
        [Part(asker, f"P{asker}", question)],
        ids,
        "en",
        channel,
        await store.wishes.keeping([asker]),
        [Attached(asker, "image/png", image) for image in images],
    )


async def save(store: Store, turn: Turn) -> None:
    await store.conversations.save(turn, await store.wishes.keeping(turn.people))


async def charge(store: Store, guild: int | None, person: int, **counts: int) -> Charge:
    made = await store.usage.charge(person, guild, lambda _: None, **counts)
    assert isinstance(made, Charge)
    return made


async def test_a_conversation_outlives_a_restart(url: str) -> None:
    async with opened(url) as store:
        conversation = await talk(store)
        turn = await ask(store, conversation, BIG + 5, "Почему? 🦊", [BIG + 9], images=[b"\x89PNG\0\xff"])
        turn.answer, turn.state, turn.message_ids = "Потому что.\n```py\nx\n```", State.DONE, [BIG + 10, BIG + 11]
        turn.former = ["former"]
        await save(store, turn)
    async with opened(url) as store:
        found = await store.conversations.find(BIG)
        assert found == conversation
        (again,) = await store.conversations.history(conversation.id)
        assert (again.question, again.answer, again.message_ids) == (turn.question, turn.answer, turn.message_ids)
        assert await store.conversations.images([turn.id]) == {
            turn.id: [Attached(BIG + 5, "image/png", b"\x89PNG\0\xff")]
        }


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
    turn = await ask(store, conversation, 1, "q", [123456, 77], BIG)
    turn.message_ids = [555]
    await save(store, turn)
    for message in (123456, 77, 555):
        found = await store.conversations.by_message(BIG, message)
        assert found is not None
        assert found.id == turn.id
    assert await store.conversations.by_message(BIG, 1234) is None  # only the beginning of an id
    assert await store.conversations.by_message(BIG + 1, 555) is None


async def test_of_many_saves_the_last_one_wins(store: Store) -> None:
    conversation = await talk(store)
    turn = await ask(store, conversation, 1, "q", [1], BIG)
    saves = []
    for number in range(40):
        turn.answer = str(number)
        saves.append(asyncio.create_task(save(store, turn)))
        await asyncio.sleep(0)
    await asyncio.gather(*saves)
    (stored,) = await store.conversations.history(conversation.id)
    assert stored.answer == "39"


async def test_a_deleted_question_is_no_longer_in_the_history(store: Store) -> None:
    conversation = await talk(store)
    first = await ask(store, conversation, 1, "first", [1], BIG)
    second = await ask(store, conversation, 1, "second", [2], BIG)
    first.state = State.DELETED
    await save(store, first)
    assert [one.id for one in await store.conversations.history(conversation.id)] == [second.id]
    assert [one.id for one in await store.conversations.running()] == [second.id]


async def test_conversations_of_two_places_share_nothing(store: Store) -> None:
    here, there = await talk(store), await talk(store, BIG + 1)
    await ask(store, here, 1, "secret", [1], BIG)
    assert await store.conversations.history(there.id) == []


async def test_settings_are_kept_by_scope_and_reset(store: Store) -> None:
    await store.settings.set(SettingScope.GUILD, BIG, "channels", [BIG + 1, BIG + 2])
    await store.settings.set(SettingScope.GUILD, BIG, "footer", value=False)
    await store.settings.set(SettingScope.CHANNEL, BIG, "footer", value=True)
    assert await store.settings.all(SettingScope.GUILD, BIG) == {"channels": [BIG + 1, BIG + 2], "footer": False}
    await store.settings.set(SettingScope.GUILD, BIG, "channels", None)
    assert await store.settings.all(SettingScope.GUILD, BIG) == {"footer": False}
    await store.settings.reset(SettingScope.GUILD, BIG)
    assert await store.settings.all(SettingScope.GUILD, BIG) == {}
    assert await store.settings.all(SettingScope.CHANNEL, BIG) == {"footer": True}
    assert await store.settings.all(SettingScope.GUILD, None) == {}


async def test_one_setting_may_be_changed_by_several_at_once(store: Store) -> None:
    await asyncio.gather(*(store.settings.set(SettingScope.GUILD, 1, "model", f"m{number}") for number in range(8)))
    assert (await store.settings.all(SettingScope.GUILD, 1))["model"].startswith("m")


async def test_concurrent_counts_add_up(store: Store) -> None:
    charges = await asyncio.gather(*(charge(store, 7, BIG) for _ in range(12)))
    await asyncio.gather(*(store.usage.add_tokens(one, 100) for one in charges))
    await store.usage.add_tokens(await charge(store, None, BIG), 5)
    await charge(store, 8, BIG + 1, requests=2, pictures=2)
    now = time.time()
    mine = await store.usage.used(now - 3_600, user_id=BIG)
    assert (mine.requests, mine.tokens, mine.pictures) == (13, 1205, 0)
    assert (await store.usage.used(now - 3_600, guild_id=7)).requests == 12
    assert (await store.usage.used(now + 3_600, user_id=BIG)).requests == 0


async def test_an_order_of_a_picture_is_found_again(store: Store) -> None:
    wish = {"prompt": "лиса", "size": [512, 512], "seed": 7}
    order = await store.pictures.create(BIG, 7, BIG + 1, wish, "ru", await store.wishes.keeping([BIG]))
    await store.pictures.set_message(order.id, BIG + 3)
    await store.pictures.set_state(order.id, OrderState.DONE)
    found = await store.pictures.get(order.id)
    assert found is not None
    assert (found.wish, found.message_id, found.state) == (wish, BIG + 3, OrderState.DONE)
    assert await store.pictures.running() == []
    assert await store.pictures.get(order.id + 1) is None


async def fill(store: Store, person: int) -> None:
    own = await talk(store, BIG, 7, person)
    await ask(store, own, person, "mine", [1], BIG, [b"data"])
    other = await talk(store, BIG + 1, 7, 2)
    await ask(store, other, person, "as a guest", [2], BIG + 1)
    await ask(store, other, 2, "of another", [3], BIG + 1)
    await store.pictures.create(person, 7, BIG, {"prompt": "fox"}, "en", await store.wishes.keeping([person]))
    await store.settings.set(SettingScope.USER, person, "locale", "ru")
    await charge(store, 7, person)


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
    assert [row["text"] for row in left["turn_parts"]] == ["of another"]
    assert not any((await store.privacy.counts(person)).values())


async def test_the_wish_not_to_be_stored_outlives_the_erasure(store: Store) -> None:
    await store.settings.set(SettingScope.USER, BIG, "no_store", value=True)
    await store.privacy.erase_user(BIG)
    assert await store.settings.all(SettingScope.USER, BIG) == {"no_store": True}


async def test_an_export_contains_everything_about_a_person_and_nothing_of_others(store: Store) -> None:
    person = BIG + 424_242
    await fill(store, person)
    body = json.loads(await store.privacy.export(person))
    assert [row["text"] for row in body["turn_parts"]] == ["mine", "as a guest"]
    (image,) = body["turn_images"]
    assert (image["turn_id"], image["mime"], image["bytes"]) == (body["turns"][0]["id"], "image/png", 4)
    assert body["settings"][0]["key"] == "locale"
    assert len(body["pictures"]) == len(body["usage"]) == len(body["conversations"]) == 1
    assert "of another" not in json.dumps(body)
    counted = await store.privacy.counts(person)
    assert {name: count for name, count in counted.items() if count} == {
        "conversations": 1, "turns": 2, "turn_parts": 2, "turn_images": 1, "pictures": 1, "usage": 1,
    }  # fmt: skip


async def test_a_server_that_removes_the_bot_is_forgotten(store: Store) -> None:
    await fill(store, BIG + 3)
    await store.settings.set(SettingScope.GUILD, 7, "footer", value=False)
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


async def test_each_question_goes_by_its_own_age_however_lively_its_conversation_is(store: Store) -> None:
    await fill(store, BIG + 3)
    lively = await store.conversations.find(BIG + 1)
    assert lively is not None
    (guest, _) = await store.conversations.history(lively.id)
    old = time.time() - 31 * DAY
    async with store.database.write() as connection:
        await connection.execute(update(conversations).where(conversations.c.place_id == BIG).values(updated_at=old))
        await connection.execute(
            update(turns)
            .where((turns.c.conversation_id != lively.id) | (turns.c.id == guest.id))
            .values(created_at=old)
        )
        await connection.execute(update(pictures).values(created_at=old))
        await connection.execute(update(usage).values(hour=int(old) // 3_600))
    await store.privacy.erase_older(30)
    left = await everything(store)
    assert [row["place_id"] for row in left["conversations"]] == [BIG + 1]
    assert [row["text"] for row in left["turn_parts"]] == ["of another"]
    assert not left["turn_images"]
    assert not left["pictures"]
    assert not left["usage"]


async def test_in_a_question_by_two_people_each_choice_applies_to_the_own_part(store: Store) -> None:
    ada, ben = BIG + 1, BIG + 2
    await store.settings.set(SettingScope.USER, ada, "no_store", value=True)
    conversation = await talk(store, owner=ben)
    parts = [Part(ada, "Ada", "canary of ada"), Part(ben, "Ben", "of ben"), Part(ada, "Ada", "canary", PartKind.QUOTED)]
    images = [Attached(ada, "image/png", b"canary"), Attached(ben, "image/png", b"of ben")]
    keeping = await store.wishes.keeping([ada, ben])
    turn = await store.conversations.add_turn(conversation, ben, parts, [1, 2], "en", BIG, keeping, images)
    assert turn.parts == parts, "the model is asked all of it"
    turn.answer, turn.reasoning, turn.former = "the canary", "canary?", ["canary!"]
    await save(store, turn)
    left = str(await everything(store))
    assert "of ben" in left
    assert "canary" not in left


async def test_words_erased_while_in_use_are_not_written_again(store: Store) -> None:
    conversation = await talk(store)
    turn = await ask(store, conversation, BIG + 5, "canary", [1], images=[b"canary"])
    charged = await charge(store, 7, BIG + 5)
    await store.privacy.erase_user(BIG + 5)
    turn.answer = "canary"
    await save(store, turn)
    await store.conversations.set_question(turn, await store.wishes.keeping(turn.people))
    await store.usage.add_tokens(charged, 5)
    await store.usage.refund(charged)
    left = await everything(store)
    assert not any(rows for name, rows in left.items() if name != "alembic_version"), left


async def test_an_erasure_does_not_renew_the_quota_of_the_day(store: Store) -> None:
    await store.usage.add_tokens(await charge(store, 7, BIG), 90)
    await store.usage.forget_later(BIG)
    await store.privacy.erase_user(BIG)
    assert (await store.usage.used(0, user_id=BIG)).requests == 0
    windows = await store.usage.windows(BIG, 7, time.time())
    assert (windows.user_day.requests, windows.here_day.requests, windows.server_day.tokens) == (1, 1, 90)


async def test_erased_words_are_in_no_file_any_more(tmp_path: Path) -> None:
    async with opened(f"sqlite:///{tmp_path / 'bot.db'}") as store:
        conversation = await talk(store)
        turn = await ask(store, conversation, BIG + 5, "canary" * 900, [1], images=[b"canary" * 9000])
        turn.answer = "canary"
        await save(store, turn)
        assert any(b"canary" in path.read_bytes() for path in tmp_path.iterdir())
        await store.privacy.erase_user(BIG + 5)
        assert not [path.name for path in tmp_path.iterdir() if b"canary" in path.read_bytes()]


async def test_a_crash_at_any_moment_leaves_the_store_sound(tmp_path: Path) -> None:
    url = f"sqlite+aiosqlite:///{tmp_path / 'bot.db'}"
    writing = """
import asyncio, sys
from discord_bot.store.conversations import Kind
from discord_bot.store.database import open_store
from discord_bot.store.turns import Attached, Part, State
async def main():
    store = await open_store(sys.argv[1])
    talk = await store.conversations.create(1, 1, 1, 1, Kind.THREAD)
    keeping = await store.wishes.keeping([1])
    number = 0
    while True:
        turn = await store.conversations.add_turn(
            talk, 1, [Part(1, "A", "q" * 3000)], [number], "en", 1, keeping, [Attached(1, "image/png", b"x" * 9000)])
        turn.answer, turn.state = str(turn.id) * 500, State.DONE
        await store.conversations.save(turn, keeping)
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
        assert {turn.id for turn in turns} >= set(said)
        images = await store.conversations.images([turn.id for turn in turns])
        assert all(images[turn.id] == [Attached(1, "image/png", b"x" * 9000)] for turn in turns)
        assert all(turn.answer == str(turn.id) * 500 for turn in turns if turn.state is State.DONE)
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


async def test_closing_waits_until_a_transaction_in_progress_has_ended(url: str) -> None:
    store, began, end = await open_store(url), asyncio.Event(), asyncio.Event()

    async def read() -> None:
        async with store.database.read() as connection:
            await connection.execute(select(usage))
            began.set()
            await end.wait()

    async with asyncio.TaskGroup() as group:
        reading = group.create_task(read())
        await began.wait()
        closing = group.create_task(store.close())
        assert (await asyncio.wait({closing}, timeout=0.1))[1] == {closing}
        end.set()
        await closing
        assert reading.done()
