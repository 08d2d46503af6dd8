"""What operators see: Prometheus metrics named after OpenTelemetry's GenAI conventions, and the last hour for the status.

Labels are deployments, classes and configured callers, never anything that a person wrote.
"""

import platform
import time
from collections import deque
from importlib.metadata import version

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, ProcessCollector, generate_latest

from antiphon.telemetry import conventions
from inference_service.domain import UsageRecord
from inference_service.routing.observer import AttemptEnd
from inference_service.routing.snapshot import Snapshot
from inference_service.telemetry.callers import Callers
from inference_service.telemetry.distribution import Distribution
from inference_service.telemetry.hour import LastHour, Sums

log = structlog.get_logger(__name__)
KEPT_ERRORS = 50
NO_FAILURE = ("cancelled", "lost")  # a caller that has disconnected; a hedge that came second
CALLERS_FAULT = ("invalid_argument", "not_found", "failed_precondition")


class Metrics:
    """The router's observer. It has a registry of its own, because a test process runs several services."""

    def __init__(self, *, debug: bool = False) -> None:
        """`debug`: also log the start of each attempt."""
        self._debug = debug
        registry = self.registry = CollectorRegistry()
        self._requests = LastHour()
        self._attempts: dict[str, LastHour] = {}  # by deployment
        self.errors: deque[AttemptEnd] = deque(maxlen=KEPT_ERRORS)  # the latest failed calls, without any text
        self.error_times: deque[float] = deque(maxlen=KEPT_ERRORS)  # epoch seconds of each
        self.callers = Callers(registry)
        ProcessCollector(registry=registry)
        described = {"version": version("antiphon"), "python": platform.python_version(), "grpcio": version("grpcio")}
        Gauge("antiphon_build_info", "Always 1; the labels say what runs", tuple(described), registry=registry).labels(
            *described.values()
        ).set(1)
        self._define_histograms(registry)
        self._define_counters(registry)
        self._define_gauges(registry)

    def _define_histograms(self, registry: CollectorRegistry) -> None:
        base = ("gen_ai_operation_name", "gen_ai_provider_name", "gen_ai_request_model")
        durations = conventions.DURATION_BUCKETS
        self.operation = Distribution(
            "gen_ai_server_request_duration_seconds", "Whole requests", (*base, "error_type"), durations, registry
        )
        self.first_token = Distribution(
            "gen_ai_server_time_to_first_token_seconds",
            "Arrival to first delta",
            base,
            conventions.FIRST_TOKEN_BUCKETS,
            registry,
        )
        self.output_token = Distribution(
            "gen_ai_server_time_per_output_token_seconds",
            "Time per token after the first one, of whole answers",
            base,
            conventions.OUTPUT_TOKEN_BUCKETS,
            registry,
        )
        self.client_operation = Distribution(
            "gen_ai_client_operation_duration_seconds",
            "Upstream calls",
            ("deployment", *base, "error_type"),
            durations,
            registry,
        )
        self.tokens = Distribution(
            "gen_ai_client_token_usage",
            "Tokens of a request by deployment",
            ("deployment", *base, "gen_ai_token_type"),
            conventions.TOKEN_BUCKETS,
            registry,
        )

    def _define_counters(self, registry: CollectorRegistry) -> None:
        self.cancelled = Counter(
            "antiphon_cancelled_requests",
            "Requests that their caller cancelled",
            ("gen_ai_operation_name",),
            registry=registry,
        )
        self.queue = Gauge("antiphon_queue_length", "Requests waiting for a credential", registry=registry)
        self.discarded = Counter(
            "antiphon_discarded_tokens", "Tokens whose text was discarded", ("deployment",), registry=registry
        )
        self.handovers = Counter(
            "antiphon_handovers",
            "Answers that moved to another deployment",
            ("from_deployment", "to_deployment", "reason"),
            registry=registry,
        )
        self.hedges = Counter("antiphon_hedges", "Second attempts", ("deployment", "won"), registry=registry)
        self.waits = Counter(
            "antiphon_wait_seconds",
            "Time requests waited for a credential or a model",
            ("deployment",),
            registry=registry,
        )

    def _define_gauges(self, registry: CollectorRegistry) -> None:
        self.live = Gauge("antiphon_live_requests", "Requests running now", registry=registry)
        self.in_flight = Gauge("antiphon_pool_in_flight", "Upstream calls running", ("provider",), registry=registry)
        self.credentials = Gauge(
            "antiphon_pool_credentials", "Credentials by state", ("provider", "state"), registry=registry
        )
        self.breakers = Gauge(
            "antiphon_breaker_open", "1 while the breaker is not closed", ("deployment",), registry=registry
        )
        labels = ("provider", "model", "unit", "window_seconds")
        self.quota_limit = Gauge("antiphon_quota_limit", "Size of a quota's window", labels, registry=registry)
        self.quota_left = Gauge("antiphon_quota_left", "What is left of a quota's window", labels, registry=registry)
        self.degraded = Gauge(
            "antiphon_state_degraded", "1 while Redis is configured but unreachable", registry=registry
        )

    # --- observer of routing -------------------------------------------------------------------

    def attempt_started(self, request_id: str, deployment: str, credential: str, number: int) -> None:
        if self._debug:
            log.debug("attempt", request_id=request_id, deployment=deployment, credential=credential, attempt=number)

    def attempt_ended(self, end: AttemptEnd) -> None:
        if end.failure in NO_FAILURE:
            return
        labels = upstream_labels(end.operation, end.deployment)
        self.client_operation.observe(end.duration, end.deployment, *labels, end.failure or "")
        hour = self._attempts.setdefault(end.deployment, LastHour())
        hour.add(time.monotonic(), failed=end.failure is not None, first_token=end.first_token)
        if end.failure:
            self.errors.append(end)
            self.error_times.append(time.time())
            log.warning(
                "attempt failed",
                request_id=end.request_id,
                deployment=end.deployment,
                credential=end.credential,
                failure=end.failure,
                http_status=end.http_status,
                duration=round(end.duration, 3),
            )

    def handed_over(
        self, request_id: str, from_deployment: str, to_deployment: str, reason: str, keep_chars: int
    ) -> None:
        self.handovers.labels(from_deployment, to_deployment, reason).inc()
        log.info(
            "handover",
            request_id=request_id,
            from_deployment=from_deployment,
            to_deployment=to_deployment,
            reason=reason,
            keep_chars=keep_chars,
        )

    def hedged(self, request_id: str, deployment: str, *, won: bool) -> None:
        self.hedges.labels(deployment, str(won).lower()).inc()

    def waited(self, request_id: str, deployment: str, seconds: float) -> None:
        self.waits.labels(deployment).inc(seconds)

    def queued(self, change: int) -> None:
        self.queue.inc(change)

    def state_backend(self, backend: str) -> None:
        self.degraded.set(backend == "redis_lost")
        log.warning("state backend changed", backend=backend)

    # --- requests ------------------------------------------------------------------------------

    def request_ended(
        self,
        operation: str,
        model: str,
        duration: float,
        failure: str,
        first_token: float | None,
        records: list[UsageRecord],
    ) -> None:
        """`failure`: a canonical code in lower case, empty for success. `model` is a known name, never free text."""
        name, tokens = conventions.operation(operation), 0
        for record in records:
            tokens += record.usage.completion_tokens
            labels = (record.deployment, *upstream_labels(operation, record.deployment))
            self.tokens.observe(record.usage.prompt_tokens, *labels, "input")
            self.tokens.observe(record.usage.completion_tokens, *labels, "output")
            if record.discarded:
                self.discarded.labels(record.deployment).inc(
                    record.usage.prompt_tokens + record.usage.completion_tokens
                )
        base = (name, conventions.SERVER, model)
        if failure == "cancelled":
            self.cancelled.labels(name).inc()
        else:
            self.operation.observe(duration, *base, failure)
        if first_token is not None:
            self.first_token.observe(first_token, *base)
            if not failure and tokens > 1:
                self.output_token.observe(max(0.0, duration - first_token) / (tokens - 1), *base)
        failed = failure not in ("", "cancelled", *CALLERS_FAULT)
        self._requests.add(time.monotonic(), failed=failed, tokens=tokens, first_token=first_token)

    def caller_served(self, caller: str, operation: str, failure: str, records: list[UsageRecord]) -> None:
        """Counts a request for its caller."""
        self.callers.served(caller, conventions.operation(operation), failure, records)

    def refused(self, caller: str, limit: str) -> None:
        """Counts a request that a limit of the configuration refused."""
        self.callers.refused(caller, limit)

    def hour(self) -> Sums:
        """Requests of the last hour."""
        return self._requests.sums(time.monotonic())

    def deployments(self) -> dict[str, Sums]:
        """Attempts of the last hour by deployment."""
        now = time.monotonic()
        return {name: sums for name, hour in self._attempts.items() if (sums := hour.sums(now)).count}

    def last_errors(self) -> list[tuple[float, AttemptEnd]]:
        """(epoch seconds, failed call), newest first."""
        return list(zip(reversed(self.error_times), reversed(self.errors), strict=True))

    def render(self) -> bytes:
        return generate_latest(self.registry)

    def see(self, snapshot: Snapshot) -> None:
        """Updates the gauges of pools and breakers; called for every scrape."""
        for provider in snapshot.providers:
            self.in_flight.labels(provider.name).set(sum(entry.in_flight for entry in provider.credentials))
            for state in ("ready", "cooldown", "quarantine"):
                self.credentials.labels(provider.name, state).set(
                    sum(entry.state == state for entry in provider.credentials)
                )
            for view in provider.quotas:
                labels = provider.name, view.model, view.unit.value, f"{view.window:g}"
                self.quota_limit.labels(*labels).set(view.limit)
                self.quota_left.labels(*labels).set(view.left)
            for entry in provider.deployments:
                self.breakers.labels(entry.name).set(entry.breaker != "closed")
        self.degraded.set(snapshot.backend == "redis_lost")


def upstream_labels(operation: str, deployment: str) -> tuple[str, str, str]:
    """Operation, provider and model of an upstream call, by the names of the conventions."""
    provider, _, model = deployment.partition("/")
    return conventions.operation(operation), conventions.provider(provider), model
