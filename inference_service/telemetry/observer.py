"""The router's observer: passes events to metrics and traces."""

from inference_service.routing.observer import AttemptEnd
from inference_service.telemetry.metrics import Metrics
from inference_service.telemetry.traces import Traces


class Observers:
    def __init__(self, metrics: Metrics, traces: Traces) -> None:
        self._traces, self._metrics = traces, metrics
        self.attempt_started = metrics.attempt_started
        self.handed_over = metrics.handed_over
        self.hedged = metrics.hedged
        self.waited = metrics.waited
        self.queued = metrics.queued
        self.state_backend = metrics.state_backend

    def attempt_ended(self, end: AttemptEnd) -> None:
        self._metrics.attempt_ended(end)
        self._traces.attempt_ended(end)
