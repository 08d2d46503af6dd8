"""Provider × refusal: whom each documented refusal blames, at which scope, and until when.

Shapes are those of the providers' references and of recorded answers; the catalogue's rows are the dialects.
"""

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from typing import Any

import pytest

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


PER_DAY = "GenerateRequestsPerDayPerProjectPerModel-FreeTier"
PER_MINUTE = "GenerateRequestsPerMinutePerProjectPerModel-FreeTier"
TOKENS_PER_MINUTE = "GenerateContentInputTokensPerModelPerMinute-FreeTier"
CURRENT = (
    "You exceeded your current quota, please check your plan and billing details. * Quota exceeded for metric: "
    "generativelanguage.googleapis.com/generate_content_free_tier_requests, limit: {}, model: gemini-3.5-flash\n"
    "Please retry in 34.4s."
)
RATE = "Rate limit reached for model `openai/gpt-oss-120b` in organization `org_x` on "
LONG = {"X-RateLimit-Limit": "50", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1741305600000"}
VLLM_LONG = "This model's maximum context length is 32768 tokens. However, you requested 40000 tokens"

GEMINI = [
    Cell("gemini", "A1", 400, ga(400, "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key.", {"reason": "API_KEY_INVALID", "domain": "googleapis.com"}), K.UNAUTHENTICATED, KEY),
    Cell("gemini", "A1-object", 400, ga(400, "INVALID_ARGUMENT", "API key expired. Please renew the API key.")[0], K.UNAUTHENTICATED, KEY),
    Cell("gemini", "A1-leaked", 403, ga(403, "PERMISSION_DENIED", "Your API key was reported as leaked. Please use another API key."), K.UNAUTHENTICATED, KEY),
    Cell("gemini", "A2-service", 403, ga(403, "PERMISSION_DENIED", "Requests to this API generativelanguage.googleapis.com method X are blocked.", {"reason": "API_KEY_SERVICE_BLOCKED"}), K.UNAUTHENTICATED, KEY),
    Cell("gemini", "A2-limit-0", 429, ga(429, "RESOURCE_EXHAUSTED", CURRENT.format(0), *quota(PER_DAY, PER_MINUTE, value="0")), K.MODEL_FORBIDDEN, ACCOUNT_MODEL, 3 * DAY),
    Cell("gemini", "A3-region", 400, ga(400, "FAILED_PRECONDITION", "User location is not supported for the API use."), K.BLOCKED),
    Cell("gemini", "A3-country", 400, ga(400, "FAILED_PRECONDITION", "Gemini API free tier is not available in your country. Please enable billing."), K.BLOCKED),
    Cell("gemini", "A3-denied", 403, ga(403, "PERMISSION_DENIED", "Your project has been denied access. Please contact support."), K.FORBIDDEN, ACCOUNT, HOUR),
    Cell("gemini", "A3-suspended", 403, ga(403, "PERMISSION_DENIED", "Permission denied: Consumer 'api_key:x' has been suspended.", {"reason": "CONSUMER_SUSPENDED"}), K.FORBIDDEN, ACCOUNT, HOUR),
    Cell("gemini", "L1", 429, ga(429, "RESOURCE_EXHAUSTED", CURRENT.format(5), *quota(PER_MINUTE, value="5")), K.RATE_LIMITED, ACCOUNT_MODEL, 34.4),
    Cell("gemini", "L2", 429, ga(429, "RESOURCE_EXHAUSTED", CURRENT.format(20), *quota(PER_DAY, PER_MINUTE, delay="47s")), K.QUOTA_EXHAUSTED, ACCOUNT_MODEL, TO_PACIFIC_MIDNIGHT),
    Cell("gemini", "L2-object", 429, ga(429, "RESOURCE_EXHAUSTED", CURRENT.format(20), *quota(PER_DAY))[0], K.QUOTA_EXHAUSTED, ACCOUNT_MODEL, TO_PACIFIC_MIDNIGHT),
    Cell("gemini", "L1-unnamed", 429, ga(429, "RESOURCE_EXHAUSTED", "Resource has been exhausted (e.g. check quota)."), K.RATE_LIMITED, ACCOUNT_MODEL, 60),
    Cell("gemini", "L3", 429, ga(429, "RESOURCE_EXHAUSTED", "Your prepay credits are depleted."), K.QUOTA_EXHAUSTED, ACCOUNT, DAY),
    Cell("gemini", "L4", 429, ga(429, "RESOURCE_EXHAUSTED", CURRENT.format(250000), *quota(TOKENS_PER_MINUTE, value="250000")), K.CONTEXT_TOO_LONG, sent=Sent(tokens=300_000)),
    Cell("gemini", "L1-tokens", 429, ga(429, "RESOURCE_EXHAUSTED", CURRENT.format(250000), *quota(TOKENS_PER_MINUTE, value="250000")), K.RATE_LIMITED, ACCOUNT_MODEL, 34.4),
    Cell("gemini", "M1", 404, ga(404, "NOT_FOUND", "models/x is not found for API version v1main, or is not supported for generateContent."), K.MODEL_NOT_FOUND),
    Cell("gemini", "M2", 404, ga(404, "NOT_FOUND", "This model models/gemini-2.0-flash is no longer available to new users."), K.RETIRED),
    Cell("gemini", "C1", 400, ga(400, "INVALID_ARGUMENT", "Image input modality is not enabled for models/gemma-3-1b-it"), K.UNSUPPORTED, detail="vision"),
    Cell("gemini", "C1-audio", 400, ga(400, "INVALID_ARGUMENT", "Audio input modality is not enabled for models/gemma-3-1b-it"), K.UNSUPPORTED, detail="audio"),
    Cell("gemini", "C2", 400, ga(400, "INVALID_ARGUMENT", "Function calling is not enabled for models/gemma-3-1b-it"), K.UNSUPPORTED, detail="tools"),
    Cell("gemini", "C3", 400, ga(400, "INVALID_ARGUMENT", "Developer instruction is not enabled for models/gemma-3-27b-it"), K.UNSUPPORTED, detail="system"),
    Cell("gemini", "C4", 400, ga(400, "INVALID_ARGUMENT", 'Invalid JSON payload received. Unknown name "seed": Cannot find field.', {"@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": [{"description": 'Invalid JSON payload received. Unknown name "seed": Cannot find field.'}]}), K.FIELD_REFUSED, detail="sampling.seed"),
    Cell("gemini", "C5", 400, ga(400, "INVALID_ARGUMENT", "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576)."), K.CONTEXT_TOO_LONG),
    Cell("gemini", "P1", 503, ga(503, "UNAVAILABLE", "The model is overloaded. Please try again later."), K.OVERLOADED),
    Cell("gemini", "P1-demand", 503, ga(503, "UNAVAILABLE", "This model is currently experiencing high demand."), K.OVERLOADED),
    Cell("gemini", "P1-500", 500, ga(500, "INTERNAL", "An internal error has occurred."), K.SERVER_ERROR),
    Cell("gemini", "P1-504", 504, ga(504, "DEADLINE_EXCEEDED", "The request timed out."), K.UNAVAILABLE),
]  # fmt: skip

GROQ = [
    Cell("groq", "A1", 401, oa("Invalid API Key", "invalid_api_key", "invalid_request_error"), K.UNAUTHENTICATED, KEY),
    Cell("groq", "A2", 403, oa("The model `x` is blocked at the organization level.", "model_permission_blocked_org"), K.MODEL_FORBIDDEN, MODEL, DAY),
    Cell("groq", "A2-terms", 400, oa("The model `x` requires terms acceptance.", "model_terms_required"), K.MODEL_FORBIDDEN, MODEL, DAY),
    Cell("groq", "A3", 400, oa("Organization has been restricted. Please reach out to support.", "organization_restricted"), K.FORBIDDEN, ACCOUNT, HOUR),
    Cell("groq", "A3-403", 403, oa("Organization has been restricted.", "organization_restricted"), K.FORBIDDEN, ACCOUNT, HOUR),
    Cell("groq", "A3-network", 403, oa("Access denied. Please check your network settings."), K.BLOCKED),
    Cell("groq", "L1", 429, oa(RATE + "requests per minute (RPM): Limit 30, Used 30, Requested 1. Please try again in 2s.", "rate_limit_exceeded", "requests"), K.RATE_LIMITED, ACCOUNT_MODEL, 2, {"retry-after": "2", "x-ratelimit-remaining-requests": "998", "x-ratelimit-reset-requests": "3m6s"}),
    Cell("groq", "L1-tokens", 429, oa(RATE + "tokens per minute (TPM): Limit 8000, Used 7900, Requested 644. Please try again in 4.07s.", "rate_limit_exceeded", "tokens"), K.RATE_LIMITED, ACCOUNT_MODEL, 4.07),
    Cell("groq", "L2", 429, oa(RATE + "tokens per day (TPD): Limit 200000, Used 199800, Requested 644. Please try again in 7m12s.", "rate_limit_exceeded", "tokens"), K.QUOTA_EXHAUSTED, ACCOUNT_MODEL, 432),
    Cell("groq", "L2-requests", 429, oa(RATE + "requests per day (RPD): Limit 1000, Used 1000, Requested 1. Please try again in 1m26.4s.", "rate_limit_exceeded", "requests"), K.QUOTA_EXHAUSTED, ACCOUNT_MODEL, 86.4),
    Cell("groq", "L4", 413, oa("Request too large for model `x` on tokens per minute (TPM): Limit 8000, Requested 9500, please reduce your message size.", "rate_limit_exceeded", "tokens"), K.CONTEXT_TOO_LONG, MODEL, None, {"retry-after": "9"}),
    Cell("groq", "M1", 404, oa("The model `x` does not exist or you do not have access to it.", "model_not_found", "invalid_request_error"), K.MODEL_NOT_FOUND),
    Cell("groq", "M2", 400, oa("The model `x` has been decommissioned and is no longer supported.", "model_decommissioned"), K.RETIRED),
    Cell("groq", "C1", 400, oa("'messages.0' : for 'role:user' the following must be satisfied[('messages.0.content' : messages[0].content must be a string)]"), K.UNSUPPORTED, detail="vision"),
    Cell("groq", "C2", 400, oa("`tools` / tool calling is not supported with this model"), K.UNSUPPORTED, detail="tools"),
    Cell("groq", "C2-bad-call", 400, oa("Failed to call a function.", "tool_use_failed", failed_generation="{}"), K.REFUSED),
    Cell("groq", "C4", 400, oa("property 'seed' is unsupported, did you mean 'need'?"), K.FIELD_REFUSED, detail="sampling.seed"),
    Cell("groq", "C4-unset", 400, oa("property 'logit_bias' is unsupported"), K.REFUSED),
    Cell("groq", "C4-message", 400, oa("'messages.0' : property 'name' is unsupported"), K.REFUSED),
    Cell("groq", "C5", 400, oa("Please reduce the length of the messages or completion.", "context_length_exceeded"), K.CONTEXT_TOO_LONG),
    Cell("groq", "C5-413", 413, oa("Request Entity Too Large", "request_too_large"), K.CONTEXT_TOO_LONG),
    Cell("groq", "JSON", 400, oa("Failed to generate JSON.", "json_validate_failed", failed_generation="x"), K.REFUSED),
    Cell("groq", "P1", 503, oa("Model is over capacity. Please try again and back off exponentially."), K.OVERLOADED),
    Cell("groq", "P1-498", 498, oa("Flex tier capacity exceeded."), K.OVERLOADED),
    Cell("groq", "P1-498-empty", 498, b"", K.OVERLOADED),
]  # fmt: skip

OPENROUTER = [
    Cell("openrouter", "A1", 401, orr("User not found.", 401), K.UNAUTHENTICATED, KEY),
    Cell("openrouter", "A1-none", 401, orr("No auth credentials found", 401), K.UNAUTHENTICATED, KEY),
    Cell("openrouter", "A2", 403, orr("Only management keys can perform this operation", 403), K.MODEL_FORBIDDEN, MODEL, DAY),
    Cell("openrouter", "A3", 404, orr("No endpoints found matching your data policy (Free model publication).", 404), K.MODEL_FORBIDDEN, ACCOUNT_MODEL, HOUR),
    Cell("openrouter", "L1", 429, orr("Rate limit exceeded: free-models-per-min. ", 429, headers={"X-RateLimit-Limit": "20", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(int((NOW + 25) * 1000))}, provider_name=None), K.RATE_LIMITED, ACCOUNT, 25),
    Cell("openrouter", "L2", 429, orr("Rate limit exceeded: free-models-per-day. Add 10 credits to unlock 1000 free model requests per day", 429, headers=LONG, provider_name=None), K.QUOTA_EXHAUSTED, ACCOUNT, TO_UTC_MIDNIGHT),
    Cell("openrouter", "L2-high", 429, orr("Rate limit exceeded: free-models-per-day-high-balance. ", 429, headers=LONG), K.QUOTA_EXHAUSTED, ACCOUNT, TO_UTC_MIDNIGHT),
    Cell("openrouter", "P1-upstream", 429, orr("Provider returned error", 429, provider_name="Google", raw="google/gemma-3-27b-it:free is temporarily rate-limited upstream. Please retry shortly, or add your own key"), K.OVERLOADED),
    Cell("openrouter", "P1-raw-json", 429, orr("Provider returned error", 429, provider_name="X", raw='{"error":{"message":"Rate limit reached: 10 requests per day","code":"rate_limit"}}'), K.OVERLOADED),
    Cell("openrouter", "L3", 402, orr("Insufficient credits. Add more using https://openrouter.ai/settings/credits", 402), K.QUOTA_EXHAUSTED, ACCOUNT_MODEL, DAY),
    Cell("openrouter", "L3-negative", 402, orr("Your account has a negative balance. Insufficient credits.", 402), K.QUOTA_EXHAUSTED, ACCOUNT, DAY),
    Cell("openrouter", "L3-max-tokens", 402, orr("This request requires more credits, or fewer max_tokens. You requested up to 8192 tokens, but can only afford 1200.", 402), K.FIELD_REFUSED, detail="sampling.max_tokens"),
    Cell("openrouter", "M1", 400, orr("foo/bar is not a valid model ID", 400), K.MODEL_NOT_FOUND),
    Cell("openrouter", "M1-404", 404, orr("No endpoints found for foo/bar.", 404), K.MODEL_NOT_FOUND),
    Cell("openrouter", "M2", 404, orr("This model is unavailable for free. The paid version is available now - use this slug instead: foo/bar", 404), K.RETIRED),
    Cell("openrouter", "C1", 404, orr("No endpoints found that support image input", 404), K.UNSUPPORTED, detail="vision"),
    Cell("openrouter", "C2", 404, orr('No endpoints found that support tool use. Try disabling "x".', 404), K.UNSUPPORTED, detail="tools"),
    Cell("openrouter", "C2-choice", 404, orr("No endpoints found that support the provided 'tool_choice' value.", 404), K.UNSUPPORTED, detail="tools"),
    Cell("openrouter", "C4", 404, orr("No endpoints found that can handle the requested parameters.", 404), K.REFUSED),
    Cell("openrouter", "C5", 400, orr("This endpoint's maximum context length is 8192 tokens. However, you requested about 10010 tokens (10000 of text input, 10 in the output).", 400), K.CONTEXT_TOO_LONG),
    Cell("openrouter", "C5-output", 400, orr("This endpoint's maximum context length is 8192 tokens. However, you requested about 10010 tokens (10 of text input, 10000 in the output).", 400), K.FIELD_REFUSED, detail="sampling.max_tokens"),
    Cell("openrouter", "C6", 403, orr('google/x requires moderation. Your input was flagged for "violence".', 403, reasons=["violence"], flagged_input="x", provider_name="X"), K.CONTENT_REFUSED),
    Cell("openrouter", "C6-type", 400, orr("Provider returned error", 400, error_type="content_policy_violation"), K.CONTENT_REFUSED),
    Cell("openrouter", "C5-type", 400, orr("Provider returned error", 400, error_type="context_length_exceeded"), K.CONTEXT_TOO_LONG),
    Cell("openrouter", "raw-400", 400, orr("Provider returned error", 400, provider_name="X", raw='{"error":{"message":"Unsupported parameter: \'temperature\' is not supported with this model."}}'), K.FIELD_REFUSED, detail="sampling.temperature"),
    Cell("openrouter", "P1-502", 502, orr("Provider returned error", 502), K.OVERLOADED),
    Cell("openrouter", "P1-503", 503, orr("No available provider meets your routing requirements", 503), K.OVERLOADED),
    Cell("openrouter", "P1-524", 524, b"", K.UNAVAILABLE),
    Cell("openrouter", "P1-529", 529, orr("Provider overloaded", 529), K.OVERLOADED),
]  # fmt: skip

CEREBRAS = [
    Cell("cerebras", "A1", 401, {"message": "Wrong API Key", "type": "invalid_request_error", "param": "api_key", "code": "wrong_api_key"}, K.UNAUTHENTICATED, KEY),
    Cell("cerebras", "M1", 404, {"message": "Model x does not exist or you do not have access to it.", "type": "not_found_error", "param": "model", "code": "model_not_found"}, K.MODEL_NOT_FOUND),
    Cell("cerebras", "A3", 403, b"<!DOCTYPE html><html><body>Attention Required! | Cloudflare. Invalid token</body></html>", K.BLOCKED),
    Cell("cerebras", "L1", 429, {"message": "Requests per minute limit exceeded - too many requests sent.", "type": "too_many_requests_error", "param": "quota", "code": "request_quota_exceeded"}, K.RATE_LIMITED, ACCOUNT_MODEL, 57, {"retry-after": "57"}),
    Cell("cerebras", "L1-hour", 429, {"message": "Requests per hour limit exceeded - too many requests sent.", "type": "too_many_requests_error", "param": "quota", "code": "request_quota_exceeded"}, K.RATE_LIMITED, ACCOUNT_MODEL, TO_NEXT_HOUR, {"retry-after": "60"}),
    Cell("cerebras", "L2", 429, {"message": "Tokens per day limit exceeded - too many tokens processed.", "type": "too_many_tokens_error", "param": "quota", "code": "token_quota_exceeded"}, K.QUOTA_EXHAUSTED, ACCOUNT_MODEL, TO_UTC_MIDNIGHT, {"retry-after": "57"}),
    Cell("cerebras", "L3", 402, {"message": "Payment required", "type": "payment_required"}, K.QUOTA_EXHAUSTED, ACCOUNT, DAY),
    Cell("cerebras", "C1", 422, {"message": "body.messages.0.user.content.str: Input should be a valid string", "type": "invalid_request_error", "param": "validation_error", "code": "wrong_api_format"}, K.REFUSED, sent=Sent()),
    Cell("cerebras", "C4", 400, {"message": "property 'seed' is unsupported", "type": "invalid_request_error", "param": "seed", "code": "wrong_api_format"}, K.FIELD_REFUSED, detail="sampling.seed"),
    Cell("cerebras", "C5", 400, {"message": "Please reduce the length of the messages or completion. Current length is 9000 while limit is 8192", "type": "invalid_request_error", "param": "messages", "code": "context_length_exceeded"}, K.CONTEXT_TOO_LONG),
    Cell("cerebras", "P1", 429, {"message": "We're experiencing high traffic right now! Please try again soon.", "type": "too_many_requests_error", "param": "queue", "code": "queue_exceeded"}, K.OVERLOADED, MODEL, None, {"x-should-retry": "false"}),
]  # fmt: skip

CLOUDFLARE = [
    Cell("cloudflare", "A1", 401, cf(10000, "Authentication error"), K.UNAUTHENTICATED, KEY),
    Cell("cloudflare", "A1-9109", 403, cf(9109, "Invalid access token"), K.UNAUTHENTICATED, KEY),
    Cell("cloudflare", "A1-6003", 400, cf(6003, "Invalid request headers"), K.UNAUTHENTICATED, KEY),
    Cell("cloudflare", "A1-account", 404, cf(7003, "Could not route to /accounts/x/ai/v1, perhaps your object identifier is invalid?"), K.UNAUTHENTICATED, KEY),
    Cell("cloudflare", "A2", 403, cf(5018, "This account is not allowed to access this model."), K.MODEL_FORBIDDEN, MODEL, DAY),
    Cell("cloudflare", "A2-agree", 403, cf(5016, "Prior to using this model, you must submit the prompt 'agree'."), K.MODEL_FORBIDDEN, MODEL, DAY),
    Cell("cloudflare", "A3", 403, cf(3023, "service unavailable for account"), K.FORBIDDEN, ACCOUNT, HOUR),
    Cell("cloudflare", "L2", 429, cf(4006, "AiError: AiError: you have used up your daily free allocation of 10,000 neurons, please upgrade to Cloudflare's Workers Paid plan"), K.QUOTA_EXHAUSTED, ACCOUNT, TO_UTC_MIDNIGHT),
    Cell("cloudflare", "L2-400", 400, cf(4006, "AiError: you have used up your daily free allocation of 10,000 neurons"), K.QUOTA_EXHAUSTED, ACCOUNT, TO_UTC_MIDNIGHT),
    Cell("cloudflare", "L2-3036", 429, cf(3036, "Account limited"), K.QUOTA_EXHAUSTED, ACCOUNT, TO_UTC_MIDNIGHT),
    Cell("cloudflare", "M1", 400, cf(5007, "No such model @cf/x/y or task"), K.MODEL_NOT_FOUND),
    Cell("cloudflare", "M2", 410, cf(5028, "This model has been deprecated"), K.RETIRED),
    Cell("cloudflare", "C1", 400, cf(5006, "AiError: Bad input: Error: oneOf at '/' not met, 0 matches: required properties at '/' are 'prompt', Type mismatch of '/messages/0/content', 'array' not in 'string'"), K.UNSUPPORTED, detail="vision"),
    Cell("cloudflare", "C3", 400, oa("System message must be at the beginning."), K.UNSUPPORTED, detail="system"),
    Cell("cloudflare", "C5", 400, cf(5021, "AiError: The estimated number of input and maximum output tokens (9000) exceeded this model context window limit (8192)."), K.CONTEXT_TOO_LONG),
    Cell("cloudflare", "C6", 400, cf(3030, "AiError: Input prompt contains NSFW content."), K.CONTENT_REFUSED),
    Cell("cloudflare", "P1", 429, cf(3040, "AiError: Capacity temporarily exceeded, please try again."), K.OVERLOADED),
    Cell("cloudflare", "P1-timeout", 408, cf(3007, "Timeout"), K.OVERLOADED),
]  # fmt: skip

NVIDIA = [
    Cell("nvidia", "A1", 403, {"status": 403, "title": "Forbidden", "detail": "Authorization failed"}, K.UNAUTHENTICATED, KEY),
    Cell("nvidia", "A2", 404, {"status": 404, "title": "Not Found", "detail": "Function '0f1a': Not found for account 'acc-canary'"}, K.MODEL_FORBIDDEN, MODEL, DAY),
    Cell("nvidia", "L1", 429, {"status": 429, "title": "Too Many Requests"}, K.RATE_LIMITED, ACCOUNT, 60),
    Cell("nvidia", "L3", 402, {"detail": "Account 'x' has exhausted its credits"}, K.QUOTA_EXHAUSTED, ACCOUNT, DAY),
    Cell("nvidia", "M1", 404, b"404 page not found", K.MODEL_NOT_FOUND),
    Cell("nvidia", "M2", 410, {"type": "about:blank", "title": "Gone", "status": 410, "detail": "The model 'x' has reached its end of life on 2026-09-03T00:00:00Z and is no longer available."}, K.RETIRED),
    Cell("nvidia", "C2", 400, oa("This model only supports single tool-calls at once!"), K.UNSUPPORTED, detail="tools"),
    Cell("nvidia", "C4", 400, {"detail": "Validation: Unsupported parameter(s): `seed`"}, K.FIELD_REFUSED, detail="sampling.seed"),
    Cell("nvidia", "C4-det", 422, {"detail": [{"type": "extra_forbidden", "loc": ["body", "seed"], "msg": "Extra inputs are not permitted"}]}, K.FIELD_REFUSED, detail="sampling.seed"),
    Cell("nvidia", "C5", 400, oa(VLLM_LONG), K.CONTEXT_TOO_LONG),
    Cell("nvidia", "P1", 400, {"detail": "Function id '0f1a': DEGRADED function cannot be invoked"}, K.OVERLOADED),
    Cell("nvidia", "P1-504", 504, b"", K.UNAVAILABLE),
]  # fmt: skip

COHERE = [
    Cell("cohere", "A1", 401, {"id": "x", "message": "invalid api token"}, K.UNAUTHENTICATED, KEY),
    Cell("cohere", "L1", 429, {"message": "You are using a Trial key, which is limited to 20 API calls / minute. You can continue to use the Trial key for free"}, K.RATE_LIMITED, ACCOUNT, 60),
    Cell("cohere", "L3", 429, {"message": "You are using a Trial key, which is limited to 1000 API calls / month."}, K.QUOTA_EXHAUSTED, ACCOUNT, TO_MONTH_END),
    Cell("cohere", "M1", 404, {"message": "model 'x' not found, make sure the correct model ID was used and that you have access to the model."}, K.MODEL_NOT_FOUND),
    Cell("cohere", "M2", 404, {"message": "model 'command' was removed on September 15, 2025."}, K.RETIRED),
    Cell("cohere", "C4", 422, {"message": "unknown field: parameter 'seed' is not a valid field"}, K.FIELD_REFUSED, detail="sampling.seed"),
    Cell("cohere", "C5", 400, {"message": "too many tokens: size limit exceeded by 100 tokens."}, K.CONTEXT_TOO_LONG),
    Cell("cohere", "P1", 500, {"message": "internal server error, this has been reported to our developers."}, K.SERVER_ERROR),
]  # fmt: skip

OTHERS = [
    Cell("mistral", "A1", 401, {"message": "Unauthorized", "request_id": "x"}, K.UNAUTHENTICATED, KEY),
    Cell("mistral", "A1-detail", 401, {"detail": "Unauthorized"}, K.UNAUTHENTICATED, KEY),
    Cell("mistral", "L1", 429, {"object": "error", "message": "Rate limit exceeded", "type": "rate_limited", "code": "1300"}, K.RATE_LIMITED, ACCOUNT_MODEL, 29.5),
    Cell("mistral", "P1", 429, {"object": "error", "message": "Service tier capacity exceeded for this model.", "code": "3505"}, K.OVERLOADED),
    Cell("mistral", "M1", 400, {"object": "error", "message": "Invalid model: x", "type": "invalid_model", "code": "1500"}, K.MODEL_NOT_FOUND),
    Cell("mistral", "C1", 400, {"message": "Image content is not supported / image input is not enabled for this model"}, K.UNSUPPORTED, detail="vision"),
    Cell("mistral", "C4", 422, {"detail": [{"type": "extra_forbidden", "loc": ["body", "random_seed"], "msg": "Extra inputs are not permitted", "input": 1}]}, K.FIELD_REFUSED, detail="sampling.seed"),
    Cell("mistral", "C5", 400, {"message": "Prompt contains 40000 tokens and 0 draft tokens, too large for model with 32768 maximum context length", "code": "3051"}, K.CONTEXT_TOO_LONG),
    Cell("mistral", "prefill", 400, {"message": "Expected last role User or Tool (or Assistant with prefix True) for serving but got assistant"}, K.PREFILL_REFUSED, sent=CONTINUED),
    Cell("huggingface", "A1", 401, {"error": "Invalid credentials in Authorization header"}, K.UNAUTHENTICATED, KEY),
    Cell("huggingface", "A2", 403, {"error": "This authentication method does not have sufficient permissions to call Inference Providers on behalf of user x"}, K.FORBIDDEN, KEY, HOUR),
    Cell("huggingface", "L3", 402, b"", K.QUOTA_EXHAUSTED, ACCOUNT, TO_MONTH_END, {"x-error-message": "You have depleted your monthly included credits. Purchase pre-paid credits."}),
    Cell("huggingface", "L3-body", 402, {"error": "You have exceeded your monthly included credits for Inference Providers."}, K.QUOTA_EXHAUSTED, ACCOUNT, TO_MONTH_END),
    Cell("huggingface", "M1", 400, oa("The requested model 'x' is not supported by any provider you have enabled.", "model_not_supported", param="model"), K.MODEL_NOT_FOUND),
    Cell("zai", "A1", 401, oa("Authentication Failed", "1001"), K.UNAUTHENTICATED, KEY),
    Cell("zai", "A1-401", 401, oa("token expired or incorrect", "401"), K.UNAUTHENTICATED, KEY),
    Cell("zai", "L1", 429, oa("Rate limit reached for requests", "1302"), K.RATE_LIMITED, ACCOUNT, 3),
    Cell("zai", "L2", 429, oa("Daily call limit reached", "1304"), K.QUOTA_EXHAUSTED, ACCOUNT, TO_UTC_MIDNIGHT),
    Cell("zai", "L3", 429, oa("Insufficient balance or no resource package. Please recharge.", "1113"), K.QUOTA_EXHAUSTED, ACCOUNT, DAY),
    Cell("zai", "M1", 400, oa("Unknown Model, please check the model code.", "1211"), K.MODEL_NOT_FOUND),
    Cell("zai", "C5", 400, oa("Prompt exceeds max length", "1261"), K.CONTEXT_TOO_LONG),
    Cell("zai", "C6", 400, oa("系统检测到输入或生成内容可能包含不安全或敏感内容", "1301"), K.CONTENT_REFUSED),
    Cell("zai", "P1", 429, oa("The API is currently overloaded", "1305"), K.OVERLOADED),
    Cell("siliconflow", "A1", 401, b'"Invalid token"', K.UNAUTHENTICATED, KEY),
    Cell("siliconflow", "A1-site", 401, {"code": 30014, "message": "Token is invalid.", "data": None}, K.UNAUTHENTICATED, KEY),
    Cell("siliconflow", "L3", 403, {"code": 30001, "message": "Sorry, your account balance is insufficient", "data": None}, K.QUOTA_EXHAUSTED, ACCOUNT, DAY),
    Cell("siliconflow", "M2", 403, {"code": 30003, "message": "Model disabled.", "data": None}, K.RETIRED),
    Cell("siliconflow", "L1", 429, {"message": "Request was rejected due to rate limiting. Details:TPM limit reached.", "data": None}, K.RATE_LIMITED, ACCOUNT_MODEL, 29.5),
    Cell("siliconflow", "M1", 400, {"code": 20012, "message": "Model does not exist. Please check it carefully.", "data": None}, K.MODEL_NOT_FOUND),
    Cell("siliconflow", "P1", 503, {"code": 50505, "message": "Model service overloaded. Please try again later.", "data": None}, K.OVERLOADED),
    Cell("ollama-cloud", "A1", 401, {"error": "unauthorized"}, K.UNAUTHENTICATED, KEY),
    Cell("ollama-cloud", "A2", 403, {"error": "this model requires a subscription, upgrade for access: https://ollama.com/upgrade (ref: x)"}, K.MODEL_FORBIDDEN, MODEL, DAY),
    Cell("ollama-cloud", "L2-session", 429, {"error": "you (canary) have reached your session usage limit, upgrade for higher limits: https://ollama.com/upgrade"}, K.QUOTA_EXHAUSTED, ACCOUNT, 5 * HOUR),
    Cell("ollama-cloud", "L2-weekly", 429, {"error": "you (canary) have reached your weekly usage limit, upgrade for higher limits"}, K.QUOTA_EXHAUSTED, ACCOUNT, DAY),
    Cell("ollama-cloud", "M1", 404, oa("model 'x' not found"), K.MODEL_NOT_FOUND),
    Cell("ollama-cloud", "M2", 410, b"", K.RETIRED),
    Cell("ollama-cloud", "C1", 400, oa("this model is missing data required for image input"), K.UNSUPPORTED, detail="vision"),
    Cell("ollama-cloud", "C2", 400, oa("registry.ollama.ai/library/x does not support tools"), K.UNSUPPORTED, detail="tools"),
    Cell("pollinations", "A1", 401, {"status": 401, "success": False, "error": {"code": "UNAUTHORIZED", "message": "Invalid API key"}}, K.UNAUTHENTICATED, KEY),
    Cell("pollinations", "L2", 402, {"status": 402, "success": False, "error": {"code": "PAYMENT_REQUIRED", "message": "Insufficient pollen balance"}}, K.QUOTA_EXHAUSTED, ACCOUNT, TO_NEXT_HOUR),
    Cell("pollinations", "A2", 403, {"status": 403, "success": False, "error": {"code": "FORBIDDEN", "message": "This model is paid-only"}}, K.MODEL_FORBIDDEN, MODEL, DAY),
    Cell("kilo", "M2", 404, oa("The free period ended for this model"), K.RETIRED),
    Cell("kilo", "L1", 429, oa("Rate limit exceeded: 200 requests per hour"), K.RATE_LIMITED, ACCOUNT, TO_NEXT_HOUR),
    Cell("modelscope", "A1", 401, oa("Authentication failed, please make sure that a valid ModelScope token is supplied."), K.UNAUTHENTICATED, KEY),
    Cell("modelscope", "A3", 401, oa("please bind your alibaba cloud account before use"), K.FORBIDDEN, ACCOUNT, HOUR),
    Cell("modelscope", "M2", 429, oa("insufficient balance (1008)"), K.RETIRED),
    Cell("llm7", "L1", 429, {"error": {"message": "Rate limit exceeded. Retry after 1 seconds."}, "retry_after": 1}, K.RATE_LIMITED, ACCOUNT, 1),
    Cell("vercel", "L3", 429, oa("Free credits temporarily have rate limits in place", "rate_limit_exceeded", "rate_limit_exceeded"), K.RATE_LIMITED, ACCOUNT, 60),
    Cell("vercel", "M1", 404, {"error": {"message": "Model 'x' not found", "type": "model_not_found", "param": {"modelId": "x"}}, "generationId": "g"}, K.MODEL_NOT_FOUND),
    Cell("vercel", "dependency", 424, oa("upstream failed", None, "failed_dependency"), K.REFUSED),
    Cell("sambanova", "L3", 402, oa("A payment method is required to continue."), K.QUOTA_EXHAUSTED, ACCOUNT, DAY),
    Cell("sambanova", "M1", 404, oa("Model not found"), K.MODEL_NOT_FOUND),
    Cell("sambanova", "L2", 429, oa("Rate limit exceeded"), K.QUOTA_EXHAUSTED, ACCOUNT_MODEL, 4 * HOUR + 17 * MINUTE, {"x-ratelimit-limit-requests-day": "20", "x-ratelimit-remaining-requests-day": "0", "x-ratelimit-reset-requests-day": "4h17m", "x-ratelimit-remaining-requests": "9"}),
    Cell("reka", "C4", 400, oa("Unsupported response_format type: 'json_object'. Supported types are 'text' and 'json_schema'."), K.REFUSED),
    Cell("openai", "A1", 401, oa("Incorrect API key provided: sk-canary.", "invalid_api_key"), K.UNAUTHENTICATED, KEY),
    Cell("openai", "A3", 403, oa("Country, region, or territory not supported", "unsupported_country_region_territory"), K.BLOCKED),
    Cell("openai", "L1", 429, oa("Rate limit reached for gpt-4o-mini on tokens per min (TPM): Limit 200000, Used 199000, Requested 3000. Please try again in 600ms.", "rate_limit_exceeded", "tokens"), K.RATE_LIMITED, ACCOUNT_MODEL, 0.6),
    Cell("openai", "L3", 429, oa("You exceeded your current quota, please check your plan and billing details.", "insufficient_quota", "insufficient_quota"), K.QUOTA_EXHAUSTED, ACCOUNT, DAY),
    Cell("openai", "C4", 400, oa("Unsupported value: 'temperature' does not support 0.2 with this model.", "unsupported_value", param="temperature"), K.FIELD_REFUSED, detail="sampling.temperature"),
    Cell("openai", "C4-max", 400, oa("max_tokens is too large: 100000. This model supports at most 16384 completion tokens.", None, param="max_tokens"), K.FIELD_REFUSED, detail="sampling.max_tokens"),
    Cell("vllm", "C4-max", 400, oa("'max_tokens' or 'max_completion_tokens' is too large: 100000. This model's maximum context length is 8192 tokens and your request has 11 input tokens (100000 > 8192 - 11).", 400), K.FIELD_REFUSED, detail="sampling.max_tokens"),
    Cell("vllm", "C1", 400, oa("At most 0 image(s) may be provided in one prompt."), K.UNSUPPORTED, detail="vision"),
    Cell("vllm", "prefill", 400, oa("Cannot set `add_generation_prompt` to True when the last message is from the assistant. Consider using `continue_final_message` instead."), K.PREFILL_REFUSED, sent=CONTINUED),
    Cell("anthropic", "P1", 529, {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}, "request_id": "x"}, K.OVERLOADED),
    Cell("anthropic", "A1", 401, {"type": "error", "error": {"type": "authentication_error", "message": "invalid x-api-key"}}, K.UNAUTHENTICATED, KEY),
    Cell("anthropic", "prefill", 400, oa("This model does not support assistant message prefill. The conversation must end with a user message."), K.PREFILL_REFUSED, sent=CONTINUED),
    Cell("deepseek", "L3", 402, oa("Insufficient Balance", "invalid_request_error", "unknown_error"), K.QUOTA_EXHAUSTED, ACCOUNT, DAY),
    Cell("deepseek", "C6", 400, oa("Content Exists Risk", "invalid_request_error"), K.CONTENT_REFUSED),
    Cell("xai", "A1", 400, {"code": "Client specified an invalid argument", "error": "Incorrect API key provided: xa***Zz. You can obtain an API key from https://console.x.ai."}, K.UNAUTHENTICATED, KEY),
    Cell("together", "M1", 404, oa("Unable to access model x. Please visit the models page", "model_not_available"), K.MODEL_NOT_FOUND),
    Cell("fireworks", "M1", 404, oa("Model not found, inaccessible, and/or not deployed", "NOT_FOUND"), K.MODEL_NOT_FOUND),
    Cell("alibaba", "C6", 400, oa("Input data may contain inappropriate content.", "data_inspection_failed"), K.CONTENT_REFUSED),
    Cell("moonshot", "L1", 429, oa("Your account reached max request concurrency: 1, please try again after 1 seconds", None, "rate_limit_reached_error"), K.RATE_LIMITED, ACCOUNT, 1),
    Cell("moonshot", "C6", 400, oa("The request was rejected because it was considered high risk", None, "content_filter"), K.CONTENT_REFUSED),
    Cell("azure", "L1", 429, oa("Requests have exceeded rate limit."), K.RATE_LIMITED, ACCOUNT_MODEL, 7, {"x-ms-retry-after-ms": "7000"}),
    Cell("azure", "C6", 400, oa("The response was filtered due to the prompt triggering Azure OpenAI's content management policy.", "content_filter", param="prompt"), K.CONTENT_REFUSED),
    Cell("compatible", "model-for-key", 400, oa("user is not allowed to access model x"), K.MODEL_FORBIDDEN, MODEL, DAY),
    Cell("compatible", "plan", 400, oa("action plan limited"), K.MODEL_FORBIDDEN, MODEL, DAY),
    Cell("compatible", "plain-400", 400, oa("Something is wrong"), K.REFUSED),
    Cell("compatible", "empty-404", 404, b"", K.BAD_RESPONSE),
    Cell("compatible", "fastapi-404", 404, {"detail": "Not Found"}, K.BAD_RESPONSE),
    Cell("compatible", "empty-403", 403, b"", K.MODEL_FORBIDDEN),
    Cell("compatible", "firewall", 403, b"error code: 1010", K.BLOCKED),
    Cell("compatible", "page-401", 401, b"<html><body>401 Authorization Required</body></html>", K.BLOCKED),
    Cell("compatible", "page-429", 429, b"<html><body>429 Too Many Requests</body></html>", K.OVERLOADED),
    Cell("compatible", "499", 499, b"", K.REFUSED),
    Cell("compatible", "llama.cpp-vision", 500, oa("image input is not supported - hint: if this is unexpected, you may need to provide the mmproj", 500), K.UNSUPPORTED, detail="vision"),
]  # fmt: skip

CELLS = [*GEMINI, *GROQ, *OPENROUTER, *CEREBRAS, *CLOUDFLARE, *NVIDIA, *COHERE, *OTHERS]


@pytest.mark.parametrize("cell", CELLS, ids=str)
def test_a_refusal_blames_the_right_one_until_the_right_moment(cell: Cell) -> None:
    failed = cell.read()
    assert failed.kind is cell.kind
    assert failed.scope is cell.scope
    assert failed.wake_after == (None if cell.until is None else pytest.approx(cell.until, abs=1.0))
    assert (failed.field or failed.capability) == cell.detail
    assert "canary" not in failed.message


# Words that are one provider's alone mean the same behind a gateway that has no row.
PASSED_ON = [
    cell
    for cell in CELLS
    if (cell.provider, cell.situation)
    in {("gemini", "L2"), ("openrouter", "L2"), ("cohere", "L3"), ("cohere", "L1"), ("cloudflare", "L2"), ("cerebras", "L2"),
        ("cerebras", "L1-hour"), ("huggingface", "L3-body"), ("ollama-cloud", "L2-session"), ("nvidia", "A1"), ("groq", "A3")}
]  # fmt: skip


@pytest.mark.parametrize("cell", PASSED_ON, ids=str)
def test_a_gateway_without_a_row_passes_the_same_words_on(cell: Cell) -> None:
    body = cell.body if isinstance(cell.body, bytes) else json.dumps(cell.body).encode()
    failed = errors.from_response(cell.status, cell.headers, body, dialect("compatible"), now=NOW)
    assert failed.kind is cell.kind
    assert failed.wake_after == (None if cell.until is None else pytest.approx(cell.until, abs=1.0))


def test_the_matrix_covers_at_least_25_dialects() -> None:
    assert len({cell.provider for cell in CELLS}) >= 25
