"""What an upstream's refusal means: from status, headers and body to one failure kind with the smallest blame.

The order of evidence: the dialect's own signs, a page instead of an API, access, size, the vendor's load, a named limit,
a missing capability, context and content, a named field, the model; the status last.
What then happens to credential and deployment is decided in `routing/classify.py`.
The upstream's text is only examined, never passed on: it may echo a secret or a prompt.
Sources: the error references of the providers, and bodies seen in the wild.
"""

import re
import time
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from msgspec import Struct

from inference_service.failures import FailureKind, Scope, UpstreamFailure
from inference_service.providers.kit import bodies, limits, named, signs
from inference_service.providers.kit.bodies import Evidence
from inference_service.providers.kit.dialect import Dialect, Dialects, Sent, Sign, dialect_of
from inference_service.quotas import DAY, HOUR, LimitFact, Unit

K = FailureKind
A_DAY_IS_QUOTA = 3 * HOUR  # a wait of hours means a used-up quota, not a passing limit
CREDIT_REST = DAY  # money comes back when a person pays: try once a day
AT_ONCE_REST = 2.0  # a concurrency limit clears when a call ends

STATUSES: Mapping[int, FailureKind] = {
    400: K.REFUSED, 401: K.UNAUTHENTICATED, 402: K.QUOTA_EXHAUSTED, 403: K.MODEL_FORBIDDEN, 404: K.BAD_RESPONSE,
    405: K.BAD_RESPONSE, 408: K.UNAVAILABLE, 409: K.UNAVAILABLE, 410: K.RETIRED, 413: K.CONTEXT_TOO_LONG, 423: K.UNAVAILABLE, 425: K.UNAVAILABLE,
    429: K.RATE_LIMITED, 451: K.BLOCKED, 500: K.SERVER_ERROR, 501: K.UNSUPPORTED, 502: K.SERVER_ERROR, 529: K.OVERLOADED,
}  # fmt: skip
PAGES: Mapping[int, FailureKind] = {404: K.BAD_RESPONSE, 408: K.UNAVAILABLE, 410: K.BAD_RESPONSE, 413: K.CONTEXT_TOO_LONG,
                                    429: K.OVERLOADED}  # fmt: skip

WORDS: Mapping[FailureKind, str] = {
    K.RATE_LIMITED: "the provider's rate limit is reached",
    K.QUOTA_EXHAUSTED: "the provider's quota is used up",
    K.UNAUTHENTICATED: "the provider does not accept the credential",
    K.FORBIDDEN: "the credential lacks a permission at the provider",
    K.MODEL_FORBIDDEN: "the credential may not use this model",
    K.MODEL_NOT_FOUND: "the provider does not have this model",
    K.RETIRED: "the provider has retired this model or service",
    K.OVERLOADED: "the provider is overloaded",
    K.SERVER_ERROR: "the provider had an internal error",
    K.UNAVAILABLE: "the provider is not available",
    K.LOADING: "the provider is loading the model",
    K.BAD_RESPONSE: "the provider answered with something that its API does not document",
    K.BLOCKED: "the provider cannot be used from here (a region rule or a firewall)",
    K.REFUSED: "the provider refused the request",
    K.CONTEXT_TOO_LONG: "the conversation is too long for this model",
    K.BAD_REQUEST: "the provider refused the request as invalid",
    K.FIELD_REFUSED: "the model does not take a setting of the request",
    K.CONTENT_REFUSED: "the provider refused the content",
    K.PREFILL_REFUSED: "the model does not continue a half-finished answer",
    K.UNSUPPORTED: "the model cannot do what was asked",
    K.STREAM_ERROR: "the provider reported an error in the middle of its answer",
}

# Kinds that still apply after the answer has begun; anything else then becomes a stream error.
MID_STREAM = frozenset({K.RATE_LIMITED, K.QUOTA_EXHAUSTED, K.UNAUTHENTICATED, K.OVERLOADED})
LIMITS = frozenset({K.RATE_LIMITED, K.QUOTA_EXHAUSTED})
_CODE = re.compile(r"[A-Za-z_][\w.\[\]-]{0,59}")
_TOO_LARGE = re.compile(
    r"request too large|requested \d+ tokens[^|]{0,60}limit|code:max_tokens_per_request", re.IGNORECASE
)
_REQUESTED = re.compile(r"limit:? (\d+)[^|]{0,120}requested:? (\d+)", re.IGNORECASE)
_OUTPUT = re.compile(
    r"maximum context length (?:is|of) (\d+)[^|]*\((\d+) (?:of text input|in the messages|in (?:the|your) prompt)"
)


_INPUTS = re.compile(r"max_new_tokens`? must be <= (\d+)\. Given: (\d+) `?inputs`? tokens")


class Case(Struct, frozen=True):
    """One refusal, with all its evidence. sent: None if it is unknown what the request held."""

    status: int
    evidence: Evidence
    dialect: Dialect
    sent: Sent | None
    wait: float | None  # stated in headers or body
    facts: tuple[LimitFact, ...]
    theirs: float  # the upstream's clock

    def sent_field(self, field: str) -> bool:
        return self.sent is None or field in self.sent.fields

    def used(self, capability: str) -> bool:
        needed = "tools" if capability == "tool_choice" else capability
        return self.sent is None or needed in self.sent.capabilities


def from_response(
    status: int,
    headers: Mapping[str, str],
    body: bytes,
    dialect: Dialects = (),
    *,
    sent: Sent | None = None,
    now: float | None = None,
) -> UpstreamFailure:
    """The failure that a refusing response means. `now`: epoch seconds, for tests."""
    moment = time.time() if now is None else now
    head = {name.lower(): value for name, value in headers.items()}
    evidence = bodies.read(body, head, moment)
    evidence.text = f"{evidence.text} {_header_words(head)}".strip()
    wording = dialect_of(dialect)
    wait = limits.wake_after(head, moment, wording)
    case = Case(
        status,
        evidence,
        wording,
        sent,
        evidence.wait if wait is None else wait,
        tuple(limits.facts(head, moment, wording)),
        limits.upstream_clock(head, moment),
    )
    return classify(case)


def in_stream(error: Any, dialect: Dialects = (), *, began: bool, sent: Sent | None = None) -> UpstreamFailure:
    """An error object inside a 200. Before any content it counts like the status that it names."""
    now = time.time()
    evidence = bodies.evidence_of({"error": error}, {}, now)
    case = Case(_status_in(error), evidence, dialect_of(dialect), sent, evidence.wait, (), now)
    failed = classify(case)
    if failed.kind not in MID_STREAM and (began or failed.kind is K.BAD_RESPONSE):
        return failure(K.STREAM_ERROR, status=200)
    failed.status = case.status
    return failed


def _status_in(error: Any) -> int:
    """The HTTP status in an error object; 200 if it names none."""
    if isinstance(error, list) and len(error) == 1:
        error = error[0]
    inner = error.get("error") if isinstance(error, dict) else None
    for place in (error, inner):
        if isinstance(place, dict):
            for key in ("code", "status", "status_code", "statusCode"):
                value = place.get(key)
                if isinstance(value, int | str) and str(value).isdigit() and 400 <= int(value) < 600:
                    return int(value)
    return 200


def classify(case: Case) -> UpstreamFailure:
    """The first rule with evidence decides."""
    for rule in RULES:
        if (verdict := rule(case)) is not None:
            return verdict
    kind = STATUSES.get(case.status)
    if kind is None:
        kind = K.UNAVAILABLE if case.status >= 500 else K.REFUSED if case.status >= 400 else K.BAD_RESPONSE
    return failure(kind, status=case.status, wake=case.wait, codes=_safe_codes(case.evidence))


# --- the rules, in their order ---------------------------------------------------------------


def _by_signs(table: Sequence[Sign]) -> Callable[[Case], UpstreamFailure | None]:
    def rule(case: Case) -> UpstreamFailure | None:
        return _match(table, case)

    return rule


def _own_signs(case: Case) -> UpstreamFailure | None:
    return _match(case.dialect.signs, case)


def _match(table: Sequence[Sign], case: Case) -> UpstreamFailure | None:
    for sign in table:
        if sign.statuses and case.status not in sign.statuses:
            continue
        if sign.capability and not case.used(sign.capability):
            continue
        if sign.field and not case.sent_field(sign.field):
            continue
        if sign.kind is K.PREFILL_REFUSED and case.sent is not None and not case.sent.prefix:
            continue
        if _pattern(sign.words).search(case.evidence.text):
            return _of_sign(sign, case)
    return None


@lru_cache(maxsize=1_024)
def _pattern(words: str) -> re.Pattern[str]:
    return re.compile(words, re.IGNORECASE)


def _of_sign(sign: Sign, case: Case) -> UpstreamFailure:
    if sign.kind in LIMITS:
        fact = sign.limit or named.limit_in(case.evidence, case.dialect)
        verdict = limited(case, fact, wait=sign.wake_after if case.wait is None else case.wait, kind=sign.kind)
        verdict.scope = sign.scope or verdict.scope
        return verdict
    wake = sign.wake_after if case.wait is None else max(case.wait, sign.wake_after or 0.0)
    return failure(
        sign.kind, status=case.status, wake=wake, scope=sign.scope, codes=_safe_codes(case.evidence),
        capability=sign.capability, fields=(sign.field,) if sign.field else (),
    )  # fmt: skip


def _page(case: Case) -> UpstreamFailure | None:
    """HTML comes from a firewall, a proxy or a wrong address, never from the API: no credential is to blame."""
    if not case.evidence.page or case.status >= 500:
        return None
    kind = PAGES.get(case.status) or (K.BLOCKED if case.status >= 400 else K.BAD_RESPONSE)
    return failure(kind, status=case.status, wake=case.wait)


def _too_large(case: Case) -> UpstreamFailure | None:
    """More tokens than a whole window allows: no wait makes room for it."""
    text = case.evidence.text
    sizes = _REQUESTED.search(text)
    exceeds = sizes is not None and int(sizes[2]) > int(sizes[1])
    if case.status in (400, 413, 429) and (
        exceeds or _TOO_LARGE.search(text) or named.outgrown(case.evidence, case.sent)
    ):
        return failure(K.CONTEXT_TOO_LONG, status=case.status)
    return None


def _no_allowance(case: Case) -> UpstreamFailure | None:
    """A limit of zero: the plan does not include the model, and no wait changes that."""
    none_at_all = any(fact.limit == 0 and fact.unit in (Unit.REQUESTS, Unit.TOKENS) for fact in case.facts)
    if case.status != 429 or not none_at_all:
        return None
    return failure(K.MODEL_FORBIDDEN, status=429, wake=signs.MODEL_REST, scope=Scope.GROUP_MODEL)


def _limit(case: Case) -> UpstreamFailure | None:
    about_money = case.status in (401, 412) and named.speaks_of_money(case.evidence)
    about_limits = case.status in (200, 400, 403, 503) and named.speaks_of_limit(case.evidence)
    if case.status not in (402, 429) and not about_money and not about_limits:
        return None
    fact = named.limit_in(case.evidence, case.dialect)
    if fact is not None and (larger := _larger_than_its_limit(case, fact)) is not None:
        return larger
    if fact is None:
        fact = next(
            (candidate for candidate in case.facts if candidate.remaining == 0 and candidate.window is not None), None
        )
    if fact is None and (case.status == 402 or named.speaks_of_money(case.evidence)):
        fact = named.money(case.dialect)
    return limited(case, fact, wait=case.wait)


def _larger_than_its_limit(case: Case, fact: LimitFact) -> UpstreamFailure | None:
    """More tokens than the declared limit of a short window, alone or together with the requested answer."""
    if case.sent is None or fact.unit is not Unit.TOKENS or (fact.window or DAY) >= DAY:
        return None
    most = min(
        (quota.limit for quota in case.dialect.quotas if (quota.unit, quota.window) == (fact.unit, fact.window)),
        default=0,
    )
    if not most or case.sent.tokens + case.sent.output <= most:
        return None
    if case.sent.tokens > most:
        return failure(K.CONTEXT_TOO_LONG, status=case.status)
    if case.sent_field("sampling.max_tokens"):
        return failure(K.FIELD_REFUSED, status=case.status, fields=("sampling.max_tokens",))
    return None


def limited(
    case: Case, fact: LimitFact | None, *, wait: float | None, kind: FailureKind | None = None
) -> UpstreamFailure:
    """A limit, until its own clock resets it; next to a named day, a stated wait is only a claim."""
    reported = next(
        (
            candidate
            for candidate in case.facts
            if fact and (candidate.unit, candidate.window) == (fact.unit, fact.window)
        ),
        None,
    )
    rest = named.rest(fact, wait, case.theirs)
    if fact is not None:
        limit = fact.limit if fact.limit is not None or reported is None else reported.limit
        fact = LimitFact(fact.unit, fact.window, fact.clock, limit, 0, rest)
    is_money = fact is not None and fact.unit is Unit.MONEY
    if is_money and rest is None:
        rest = CREDIT_REST
    if fact is not None and fact.unit is Unit.CONCURRENT and rest is None:
        rest = AT_ONCE_REST
    if kind is None:
        long = (fact is not None and (fact.window or 0) >= DAY) or (rest or 0) >= A_DAY_IS_QUOTA
        kind = K.QUOTA_EXHAUSTED if long or is_money else K.RATE_LIMITED
    if fact is None:
        scope = case.dialect.scope
    elif is_money and not any(quota.unit is Unit.MONEY for quota in case.dialect.quotas):
        scope = Scope.GROUP
    else:
        scope = case.dialect.scope_of(fact.unit, fact.window)
    return failure(kind, status=case.status, wake=rest, scope=scope, limit=fact)


def _output_too_long(case: Case) -> UpstreamFailure | None:
    """The prompt fits, but not together with the requested answer."""
    match = _OUTPUT.search(case.evidence.text)
    if match is None:
        match = _INPUTS.search(case.evidence.text)
    if match is None:
        return None
    if int(match[2]) >= int(match[1]):
        return failure(K.CONTEXT_TOO_LONG, status=case.status)
    if case.sent_field("sampling.max_tokens"):
        return failure(K.FIELD_REFUSED, status=case.status, fields=("sampling.max_tokens",))
    return None


def _field(case: Case) -> UpstreamFailure | None:
    """Every field that the refusal names and the request set: dropped together, so that one retry is enough."""
    if case.status not in (400, 404, 416, 422):
        return None
    fields = named.fields_in(case.evidence, case.sent)
    return failure(K.FIELD_REFUSED, status=case.status, fields=fields) if fields else None


RULES: tuple[Callable[[Case], UpstreamFailure | None], ...] = (
    _no_allowance,
    _own_signs,
    _page,
    _by_signs(signs.ACCESS),
    _too_large,
    _by_signs(signs.OVERLOAD),
    _by_signs(signs.LIMITED_FIELD),
    _by_signs(signs.VENDORS),
    _limit,
    _by_signs(signs.PREFILL),
    _by_signs(signs.CAPABILITIES),
    _by_signs(signs.SHAPE),
    _output_too_long,
    _by_signs(signs.CONTENT),
    _field,
    _by_signs(signs.MODEL),
)


def failure(
    kind: FailureKind,
    *,
    status: int = 0,
    wake: float | None = None,
    scope: Scope | None = None,
    limit: LimitFact | None = None,
    fields: tuple[str, ...] = (),
    capability: str = "",
    codes: str = "",
    parsed: Mapping[str, str] | None = None,
) -> UpstreamFailure:
    """A failure in our own words. parsed: a body that we built, for its code."""
    codes = codes or (parsed or {}).get("code", "")
    words = WORDS.get(kind, kind.value.replace("_", " "))
    if kind in (K.BAD_REQUEST, K.REFUSED, K.CONTENT_REFUSED) and codes:
        words = f"{words} ({codes})"
    elif fields or capability:
        words = f"{words} ({', '.join(fields) or capability})"
    if scope is None:
        scope = Scope.CREDENTIAL if kind in (K.UNAUTHENTICATED, K.FORBIDDEN) else Scope.CREDENTIAL_MODEL
    return UpstreamFailure(
        kind, words, status=status, wake_after=wake, scope=scope, limit=limit, fields=fields, capability=capability
    )


def _safe_codes(evidence: Evidence) -> str:
    """Codes and field names that are single words, so that no user's text can be among them."""
    words = [code.removeprefix("code:") for code in evidence.codes if code.startswith("code:")]
    shown = [word for word in words if _CODE.fullmatch(word)][:1]
    shown += [f"field {field}" for field in evidence.fields if _CODE.fullmatch(field)][:1]
    return ", ".join(shown)


def _header_words(headers: Mapping[str, str]) -> str:
    names = ("x-error-message", "x-error-code", "x-ms-error-code", "x-ratelimit-type", "cf-mitigated")
    return " ".join(headers[name] for name in names if name in headers)[:600]


__all__ = ["Case", "Dialect", "Dialects", "Sent", "Sign", "classify", "failure", "from_response", "in_stream"]
