"""Many streams at once over providers that fail at random: every one ends whole or with a classified error, nothing leaks."""

import asyncio
import gc
import random
import time
from collections import Counter
from typing import NamedTuple

import pytest

from antiphon.client import InferenceClient
from antiphon.errors import AnswerIncomplete, AntiphonError, Interrupted
from antiphon.events import Handover
from tests.fakes.upstream.server import TEXT, FakeUpstream
from tests.support.recovery import idle
from tests.support.service import serving, two_providers
from tests.support.waiting import only_left, own_tasks

LONGEST = 30.0  # seconds, the deadline of each request
# "{}" is a random place in the text.
FAULTS = [
    "500", "503", "reset", "resetheaders", "429:1", "html", "empty", "errorfirst", "nofinish", "reasoningcut",
    "cut:{}", "eof:{}", "errorlater:{}", "resetchunk:{}", "resetcharacter:{}", "gzipcut:{}", "finishcut:{}", "lostchunk:{}", "badchunk:{}",
]  # fmt: skip
SHARE = 0.3


class Chance(dict[str, str]):
    """Three in ten calls fail, each in its own way and place."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self._random = random.Random(seed)
        self.failed: Counter[str] = Counter()

    def get(self, key: str, default: str | None = None) -> str | None:  # type: ignore[override]
        del key, default
        if self._random.random() >= SHARE:
            return "ok"
        fault = self._random.choice(FAULTS)
        self.failed[fault] += 1
        return fault.format(self._random.randrange(len(TEXT)))


class Result(NamedTuple):
    whole: int
    classified: int
    handovers: int
    calls: int
    failed_calls: int
    slowest: float  # seconds

    def __str__(self) -> str:
        return (
            f"{self.whole} whole answers, {self.classified} classified errors, {self.handovers} handovers, "
            f"{self.calls} calls of which {self.failed_calls} failed, the longest request {self.slowest:.1f} s"
        )


async def soak(streams: int, seconds: float) -> Result:
    """Counts tasks, sockets and credentials in flight before and after: nothing may be left."""
    whole = classified = handovers = 0
    slowest = 0.0
    keys = {f"{name}_KEY{n}": f"key-of-{name}-{n:012d}" for name in "AB" for n in range(1, 5)}
    async with FakeUpstream() as upstream:
        chance = upstream.behaviour = Chance(7)
        config = two_providers(upstream, "one", "two", preset="vllm")
        config["routing"] |= {"attempts": 6, "breaker": {"failures": 50, "probe_interval": 1}}
        before = own_tasks()
        async with serving(config, keys) as (server, client):
            serves = own_tasks()
            until = time.monotonic() + seconds

            async def one(caller: InferenceClient) -> None:
                nonlocal whole, classified, handovers, slowest
                while True:
                    began = time.monotonic()
                    stream = caller.chat("How do glaciers move?", timeout=LONGEST)
                    try:
                        async for event in stream:
                            handovers += isinstance(event, Handover)
                    except (AnswerIncomplete, Interrupted) as broken:
                        assert isinstance(broken, Interrupted)
                        classified += 1
                    except AntiphonError:
                        classified += 1
                    else:
                        assert stream.text == TEXT
                        whole += 1
                    slowest = max(slowest, time.monotonic() - began)
                    if time.monotonic() >= until:
                        return

            await asyncio.gather(*(one(client) for _ in range(streams)))
            await idle(client)
            assert server.shared.door.live == {}
            gc.collect()
            await only_left(serves)
        await only_left(before)
        await upstream.disconnected()
        return Result(whole, classified, handovers, len(upstream.calls), chance.failed.total(), slowest)


async def test_a_short_soak_loses_and_truncates_nothing() -> None:
    result = await soak(30, 2.0)
    assert result.whole > 50
    assert result.classified <= result.whole // 10
    assert result.slowest < LONGEST  # who cannot be answered in time is told so at once, and waits for nothing


@pytest.mark.soak
async def test_two_hundred_streams_for_two_minutes_lose_and_truncate_nothing(
    capsys: pytest.CaptureFixture[str],
) -> None:
    result = await soak(200, 120.0)
    with capsys.disabled():
        print(f"\nsoak: {result}")
    assert result.whole > 1_000
    assert result.classified <= result.whole // 10
    assert result.slowest < LONGEST  # who cannot be answered in time is told so at once, and waits for nothing
