"""What each configured caller requested and used. Callers are named in the configuration, so labels are bounded."""

from collections.abc import Sequence
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter

from inference_service.domain import UsageRecord


@dataclass
class CallerSums:
    """Since the start of the process."""

    requests: int = 0
    failed: int = 0
    refused: int = 0
    tokens: int = 0


class Callers:
    def __init__(self, registry: CollectorRegistry) -> None:
        self._requests = Counter(
            "antiphon_caller_requests",
            "Requests by caller; outcome is a gRPC code, ok or cancelled",
            ("caller", "gen_ai_operation_name", "outcome"),
            registry=registry,
        )
        self._tokens = Counter(
            "antiphon_caller_tokens", "Tokens by caller", ("caller", "gen_ai_token_type"), registry=registry
        )
        self._refusals = Counter(
            "antiphon_refusals", "Requests that a configured limit refused", ("caller", "limit"), registry=registry
        )
        self.sums: dict[str, CallerSums] = {}

    def served(self, caller: str, operation: str, failure: str, records: Sequence[UsageRecord]) -> None:
        """`failure`: a canonical code in lower case; empty for success."""
        prompt = sum(record.usage.prompt_tokens for record in records)
        completion = sum(record.usage.completion_tokens for record in records)
        self._requests.labels(caller, operation, failure or "ok").inc()
        self._tokens.labels(caller, "input").inc(prompt)
        self._tokens.labels(caller, "output").inc(completion)
        sums = self.sums.setdefault(caller, CallerSums())
        sums.requests += 1
        sums.failed += failure not in ("", "cancelled")
        sums.tokens += prompt + completion

    def refused(self, caller: str, limit: str) -> None:
        self._refusals.labels(caller, limit).inc()
        self.sums.setdefault(caller, CallerSums()).refused += 1
