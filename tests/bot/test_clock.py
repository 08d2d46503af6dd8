"""A clock that is wrong erases nothing and locks nobody out."""

import time
from collections.abc import AsyncIterator
from email.utils import formatdate
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from discord_bot.clock import MOST_SKEW, DiscordClock
from discord_bot.features.privacy.retention import erase_old
from discord_bot.presence import Presence
from discord_bot.store.conversations import Kind
from discord_bot.store.database import Store, open_store
from discord_bot.store.turns import Part
from discord_bot.store.usage import HOUR, Windows

PERSON, PLACE, DAY = 5, 9, 86_400.0
NOW = 1_800_000_000.0


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    made = await open_store(f"sqlite:///{tmp_path / 'bot.sqlite3'}")
    yield made
    await made.close()


@pytest.mark.parametrize(
    ("ahead", "agrees"),
    [
        (0, True),
        (MOST_SKEW - 5, True),
        (-MOST_SKEW + 5, True),
        (MOST_SKEW + 5, False),
        (40 * DAY, False),
        (-40 * DAY, False),
    ],
)
def test_a_clock_agrees_while_it_is_near_that_of_discord(ahead: float, agrees: bool) -> None:
    clock = DiscordClock()
    clock.observe(formatdate(NOW, usegmt=True), NOW + ahead)
    assert clock.agrees is agrees
    for nonsense in ("", "yesterday", "Fri, 99 Foo 2026"):
        clock.observe(nonsense, 0.0)
    assert clock.agrees is agrees
    clock.observe(formatdate(NOW, usegmt=True), NOW)
    assert clock.agrees, "it was set meanwhile"


async def test_only_a_clock_that_agrees_says_what_is_too_old(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    conversation = await store.conversations.create(PLACE, PLACE, 7, PERSON, Kind.THREAD)
    await store.conversations.add_turn(
        conversation, PERSON, [Part(PERSON, "P", "hello")], [1], "en", PLACE, await store.wishes.keeping([PERSON])
    )
    services: Any = SimpleNamespace(store=store)
    true_date, clock = formatdate(usegmt=True), DiscordClock()
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + 365 * DAY)
    clock.observe(true_date, time.time())
    await erase_old(services, clock, 30)
    assert await store.conversations.history(conversation.id), "the clock has jumped; nothing is a year old"
    clock.observe(formatdate(time.time(), usegmt=True), time.time())
    await erase_old(services, clock, 30)
    assert not await store.conversations.history(conversation.id), "the year has passed"


async def test_usage_counted_while_the_clock_was_ahead_locks_nobody_out(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Windows] = []
    real = time.time
    for ahead in (2 * HOUR, DAY):
        monkeypatch.setattr(time, "time", lambda ahead=ahead: NOW + ahead)
        await store.usage.charge(PERSON, 7, lambda _: None)
        await store.usage.forget_later(PERSON)
    monkeypatch.setattr(time, "time", lambda: NOW)
    await store.usage.charge(PERSON, 7, seen.append)
    assert (seen[0].user_hour.requests, seen[0].user_day.requests, seen[0].server_day.requests) == (0, 0, 0)
    await store.usage.charge(PERSON, 7, seen.append)
    assert (seen[1].user_hour.requests, seen[1].user_day.requests) == (1, 1)
    monkeypatch.setattr(time, "time", real)


def test_discords_time_is_this_machines_until_the_two_differ(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time", lambda: NOW + 400 * DAY)
    clock = DiscordClock()
    assert clock.now() == NOW + 400 * DAY
    clock.observe(formatdate(NOW, usegmt=True), NOW + 400 * DAY)
    assert clock.now() == NOW
    clock.observe(formatdate(NOW, usegmt=True), NOW + MOST_SKEW - 5)
    assert clock.now() == NOW + 400 * DAY, "a small difference is the header's own coarseness"


async def test_the_last_sign_of_life_is_kept_in_discords_time(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time", lambda: NOW + 400 * DAY)
    clock = DiscordClock()
    clock.observe(formatdate(NOW, usegmt=True), NOW + 400 * DAY)
    presence = Presence(store, clock)
    assert await presence.back() is None
    monkeypatch.setattr(time, "time", lambda: NOW)
    clock.observe(formatdate(NOW, usegmt=True), NOW)
    assert await presence.back() == NOW


async def test_a_conversation_used_while_the_clock_was_ahead_hides_no_other_one(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "time", lambda: NOW)
    mine = await store.conversations.create(PLACE, PLACE, None, PERSON, Kind.DIRECT)
    monkeypatch.setattr(time, "time", lambda: NOW + 400 * DAY)
    other = await store.conversations.create(PLACE + 1, PLACE + 1, None, PERSON + 1, Kind.DIRECT)
    await store.conversations.create(PLACE + 2, PLACE + 2, 7, PERSON, Kind.CHAIN)
    assert [one.id for one in await store.conversations.recent(10)] == [other.id, mine.id]
    assert [one.id for one in await store.conversations.recent(1)] == [other.id]
