"""What operators see: Prometheus metrics by the names of OpenTelemetry's GenAI conventions, and the last hour for the status.

Labels are deployments, classes and callers; never anything that a person wrote.
"""

import time

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest

from inference_service.domain import UsageRecord
from inference_service.routing.observer import AttemptEnd
from inference_service.routing.snapshot import Snapshot
from inference_service.telemetry.distribution import Distribution
from inference_service.telemetry.hour import LastHour, Sums

log = structlog.get_logger(__name__)
# The buckets that the GenAI conventions advise.
DURATIONS = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
TOKENS = (1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 262144, 1048576)


class Metrics:
    """Also the router's observer. A registry of its own: several services may live in one test process."""

    def __init__(self, *, debug: bool = False) -> None:
        """`debug`: log the begin of each attempt, too."""
        self._debug = debug
        registry = self.registry = CollectorRegistry()
        self._requests = LastHour()
        self._attempts: dict[str, LastHour] = {}  # by deployment
        base = ("gen_ai_operation_name", "gen_ai_request_model")
        self.operation = Distribution(
            "gen_ai_server_request_duration_seconds", "Whole requests", (*base, "error_type"), DURATIONS, registry
        )
        self.first_token = Distribution(
            "gen_ai_server_time_to_first_token_seconds", "Arrival to first delta", base, DURATIONS, registry
        )
        self.client_operation = Distribution(
            "gen_ai_client_operation_duration_seconds",
            "Upstream calls",
            ("deployment", "error_type"),
            DURATIONS,
            registry,
        )
        self.tokens = Distribution(
            "gen_ai_client_token_usage",
            "Tokens of a request by deployment",
            ("deployment", "gen_ai_token_type"),
            TOKENS,
            registry,
        )
        self.discarded = Counter(
            "antiphon_discarded_tokens", "Tokens whose text reached nobody", ("deployment",), registry=registry
        )
        self.handovers = Counter(
            "antiphon_handovers",
            "Answers that moved",
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
        self.live = Gauge("antiphon_live_requests", "Requests running now", registry=registry)
        self.in_flight = Gauge("antiphon_pool_in_flight", "Upstream calls running", ("provider",), registry=registry)
        self.credentials = Gauge(
            "antiphon_pool_credentials", "Credentials by state", ("provider", "state"), registry=registry
        )
        self.breakers = Gauge("antiphon_breaker_open", "1 while not closed", ("deployment",), registry=registry)
        labels = ("provider", "model", "unit", "window_seconds")
        self.quota_limit = Gauge("antiphon_quota_limit", "What a window of a quota holds", labels, registry=registry)
        self.quota_left = Gauge("antiphon_quota_left", "What is left of it now", labels, registry=registry)
        self.degraded = Gauge("antiphon_state_degraded", "1 while Redis is configured and lost", registry=registry)

    # --- observer of routing -------------------------------------------------------------------

    def attempt_started(self, request_id: str, deployment: str, credential: str, number: int) -> None:
        if self._debug:
            log.debug("attempt", request_id=request_id, deployment=deployment, credential=credential, attempt=number)

    def attempt_ended(self, end: AttemptEnd) -> None:
        self.client_operation.observe(end.duration, end.deployment, end.failure or "")
        lost = end.failure in ("lost", "cancelled")
        if not lost:
            seen = self._attempts.setdefault(end.deployment, LastHour())
            seen.add(time.monotonic(), failed=end.failure is not None, first_token=end.first_token)
        if end.failure and not lost:
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
        self.operation.observe(duration, operation, model, failure)
        if first_token is not None:
            self.first_token.observe(first_token, operation, model)
        tokens = 0
        for record in records:
            tokens += record.usage.completion_tokens
            self.tokens.observe(record.usage.prompt_tokens, record.deployment, "input")
            self.tokens.observe(record.usage.completion_tokens, record.deployment, "output")
            if record.discarded:
                self.discarded.labels(record.deployment).inc(
                    record.usage.prompt_tokens + record.usage.completion_tokens
                )
        ours = failure not in ("", "cancelled", "invalid_argument", "not_found", "failed_precondition")
        self._requests.add(time.monotonic(), failed=ours, tokens=tokens, first_token=first_token)

    def hour(self) -> Sums:
        """Requests of the last hour."""
        return self._requests.sums(time.monotonic())

    def deployments(self) -> dict[str, Sums]:
        """Attempts of the last hour by deployment."""
        now = time.monotonic()
        return {name: sums for name, hour in self._attempts.items() if (sums := hour.sums(now)).count}

    def render(self) -> bytes:
        return generate_latest(self.registry)

    def see(self, snapshot: Snapshot) -> None:
        """Pools and breakers as gauges, looked at when somebody asks."""
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
