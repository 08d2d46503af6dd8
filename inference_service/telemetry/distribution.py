"""Histograms that only the event loop updates, exported through Prometheus' own library.

The library's histogram takes two locks per observation. Here nothing is shared between threads.
"""

from bisect import bisect_left
from collections.abc import Iterator, Sequence

from prometheus_client import CollectorRegistry
from prometheus_client.core import HistogramMetricFamily
from prometheus_client.utils import floatToGoString


class Distribution:
    """Counts values below each of the ascending bounds, and their sum, per combination of labels."""

    def __init__(
        self, name: str, text: str, labels: Sequence[str], bounds: Sequence[float], registry: CollectorRegistry
    ) -> None:
        self._name, self._text, self._labels, self._bounds = name, text, labels, bounds
        # By labels: the count of each bucket (the last has no bound), then the sum.
        self._seen: dict[tuple[str, ...], list[float]] = {}
        registry.register(self)

    def observe(self, value: float, *labels: str) -> None:
        """`value` in the unit that the name ends with; `labels` in the order of their names. Never fails a request."""
        counts = self._seen.get(labels)
        if counts is None:
            counts = self._seen[labels] = [0] * (len(self._bounds) + 2)
        counts[bisect_left(self._bounds, value)] += 1
        counts[-1] += value

    def collect(self) -> Iterator[HistogramMetricFamily]:
        """The interface of a Prometheus registry."""
        family = HistogramMetricFamily(self._name, self._text, labels=self._labels)
        spelt = [floatToGoString(bound) for bound in self._bounds]  # type: ignore[no-untyped-call] # not annotated
        bounds = [*spelt, "+Inf"]
        for labels, (*counts, total) in self._seen.items():
            below = [sum(counts[: place + 1]) for place in range(len(counts))]
            family.add_metric(labels, list(zip(bounds, below, strict=True)), total)
        yield family
