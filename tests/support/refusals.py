"""One refusal of one provider, and what it must mean. The rows of the catalogue are the dialects."""

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from typing import Any

from antiphon.config.model import Config, ProviderConfig
from inference_service.failures import FailureKind as K
from inference_service.failures import Scope, UpstreamFailure
from inference_service.providers.kit import errors
from inference_service.providers.kit.dialect import Dialect, Sent
from inference_service.providers.registry import build_provider

NOW = datetime(2026, 11, 27, 10, 20, 30, tzinfo=UTC).timestamp()
MINUTE, HOUR, DAY = 60.0, 3_600.0, 86_400.0
TO_UTC_MIDNIGHT = 13 * HOUR + 39 * MINUTE + 30
TO_PACIFIC_MIDNIGHT = 21 * HOUR + 39 * MINUTE + 30  # midnight in Los Angeles is 08:00 UTC in winter
TO_MONTH_END = 3 * DAY + TO_UTC_MIDNIGHT
TO_NEXT_HOUR = 39 * MINUTE + 30
MODEL, KEY, ACCOUNT, ACCOUNT_MODEL = Scope.CREDENTIAL_MODEL, Scope.CREDENTIAL, Scope.GROUP, Scope.GROUP_MODEL
EVERYTHING = Sent(
    frozenset(
        {f"sampling.{name}" for name in ("temperature", "top_p", "max_tokens", "stop", "seed")} | {"stream_options"}
    ),
    frozenset({"vision", "tools", "system", "audio"}),
    prefix=False,
    tokens=500,
)
CONTINUED = Sent(prefix=True)


def with_fields(*fields: str) -> Sent:
    """A request that set these, with a picture, tools and a system message."""
    return Sent(frozenset(fields), EVERYTHING.capabilities, tokens=500)


@dataclass
class Cell:
    provider: str
    situation: str
    status: int
    body: Any
    kind: K
    scope: Scope = MODEL
    until: float | None = None
    headers: dict[str, str] = field(default_factory=dict)
    detail: str = ""  # the field or the capability that is named
    sent: Sent | None = EVERYTHING

    def __str__(self) -> str:
        return f"{self.provider}-{self.situation}-{self.status}-{self.kind.value}"

    def read(self) -> UpstreamFailure:
        body = self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()
        return errors.from_response(self.status, self.headers, body, dialect(self.provider), sent=self.sent, now=NOW)


@cache
def dialect(name: str) -> Dialect:
    address = "https://example.invalid/v1" if name in ("azure", "compatible", "vllm") else None
    provider: Any = build_provider(name, ProviderConfig(base_url=address), Config())
    found: Dialect = provider.dialect
    return found


def oa(message: str, code: Any = None, kind: Any = None, **more: Any) -> dict[str, Any]:
    return {"error": {"message": message, "type": kind, "param": more.pop("param", None), "code": code, **more}}


def ga(code: int, status: str, message: str, *details: dict[str, Any]) -> list[Any]:
    return [{"error": {"code": code, "status": status, "message": message, "details": list(details)}}]


def quota(*ids: str, value: str = "20", delay: str = "34.4s") -> tuple[dict[str, Any], ...]:
    violations = [
        {"quotaMetric": "generativelanguage.googleapis.com/generate_content_free_tier_requests", "quotaId": one,
         "quotaDimensions": {"location": "global", "model": "gemini-3.5-flash"}, "quotaValue": value}
        for one in ids
    ]  # fmt: skip
    return (
        {"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": violations},
        {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": delay},
    )


def cf(code: int, message: str) -> dict[str, Any]:
    return {"errors": [{"message": message, "code": code}], "success": False, "result": {}, "messages": []}


def orr(message: str, code: int, **metadata: Any) -> dict[str, Any]:
    return {"error": {"message": message, "code": code, "metadata": metadata}, "user_id": "user_2x"}
