"""What a refusal means by its status, its words and what the request held, rule by rule."""

import json
from typing import Any

import pytest

from inference_service.failures import FailureKind, Scope, UpstreamFailure
from inference_service.providers.kit import errors
from inference_service.quotas import DAY, Clock, LimitFact, Quota, Unit

K = FailureKind


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (302, K.BAD_RESPONSE), (399, K.BAD_RESPONSE), (400, K.REFUSED), (401, K.UNAUTHENTICATED), (402, K.QUOTA_EXHAUSTED),
        (403, K.MODEL_FORBIDDEN), (404, K.BAD_RESPONSE), (405, K.BAD_RESPONSE), (408, K.UNAVAILABLE), (409, K.UNAVAILABLE),
        (410, K.RETIRED), (413, K.CONTEXT_TOO_LONG), (418, K.REFUSED), (424, K.REFUSED), (425, K.UNAVAILABLE),
        (429, K.RATE_LIMITED), (451, K.BLOCKED), (498, K.REFUSED), (499, K.REFUSED), (500, K.SERVER_ERROR),
        (501, K.UNSUPPORTED), (502, K.SERVER_ERROR), (503, K.UNAVAILABLE), (529, K.OVERLOADED), (599, K.UNAVAILABLE),
    ],
)  # fmt: skip
def test_a_status_alone_has_its_class(status: int, kind: FailureKind) -> None:
    found = errors.from_response(status, {}, b"", now=1_790_000_000.0)
    assert (found.kind, found.status) == (kind, status)


@pytest.mark.parametrize("key", ["code", "status", "status_code", "statusCode"])
@pytest.mark.parametrize("began", [True, False])
def test_an_error_in_a_stream_counts_as_its_status_until_the_answer_begins(key: str, began: bool) -> None:
    for status, kind in ((429, K.RATE_LIMITED), (503, K.STREAM_ERROR if began else K.UNAVAILABLE)):
        for error in ({key: status}, {key: str(status)}, [{key: status}], {"error": {key: status}}):
            assert errors.in_stream(error, began=began).kind is kind
    assert errors.in_stream({key: 200}, began=began).kind is K.STREAM_ERROR


PAGE = b"<!DOCTYPE html><html><body>Invalid API key. Rate limit exceeded.</body></html>"


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (200, K.BAD_RESPONSE), (302, K.BAD_RESPONSE), (399, K.BAD_RESPONSE), (400, K.BLOCKED), (401, K.BLOCKED),
        (403, K.BLOCKED), (404, K.BAD_RESPONSE), (408, K.UNAVAILABLE), (410, K.BAD_RESPONSE), (413, K.CONTEXT_TOO_LONG),
        (429, K.OVERLOADED), (499, K.BLOCKED),
    ],
)  # fmt: skip
def test_a_page_is_no_answer_of_the_api_and_blames_no_credential(status: int, kind: FailureKind) -> None:
    found = errors.from_response(status, {"retry-after": "7"}, PAGE)
    assert (found.kind, found.wake_after, found.scope) == (kind, 7.0, Scope.CREDENTIAL_MODEL)


@pytest.mark.parametrize("status", [500, 502, 503])
def test_a_page_beside_a_fault_of_the_server_is_that_fault(status: int) -> None:
    plain = errors.from_response(status, {}, b"")
    assert errors.from_response(status, {}, b"<html><body>oops</body></html>").kind is plain.kind


@pytest.mark.parametrize(
    ("code", "status"),
    [(399, 200), (400, 400), (599, 599), (600, 200), ("418", 418), ("x", 200), (True, 200), (None, 200), (4.5, 200)],
)
def test_only_a_status_of_a_refusal_is_read_from_an_error_in_a_stream(code: Any, status: int) -> None:
    found = errors.in_stream({"code": code, "message": "Something odd"}, began=False)
    assert found.status == status
    assert (found.kind is K.STREAM_ERROR) == (status == 200)
    assert errors.in_stream({"error": {"code": code, "message": "Something odd"}}, began=False).status == status


@pytest.mark.parametrize("began", [True, False])
def test_the_words_of_an_error_in_a_stream_count_without_any_status(began: bool) -> None:
    told = {"message": "Rate limit exceeded: 20 requests per minute"}
    assert errors.in_stream(told, began=began).kind is K.RATE_LIMITED
    assert (
        errors.in_stream({"message": "Incorrect API key provided", "code": 401}, began=began).kind is K.UNAUTHENTICATED
    )
    too_long = errors.in_stream({"message": "maximum context length is 8192 tokens"}, began=began)
    assert (too_long.kind, too_long.status) == (K.STREAM_ERROR if began else K.CONTEXT_TOO_LONG, 200)


@pytest.mark.parametrize(
    ("status", "body", "message"),
    [
        (400, {"error": {"message": "?", "code": "odd_one"}}, "the provider refused the request (odd_one)"),
        (400, {"error": {"message": "?", "code": "odd", "type": "second"}}, "the provider refused the request (odd)"),
        (400, {"error": {"message": "?", "code": "odd", "param": "tail[0].x"}}, "the provider refused the request (odd, field tail[0].x)"),
        (400, {"error": {"message": "?", "param": "tail"}}, "the provider refused the request (field tail)"),
        (400, {"error": {"message": "?", "code": "a word of the prompt", "param": "two words"}}, "the provider refused the request"),
        (400, {"error": {"message": "?", "code": "x" * 61}}, "the provider refused the request"),
        (400, {"error": {"message": "?", "code": 7}}, "the provider refused the request"),
        (400, {"error": {"message": "flagged", "code": "odd"}}, "the provider refused the content (odd)"),
        (400, {"error": {"message": "image exceeds 5 MB", "code": "odd"}}, "the provider refused the request as invalid (odd)"),
        (429, {"error": {"message": "?", "code": "odd"}}, "the provider's rate limit is reached"),
        (400, {"error": {"message": "not a vision model", "code": "odd"}}, "the model cannot do what was asked (vision)"),
        (400, {"error": {"message": "unsupported: 'seed', 'top_p'"}}, "the model does not take a setting of the request (sampling.seed, sampling.top_p)"),
    ],
)  # fmt: skip
def test_the_message_is_our_own_with_codes_that_are_single_words(status: int, body: Any, message: str) -> None:
    assert errors.from_response(status, {}, json.dumps(body).encode()).message == message


def test_a_failure_of_our_own_has_words_a_scope_and_no_status() -> None:
    plain = errors.failure(K.CONNECTION_RESET)
    assert (plain.message, plain.status, plain.scope) == ("connection reset", 0, Scope.CREDENTIAL_MODEL)
    assert errors.failure(K.FORBIDDEN).scope is errors.failure(K.UNAUTHENTICATED).scope is Scope.CREDENTIAL
    assert errors.failure(K.FORBIDDEN, scope=Scope.GROUP).scope is Scope.GROUP
    filtered = errors.failure(K.CONTENT_REFUSED, parsed={"code": "content_filter"})
    assert filtered.message == "the provider refused the content (content_filter)"
    assert errors.failure(K.CONTENT_REFUSED, parsed={"code": "b"}, codes="a").message.endswith("(a)")


@pytest.mark.parametrize(
    ("header", "value", "status", "kind"),
    [
        ("X-Error-Message", "You have depleted your monthly included credits", 400, K.QUOTA_EXHAUSTED),
        ("X-Error-Code", "model_not_found", 404, K.MODEL_NOT_FOUND),
        ("X-MS-Error-Code", "invalid_api_key", 400, K.UNAUTHENTICATED),
        ("X-RateLimit-Type", "UserConcurrentRequests", 429, K.RATE_LIMITED),
        ("CF-Mitigated", "just a moment", 403, K.BLOCKED),
    ],
)
def test_some_headers_speak_too(header: str, value: str, status: int, kind: FailureKind) -> None:
    found = errors.from_response(status, {header: value}, b"")
    assert found.kind is kind
    if header == "X-RateLimit-Type":
        assert (found.wake_after, found.limit) == (2.0, LimitFact(Unit.CONCURRENT, None, None, None, 0, None))
    both = errors.from_response(404, {"x-error-message": "model", "x-error-code": "x not found"}, b"")
    assert both.kind is K.MODEL_NOT_FOUND  # one text, with a space between


@pytest.mark.parametrize(
    ("status", "text", "kind"),
    [
        (429, "Limit: 100, Requested: 200", K.CONTEXT_TOO_LONG),
        (400, "limit 100; requested 200", K.CONTEXT_TOO_LONG),
        (413, "limit 200, requested 100", K.CONTEXT_TOO_LONG),
        (429, "Limit: 200, Requested: 100", K.RATE_LIMITED),
        (429, "Limit: 100, Requested: 100", K.RATE_LIMITED),
        (503, "quota exceeded", K.RATE_LIMITED),
        (403, "rate limit exceeded", K.RATE_LIMITED),
        (400, "rate limit exceeded", K.RATE_LIMITED),
        (504, "quota exceeded", K.UNAVAILABLE),
        (404, "rate limit exceeded", K.BAD_RESPONSE),
        (401, "insufficient balance", K.QUOTA_EXHAUSTED),
        (412, "spending limit", K.QUOTA_EXHAUSTED),
        (401, "rate limit exceeded", K.UNAUTHENTICATED),
        (412, "rate limit exceeded", K.REFUSED),
        (400, "unsupported: seed", K.FIELD_REFUSED),
        (404, "unsupported: seed", K.FIELD_REFUSED),
        (416, "unsupported: seed", K.FIELD_REFUSED),
        (422, "unsupported: seed", K.FIELD_REFUSED),
        (424, "unsupported: seed", K.REFUSED),
    ],
)
def test_a_size_a_limit_and_a_field_count_at_their_statuses(status: int, text: str, kind: FailureKind) -> None:
    assert errors.from_response(status, {}, json.dumps({"error": text}).encode()).kind is kind


def test_a_header_names_the_limit_only_where_nothing_of_it_is_left() -> None:
    def refused(left: str, **more: str) -> UpstreamFailure:
        head = {"x-ratelimit-limit-requests-day": "50", "x-ratelimit-remaining-requests-day": left, **more}
        return errors.from_response(429, head, b"{}", now=0.0)

    spent = refused("0", **{"x-ratelimit-reset-requests-day": "600"})
    assert (spent.kind, spent.wake_after) == (K.QUOTA_EXHAUSTED, 600.0)
    assert spent.limit == LimitFact(Unit.REQUESTS, DAY, None, 50, 0, 600.0)
    passing = refused("3")
    assert (passing.kind, passing.limit, passing.wake_after) == (K.RATE_LIMITED, None, None)
    without_window = errors.from_response(429, {"x-ratelimit-remaining-requests": "0"}, b"{}", now=0.0)
    assert without_window.limit is None
    nothing_at_all = errors.from_response(429, {"x-ratelimit-limit-requests-day": "0"}, b"{}", now=0.0)
    assert (nothing_at_all.kind, nothing_at_all.status) == (K.MODEL_FORBIDDEN, 429)
    assert (nothing_at_all.scope, nothing_at_all.wake_after) == (Scope.GROUP_MODEL, 3 * DAY)
    assert errors.from_response(430, {"x-ratelimit-limit-requests-day": "0"}, b"{}").kind is K.REFUSED


MINUTELY = errors.Dialect(
    quotas=(Quota(Unit.TOKENS, 1_000, 60.0, Clock.ROLLING, "group"), Quota(Unit.REQUESTS, 5, 60.0, Clock.ROLLING, "credential"))
)  # fmt: skip
TOKENS = b'{"error":"tokens per minute limit exceeded"}'


@pytest.mark.parametrize(
    ("tokens", "output", "fields", "kind"),
    [
        (1_001, 0, (), K.CONTEXT_TOO_LONG),
        (1_000, 0, (), K.RATE_LIMITED),
        (600, 400, ("sampling.max_tokens",), K.RATE_LIMITED),
        (600, 401, ("sampling.max_tokens",), K.FIELD_REFUSED),
        (1_000, 1, ("sampling.max_tokens",), K.FIELD_REFUSED),
        (600, 401, (), K.RATE_LIMITED),
    ],
)
def test_a_request_that_a_declared_limit_never_holds_waits_for_nothing(
    tokens: int, output: int, fields: tuple[str, ...], kind: FailureKind
) -> None:
    sent = errors.Sent(frozenset(fields), tokens=tokens, output=output)
    found = errors.from_response(429, {}, TOKENS, MINUTELY, sent=sent)
    assert (found.kind, found.status) == (kind, 429)
    assert errors.from_response(429, {}, TOKENS, MINUTELY).kind is K.RATE_LIMITED  # nobody knows how large it was
    asked = errors.from_response(429, {}, b'{"error":"requests per minute limit exceeded"}', MINUTELY, sent=sent)
    assert (asked.kind, asked.scope) == (K.RATE_LIMITED, Scope.CREDENTIAL)
    if kind is K.RATE_LIMITED:
        assert found.scope is Scope.GROUP


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("maximum context length is 100 tokens (99 in the messages, 9 in the completion)", K.FIELD_REFUSED),
        ("maximum context length is 100 tokens (100 in the messages, 9 in the completion)", K.CONTEXT_TOO_LONG),
        ("`inputs` tokens + `max_new_tokens` must be <= 100. Given: 99 `inputs` tokens and 9", K.FIELD_REFUSED),
        ("`inputs` tokens + `max_new_tokens` must be <= 100. Given: 100 `inputs` tokens and 9", K.CONTEXT_TOO_LONG),
    ],
)
def test_an_answer_that_does_not_fit_beside_its_prompt_is_the_callers_bound(text: str, kind: FailureKind) -> None:
    found = errors.from_response(400, {}, json.dumps({"error": text}).encode())
    assert (found.kind, found.status) == (kind, 400)
    assert found.fields == (("sampling.max_tokens",) if kind is K.FIELD_REFUSED else ())
    unset = errors.from_response(400, {}, json.dumps({"error": text}).encode(), sent=errors.Sent())
    assert unset.kind in (K.CONTEXT_TOO_LONG, K.REFUSED)


@pytest.mark.parametrize(
    ("sign", "sent", "counts"),
    [
        (errors.Sign(K.UNSUPPORTED, "kettle", capability="vision"), errors.Sent(capabilities=frozenset({"vision"})), True),
        (errors.Sign(K.UNSUPPORTED, "kettle", capability="vision"), errors.Sent(), False),
        (errors.Sign(K.UNSUPPORTED, "kettle", capability="tool_choice"), errors.Sent(capabilities=frozenset({"tools"})), True),
        (errors.Sign(K.UNSUPPORTED, "kettle", capability="tool_choice"), errors.Sent(capabilities=frozenset({"vision"})), False),
        (errors.Sign(K.FIELD_REFUSED, "kettle", field="size"), errors.Sent(frozenset({"size"})), True),
        (errors.Sign(K.FIELD_REFUSED, "kettle", field="size"), errors.Sent(frozenset({"steps"})), False),
        (errors.Sign(K.PREFILL_REFUSED, "kettle"), errors.Sent(prefix=True), True),
        (errors.Sign(K.PREFILL_REFUSED, "kettle"), errors.Sent(), False),
        (errors.Sign(K.RETIRED, "KETTLE", (418,)), errors.Sent(), True),
        (errors.Sign(K.RETIRED, "kettle", (419,)), errors.Sent(), False),
    ],
)  # fmt: skip
def test_a_sign_counts_only_for_what_the_request_held(sign: errors.Sign, sent: errors.Sent, counts: bool) -> None:
    found = errors.from_response(418, {}, b'{"error":"the kettle boils"}', [sign], sent=sent)
    assert (found.kind is sign.kind) == counts
    assert errors.from_response(sign.statuses[0] if sign.statuses else 418, {}, b'"kettle"', [sign]).kind is sign.kind


def test_a_sign_waits_as_long_as_the_longer_of_what_it_and_the_answer_say() -> None:
    def rest(wait: float | None, told: str | None, kind: FailureKind) -> float | None:
        sign = errors.Sign(kind, "kettle", wake_after=wait, scope=Scope.GROUP)
        head = {"retry-after": told} if told else {}
        found = errors.from_response(418, head, b'"kettle"', [sign])
        assert (found.kind, found.scope, found.status) == (kind, Scope.GROUP, 418)
        return found.wake_after

    assert rest(60.0, None, K.MODEL_FORBIDDEN) == 60.0
    assert rest(60.0, "5", K.MODEL_FORBIDDEN) == 60.0
    assert rest(60.0, "90", K.MODEL_FORBIDDEN) == 90.0
    assert rest(None, "5", K.MODEL_FORBIDDEN) == 5.0
    assert rest(60.0, "5", K.RATE_LIMITED) == 5.0  # a limit's own word is nearer than the row's
    assert rest(60.0, None, K.RATE_LIMITED) == 60.0


def test_credit_comes_back_when_a_person_pays_and_a_wait_of_hours_is_a_spent_quota() -> None:
    unpaid = errors.from_response(402, {}, b"", now=0.0)
    assert (unpaid.kind, unpaid.scope, unpaid.wake_after) == (K.QUOTA_EXHAUSTED, Scope.GROUP, DAY)
    told = errors.from_response(402, {"retry-after": "30"}, b"", now=0.0)
    assert told.wake_after == 30.0
    for seconds, kind in ((10_799, K.RATE_LIMITED), (10_800, K.QUOTA_EXHAUSTED)):
        assert errors.from_response(429, {"retry-after": str(seconds)}, b"{}", now=0.0).kind is kind
    declared = errors.Dialect(quotas=(Quota(Unit.MONEY, 10, 3_600.0, Clock.WALL, "credential"),))
    hourly = errors.from_response(402, {}, b"", declared, now=600.0)
    assert (hourly.kind, hourly.scope, hourly.wake_after) == (K.QUOTA_EXHAUSTED, Scope.CREDENTIAL, 3_000.0)
