"""The dialects in which providers tell when to come back, and what a refusal means."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference_service.failures import FailureKind, Scope
from inference_service.providers.github import GitHub
from inference_service.providers.kit import errors, limits
from inference_service.providers.mistral import Mistral
from inference_service.routing.classify import TABLE

NOW = 1_790_000_000.0


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after": "-3"}, None),
        ({"retry-after": "86400"}, 86_400),
        ({"retry-after-ms": "250", "retry-after": "9"}, 0.25),
        ({"retry-after": "Mon, 21 Sep 2026 13:34:40 GMT"}, 1_789_997_680 - NOW + 0),
        ({"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "1m30s"}, 90),
        ({"x-ratelimit-remaining-requests": "5", "x-ratelimit-reset-requests": "1m30s"}, None),
        ({"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "20ms"}, 0.02),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(NOW + 40)}, 40),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": str((NOW + 40) * 1000)}, 40),
        ({"x-ratelimit-timeremaining": "5631"}, 5_631),
        ({"ratelimit": '"api";r=0;t=55'}, 55),
        ({"ratelimit": '"api";r=3;t=55'}, None),
        ({"retry-after": "soon"}, None),
        ({}, None),
    ],
)
def test_every_dialect_is_read(headers: dict[str, str], seconds: float | None) -> None:
    found = limits.wake_after(headers, NOW)
    assert found == (None if seconds is None else pytest.approx(max(0.0, seconds), abs=0.01))


def test_a_date_is_read_on_the_upstreams_own_clock() -> None:
    headers = {"date": "Mon, 21 Sep 2026 10:00:00 GMT", "retry-after": "Mon, 21 Sep 2026 10:00:30 GMT"}
    assert limits.wake_after(headers, NOW + 12_345) == 30


@given(
    st.dictionaries(
        st.sampled_from(
            ["retry-after", "retry-after-ms", "x-ratelimit-reset", "ratelimit", "date", "x-ratelimit-remaining"]
        ),
        st.text(max_size=30),
    )
)
def test_no_header_breaks_the_reader(headers: dict[str, str]) -> None:
    found = limits.wake_after(headers, NOW)
    assert found is None or 0 <= found <= limits.LONGEST
    limits.report(headers, NOW)


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, '{"error":{"message":"bad","code":"invalid_value"}}', FailureKind.BAD_REQUEST),
        (400, '{"error":{"message":"maximum context length is 8192 tokens"}}', FailureKind.CONTEXT_TOO_LONG),
        (
            413,
            '{"error":{"code":"tokens_limit_reached","message":"Request body too large"}}',
            FailureKind.CONTEXT_TOO_LONG,
        ),
        (400, '{"error":{"code":"content_filter","message":"x"}}', FailureKind.CONTENT_REFUSED),
        (401, "", FailureKind.UNAUTHENTICATED),
        (402, "", FailureKind.QUOTA_EXHAUSTED),
        (404, '{"detail":"Not Found"}', FailureKind.MODEL_NOT_FOUND),
        (410, "", FailureKind.RETIRED),
        (422, '{"detail":[{"loc":["body","seed"],"msg":"extra","type":"extra_forbidden"}]}', FailureKind.BAD_REQUEST),
        (429, "", FailureKind.RATE_LIMITED),
        (429, '{"error":{"code":"insufficient_quota","message":"x"}}', FailureKind.QUOTA_EXHAUSTED),
        (429, '{"message":"Service tier capacity exceeded for this model."}', FailureKind.OVERLOADED),
        (500, "Traceback (most recent call last)", FailureKind.SERVER_ERROR),
        (503, '{"error":"Model x is currently loading","estimated_time":20.0}', FailureKind.LOADING),
        (503, "<html>", FailureKind.UNAVAILABLE),
        (598, "", FailureKind.UNAVAILABLE),
        (302, "", FailureKind.BAD_RESPONSE),
    ],
)
def test_a_refusal_has_its_class(status: int, body: str, kind: FailureKind) -> None:
    assert errors.from_response(status, {}, body.encode(), now=NOW).kind is kind


def test_a_loading_model_says_how_long() -> None:
    assert (
        errors.from_response(503, {}, b'{"error":"Model is currently loading","estimated_time":20.0}').wake_after == 20
    )


@pytest.mark.parametrize(
    ("message", "kind", "scope"),
    [
        (
            "Rate limit of 150 per 86400s exceeded for UserByModelByDay. Please wait 5631 seconds",
            FailureKind.QUOTA_EXHAUSTED,
            Scope.CREDENTIAL_MODEL,
        ),
        ("Rate limit of 15 per 60s exceeded for UserByModelByMinute", FailureKind.RATE_LIMITED, Scope.CREDENTIAL_MODEL),
        ("Rate limit of 5 per 0s exceeded for UserConcurrentRequests", FailureKind.RATE_LIMITED, Scope.CREDENTIAL),
    ],
)
def test_githubs_three_limits_are_told_apart(message: str, kind: FailureKind, scope: Scope) -> None:
    body = b'{"error":{"code":"RateLimitReached","message":"' + message.encode() + b'"}}'
    found = errors.from_response(429, {}, body, GitHub.signs)
    assert (found.kind, found.scope) == (kind, scope)


def test_mistrals_capacity_is_its_own_load_and_no_limit_of_ours() -> None:
    body = b'{"object":"error","message":"Service tier capacity exceeded for this model.","code":"3505"}'
    assert errors.from_response(429, {}, body, Mistral.signs).kind is FailureKind.OVERLOADED


@given(st.integers(100, 599), st.binary(max_size=300))
def test_any_answer_has_a_class_and_the_upstreams_words_stay_outside(status: int, body: bytes) -> None:
    found = errors.from_response(status, {}, body)
    assert found.kind in TABLE
    assert len(found.message) <= 300


def test_a_secret_that_an_upstream_echoes_is_not_passed_on() -> None:
    body = b'{"error":{"message":"Incorrect API key provided: sk-canary-1234567890","code":"invalid key sk-canary"}}'
    for status in (400, 401, 403, 422, 429, 500):
        assert "canary" not in errors.from_response(status, {}, body).message


def test_every_kind_of_failure_has_a_row() -> None:
    assert set(TABLE) == set(FailureKind)
