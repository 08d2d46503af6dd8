"""Every refusal that the providers document or are known for: its class, and how long the credential rests.

Bodies and headers as in the providers' error references, their clients and recorded answers.
"""

import json
import re
from dataclasses import dataclass, field
from typing import Any

import pytest

from antiphon import errors
from antiphon.client import InferenceClient
from antiphon.v1 import operations_pb2
from tests.contract.upstream import TOKEN, Upstream, config
from tests.support.service import serving

READY, COOLDOWN, QUARANTINE = "ready", "cooldown", "quarantine"
PAGE = "<!DOCTYPE html><html><body>Bad gateway</body></html>"
SECRET_ECHO = f"you said {TOKEN} and 'Привет'"


@dataclass
class Row:
    """`rests`: seconds, lowest and highest; None: the state alone is looked at."""

    kind: str
    status: int
    body: Any
    failure: str
    state: str = READY
    rests: tuple[float, float] | None = None
    headers: dict[str, str] = field(default_factory=dict)
    picture: bool = False

    def __str__(self) -> str:
        told = self.body if isinstance(self.body, str | bytes) else json.dumps(self.body)
        words = re.sub(r"[^a-z0-9]+", "-", str(told).lower())[:46]
        return f"{self.kind}-{self.status}-{words}"


def openai(message: str, kind: str = "invalid_request_error", code: Any = None, param: Any = None) -> dict[str, Any]:
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


def mistral(message: str, kind: str, code: str | None = None) -> dict[str, Any]:
    return {"object": "error", "message": message, "type": kind, "param": None, "code": code}


def github(code: str, message: str) -> dict[str, Any]:
    return {"error": {"code": code, "message": message, "details": message}}


BY_DAY = "Rate limit of 150 per 86400s exceeded for UserByModelByDay. Please wait 5631 seconds before retrying."
BY_MINUTE = "Rate limit of 15 per 60s exceeded for UserByMinute. Please wait 42 seconds before retrying."
AT_ONCE = "Rate limit of 5 per 0s exceeded for UserConcurrentRequests. Please wait 0 seconds before retrying."
CREDITS = "You have exceeded your monthly included credits for Inference Providers. Subscribe to PRO to get 20x more."
NO_MODEL = "The requested model 'x' is not supported by any provider you have enabled."

ROWS = [
    # --- OpenAI, and whoever speaks its language ---
    Row("openai", 401, openai("Incorrect API key provided: sk-…", code="invalid_api_key"), "unauthenticated", QUARANTINE),
    Row("openai", 403, openai("Country, region, or territory not supported"), "blocked"),
    Row("openai", 404, openai("The model `x` does not exist or you do not have access to it.", code="model_not_found"), "model_not_found"),
    Row("openai", 429, openai("You exceeded your current quota", "insufficient_quota", "insufficient_quota"), "quota_exhausted", COOLDOWN),
    Row("openai", 429, openai("Rate limit reached", "requests", "rate_limit_exceeded"), "rate_limited", COOLDOWN, (5, 7), {"retry-after": "6"}),
    Row("openai", 429, openai("Rate limit reached"), "rate_limited", COOLDOWN, (2, 4), {"retry-after-ms": "3000", "retry-after": "60"}),
    Row("openai", 429, openai("Rate limit reached"), "rate_limited", COOLDOWN, (355, 361), {"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "6m0s"}),
    Row("openai", 429, b"", "rate_limited", COOLDOWN),
    Row("openai", 429, openai("Rate limit reached for model `x` on tokens per minute (TPM): Limit 6000. Please try again in 4.77s. Need more tokens?"), "rate_limited", COOLDOWN, (3, 5)),
    Row("openai", 429, openai("Rate limit reached for gpt-4 on requests per min. Please try again in 1m30s."), "rate_limited", COOLDOWN, (87, 91)),
    Row("openai", 429, openai("Request too large for gpt-4o in organization org-x on tokens per min (TPM): Limit 30000, Requested 132819.", "tokens", "rate_limit_exceeded"), "context_too_long"),
    Row("openai", 400, openai("This model's maximum context length is 8192 tokens.", code="context_length_exceeded"), "context_too_long"),
    Row("openai", 400, openai("Your request was rejected by our safety system.", code="content_policy_violation"), "content_refused"),
    Row("openai", 400, openai(f"Invalid 'temperature': {SECRET_ECHO}", param="temperature"), "refused"),
    Row("openai", 500, openai("The server had an error", "server_error"), "server_error"),
    Row("openai", 502, PAGE, "server_error"),
    Row("openai", 503, openai("That model is currently overloaded", "server_error"), "overloaded"),
    Row("openai", 504, PAGE, "unavailable"),
    Row("openai", 529, "", "overloaded"),
    Row("openai", 408, "", "unavailable"),
    Row("openai", 409, openai("Conflict"), "unavailable"),
    # --- local servers ---
    Row("openai", 503, openai("Loading model", "unavailable_error", 503), "loading"),
    Row("openai", 404, openai("model 'x' not found, try pulling it first", "api_error"), "model_not_found"),
    Row("openai", 400, {"object": "error", "message": "This model's maximum context length is 4096 tokens.", "type": "BadRequestError", "code": 400}, "context_too_long"),
    # --- OpenRouter and Groq ---
    Row("openai", 402, {"error": {"code": 402, "message": "Insufficient credits"}}, "quota_exhausted", COOLDOWN),
    Row("openai", 413, openai("Request too large for model `x`", "tokens", "rate_limit_exceeded"), "context_too_long"),
    # --- GitHub Models ---
    Row("github", 429, github("RateLimitReached", BY_DAY), "quota_exhausted", COOLDOWN, (5600, 5632), {"x-ratelimit-type": "UserByModelByDay", "retry-after": "5631"}),
    Row("github", 429, github("RateLimitReached", BY_MINUTE), "rate_limited", COOLDOWN, (39, 43), {"x-ratelimit-type": "UserByMinute", "retry-after": "42"}),
    Row("github", 429, github("RateLimitReached", AT_ONCE), "rate_limited", READY, None, {"x-ratelimit-type": "UserConcurrentRequests", "retry-after": "0"}),
    Row("github", 413, github("tokens_limit_reached", "Request body too large for gpt-4o-mini model. Max size: 8000 tokens."), "context_too_long"),
    Row("github", 400, github("unknown_model", "Unknown model: x"), "model_not_found"),
    Row("github", 400, github("unavailable_model", "Unavailable model: x"), "model_not_found"),
    Row("github", 400, github("content_filter", "The response was filtered due to the prompt triggering content management policy."), "content_refused"),
    Row("github", 401, github("unauthorized", "Bad credentials"), "unauthenticated", QUARANTINE),
    Row("github", 403, b"", "retired", READY, None, {"sunset": "Sat, 01 Aug 2026 00:00:00 GMT"}),
    Row("github", 410, github("github_models_retirement_brownout", "temporarily unavailable"), "retired"),
    # --- Mistral ---
    Row("mistral", 401, {"detail": "Unauthorized"}, "unauthenticated", QUARANTINE),
    Row("mistral", 429, mistral("Rate limit exceeded", "rate_limited", "1300"), "rate_limited", COOLDOWN, (0, 61)),
    Row("mistral", 429, {"message": "Requests rate limit exceeded"}, "rate_limited", COOLDOWN, (0, 61)),
    Row("mistral", 429, mistral("Service tier capacity exceeded for this model.", "service_tier_capacity_exceeded", "3505"), "overloaded"),
    Row("mistral", 503, mistral("Service tier capacity exceeded for this model.", "service_tier_capacity_exceeded"), "overloaded"),
    Row("mistral", 404, mistral("Unknown model", "invalid_request_error", "unknown_model"), "model_not_found"),
    Row("mistral", 400, mistral("Prompt contains 40000 tokens, too large for model with 32768 maximum context length", "invalid_request_error"), "context_too_long"),
    Row("mistral", 422, {"detail": [{"type": "extra_forbidden", "loc": ["body", "seed"], "msg": "Extra inputs are not permitted", "input": SECRET_ECHO}]}, "refused"),
    Row("mistral", 500, mistral("Internal server error", "server_error"), "server_error"),
    Row("mistral", 502, PAGE, "server_error"),
    # --- DeepInfra ---
    Row("deepinfra", 403, openai("Not authenticated"), "unauthenticated", QUARANTINE),
    Row("deepinfra", 403, {"detail": {"error": "Not authenticated"}}, "unauthenticated", QUARANTINE, picture=True),
    Row("deepinfra", 429, openai("Rate limited"), "rate_limited", COOLDOWN),
    Row("deepinfra", 429, {"detail": {"error": "Model busy, retry later"}}, "overloaded"),
    Row("deepinfra", 402, {"detail": {"error": "balance exhausted"}}, "quota_exhausted", COOLDOWN),
    Row("deepinfra", 422, {"detail": [{"loc": ["body", "width"], "msg": "bad width", "type": "value_error"}]}, "field_refused", picture=True),
    Row("deepinfra", 404, {"detail": {"error": "Model not found"}}, "model_not_found", picture=True),
    Row("deepinfra", 500, PAGE, "server_error", picture=True),
    # --- Hugging Face ---
    Row("huggingface", 401, {"error": "Invalid credentials in Authorization header"}, "unauthenticated", QUARANTINE),
    Row("huggingface", 402, {"error": CREDITS}, "quota_exhausted", COOLDOWN),
    Row("huggingface", 402, b"", "quota_exhausted", COOLDOWN, None, {"x-error-message": "You have depleted your monthly included credits"}),
    Row("huggingface", 403, {"error": "This authentication method does not have sufficient permissions to call Inference Providers"}, "forbidden", COOLDOWN, (3500, 3600)),
    Row("huggingface", 403, {"error": "The requested provider 'deepinfra' is not available."}, "model_not_found"),
    Row("huggingface", 400, openai(NO_MODEL, code="model_not_supported", param="model"), "model_not_found"),
    Row("huggingface", 410, {"error": "https://api-inference.huggingface.co is no longer supported."}, "retired"),
    Row("huggingface", 429, {"error": "Too many requests"}, "rate_limited", COOLDOWN, (52, 56), {"RateLimit": '"api";r=0;t=55'}),
    Row("huggingface", 500, {"error": "unknown"}, "server_error"),
    Row("huggingface", 504, PAGE, "unavailable"),
]  # fmt: skip

MODELS = {
    "openai": ("some-model", ""),
    "github": ("gpt-4o-mini", ""),
    "mistral": ("mistral-large-latest", "/v1"),
    "deepinfra": ("some/model", ""),
    "huggingface": ("some/model", ""),
}
PICTURES = {"deepinfra": ("black-forest-labs/FLUX-1-schnell", "")}


@pytest.mark.parametrize("row", ROWS, ids=str)
async def test_a_refusal_has_its_class_and_the_credential_rests_for_the_stated_time(
    upstream: Upstream, row: Row
) -> None:
    model, base = (PICTURES if row.picture else MODELS)[row.kind]
    refused = (row.status, row.body, row.headers)
    upstream.answers = Everywhere(refused)
    settings = config(row.kind, upstream.url + base, model)
    async with serving(settings, {"TOKEN": TOKEN}) as (_, client):
        first = await _refused(client, row)
        failures = {attempt.failure for attempt in first.attempts} or {_by_error(first)}
        assert failures == {row.failure}
        assert TOKEN not in str(first)
        assert "Привет" not in str(first)
        assert "<" not in str(first)
        if row.state == READY:
            return
        # A credential that rests, at all or for this model, is not asked with again.
        calls = len(upstream.seen)
        again = await _refused(client, row)
        assert len(upstream.seen) == calls
        if row.rests is not None:
            assert row.rests[0] <= (again.retry_after or 0) <= row.rests[1]
        state = (await client.status()).providers[0].credentials[0].state
        assert (state == operations_pb2.CREDENTIAL_STATE_QUARANTINE) == (row.state == QUARANTINE)


async def _refused(client: InferenceClient, row: Row) -> errors.AntiphonError:
    with pytest.raises(errors.AntiphonError) as raised:
        stream: Any = client.image("a fox", timeout=1.5) if row.picture else client.chat("Привет", timeout=1.5)
        async for _event in stream:
            pass
    return raised.value


class Everywhere(dict[str, Any]):
    """The same answer on every path."""

    def __init__(self, answer: Any) -> None:
        super().__init__()
        self._answer = answer

    def get(self, key: str, default: Any = None) -> Any:
        del key, default
        return self._answer


def _by_error(error: errors.AntiphonError) -> str:
    return {"InvalidRequest": "bad_request", "ContentRefused": "content_refused"}.get(type(error).__name__, "?")
