"""Words belong to whoever wrote them, also where another person uses them: drawn, drawn again, or set for a place."""

from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import select

from discord_bot.features.image.options import Wish
from discord_bot.features.reminders.feature import Reminders
from discord_bot.features.tools.remembering import Remember
from discord_bot.features.tools.reminding import SetReminder
from discord_bot.features.tools.tool import Occasion
from discord_bot.features.tools.toolbox import Toolbox
from discord_bot.store.conversations import Kind
from discord_bot.store.database import Store, open_store
from discord_bot.store.pictures import OrderState, PictureOrder
from discord_bot.store.schema import metadata
from discord_bot.store.settings import SettingScope
from discord_bot.store.turns import Attached, Part, State

ADA, BEN = 1_400_000_000_000_000_001, 1_400_000_000_000_000_002
PLACE = 1_400_000_000_000_000_009


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    made = await open_store(f"sqlite:///{tmp_path / 'bot.sqlite3'}")
    yield made
    await made.close()


async def everything(store: Store) -> str:
    async with store.database.read() as connection:
        rows = [
            dict(row)
            for table in metadata.sorted_tables
            for row in (await connection.execute(select(table))).mappings()
        ]
    return str(rows)


async def order(store: Store, wish: Wish, owner: int) -> PictureOrder:
    keeping = await store.wishes.keeping([owner, *wish.authors])
    return await store.pictures.create(owner, 7, PLACE, wish.stored(), "en", keeping, ("image/png", b"canary"))


@pytest.mark.parametrize("wishes", [(), (ADA,), (BEN,), (ADA, BEN)])
async def test_an_order_in_anothers_words_is_stored_only_if_both_agree(store: Store, wishes: tuple[int, ...]) -> None:
    for person in wishes:
        await store.settings.set(SettingScope.USER, person, "no_store", value=True)
    made = await order(store, Wish("a canary", negative="canary").written_by(ADA), BEN)
    assert made.wish["prompt"] == "a canary", "it is drawn all the same"
    assert ("canary" in await everything(store)) is not bool(wishes)
    stored = await store.pictures.get(made.id)
    assert stored is not None
    assert Wish.restored(stored.wish).authors == (ADA,), "whoever draws it again asks her, too"


async def test_erasing_everything_removes_the_words_from_other_peoples_orders(store: Store) -> None:
    drawn_again = await order(store, Wish("a canary", steps=7).written_by(ADA), BEN)
    await order(store, Wish("a fox", steps=7), BEN)
    await store.privacy.erase_user(ADA)
    left = await everything(store)
    assert str(ADA) not in left
    assert ("a canary" in left, "a fox" in left, left.count("b'canary'")) == (False, True, 1)
    assert await store.pictures.beginning(drawn_again.id) is None
    still = await store.pictures.get(drawn_again.id)
    assert still is not None
    assert Wish.restored(still.wish).steps == 7, "its buttons still know everything but the words"


async def test_instructions_typed_for_a_place_go_with_their_author(store: Store) -> None:
    keeping = await store.wishes.keeping([ADA])
    conversation = await store.conversations.create(PLACE, PLACE, 7, BEN, Kind.THREAD)
    assert await store.conversations.set_instructions(conversation.id, "canary", ADA, keeping)
    for scope, place in ((SettingScope.CHANNEL, PLACE), (SettingScope.GUILD, 7), (SettingScope.USER, ADA)):
        assert await store.settings.set_words(scope, place, "persona", "canary", ADA, keeping)
    await store.settings.set(SettingScope.CHANNEL, PLACE + 1, "persona", "pirate")
    assert (await store.privacy.export(ADA)).count(b"canary") == 4
    await store.privacy.erase_user(ADA)
    left = await everything(store)
    assert "canary" not in left
    assert "pirate" in left
    assert (await store.conversations.get(conversation.id)) is not None


async def test_instructions_of_a_person_who_is_not_stored_are_stored_nowhere(store: Store) -> None:
    await store.settings.set(SettingScope.USER, ADA, "no_store", value=True)
    keeping = await store.wishes.keeping([ADA])
    assert not await store.settings.set_words(SettingScope.CHANNEL, PLACE, "persona", "canary", ADA, keeping)
    assert not await store.settings.set_words(SettingScope.CHANNEL, PLACE, "persona", "canary", BEN, keeping)
    assert "canary" not in await everything(store)


async def test_a_choice_from_a_list_instead_of_own_words_has_no_author_any_more(store: Store) -> None:
    keeping = await store.wishes.keeping([ADA])
    conversation = await store.conversations.create(PLACE, PLACE, 7, BEN, Kind.THREAD)
    await store.conversations.set_instructions(conversation.id, "canary", ADA, keeping)
    await store.conversations.set_persona(conversation.id, "pirate")
    await store.settings.set_words(SettingScope.CHANNEL, PLACE, "persona", "canary", ADA, keeping)
    await store.settings.set(SettingScope.CHANNEL, PLACE, "persona", "pirate")
    await store.privacy.erase_user(ADA)
    assert (await everything(store)).count("pirate") == 2


async def test_deleting_a_picture_in_discord_leaves_no_words(store: Store, tmp_path: Path) -> None:
    conversation = await store.conversations.create(PLACE, PLACE, 7, BEN, Kind.THREAD)
    keeping = await store.wishes.keeping([BEN])
    turn = await store.conversations.add_turn(
        conversation, BEN, [Part(BEN, "Ben", "canary" * 99)], [5], "en", PLACE, keeping,
        [Attached(BEN, "image/png", b"canary" * 999)],
    )  # fmt: skip
    turn.answer, turn.reasoning, turn.former, turn.state = "canary", "canary", ["canary"], State.DONE
    await store.conversations.save(turn, keeping)
    drawn = await order(store, Wish("a canary"), BEN)
    await store.conversations.erase(turn)
    await store.pictures.erase(drawn.id)
    assert not [path.name for path in tmp_path.iterdir() if b"canary" in path.read_bytes()]
    kept = await store.conversations.turn(turn.id)
    assert kept is not None
    assert (kept.state, kept.question_ids) == (State.DELETED, [5]), "what continues from it still finds its branch"
    erased = await store.pictures.get(drawn.id)
    assert erased is not None
    assert erased.state is OrderState.DELETED


async def test_a_tools_notes_need_the_consent_of_all_whose_words_the_model_has_read(store: Store) -> None:
    services: Any = SimpleNamespace(store=store)
    await store.settings.set(SettingScope.USER, ADA, "no_store", value=True)
    occasion = Occasion(services, BEN, None, None, "en")
    assert await occasion.may_store()
    toolbox = Toolbox((), "en", occasion.people)
    toolbox.people |= {ADA, BEN}
    assert not await occasion.may_store()
    outcome = await Remember(occasion).run({"note": "canary"})
    assert outcome.failed
    reminded = await SetReminder(occasion, Reminders(services)).run({"text": "canary", "minutes_from_now": 5})
    assert reminded.failed
    assert "canary" not in await everything(store)


async def test_a_reminder_that_could_not_be_delivered_is_put_back_unless_its_person_is_not_stored_now(
    store: Store,
) -> None:
    yes = await store.wishes.keeping([BEN])
    made = await store.reminders.add(BEN, 7, PLACE, "the kettle", "en", 100.0, yes)
    assert made is not None
    assert await store.reminders.take(made.id)
    await store.reminders.put_back(made, 160.0, yes)
    assert [(call.text, call.due_at) for call in await store.reminders.of(BEN)] == [("the kettle", 160.0)]
    assert await store.reminders.take(made.id)
    await store.reminders.put_back(made, 220.0, store.wishes.nothing([BEN]))
    assert await store.reminders.of(BEN) == []
