"""Who may ask now, and when else. Pure, but for the counts that stand in a real store."""

import asyncio
from pathlib import Path

import pytest

from antiphon.config.bot import BotQuotas
from discord_bot.quotas import Denied, Gate, Ticket, bounded_limit, decide, limits_of, next_day, next_hour
from discord_bot.store.database import open_store
from discord_bot.store.usage import Used, Windows

NOON = 1_800_000_000.0 // 86_400 * 86_400 + 12 * 3_600 + 90
NONE = BotQuotas(user_requests_per_hour=0, user_requests_per_day=0)


def test_the_next_free_moment_is_exact() -> None:
    assert next_hour(NOON) == NOON - 90 + 3_600
    assert next_day(NOON) == NOON - 90 + 12 * 3_600


@pytest.mark.parametrize(
    ("limits", "used", "key", "at"),
    [
        ({"user_requests_per_hour": 3}, (Used(3), Used(3), Used(), Used()), "limit-user-hour", next_hour(NOON)),
        ({"user_requests_per_day": 3}, (Used(), Used(3), Used(), Used()), "limit-user-day", next_day(NOON)),
        ({"user_tokens_per_day": 90}, (Used(), Used(1, 90), Used(), Used()), "limit-user-tokens", next_day(NOON)),
        ({"server_requests_per_hour": 9}, (Used(), Used(), Used(9), Used(9)), "limit-server-hour", next_hour(NOON)),
        ({"server_requests_per_day": 9}, (Used(), Used(), Used(), Used(9)), "limit-server-day", next_day(NOON)),
        ({"server_tokens_per_day": 9}, (Used(), Used(), Used(), Used(1, 9)), "limit-server-tokens", next_day(NOON)),
    ],
)
def test_each_limit_refuses_with_its_sentence_and_its_moment(
    limits: dict[str, int], used: tuple[Used, Used, Used, Used], key: str, at: float
) -> None:
    mine = NONE.model_copy(update=limits)
    denied = decide(mine, mine, windows(*used), NOON)
    assert denied is not None
    assert (denied.key, denied.at) == (key, at)
    fewer = tuple(Used(one.requests - 1, one.tokens - 1) if one.requests else one for one in used)
    assert decide(mine, mine, windows(*fewer), NOON) is None


def windows(user_hour: Used, user_day: Used, server_hour: Used, server_day: Used) -> Windows:
    return Windows(user_hour, user_day, Used(), Used(), server_hour, server_day)


def test_several_pictures_at_once_count_one_by_one() -> None:
    limits = NONE.model_copy(update={"user_requests_per_hour": 10})
    used = Windows(user_hour=Used(8))
    assert decide(limits, NONE, used, NOON, count=2) is None
    denied = decide(limits, NONE, used, NOON, count=3)
    assert denied is not None
    assert denied.values == {"used": 8, "limit": 10}


def test_zero_is_no_limit() -> None:
    much = Used(10**6, 10**9)
    assert decide(NONE, NONE, windows(much, much, much, much), NOON) is None


def test_a_server_sets_its_own_limits() -> None:
    mine = limits_of(BotQuotas(), {"user_requests_per_day": 5, "footer": False})
    assert mine.user_requests_per_day == 5
    assert mine.user_requests_per_hour == BotQuotas().user_requests_per_hour


@pytest.mark.parametrize(("wanted", "highest", "holds"), [(5, 9, 5), (20, 9, 9), (0, 9, 9), (5, 0, 5), (0, 0, 0)])
def test_no_server_allows_more_than_the_operator(wanted: int, highest: int, holds: int) -> None:
    assert bounded_limit(wanted, highest) == holds


async def test_of_several_concurrent_askers_only_so_many_are_admitted_and_a_place_counts_once(tmp_path: Path) -> None:
    store = await open_store(f"sqlite+aiosqlite:///{tmp_path / 'bot.db'}")
    try:
        gate = Gate(BotQuotas(user_concurrent=2), store)
        asked = await asyncio.gather(*(gate.check(1, None, {}, place=place) for place in (1, 1, 2, 3)))
        assert [one is None for one in asked] == [True, True, True, False]
        assert await gate.check(1, None, {}, place=3, queued=True) is None
    finally:
        await store.close()


async def test_the_gate_counts_what_runs_and_what_was_used(tmp_path: Path) -> None:
    store = await open_store(f"sqlite+aiosqlite:///{tmp_path / 'bot.db'}")
    try:
        gate = Gate(BotQuotas(user_concurrent=1, user_requests_per_hour=2), store)
        gate.begin(1)
        running = await gate.check(1, 7, {})
        assert running is not None
        assert (running.key, running.at) == ("limit-concurrent", None)
        assert await gate.check(2, 7, {}) is None
        gate.end(1)
        assert await gate.check(1, 7, {}) is None
        for _ in range(2):
            assert isinstance(await gate.charge(1, 7, {}), Ticket)
        assert isinstance(await gate.charge(1, 7, {}), Denied)
        used = await gate.check(1, 7, {})
        assert used is not None
        assert used.key == "limit-user-hour"
        assert await gate.check(3, 7, {"user_requests_per_hour": 1}) is None
        assert isinstance(await gate.charge(3, 7, {}), Ticket)
        assert await gate.check(3, 7, {"user_requests_per_hour": 1}) is not None
    finally:
        await store.close()
