"""Two processes and one Redis are one service: rates, budgets and usage hold across them, and without Redis each goes on."""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from antiphon import errors
from antiphon.client import InferenceClient
from antiphon.events import Completion
from tests.support.callers import service
from tests.support.redis import RedisServer, redis_server
from tests.support.waiting import becomes_true

BOUNDS = {
    "ANTIPHON__SERVICE__CALLERS__BAD__REQUESTS_PER_MINUTE": "5",
    "ANTIPHON__SERVICE__CALLERS__FRUGAL__TOKEN_ENV": "FRUGAL",
    "ANTIPHON__SERVICE__CALLERS__FRUGAL__TOKENS_PER_DAY": "10",
    "FRUGAL": "token-of-frugal",
    "ANTIPHON__STATE__TIMEOUT": "1",
}


@pytest.fixture
async def redis() -> AsyncIterator[RedisServer]:
    async with redis_server() as made:
        yield made


@contextlib.asynccontextmanager
async def two(folder: Path, redis: RedisServer) -> AsyncIterator[tuple[str, str]]:
    environ = {**BOUNDS, "ANTIPHON_REDIS_URL": redis.url}
    async with service(folder, **environ) as first, service(folder, **environ) as second:
        yield first.target, second.target


async def ask(target: str, token: str, user: str = "") -> None:
    async with InferenceClient(target, token) as client:
        async for _ in client.chat("hi", user_id=user):
            pass


async def refused(target: str, token: str) -> errors.QuotaExceeded:
    with pytest.raises(errors.QuotaExceeded) as caught:
        await ask(target, token)
    return caught.value


async def used(target: str, token: str = "token-of-good", user: str = "") -> dict[str, int]:
    async with InferenceClient(target, token) as client:
        return {row.deployment: row.requests for row in await client.usage(user_id=user)}


async def test_a_rate_is_one_for_all_replicas(tmp_path: Path, redis: RedisServer) -> None:
    async with two(tmp_path, redis) as targets:
        for number in range(5):
            await ask(targets[number % 2], "token-of-bad")
        for target in targets:
            error = await refused(target, "token-of-bad")
            assert "5 requests a minute" in error.message
            assert error.retry_after is not None
            assert 0 < error.retry_after <= 60
            await ask(target, "token-of-good")  # others have their own


async def test_a_budget_of_tokens_is_one_for_all_replicas(tmp_path: Path, redis: RedisServer) -> None:
    async with two(tmp_path, redis) as (first, second):
        await ask(first, "token-of-frugal")
        error = await refused(second, "token-of-frugal")
        assert "10 tokens a day" in error.message
        assert error.retry_after is not None
        assert 0 < error.retry_after <= 86_400


async def test_usage_is_the_sum_of_all_replicas_and_survives_them(tmp_path: Path, redis: RedisServer) -> None:
    async with two(tmp_path, redis) as (first, second):
        await ask(first, "token-of-good", "anna")
        await ask(second, "token-of-good", "anna")
        await ask(second, "token-of-bad", "boris")

        async def becomes(target: str, count: int, **chosen: str) -> None:
            async def counted() -> bool:
                return (await used(target, **chosen)).get("embedded/demo") == count

            await becomes_true(counted)  # a replica shares what it counted about once a second

        for target in (first, second):
            await becomes(target, 3)
            await becomes(target, 2, user="anna")
            await becomes(target, 1, token="token-of-bad")  # one's own only
    async with two(tmp_path, redis) as (first, _):
        assert await used(first) == {"embedded/demo": 3}


async def test_a_request_asked_again_at_another_replica_is_paid_once(tmp_path: Path, redis: RedisServer) -> None:
    async def ask_again(target: str, question: str = "hi") -> Completion:
        async with InferenceClient(target, "token-of-good") as client:
            return await client.complete(question, request_id="r-1", replay=True)

    async with two(tmp_path, redis) as (first, second):
        paid, free = await ask_again(first), await ask_again(second)
        assert (paid.finished.replayed, free.finished.replayed) == (False, True)
        assert free.text == paid.text
        with pytest.raises(errors.InvalidRequest, match="another request with this id"):
            await ask_again(second, "Something else.")
        await redis.stop()  # each still has its own
        assert (await ask_again(first)).finished.replayed
        assert not (await ask_again(second)).finished.replayed


async def has_counted(target: str, requests: int) -> bool:
    return await used(target) == {"embedded/demo": requests}


async def test_without_redis_each_goes_on_counting_and_tells_when_it_is_back(
    tmp_path: Path, redis: RedisServer
) -> None:
    async with two(tmp_path, redis) as (first, second):
        for _ in range(3):
            await ask(first, "token-of-bad")
        await becomes_true(lambda: has_counted(second, 3))
        await redis.stop()
        await ask(second, "token-of-good")
        await ask(first, "token-of-bad")
        await ask(first, "token-of-bad")
        await refused(first, "token-of-bad")  # it remembers what came to itself
        assert await used(second) == {"embedded/demo": 1}
        await redis.start()
        await becomes_true(lambda: has_counted(first, 3))  # 2 of its own since Redis forgot, 1 of the other
