"""The dialects in which providers tell when to come back, and what a refusal means."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference_service.failures import FailureKind, Scope
from inference_service.providers.catalogue import load
from inference_service.providers.github import GitHub
from inference_service.providers.kit import errors, limits
from inference_service.quotas import DAY, HOUR, MINUTE, MONTH, Clock, LimitFact, Unit
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
        ({"retry-after": "Mon, 21 Sep 2026 13:34:40 GMT"}, None),  # long ago: it says nothing
        ({"retry-after": "Mon, 21 Sep 2026 14:13:50 GMT"}, 30),
        ({"x-ms-retry-after-ms": "7000"}, 7),
        ({"retry-after": "NaN"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "0"}, 0),
        (
            {
                "anthropic-ratelimit-requests-remaining": "0",
                "anthropic-ratelimit-requests-reset": "2026-09-21T14:14:00Z",
            },
            40,
        ),
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


@settings(deadline=None)
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
        (400, '{"error":{"message":"bad","code":"invalid_value"}}', FailureKind.REFUSED),
        (400, '{"error":{"message":"maximum context length is 8192 tokens"}}', FailureKind.CONTEXT_TOO_LONG),
        (
            413,
            '{"error":{"code":"tokens_limit_reached","message":"Request body too large"}}',
            FailureKind.CONTEXT_TOO_LONG,
        ),
        (400, '{"error":{"code":"content_filter","message":"x"}}', FailureKind.CONTENT_REFUSED),
        (401, "", FailureKind.UNAUTHENTICATED),
        (402, "", FailureKind.QUOTA_EXHAUSTED),
        (404, '{"detail":"Not Found"}', FailureKind.BAD_RESPONSE),
        (410, "", FailureKind.RETIRED),
        (422, '{"detail":[{"loc":["body","seed"],"msg":"extra","type":"extra_forbidden"}]}', FailureKind.FIELD_REFUSED),
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


def test_mistrals_capacity_is_its_own_load_and_not_our_limit() -> None:
    body = b'{"object":"error","message":"Service tier capacity exceeded for this model.","code":"3505"}'
    assert errors.from_response(429, {}, body, load.shipped()["mistral"].dialect()).kind is FailureKind.OVERLOADED


R, T = Unit.REQUESTS, Unit.TOKENS


@pytest.mark.parametrize(
    ("provider", "headers", "found"),
    [
        (
            "groq",
            {"x-ratelimit-limit-requests": "1000", "x-ratelimit-remaining-requests": "999", "x-ratelimit-reset-requests": "1m26.4s",
             "x-ratelimit-limit-tokens": "8000", "x-ratelimit-remaining-tokens": "7927", "x-ratelimit-reset-tokens": "547ms"},
            [LimitFact(R, DAY, Clock.ROLLING, 1000, 999, 86.4), LimitFact(T, MINUTE, Clock.ROLLING, 8000, 7927, 0.547)],
        ),
        (
            "cerebras",
            {"x-ratelimit-limit-requests-day": "2400", "x-ratelimit-remaining-requests-day": "2399", "x-ratelimit-reset-requests-day": "33011.382867",
             "x-ratelimit-limit-requests-hour": "150", "x-ratelimit-remaining-requests-hour": "149", "x-ratelimit-reset-requests-hour": "611.38",
             "x-ratelimit-limit-tokens-minute": "30000", "x-ratelimit-remaining-tokens-minute": "29000", "x-ratelimit-reset-tokens-minute": "11.38"},
            [LimitFact(R, HOUR, Clock.WALL, 150, 149, 611.38), LimitFact(R, DAY, Clock.WALL, 2400, 2399, 33011.382867),
             LimitFact(T, MINUTE, Clock.ROLLING, 30000, 29000, 11.38)],
        ),
        (
            "mistral",
            {"x-ratelimit-limit-req-minute": "23", "x-ratelimit-remaining-req-minute": "22", "x-ratelimit-tokens-query-cost": "13",
             "x-ratelimit-limit-tokens-minute": "500000", "x-ratelimit-remaining-tokens-minute": "499987"},
            [LimitFact(R, MINUTE, Clock.WALL, 23, 22, 40.0), LimitFact(T, MINUTE, Clock.WALL, 500000, 499987, 40.0)],
        ),
        (
            "cohere",
            {"x-endpoint-monthly-call-limit": "1000", "x-trial-endpoint-call-limit": "20", "x-trial-endpoint-call-remaining": "19"},
            [LimitFact(R, MINUTE, Clock.ROLLING, 20, 19, None), LimitFact(R, MONTH, Clock.WALL, 1000, None, None)],
        ),
        (
            "sambanova",
            {"x-ratelimit-limit-requests": "20", "x-ratelimit-remaining-requests": "19", "x-ratelimit-reset-requests": str(int(NOW) + 12),
             "x-ratelimit-limit-requests-day": "400", "x-ratelimit-remaining-requests-day": "7", "x-ratelimit-reset-requests-day": "4h17m"},
            [LimitFact(R, DAY, None, 400, 7, 15420.0), LimitFact(R, MINUTE, None, 20, 19, 12.0)],
        ),
        (
            "anthropic",
            {"anthropic-ratelimit-requests-limit": "50", "anthropic-ratelimit-requests-remaining": "49",
             "anthropic-ratelimit-requests-reset": "2026-09-21T14:14:00Z"},
            [LimitFact(R, MINUTE, None, 50, 49, 40.0)],
        ),
        ("openai", {"x-ratelimit-limit-tokens": "200000", "x-ratelimit-remaining-tokens": "-1", "x-ratelimit-reset-tokens": "NaN"},
         [LimitFact(T, None, None, 200000, None, None)]),
        ("compatible", {"x-ratelimit-limit-requests": "10", "x-ratelimit-remaining-requests": "4", "x-ratelimit-renewalperiod-requests": "60"},
         [LimitFact(R, MINUTE, None, 10, 4, None)]),
        ("compatible", {"ratelimit": '"api";r=3;t=55', "ratelimit-policy": '"api";q=500;w=300'}, [LimitFact(R, 300.0, None, 500, 3, 55.0)]),
        ("modelscope", {"modelscope-ratelimit-requests-limit": "2000", "modelscope-ratelimit-requests-remaining": "1999"},
         [LimitFact(R, DAY, Clock.WALL, 2000, 1999, 9 * HOUR + 46 * MINUTE + 40)]),
        ("compatible", {"content-type": "text/event-stream", "x-ratelimit": "?"}, []),
    ],
)  # fmt: skip
def test_every_limit_in_the_headers_is_read_by_unit_and_window(
    provider: str, headers: dict[str, str], found: list[LimitFact]
) -> None:
    assert limits.facts(headers, NOW, load.shipped()[provider].dialect()) == found


def test_a_retry_after_on_an_accepted_call_means_nothing() -> None:
    assert limits.report({"retry-after": "30"}, NOW) is None


@pytest.mark.parametrize(
    ("words", "seconds"),
    [
        ("Please try again in 7m12s.", 432),
        ("Please retry in 4.074493817s.", 4.07),
        ("Please retry after 30 seconds", 30),
        ("Retry after 30", 30),
        ("Please wait 55 seconds before retrying", 55),
        ("try again in 2.5 hours", 9_000),
        ("try again in 1 hour and 30 minutes", 5_400),
        ("try again in 600ms", 0.6),
        ("resets at 15:00 UTC", 2_800),
        ("resets at 09:00 UTC", 67_600),
        ("The limit resets at 2026-09-21T14:14:00Z.", 40),
        ("try again later", None),
        ("Retry your request", None),
    ],
)
def test_a_wait_in_words_is_read(words: str, seconds: float | None) -> None:
    body = json.dumps({"error": {"message": f"Slow down. {words}"}}).encode()
    found = errors.from_response(429, {}, body, now=NOW).wake_after
    assert found == (None if seconds is None else pytest.approx(seconds, abs=0.01))


@pytest.mark.parametrize(
    "body",
    [
        b'{"error":{"message":"Invalid API key"}}',
        b'[{"error":{"message":"Invalid API key"}}]',
        b'{"error":"Invalid API key"}',
        b'{"message":"Invalid API key"}',
        b'{"detail":"Invalid API key"}',
        b'{"detail":{"error":"Invalid API key"}}',
        b'{"detail":[{"msg":"Invalid API key","loc":["header"],"type":"x"}]}',
        b'{"errors":[{"message":"Invalid API key","code":1}],"success":false}',
        b'{"title":"Invalid API key","status":401}',
        b'{"code":1,"message":"Invalid API key","data":null}',
        b'"Invalid API key"',
        b"Invalid API key",
        b'\xef\xbb\xbf{"error":{"message":"Invalid API key","n":NaN}}',
        b'data: {"error":{"message":"Invalid API key"}}\n\n',
        b'{"error":{"message":"x","metadata":{"raw":"{\\"error\\":{\\"message\\":\\"Invalid API key\\"}}"}}}',
        b'{"type":"error","error":{"type":"authentication_error","message":"?"}}',
    ],
)
def test_every_family_of_bodies_is_read(body: bytes) -> None:
    assert errors.from_response(400, {}, body, now=NOW).kind is FailureKind.UNAUTHENTICATED


def test_nothing_is_blamed_that_the_request_did_not_contain() -> None:
    nothing = errors.Sent()
    seed = b'{"error":{"message":"property \'seed\' is unsupported"}}'
    picture = b'{"error":{"message":"image input is not supported"}}'
    prefill = b'{"error":{"message":"roles must alternate"}}'
    for body in (seed, picture, prefill):
        assert errors.from_response(400, {}, body, sent=nothing, now=NOW).kind is FailureKind.REFUSED


@settings(deadline=None)
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


# --- the rules one by one ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("word", "seconds"),
    [("second", 1.0), ("minute", MINUTE), ("hour", HOUR), ("day", DAY), ("month", MONTH)],
)
def test_a_window_is_named_in_the_header(word: str, seconds: float) -> None:
    (fact,) = limits.facts({f"x-ratelimit-limit-requests-{word}": "5"}, NOW)
    assert (fact.unit, fact.window, fact.limit) == (R, seconds, 5)


def test_every_word_for_a_window_has_its_length() -> None:
    expected = {"second": 1.0, "sec": 1.0, "minute": 60.0, "min": 60.0, "hour": 3_600.0, "day": DAY, "week": 7 * DAY}
    assert {**expected, "month": MONTH} == limits.WINDOWS


def test_of_several_limits_that_are_used_up_the_longest_wait_counts() -> None:
    headers = {
        "x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "5s",
        "x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "40s",
    }  # fmt: skip
    assert limits.wake_after(headers, NOW) == 40


def test_a_bare_reset_is_believed_where_nothing_says_what_is_left() -> None:
    assert limits.wake_after({"x-ratelimit-reset": "30"}, NOW) == 30
    assert limits.wake_after({"x-ratelimit-reset": "30", "x-ratelimit-remaining": "2"}, NOW) is None


@pytest.mark.parametrize("names", [("model-requests", "requests"), ("requests", "model-requests")])
def test_of_two_limits_over_one_window_the_tighter_one_counts(names: tuple[str, str]) -> None:
    headers = {}
    for name, left in zip(names, ("3", "7"), strict=True):
        headers[f"modelscope-ratelimit-{name}-remaining"] = left
    assert {fact.remaining for fact in limits.facts(headers, NOW)} == {3}
    headers = {name: {"3": "7", "7": "3"}[left] for name, left in headers.items()}
    assert {fact.remaining for fact in limits.facts(headers, NOW)} == {3}


def test_tokens_of_several_kinds_are_one_unit_and_the_tightest_counts() -> None:
    headers = {
        "anthropic-ratelimit-input-tokens-remaining": "900",
        "anthropic-ratelimit-output-tokens-remaining": "100",
        "anthropic-ratelimit-tokens-remaining": "500",
    }
    assert [(fact.unit, fact.remaining) for fact in limits.facts(headers, NOW)] == [(T, 100)]
    backwards = dict(reversed(headers.items()))
    assert [(fact.unit, fact.remaining) for fact in limits.facts(backwards, NOW)] == [(T, 100)]


@pytest.mark.parametrize(
    ("name", "unit"),
    [
        ("x-ratelimit-remaining", R),
        ("x-ratelimit-remaining-req", R),
        ("x-ratelimit-remaining-images", Unit.PICTURES),
        ("x-ratelimit-remaining-image", Unit.PICTURES),
        ("x-ratelimit-remaining-tokens", T),
        ("x-tokenlimit-remaining", T),
        ("x-trial-endpoint-call-remaining", R),
    ],
)
def test_the_header_names_the_unit(name: str, unit: Unit) -> None:
    assert [(fact.unit, fact.remaining) for fact in limits.facts({name: "4"}, NOW)] == [(unit, 4)]
    assert [(fact.unit, fact.remaining) for fact in limits.facts({name.upper(): "4"}, NOW)] == [(unit, 4)]


def test_a_limit_of_tokens_by_its_own_header_is_read_whole() -> None:
    headers = {"x-tokenlimit-limit": "9000", "x-tokenlimit-remaining": "12"}
    assert [(fact.limit, fact.remaining) for fact in limits.facts(headers, NOW)] == [(9_000, 12)]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1e9", 0.0),  # a moment, long ago
        ("99999999", 32 * DAY),  # a duration, bounded
        ("1 h 2 m", 3_720.0),
        ("2m59.56s", 179.56),
        ("370MS", 0.37),
        ("1d", DAY),
        ("400d", 32 * DAY),
        ("5", 5.0),
        ('"5"', 5.0),
        ("5x", None),
        ("s", None),
        ("", None),
        (None, None),
        ("2026-09-21T14:14:00+00:00", 40.0),
        ("2026-09-21T16:14:00+02:00", 40.0),
        ("2026-09-21T14:14:00", 40.0),  # without a zone it is UTC
        ("2026-09-21T14:12:30", 0.0),  # just over
        ("2026-09-21T14:10:00", None),  # long over
    ],
)
def test_a_moment_or_a_duration_is_read(text: str | None, seconds: float | None) -> None:
    found = limits.seconds_until(text, {}, NOW)
    if text == "1e9":
        assert found is None
    else:
        assert found == (None if seconds is None else pytest.approx(seconds))


@pytest.mark.parametrize("epoch", [NOW + 30, (NOW + 30) * 1_000])
def test_an_epoch_is_read_in_seconds_and_in_milliseconds(epoch: float) -> None:
    assert limits.seconds_until(str(epoch), {}, NOW) == pytest.approx(30.0)


def test_a_moment_is_read_on_the_upstreams_clock_and_durations_are_not() -> None:
    headers = {"date": "Mon, 21 Sep 2026 14:13:00 GMT"}
    assert limits.seconds_until(str(NOW + 30), headers, NOW) == pytest.approx(50.0)
    assert limits.seconds_until("30", headers, NOW) == 30.0
    assert limits.upstream_clock({}, NOW) == NOW


@pytest.mark.parametrize(
    ("text", "count"),
    [("100", 100), ("100, 100;w=60", 100), ("99.9", 99), ("0", 0), ("-1", None), ("x", None), ("1e300", None),
     (str(2**62), 2**62), (str(2**63), None), ("9.3e18", None), ("inf", None), ("", None)],
)  # fmt: skip
def test_a_count_is_a_whole_number_that_can_be_stored(text: str, count: int | None) -> None:
    facts = limits.facts({"x-ratelimit-limit-requests": text}, NOW)
    assert [fact.limit for fact in facts] == [count]


@pytest.mark.parametrize(
    ("text", "seconds"), [("0", 0.0), ("-5", None), ("250", 0.25), ("x", None), ("1e15", 32 * DAY)]
)
def test_a_wait_in_milliseconds_is_read(text: str, seconds: float | None) -> None:
    assert limits.retry_after({"retry-after-ms": text}, NOW) == seconds
