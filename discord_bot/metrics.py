"""What the bot counts, in Prometheus form, and whether it is connected, on `bot.metrics_port`.

Ids and texts never become labels.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from aiohttp import web
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from antiphon.webdoor import WebDoor

SECONDS = (0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60, 120, 300)


class Shard(Protocol):
    def is_closed(self) -> bool: ...


class Shards(Protocol):
    """The state of the connections to Discord's gateway."""

    @property
    def latencies(self) -> Sequence[tuple[int, float]]: ...

    @property
    def shards(self) -> Mapping[int, Shard]: ...

    def is_ready(self) -> bool: ...


def is_connected(shards: Shards) -> bool:
    """Every shard hears from Discord, so that every server is answered."""
    return (
        shards.is_ready()
        and all(math.isfinite(latency) for _, latency in shards.latencies)
        and not any(shard.is_closed() for shard in shards.shards.values())
    )


class BotMetrics:
    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.answers = Counter(
            "antiphon_bot_answers", "Answers that ended, by how they ended", ["outcome"], registry=self.registry
        )
        self.pictures = Counter(
            "antiphon_bot_pictures", "Picture jobs that ended, by how they ended", ["outcome"], registry=self.registry
        )
        self.refusals = Counter(
            "antiphon_bot_refusals", "Requests refused before any work", ["reason"], registry=self.registry
        )
        self.errors = Counter("antiphon_bot_errors", "Errors that nothing expected", ["where"], registry=self.registry)
        self.running = Gauge("antiphon_bot_running", "Answers and pictures running now", registry=self.registry)
        self.first_text = Histogram(
            "antiphon_bot_first_text_seconds",
            "From a question to its first visible text",
            buckets=SECONDS,
            registry=self.registry,
        )
        self.duration = Histogram(
            "antiphon_bot_answer_seconds", "From a question to its last edit", buckets=SECONDS, registry=self.registry
        )
        self.writes = Counter(
            "antiphon_bot_writes", "Messages sent and edited for answers", ["kind"], registry=self.registry
        )
        self._shards: Shards | None = None
        self._door: WebDoor | None = None
        self.registry.register(Gateway(self))

    def answered(self, whole: bool) -> None:
        self.answers.labels("whole" if whole else "failed").inc()

    def wrote(self, kind: str) -> None:
        self.writes.labels(kind).inc()

    def undelivered(self) -> None:
        self.answers.labels("undelivered").inc()

    def refused(self, reason: str) -> None:
        self.refusals.labels(reason).inc()

    def watch(self, shards: Shards) -> None:
        """Registers these shards for export; they replace the former ones."""
        self._shards = shards

    @property
    def connected(self) -> bool:
        return self._shards is not None and is_connected(self._shards)

    @property
    def latencies(self) -> Sequence[tuple[int, float]]:
        return self._shards.latencies if self._shards is not None else ()

    async def serve(self, host: str, port: int) -> int:
        """`/metrics`, `/healthz` (process is up) and `/readyz` (is connected). Returns the port. Raises OSError."""
        app = web.Application()
        app.add_routes(
            [web.get("/metrics", self._metrics), web.get("/healthz", self._live), web.get("/readyz", self._ready)]
        )
        door = WebDoor(app)
        await door.start(host, port)
        self._door = door
        return door.port

    async def close(self) -> None:
        if self._door is not None:
            await self._door.stop()

    async def _metrics(self, _: web.Request) -> web.Response:
        headers = {"Content-Type": "text/plain; version=0.0.4; charset=utf-8"}
        return web.Response(body=generate_latest(self.registry), headers=headers)

    async def _live(self, _: web.Request) -> web.Response:
        return web.Response(text="alive\n")

    async def _ready(self, _: web.Request) -> web.Response:
        connected = self.connected
        text = "connected to Discord\n" if connected else "not connected to Discord\n"
        return web.Response(text=text, status=200 if connected else 503)


class Gateway(Collector):
    def __init__(self, metrics: BotMetrics) -> None:
        self._metrics = metrics

    def collect(self) -> Iterable[GaugeMetricFamily]:
        connected = "Whether every shard is connected to Discord's gateway"
        yield GaugeMetricFamily("antiphon_bot_connected", connected, value=float(self._metrics.connected))
        family = GaugeMetricFamily("antiphon_bot_shard_latency_seconds", "Gateway heartbeat latency", labels=["shard"])
        for shard, latency in self._metrics.latencies:
            family.add_metric([str(shard)], latency)
        yield family
