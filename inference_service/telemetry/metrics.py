"""What operators see: Prometheus metrics by the names of OpenTelemetry's GenAI conventions, and the last hour for the status.

Labels are deployments, classes and callers; never anything that a person wrote.
"""

import time
from collections import deque

import structlog
from msgspec import Struct
from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest

from inference_service.domain import UsageRecord
from inference_service.routing.observer import AttemptEnd
from inference_service.routing.snapshot import Snapshot
from inference_service.telemetry.distribution import Distribution

log = structlog.get_logger(__name__)
# The buckets that the GenAI conventions advise.
DURATIONS = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
TOKENS = (1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 262144, 1048576)
MINUTES = 60
KEPT = 20_000


class RequestEnd(Struct, frozen=True):
    at: float  # monotonic
    failed: bool
    tokens: int
    first_token: float | None


class AttemptSeen(Struct, frozen=True):
    at: float
    deployment: str
    failed: bool
    first_token: float | None


class Hour(Struct, frozen=True):
    """Sums of the last hour."""

    requests: int
    failures: int
    completion_tokens: int
    median_first_token: float | None
    p95_first_token: float | None
    by_minute: tuple[int, ...]


class Metrics:
    """Also the router's observer. A registry of its own: several services may live in one test process."""

    def __init__(self, *, debug: bool = False) -> None:
        """`debug`: log the begin of each attempt, too."""
        self._debug = debug
        registry = self.registry = CollectorRegistry()
        self._requests: deque[RequestEnd] = deque(maxlen=KEPT)
        self._attempts: deque[AttemptSeen] = deque(maxlen=KEPT)
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
        self.degraded = Gauge("antiphon_state_degraded", "1 while Redis is configured and lost", registry=registry)

    # --- observer of routing -------------------------------------------------------------------

    def attempt_started(self, request_id: str, deployment: str, credential: str, number: int) -> None:
        if self._debug:
            log.debug("attempt", request_id=request_id, deployment=deployment, credential=credential, attempt=number)

    def attempt_ended(self, end: AttemptEnd) -> None:
        self.client_operation.observe(end.duration, end.deployment, end.failure or "")
        lost = end.failure in ("lost", "cancelled")
        if not lost:
            self._attempts.append(
                AttemptSeen(time.monotonic(), end.deployment, end.failure is not None, end.first_token)
            )
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
        self._requests.append(RequestEnd(time.monotonic(), ours, tokens, first_token))

    def hour(self) -> Hour:
        now = time.monotonic()
        recent = [one for one in self._requests if one.at > now - 3_600]
        minutes = [0] * MINUTES
        for one in recent:
            minutes[MINUTES - 1 - min(MINUTES - 1, int((now - one.at) // 60))] += 1
        first = sorted(one.first_token for one in recent if one.first_token is not None)
        return Hour(
            len(recent),
            sum(one.failed for one in recent),
            sum(one.tokens for one in recent),
            first[len(first) // 2] if first else None,
            first[min(len(first) - 1, int(len(first) * 0.95))] if first else None,
            tuple(minutes),
        )

    def deployments(self) -> dict[str, tuple[int, int, float | None]]:
        """Deployment → attempts, failures, median time to first token of the last hour."""
        now = time.monotonic()
        found: dict[str, tuple[int, int, list[float]]] = {}
        for one in self._attempts:
            if one.at > now - 3_600:
                made, failed, first = found.get(one.deployment, (0, 0, []))
                if one.first_token is not None:
                    first.append(one.first_token)
                found[one.deployment] = (made + 1, failed + one.failed, first)
        return {
            name: (made, failed, sorted(first)[len(first) // 2] if first else None)
            for name, (made, failed, first) in found.items()
        }

    def render(self) -> bytes:
        return generate_latest(self.registry)

    def see(self, snapshot: Snapshot) -> None:
        """Pools and breakers as gauges, looked at when somebody asks."""
        for provider in snapshot.providers:
            self.in_flight.labels(provider.name).set(sum(one.in_flight for one in provider.credentials))
            for state in ("ready", "cooldown", "quarantine"):
                self.credentials.labels(provider.name, state).set(
                    sum(one.state == state for one in provider.credentials)
                )
            for one in provider.deployments:
                self.breakers.labels(one.name).set(one.breaker != "closed")
        self.degraded.set(snapshot.backend == "redis_lost")
