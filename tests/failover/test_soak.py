"""Many streams at once over providers that fail at random: every one ends whole or with a classified error, nothing leaks."""

import asyncio
import gc
import random
import time

import pytest

from antiphon.client import InferenceClient
from antiphon.errors import AnswerIncomplete, AntiphonError, Interrupted
from tests.fakes.upstream.server import TEXT, FakeUpstream
from tests.support.recovery import our_tasks
from tests.support.service import serving, two_providers

FAULTS = [
    "500",
    "503",
    "reset",
    "cut:40",
    "cut:200",
    "eof:90",
    "errorlater:120",
    "429:1",
    "badchunk:30",
    "html",
    "nofinish",
]
SHARE = 0.3


class Chance(dict[str, str]):
    """Three in ten calls fail, each in its own way."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self._random = random.Random(seed)

    def get(self, key: str, default: str | None = None) -> str | None:  # type: ignore[override]
        del key, default
        return self._random.choice(FAULTS) if self._random.random() < SHARE else "ok"


async def soak(streams: int, seconds: float) -> tuple[int, int]:
    """(whole answers, classified errors)."""
    whole = classified = 0
    keys = {f"{name}_KEY{n}": f"key-of-{name}-{n:012d}" for name in "AB" for n in range(1, 5)}
    async with FakeUpstream() as upstream:
        upstream.behaviour = Chance(7)
        config = two_providers(upstream, "one", "two", preset="vllm")
        config["routing"] |= {"attempts": 6, "breaker": {"failures": 50, "probe_interval": 1}}
        async with serving(config, keys) as (server, client):
            until = time.monotonic() + seconds
            before = our_tasks()

            async def one(caller: InferenceClient) -> None:
                nonlocal whole, classified
                while True:
                    stream = caller.chat("How do glaciers move?", timeout=30)
                    try:
                        async for _event in stream:
                            pass
                    except (AnswerIncomplete, Interrupted) as broken:
                        assert isinstance(broken, Interrupted)
                        classified += 1
                    except AntiphonError:
                        classified += 1
                    else:
                        assert stream.text == TEXT
                        whole += 1
                    if time.monotonic() >= until:
                        return

            await asyncio.gather(*(one(client) for _ in range(streams)))
            status = await client.status()
            assert all(one.in_flight == 0 for provider in status.providers for one in provider.credentials)
            assert server.shared.door.live.keys() <= set()
            gc.collect()
            async with asyncio.timeout(20):
                while our_tasks() > before:
                    await asyncio.sleep(0)
    return whole, classified


async def test_a_short_soak_loses_and_truncates_nothing() -> None:
    whole, classified = await soak(30, 2.0)
    assert whole > 50
    assert classified <= whole // 10


@pytest.mark.soak
async def test_two_hundred_streams_for_two_minutes_lose_and_truncate_nothing() -> None:
    whole, classified = await soak(200, 120.0)
    assert whole > 1_000
    assert classified <= whole // 10
