"""Keys carry what they hold, over real sockets: slightly beyond capacity, in a burst, told everything or nothing.

A short form with windows of ten seconds runs with every test; `make soak` plays it in full.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest

from antiphon import errors
from antiphon.client import InferenceClient
from tests.fakes.upstream.server import TEXT, FakeUpstream
from tests.support.metered import MeteredUpstream
from tests.support.redis import redis_server
from tests.support.service import KEYS, serving, two_providers

DECLARED = [{"unit": "concurrent", "limit": 5}]


def config(upstream: MeteredUpstream, quotas: list[dict[str, Any]]) -> dict[str, Any]:
    provider = {
        "kind": "openai",
        "base_url": upstream.url,
        "models": ["m"],
        "credentials_env": ["A_KEY"],
        "options": {"preset": "vllm"},
        "quotas": quotas,
    }
    return {
        "providers": {"a": provider},
        "routes": {"chat": {"deployments": ["a/m"]}},
        "routing": {"attempts": 20},
        "state": {"timeout": 5},  # what is asked is what keys carry, not how quick this machine is
    }


def environ(keys: int, url: str = "") -> dict[str, str]:
    given = {f"A_KEY{number}": f"key-of-a-{number:012d}" for number in range(1, keys + 1)}
    return given | ({"ANTIPHON_REDIS_URL": url} if url else {})


async def answered(client: InferenceClient, patience: float) -> bool:
    stream = client.chat("hi", timeout=patience)
    try:
        async for _event in stream:
            pass
    except errors.AntiphonError:
        return False
    return stream.text == TEXT


async def load(clients: Sequence[InferenceClient], count: int, seconds: float, patience: float) -> int:
    """Questions at an even pace, to each client in turn; how many were answered whole."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    tasks = []
    for number in range(count):
        await asyncio.sleep(max(0.0, began + number * seconds / count - loop.time()))
        tasks.append(asyncio.create_task(answered(clients[number % len(clients)], patience)))
    return sum(await asyncio.gather(*tasks))


@contextlib.asynccontextmanager
async def services(
    upstream: MeteredUpstream, keys: int, count: int, quotas: list[dict[str, Any]]
) -> AsyncIterator[list[InferenceClient]]:
    """One service with its state in memory, or several that share it in Redis."""
    async with contextlib.AsyncExitStack() as stack:
        url = (await stack.enter_async_context(redis_server())).url if count > 1 else ""
        clients = []
        for _ in range(count):
            _, client = await stack.enter_async_context(serving(config(upstream, quotas), environ(keys, url)))
            clients.append(client)
        yield clients


@pytest.mark.parametrize(
    ("tells", "count", "least", "most"),
    [("headers", 1, 97, 6), ("nothing", 1, 93, 12), ("nothing", 2, 93, 14)],
    ids=["headers", "nothing", "nothing-redis"],
)
async def test_three_keys_beyond_capacity(tells: str, count: int, least: int, most: int) -> None:
    async with (
        MeteredUpstream(15, 10.0, 5, tells, (0.25, 0.5)) as upstream,
        services(upstream, 3, count, []) as clients,
    ):
        assert await load(clients, 100, 20, 25) >= least
        assert upstream.books.refused <= most


async def test_with_declared_quotas_nothing_is_refused() -> None:
    minute = [{"unit": "requests", "limit": 15, "per": "minute"}, *DECLARED]
    async with (
        MeteredUpstream(15, 60.0, 5, "nothing", (0.25, 0.5)) as upstream,
        services(upstream, 3, 1, minute) as clients,
    ):
        assert await load(clients, 60, 12, 10) == 45  # the rest is refused at once, since the next minute is too late
        assert upstream.books.refused == 0


async def test_a_burst_is_answered_whole() -> None:
    async with (
        MeteredUpstream(15, 60.0, 5, "nothing", (0.25, 0.5)) as upstream,
        services(upstream, 6, 1, []) as clients,
    ):
        assert await load(clients, 60, 1, 60) == 60
        assert upstream.books.refused <= 10


async def test_a_provider_that_takes_one_call_at_once_answers_one_question_after_the_other() -> None:
    """A call that has just ended may still run for its provider: the next question waits that moment, and goes nowhere else."""
    async with FakeUpstream() as upstream:
        settings = two_providers(upstream, "ok", "ok")
        settings["providers"]["a"]["max_concurrent"] = 1
        async with serving(settings, KEYS) as (_, client):
            for _ in range(5):
                assert await answered(client, 20)
        assert len(upstream.of("a")) == 5
        assert not upstream.of("b")


FULL = [
    ("headers", 1, [], 590, 12),
    ("nothing", 1, [], 560, 40),
    ("nothing", 1, [{"unit": "requests", "limit": 15, "per": "minute"}, *DECLARED], 590, 0),
    ("headers", 2, [], 590, 12),
    ("nothing", 2, [], 560, 40),
    ("nothing", 2, [{"unit": "requests", "limit": 15, "per": "minute"}, *DECLARED], 590, 0),
]


@pytest.mark.soak
@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    ("tells", "count", "quotas", "least", "most"),
    FULL,
    ids=["headers", "nothing", "declared", "headers-redis", "nothing-redis", "declared-redis"],
)
async def test_six_keys_at_111_percent(
    tells: str, count: int, quotas: list[dict[str, Any]], least: int, most: int
) -> None:
    async with (
        MeteredUpstream(15, 60.0, 5, tells, (1.5, 3.0)) as upstream,
        services(upstream, 6, count, quotas) as clients,
    ):
        whole = await load(clients, 600, 360, 60)
        assert (whole >= least, upstream.books.refused <= most) == (True, True), (whole, upstream.books.refused)


@pytest.mark.soak
@pytest.mark.timeout(300)
@pytest.mark.parametrize("questions", [60, 85])
@pytest.mark.parametrize("tells", ["headers", "nothing"])
@pytest.mark.parametrize("count", [1, 2])
async def test_bursts_of_six_keys(questions: int, tells: str, count: int) -> None:
    async with (
        MeteredUpstream(15, 60.0, 5, tells, (1.5, 3.0)) as upstream,
        services(upstream, 6, count, []) as clients,
    ):
        assert await load(clients, questions, 1, 60) == questions
        assert upstream.books.refused <= 10
