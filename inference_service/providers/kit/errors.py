"""What an upstream's refusal means: from status, headers and body to one failure kind.

One table of signs, read from the top; a provider puts its own rows before the general ones.
What then happens to credential and deployment is decided in `routing/classify.py`.
The upstream's text is only looked at, never passed on: it may echo a secret or a prompt.
Sources: the error references of the providers, and bodies seen in the wild.
"""

import re
import time
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from inference_service.failures import FailureKind, Scope, UpstreamFailure
from inference_service.providers.kit import limits

K = FailureKind
A_DAY_IS_QUOTA = 3 * 3_600.0  # a wait of hours is a used-up quota, not a passing limit


class Sign(Struct, frozen=True):
    """One row: these statuses (none: any) with these words mean that kind."""

    kind: FailureKind
    words: str
    statuses: tuple[int, ...] = ()
    scope: Scope = Scope.CREDENTIAL
    wake_after: float | None = None  # where the provider's documents know it and its answer does not say


GENERAL: tuple[Sign, ...] = (
    Sign(K.QUOTA_EXHAUSTED, r"insufficient_quota|exceeded your current quota|included credits|depleted|billing_hard_limit"
         r"|credit balance|insufficient (credits|balance|funds)", scope=Scope.GROUP),
    Sign(K.OVERLOADED, r"capacity exceeded|model (is )?(too |currently )?busy|overloaded|no capacity|queue is full", (429, 500, 502, 503, 529)),
    # More tokens than the account has in a whole minute: no wait makes room for it.
    Sign(K.CONTEXT_TOO_LONG, r"request too large for .{0,120}tokens per min", (429,)),
    Sign(K.QUOTA_EXHAUSTED, r"per[ _-]?day|daily|per 86400 ?s|byday|per[ _-]?month|monthly", (429,)),
    Sign(K.LOADING, r"(model|weights).{0,80}(is |being |currently )loading|loading model|estimated_time", (500, 503, 504)),
    Sign(K.PREFILL_REFUSED, r"prefill|prefix.{0,40}(not|unsupported|invalid)|expected last role|continue_final_message"
         r"|add_generation_prompt|last message.{0,60}(user|assistant)|must end with a user", (400, 422, 500)),
    Sign(K.CONTEXT_TOO_LONG, r"context[ _](length|window|size)|maximum (context|prompt|input)|max_model_len|tokens_limit_reached"
         r"|prompt is too long|too many (input )?tokens|exceeds? .{0,40}(tokens|context)|reduce the length|request (body )?too large",
         (400, 413, 422, 500)),
    Sign(K.CONTENT_REFUSED, r"content[_ ](filter|policy|management)|moderation|safety system|flagged|responsibleai|nsfw", (400, 403, 422, 451)),
    Sign(K.MODEL_NOT_FOUND, r"model_not_found|unknown_model|unavailable_model|model_not_supported|invalid_model|not a valid model"
         r"|unknown model|model.{0,120}(does not exist|not found|not supported|decommissioned|deprecated|no longer)", (400, 404, 422)),
    Sign(K.RETIRED, r"retired|retirement|sunset|brownout", (403, 404, 410, 503)),
)  # fmt: skip

STATUSES: Mapping[int, FailureKind] = {
    400: K.BAD_REQUEST, 401: K.UNAUTHENTICATED, 402: K.QUOTA_EXHAUSTED, 403: K.FORBIDDEN, 404: K.MODEL_NOT_FOUND,
    405: K.BAD_RESPONSE, 408: K.UNAVAILABLE, 409: K.UNAVAILABLE, 410: K.RETIRED, 413: K.CONTEXT_TOO_LONG, 422: K.BAD_REQUEST,
    425: K.UNAVAILABLE, 429: K.RATE_LIMITED, 451: K.CONTENT_REFUSED, 500: K.SERVER_ERROR, 501: K.UNSUPPORTED, 502: K.SERVER_ERROR,
}  # fmt: skip

WORDS: Mapping[FailureKind, str] = {
    K.RATE_LIMITED: "the provider's rate limit is reached",
    K.QUOTA_EXHAUSTED: "the provider's quota is used up",
    K.UNAUTHENTICATED: "the provider does not accept the credential",
    K.FORBIDDEN: "the credential may not use this at the provider",
    K.MODEL_NOT_FOUND: "the provider does not have this model",
    K.RETIRED: "the provider has retired this model or service",
    K.OVERLOADED: "the provider is overloaded",
    K.SERVER_ERROR: "the provider had an internal error",
    K.UNAVAILABLE: "the provider is not available",
    K.LOADING: "the provider is loading the model",
    K.BAD_RESPONSE: "the provider answered with something that its API does not document",
    K.CONTEXT_TOO_LONG: "the conversation is too long for this model",
    K.BAD_REQUEST: "the provider refused the request as invalid",
    K.CONTENT_REFUSED: "the provider refused the content",
    K.PREFILL_REFUSED: "the model does not continue a half-finished answer",
    K.UNSUPPORTED: "the provider cannot do what was asked",
    K.STREAM_ERROR: "the provider reported an error in the middle of its answer",
}

_CODE = re.compile(r"[A-Za-z_][\w.\[\]-]{0,59}")
_HTML = re.compile(r"^\s*<(!doctype|html|head|body)", re.IGNORECASE)
_TAGS = re.compile(r"<[^>]{0,300}>")
_AGAIN = re.compile(r"try again in ((?:\d+(?:\.\d+)?(?:ms|[hms]) ?)+)")
_LIFETIME = re.compile(r"wait (\d+(?:\.\d+)?) ?(seconds|s\b|minutes|hours)")
_UNITS = {"seconds": 1, "s": 1, "minutes": 60, "hours": 3_600}


def from_response(
    status: int, headers: Mapping[str, str], body: bytes, signs: Sequence[Sign] = (), *, now: float | None = None
) -> UpstreamFailure:
    """The failure that a refusing response means. `now`: epoch seconds, for tests."""
    moment = time.time() if now is None else now
    parsed = _json(body)
    text = f"{message_of(parsed, body)} {codes_of(parsed)} {_header_words(headers)}".strip()
    wake = limits.wake_after(headers, moment)
    if wake is None:
        wake = _estimate(parsed, text)
    if parsed is None and _HTML.match(body[:200].decode(errors="replace")) and status < 500 and status not in STATUSES:
        return failure(K.BAD_RESPONSE, status=status)
    return classify(status, text, wake, parsed, signs)


def classify(status: int, text: str, wake: float | None, parsed: Any, signs: Sequence[Sign]) -> UpstreamFailure:
    for sign in (*signs, *GENERAL):
        if (not sign.statuses or status in sign.statuses) and re.search(sign.words, text, re.IGNORECASE):
            return failure(
                sign.kind,
                status=status,
                wake=sign.wake_after if wake is None else wake,
                scope=sign.scope,
                parsed=parsed,
            )
    kind = STATUSES.get(status)
    if kind is None:
        kind = K.UNAVAILABLE if status >= 500 else K.BAD_REQUEST if status >= 400 else K.BAD_RESPONSE
    scope = Scope.GROUP if status == 402 else Scope.CREDENTIAL
    if kind is K.RATE_LIMITED and wake is not None and wake >= A_DAY_IS_QUOTA:
        kind = K.QUOTA_EXHAUSTED
    return failure(kind, status=status, wake=wake, scope=scope, parsed=parsed)


def in_stream(error: Any, signs: Sequence[Sign] = (), *, began: bool) -> UpstreamFailure:
    """An error object inside a 200. Before any content it is as good as the status that it names."""
    if began:
        return failure(K.STREAM_ERROR, status=200)
    text = f"{message_of({'error': error}, b'')} {codes_of({'error': error})}"
    status = error.get("code", error.get("status")) if isinstance(error, dict) else None
    if isinstance(status, int | str) and str(status).isdigit() and 400 <= int(status) < 600:
        return classify(int(status), text, None, None, signs)
    for sign in (*signs, *GENERAL):
        if re.search(sign.words, text, re.IGNORECASE):
            return failure(sign.kind, status=200, wake=sign.wake_after, scope=sign.scope)
    if re.search(r"rate.?limit", text, re.IGNORECASE):
        return failure(K.RATE_LIMITED, status=200)
    return failure(K.STREAM_ERROR, status=200)


def failure(
    kind: FailureKind,
    *,
    status: int = 0,
    wake: float | None = None,
    scope: Scope = Scope.CREDENTIAL,
    parsed: Any = None,
) -> UpstreamFailure:
    words = WORDS.get(kind, kind.value.replace("_", " "))
    if kind in (K.BAD_REQUEST, K.CONTENT_REFUSED) and (codes := _safe_codes(parsed)):
        words = f"{words} ({codes})"
    return UpstreamFailure(kind, words, status=status, wake_after=wake, scope=scope)


def message_of(parsed: Any, body: bytes) -> str:
    """The upstream's own sentence, cleaned and bounded; only for looking at."""
    found = ""
    if isinstance(parsed, dict):
        error, detail = parsed.get("error"), parsed.get("detail")
        candidates = (
            error.get("message") if isinstance(error, dict) else error,
            parsed.get("message"),
            detail.get("error") if isinstance(detail, dict) else detail,
        )
        found = next((text for text in map(_sentence, candidates) if text), "")
    elif parsed is None:
        found = body[:2_000].decode(errors="replace")
    return " ".join(_TAGS.sub(" ", found).split())[:500]


def _sentence(value: Any) -> str:
    if isinstance(value, list) and value:  # FastAPI's list of problems: the first one
        value = value[0].get("msg") if isinstance(value[0], dict) else value[0]
    return value if isinstance(value, str) else ""


def codes_of(parsed: Any) -> str:
    """Machine-readable words beside the message."""
    if not isinstance(parsed, dict):
        return ""
    inner = parsed.get("error")
    places = (parsed, inner) if isinstance(inner, dict) else (parsed,)
    words = [
        str(place.get(key)) for place in places for key in ("code", "type", "error_type", "status") if place.get(key)
    ]
    if isinstance(inner, dict) and isinstance(inner.get("innererror"), dict):
        words.append(str(inner["innererror"].get("code", "")))
    return " ".join(words)[:300] + (" estimated_time" if "estimated_time" in parsed else "")


def _safe_codes(parsed: Any) -> str:
    """Codes that are single words, so that nothing a person wrote can be among them."""
    if not isinstance(parsed, dict):
        return ""
    inner = parsed.get("error")
    place = inner if isinstance(inner, dict) else parsed
    words = {key: place.get(key) for key in ("code", "param")}
    detail = parsed.get("detail")
    if isinstance(detail, list) and detail and isinstance(detail[0], dict) and isinstance(detail[0].get("loc"), list):
        words["param"] = ".".join(str(step) for step in detail[0]["loc"] if step != "body")
    named = [(key, value) for key, value in words.items() if isinstance(value, str) and _CODE.fullmatch(value)]
    return ", ".join(value if key == "code" else f"field {value}" for key, value in named)


def _estimate(parsed: Any, text: str) -> float | None:
    if isinstance(parsed, dict) and isinstance(parsed.get("estimated_time"), int | float):
        return max(0.0, min(float(parsed["estimated_time"]), limits.LONGEST))
    if told := _LIFETIME.search(text):
        return min(float(told[1]) * _UNITS[told[2]], limits.LONGEST)
    if told := _AGAIN.search(text):
        return limits.moment(told[1].replace(" ", ""), {}, 0.0)
    return None


def _json(body: bytes) -> Any:
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def _header_words(headers: Mapping[str, str]) -> str:
    names = ("x-error-message", "x-error-code", "x-ms-error-code", "x-ratelimit-type")
    return " ".join(headers[name] for name in names if name in headers)[:600]
