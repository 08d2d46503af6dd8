"""A write that follows finished work is tried again, never undoes the work, and is given up in the end."""

import asyncio

import pytest

from discord_bot import ledger
from discord_bot.ledger import WriteRetries
from discord_bot.metrics import BotMetrics


async def test_a_failed_write_is_retried_until_it_succeeds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger, "PAUSES", (0, 0, 0, 0))
    tries, stands = 0, asyncio.Event()

    async def write() -> None:
        nonlocal tries
        tries += 1
        if tries < 4:
            raise OSError("the database is away")
        stands.set()

    await WriteRetries(BotMetrics()).note("turn", write)
    await stands.wait()
    assert tries == 4


async def test_it_is_given_up_after_a_while_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger, "PAUSES", (0, 0))
    metrics = BotMetrics()

    async def write() -> None:
        raise OSError("the disk is full")

    await WriteRetries(metrics).note("turn", write)
    assert metrics.registry.get_sample_value("antiphon_bot_errors_total", {"where": "ledger"}) == 1


async def test_the_end_of_the_process_waits_for_a_last_try(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger, "FIRST_TRY", 0)
    monkeypatch.setattr(ledger, "PAUSES", (3_600,))
    tried, stands = asyncio.Event(), False

    async def write() -> None:
        nonlocal stands
        if not tried.is_set():
            tried.set()
            raise OSError("away")
        stands = True

    book = WriteRetries(BotMetrics())
    await book.note("turn", write)
    await tried.wait()
    await book.end()
    assert stands
