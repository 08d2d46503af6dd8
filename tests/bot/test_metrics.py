"""Whether the bot is healthy: while Discord's gateway hears it and is heard, on every shard."""

from dataclasses import dataclass, field
from typing import Any

import aiohttp
import pytest

from antiphon.cli import listing
from antiphon.cli.output import DONE, UNAVAILABLE, UsageProblem
from discord_bot.metrics import BotMetrics, is_connected


@dataclass
class FakeShard:
    closed: bool = False

    def is_closed(self) -> bool:
        return self.closed


@dataclass
class FakeShards:
    ready: bool = True
    latencies: list[tuple[int, float]] = field(default_factory=lambda: [(0, 0.1), (1, 0.2)])
    shards: dict[int, Any] = field(default_factory=lambda: {0: FakeShard(), 1: FakeShard()})

    def is_ready(self) -> bool:
        return self.ready


@pytest.mark.parametrize(
    ("shards", "connected"),
    [
        (FakeShards(), True),
        (FakeShards(ready=False), False),
        (FakeShards(shards={0: FakeShard(), 1: FakeShard(closed=True)}), False),
        (FakeShards(latencies=[(0, 0.1), (1, float("inf"))]), False),
        (FakeShards(latencies=[(0, float("nan")), (1, 0.1)]), False),
    ],
)
def test_a_bot_is_connected_while_every_shard_is(shards: FakeShards, connected: bool) -> None:
    assert is_connected(shards) is connected


async def test_health_follows_the_gateway(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    metrics = BotMetrics()
    port = await metrics.serve("127.0.0.1", 0)
    try:
        monkeypatch.setenv("ANTIPHON__BOT__METRICS_PORT", str(port))
        assert await listing.bot_health(as_json=False) == UNAVAILABLE, "it has not connected yet"
        metrics.watch(FakeShards(ready=False))
        metrics.watch(shards := FakeShards())
        assert await listing.bot_health(as_json=False) == DONE
        shards.shards[1].closed = True
        assert await listing.bot_health(as_json=False) == UNAVAILABLE
        async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session:
            async with session.get("/metrics") as answer:
                text = await answer.text()
            async with session.get("/healthz") as answer:
                assert answer.status == 200
        assert "antiphon_bot_connected 0.0" in text
        assert text.count('antiphon_bot_shard_latency_seconds{shard="1"}') == 1
    finally:
        await metrics.close()
    assert await listing.bot_health(as_json=False) == UNAVAILABLE
    assert capsys.readouterr().out.splitlines() == [
        "not connected to Discord", "connected to Discord", "not connected to Discord", "the bot does not answer",
    ]  # fmt: skip


async def test_without_a_port_it_says_what_to_configure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ANTIPHON__BOT__METRICS_PORT", raising=False)
    with pytest.raises(UsageProblem, match=r"bot\.metrics_port"):
        await listing.bot_health(as_json=False)
