"""What the features keep: notes, reminders, digests and votes, each by its own rule, in both databases."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from discord_bot.store.contests import Vote
from discord_bot.store.conversations import Kind
from discord_bot.store.database import Store, open_store
from discord_bot.store.digests import Digest
from discord_bot.store.memory import LONGEST_NOTE, MOST_NOTES, MemoryFull
from discord_bot.store.reminders import MOST_REMINDERS, TooManyReminders
from discord_bot.store.settings import SettingScope
from discord_bot.store.turns import Part, State, Turn
from discord_bot.store.wishes import DO_NOT_STORE


@pytest.fixture
async def store(database_url: str) -> AsyncIterator[Store]:
    opened = await open_store(database_url)
    yield opened
    await opened.close()


ADA, BEN, GUILD, CHANNEL = 2**60 + 1, 2**60 + 2, 2**60 + 3, 2**60 + 4


async def test_memory_is_bounded_deduplicated_and_only_for_people_who_agree(store: Store) -> None:
    yes = await store.wishes.keeping([ADA])
    assert await store.memory.add(ADA, "  I am\na vegetarian ", yes)
    assert await store.memory.add(ADA, "I am a vegetarian", yes)
    assert not await store.memory.add(ADA, " \n ", yes)
    assert not await store.memory.add(BEN, "not asked about", yes)
    assert await store.memory.notes(ADA) == ["I am a vegetarian"]
    assert await store.memory.replace(ADA, [f"{n} " + "x" * 300 for n in range(MOST_NOTES + 5)], yes)
    notes = await store.memory.notes(ADA)
    assert len(notes) == MOST_NOTES
    assert {len(note) for note in notes} == {LONGEST_NOTE}
    with pytest.raises(MemoryFull):
        await store.memory.add(ADA, "one more", yes)

    await store.settings.set(SettingScope.USER, ADA, DO_NOT_STORE, True)
    no = await store.wishes.keeping([ADA])
    assert not await store.memory.add(ADA, "secret", no)
    assert not await store.memory.replace(ADA, ["secret"], no)
    assert b"0 xxx" in await store.privacy.export(ADA)
    assert await store.memory.erase(ADA) == MOST_NOTES
    assert await store.memory.notes(ADA) == []


async def test_a_reminder_is_taken_once_and_only_by_its_person(store: Store) -> None:
    yes = await store.wishes.keeping([ADA])
    late = await store.reminders.add(ADA, GUILD, CHANNEL, "later", "ru", 2_000.0, yes)
    soon = await store.reminders.add(ADA, None, CHANNEL, "s" * 900, "en", 1_000.0, yes)
    assert late is not None
    assert soon is not None
    assert await store.reminders.add(BEN, GUILD, CHANNEL, "x", "en", 1.0, yes) is None
    assert await store.reminders.next_due() == 1_000.0
    assert [call.id for call in await store.reminders.of(ADA)] == [soon.id, late.id]
    assert await store.reminders.due(999.0) == []
    assert await store.reminders.due(1_000.0) == [replace(soon, text="s" * 500)]
    assert not await store.reminders.take(late.id, BEN)
    assert await store.reminders.take(late.id, ADA)
    assert not await store.reminders.take(late.id)
    for number in range(MOST_REMINDERS - 1):
        await store.reminders.add(ADA, GUILD, CHANNEL, str(number), "en", 3_000.0, yes)
    with pytest.raises(TooManyReminders):
        await store.reminders.add(ADA, GUILD, CHANNEL, "more", "en", 3_000.0, yes)
    await store.privacy.erase_user(ADA)
    assert await store.reminders.next_due() is None


async def test_a_digest_is_claimed_once_and_goes_with_its_server_or_channel(store: Store) -> None:
    digest = Digest(CHANNEL, GUILD, 540, "Europe/Berlin", "ru", 10.0, 100.0)
    await store.digests.set(digest)
    await store.digests.set(replace(digest, channel_id=CHANNEL + 1, due_at=300.0))
    assert await store.digests.due(99.0) == []
    assert await store.digests.due(100.0) == [digest]
    assert await store.digests.claim(digest, 100.0, 200.0)
    assert not await store.digests.claim(digest, 100.0, 200.0)
    assert await store.digests.find(CHANNEL) == replace(digest, since=100.0, due_at=200.0)
    assert await store.digests.next_due() == 200.0
    await store.privacy.erase_place(CHANNEL)
    assert await store.digests.find(CHANNEL) is None
    await store.privacy.erase_guild(GUILD)
    assert await store.digests.next_due() is None
    assert not await store.digests.remove(CHANNEL)


async def test_each_person_has_one_vote_and_may_change_it_or_take_it_back(store: Store) -> None:
    contest = await store.contests.create(GUILD, CHANNEL, (1, 2), ("fox", "owl"))
    await store.contests.set_message(contest.id, 77)
    assert await store.contests.get(contest.id) == replace(contest, message_id=77)
    assert await store.contests.vote(contest.id, ADA, Vote.FIRST)
    assert await store.contests.vote(contest.id, BEN, Vote.FIRST)
    assert await store.contests.vote(contest.id, BEN, Vote.TIE)
    assert await store.contests.count(contest.id) == {Vote.FIRST: 1, Vote.TIE: 1}
    assert not await store.contests.vote(contest.id, BEN, Vote.TIE)
    assert [ballot.vote for ballot in await store.contests.ballots(GUILD)] == [Vote.FIRST]
    assert await store.contests.ballots(GUILD + 1) == []
    await store.privacy.erase_user(ADA)
    assert await store.contests.count(contest.id) == {}
    await store.contests.vote(contest.id, BEN, Vote.SECOND)
    await store.privacy.erase_guild(GUILD)
    assert await store.contests.get(contest.id) is None
    assert (await store.privacy.counts(BEN))["votes"] == 0


async def test_a_fork_goes_on_from_the_turn_that_it_was_made_of(store: Store) -> None:
    async def ask(conversation_id: int, text: str) -> Turn:
        talk = await store.conversations.get(conversation_id)
        assert talk is not None
        yes = await store.wishes.keeping([ADA])
        turn = await store.conversations.add_turn(talk, ADA, [Part(ADA, "Ada", text)], [], "en", CHANNEL, yes)
        turn.answer, turn.state = f"answer to {text}", State.DONE
        await store.conversations.save(turn, yes)
        return turn

    first = await store.conversations.create(CHANNEL, CHANNEL, GUILD, ADA, Kind.THREAD)
    turns = [await ask(first.id, text) for text in ("one", "two", "three")]
    fork = await store.conversations.create(CHANNEL + 9, CHANNEL + 9, GUILD, BEN, Kind.THREAD, origin_turn=turns[1].id)
    await ask(fork.id, "another three")
    last = await ask(fork.id, "another four")
    assert [one.question for one in await store.conversations.line(last)] == [
        "one",
        "two",
        "another three",
        "another four",
    ]
    assert await store.conversations.fork_of(turns[1].id, BEN) == fork
    assert await store.conversations.fork_of(turns[1].id, ADA) is None
    # What is erased where it was said is gone in the fork, too.
    await store.privacy.erase_place(CHANNEL)
    assert [one.question for one in await store.conversations.line(last)] == ["another three", "another four"]
