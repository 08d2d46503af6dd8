"""What the bot counts, in Prometheus form, on `bot.metrics_port`. Ids and texts never become labels."""

from collections.abc import Iterable, Sequence
from threading import Thread
from typing import Protocol
from wsgiref.simple_server import WSGIServer

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, start_http_server
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

SECONDS = (0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60, 120, 300)


class Shards(Protocol):
    @property
    def latencies(self) -> Sequence[tuple[int, float]]: ...


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
        self._server: tuple[WSGIServer, Thread] | None = None

    def answered(self, whole: bool) -> None:
        self.answers.labels("whole" if whole else "failed").inc()

    def wrote(self, kind: str) -> None:
        self.writes.labels(kind).inc()

    def undelivered(self) -> None:
        self.answers.labels("undelivered").inc()

    def refused(self, reason: str) -> None:
        self.refusals.labels(reason).inc()

    def watch(self, shards: Shards) -> None:
        """Show the gateway latency of every shard when somebody asks for the metrics."""
        self.registry.register(ShardLatencies(shards))

    def serve(self, port: int) -> int:
        """Serve on all addresses; 0 takes a free port. Gives the port."""
        self._server = start_http_server(port, registry=self.registry)
        return int(self._server[0].server_port)

    def close(self) -> None:
        if self._server is not None:
            server, thread = self._server
            server.shutdown()
            server.server_close()
            thread.join(timeout=2)
            self._server = None


class ShardLatencies(Collector):
    def __init__(self, shards: Shards) -> None:
        self._shards = shards

    def collect(self) -> Iterable[GaugeMetricFamily]:
        family = GaugeMetricFamily("antiphon_bot_shard_latency_seconds", "Gateway heartbeat latency", labels=["shard"])
        for shard, latency in self._shards.latencies:
            family.add_metric([str(shard)], latency)
        yield family
