"""Each fault of a provider: what the caller receives, and what the provider saw."""

import pytest

from antiphon import errors, events, names
from tests.fakes.upstream.server import TEXT, FakeUpstream
from tests.support.recovery import recovering, whole_picture
from tests.support.service import KEYS, serving, two_providers

BEFORE_THE_FIRST_TOKEN = [
    ("401", "unauthenticated", 1),
    ("402", "quota_exhausted", 1),
    ("403", "model_forbidden", 1),
    ("404", "bad_response", 1),
    ("gone", "model_not_found", 1),
    ("410", "retired", 1),
    ("429:60", "rate_limited", 1),
    ("429", "rate_limited", 1),
    ("429day", "quota_exhausted", 1),
    ("429reset:1m30s", "rate_limited", 1),
    ("busy", "overloaded", 1),
    ("500", "server_error", 1),
    ("502", "server_error", 1),
    ("503", "unavailable", 1),
    ("504", "unavailable", 1),
    ("529", "overloaded", 1),
    ("loading:60", "loading", 1),
    ("reset", "connection_reset", 1),
    ("silent", "timeout", 1),
    ("headersonly", "timeout", 1),
    ("html", "bad_response", 1),
    ("html:502", "server_error", 1),
    ("errorjson", "overloaded", 1),
    ("errorfirst", "overloaded", 1),
    ("empty", "bad_response", 1),
    ("context", "context_too_long", 1),
]


@pytest.mark.parametrize(("fault", "kind", "asked"), BEFORE_THE_FIRST_TOKEN)
async def test_a_fault_before_the_first_token_is_never_seen_by_the_reader(fault: str, kind: str, asked: int) -> None:
    async with FakeUpstream() as upstream, recovering(upstream, two_providers(upstream, fault, "ok")) as (_, client):
        stream = client.chat("How do glaciers move?")
        received = [event async for event in stream]
        assert stream.text == TEXT
        assert isinstance(received[0], events.Started)
        assert received[0].deployment == "b/ok"
        assert not [event for event in received if isinstance(event, events.Handover)]
        assert stream.finished is not None
        assert {failed_attempt.failure for failed_attempt in stream.finished.failed_attempts} == {kind}
        assert len(upstream.of("a")) == asked
        assert len(upstream.of("b")) == 1


WHOLE_ALL_THE_SAME = [
    "ok",
    "nodone",
    "crlf",
    "comments",
    "json",
    "badchunk:40",
    "nousage",
    "think",
    "reasoning",
    "length",
]


@pytest.mark.parametrize("fault", WHOLE_ALL_THE_SAME)
async def test_a_peculiar_stream_is_a_whole_answer(fault: str) -> None:
    async with FakeUpstream() as upstream, recovering(upstream, two_providers(upstream, fault, "ok")) as (_, client):
        stream = client.chat("hi")
        received = [event async for event in stream]
        assert stream.text == TEXT
        assert stream.finished is not None
        assert stream.finished.deployment == f"a/{fault}"
        assert stream.finished.reason == ("length" if fault == "length" else "stop")
        if fault in ("think", "reasoning"):
            assert stream.reasoning == "let me see"
        if fault == "nousage":
            assert stream.usage.estimated
        else:
            assert (stream.usage.prompt_tokens, stream.usage.completion_tokens) == (11, 42)
        assert not upstream.of("b")
        assert received


AFTER_THE_FIRST_TOKEN = [
    ("cut:90", "stream_cut"),
    ("eof:90", "stream_cut"),
    ("errorlater:90", "stream_error"),
    ("stall:90", "stalled"),
    ("nofinish", "stream_cut"),
]


@pytest.mark.parametrize(("fault", "kind"), AFTER_THE_FIRST_TOKEN)
@pytest.mark.parametrize("second", ["ok", "echo"])
async def test_an_answer_that_breaks_off_is_continued_without_a_word_lost_or_doubled(
    fault: str, kind: str, second: str
) -> None:
    async with (
        FakeUpstream() as upstream,
        recovering(upstream, two_providers(upstream, fault, second)) as (server, client),
    ):
        stream = client.chat("How do glaciers move?")
        handovers = [event async for event in stream if isinstance(event, events.Handover)]
        assert stream.text == TEXT
        assert [(one.reason, one.from_deployment, one.to_deployment) for one in handovers] == [
            (kind, f"a/{fault}", f"b/{second}")
        ]
        assert handovers[0].keep_chars >= 90
        assert upstream.of("b")[0].body["messages"][-1] == {
            "role": "assistant",
            "content": TEXT[: handovers[0].keep_chars],
        }
        status = await client.status()
        assert [names.failure(one.reason) for one in status.recent_handovers] == [kind]
        assert server.shared.door.live == {}


@pytest.mark.parametrize("fault", ["cut:90", "stall:90"])
async def test_where_nobody_continues_the_answer_starts_again_cleanly(fault: str) -> None:
    async with (
        FakeUpstream() as upstream,
        recovering(upstream, two_providers(upstream, fault, "ok", preset="plain")) as (_, client),
    ):
        stream = client.chat("hi")
        handovers = [event async for event in stream if isinstance(event, events.Handover)]
        # The second one says the same from the beginning, so what both have in common stays.
        assert [one.keep_chars >= 90 for one in handovers] == [True]
        assert stream.text == TEXT
        discarded = [one for one in stream.usages if one.discarded]
        assert [one.deployment for one in discarded] == [f"a/{fault}"]


async def test_a_deployment_that_refuses_prefill_after_all_starts_again_and_nobody_sees_the_refusal() -> None:
    async with (
        FakeUpstream() as upstream,
        recovering(upstream, two_providers(upstream, "cut:90", "prefillrefused")) as (_, client),
    ):
        stream = client.chat("hi")
        handovers = [event async for event in stream if isinstance(event, events.Handover)]
        assert stream.text == TEXT
        assert len(handovers) == 1
        assert len(upstream.of("b")) == 2


async def test_a_caller_that_wants_no_handover_keeps_what_arrived() -> None:
    async with FakeUpstream() as upstream, recovering(upstream, two_providers(upstream, "cut:90", "ok")) as (_, client):
        stream = client.chat("hi", on_interruption="fail")
        with pytest.raises(errors.Interrupted) as caught:
            async for _event in stream:
                pass
        assert TEXT.startswith(caught.value.text)
        assert len(caught.value.text) >= 90
        assert not upstream.of("b")


async def test_the_only_deployment_finishes_what_it_began() -> None:
    async with FakeUpstream() as upstream:
        config = two_providers(upstream, "flaky", "ok", preset="vllm")
        config["routes"]["chat"] = {"deployments": ["a/flaky"]}
        upstream.behaviour["flaky"] = "cut:90"
        async with recovering(upstream, config) as (_, client):
            stream = client.chat("hi")
            async for event in stream:
                if isinstance(event, events.Delta):
                    upstream.behaviour["flaky"] = "ok"
            assert stream.text == TEXT
            assert len(upstream.of("a")) == 2


@pytest.mark.parametrize(
    ("fault", "error"),
    [("filtered", errors.ContentRefused), ("filteredlate", errors.ContentRefused)],
)
async def test_a_fault_of_the_caller_is_reported_and_not_shopped_around(
    fault: str, error: type[errors.AntiphonError]
) -> None:
    async with FakeUpstream() as upstream, recovering(upstream, two_providers(upstream, fault, "ok")) as (_, client):
        with pytest.raises(error):
            async for _event in client.chat("hi"):
                pass
        assert not upstream.of("b")


async def test_a_refusal_that_names_nothing_of_the_callers_is_nobodys_fault_and_another_one_answers() -> None:
    async with FakeUpstream() as upstream, recovering(upstream, two_providers(upstream, "bad", "ok")) as (_, client):
        stream = client.chat("hi")
        async for _event in stream:
            pass
        assert stream.text == TEXT
        assert stream.deployment == "b/ok"


async def test_a_request_that_every_deployment_refuses_is_the_callers_fault() -> None:
    async with FakeUpstream() as upstream, recovering(upstream, two_providers(upstream, "bad", "bad")) as (_, client):
        with pytest.raises(errors.InvalidRequest):
            async for _event in client.chat("hi"):
                pass
        assert len(upstream.calls) == 2


async def test_when_nobody_answers_the_error_lists_what_was_tried_and_no_secret() -> None:
    async with FakeUpstream() as upstream, recovering(upstream, two_providers(upstream, "503", "html")) as (_, client):
        with pytest.raises(errors.Unavailable) as caught:
            async for _event in client.chat("my secret question"):
                pass
        assert [(attempt.deployment, attempt.failure) for attempt in caught.value.attempts] == [
            ("a/503", "unavailable"),
            ("b/html", "bad_response"),
            ("a/503", "unavailable"),  # it may have passed, and nobody else is left
        ]
        shown = repr(vars(caught.value)) + str(caught.value)
        assert not any(secret in shown for secret in (*KEYS.values(), "secret question"))


async def test_when_every_credential_rests_the_caller_learns_when_the_first_wakes() -> None:
    async with (
        FakeUpstream() as upstream,
        serving(two_providers(upstream, "429:50", "429:90"), KEYS) as (_, client),
    ):
        with pytest.raises(errors.QuotaExceeded) as caught:
            async for _event in client.chat("hi", timeout=5):
                pass
        assert caught.value.retry_after is not None
        assert 40 < caught.value.retry_after <= 50


async def test_all_tokens_are_tried_before_the_next_provider_and_a_resting_one_is_left_alone() -> None:
    keys = {f"A_KEY{n}": f"key-of-a-00000000000{n}" for n in range(1, 7)} | {"B_KEY": "key-of-b"}
    async with (
        FakeUpstream() as upstream,
        recovering(upstream, two_providers(upstream, "429:60", "ok"), keys) as (_, client),
    ):
        first = client.chat("hi")
        async for _event in first:
            pass
        assert first.text == TEXT
        assert {call.token for call in upstream.of("a")} == {value for name, value in keys.items() if name != "B_KEY"}
        async for _event in client.chat("again"):
            pass
        assert len(upstream.of("a")) == 6
        status = await client.status()
        pool = next(one for one in status.providers if one.name == "a").credentials
        assert {names.failure(one.reason) for one in pool} == {"rate_limited"}
        assert all((one.HasField("wakes_at") or one.model_limits) and one.in_flight == 0 for one in pool)


async def test_one_good_token_among_refused_ones_answers() -> None:
    keys = {f"A_KEY{n}": f"key-of-a-00000000000{n}" for n in range(1, 5)} | {"B_KEY": "key-of-b"}
    async with FakeUpstream() as upstream:
        upstream.by_token = {
            "key-of-a-000000000001": "401",
            "key-of-a-000000000002": "403",
            "key-of-a-000000000003": "429:60",
        }
        async with recovering(upstream, two_providers(upstream, "ok", "ok"), keys) as (_, client):
            stream = client.chat("hi")
            async for _event in stream:
                pass
            assert stream.deployment == "a/ok"
            assert not upstream.of("b")
            tried = len(upstream.of("a"))
            async for _event in client.chat("again"):
                pass
            assert [call.token for call in upstream.of("a")[tried:]] == ["key-of-a-000000000004"]
            quarantined = [credential.state == 3 for credential in (await client.status()).providers[0].credentials]
            assert quarantined == [True, False, False, False]  # a bare 403 does not say that the key is bad


async def test_a_cancelled_answer_closes_the_upstream_and_returns_the_credential() -> None:
    async with (
        FakeUpstream() as upstream,
        recovering(upstream, two_providers(upstream, "stall:90", "ok")) as (_, client),
    ):
        stream = client.chat("hi")
        async for event in stream:
            if isinstance(event, events.Delta):
                stream.cancel()
        status = await client.status()
        while status.live_requests:
            status = await client.status()
        assert all(credential.in_flight == 0 for credential in status.providers[0].credentials)
        assert not upstream.of("b")


@pytest.mark.parametrize(
    ("fault", "kind", "asked"),
    [
        ("svg", "bad_image", 1),
        ("nothing", "bad_response", 1),
        ("401", "unauthenticated", 1),
        ("429:60", "rate_limited", 1),
        ("500", "server_error", 1),
        ("503", "unavailable", 1),
        ("410", "retired", 1),
        ("errorjson", "overloaded", 1),
    ],
)
async def test_a_failed_picture_moves_on_too(fault: str, kind: str, asked: int) -> None:
    async with FakeUpstream() as upstream:
        config = two_providers(upstream, "gpt-image-bad", "gpt-image-ok", preset="plain")
        upstream.behaviour = {"gpt-image-bad": fault, "gpt-image-ok": "ok"}
        async with recovering(upstream, config, works=whole_picture) as (_, client):
            pictures = client.image("a fox", count=2)
            received = [event async for event in pictures]
            assert [(one.mime, one.width, one.height) for one in pictures.pictures] == [("image/png", 64, 48)] * 2
            # Told where the first one had begun to answer; before that nobody has seen it.
            assert {one.reason for one in received if isinstance(one, events.Handover)} <= {kind}
            assert pictures.finished is not None
            assert {one.failure for one in pictures.finished.failed_attempts} == {kind}
            assert (len(upstream.of("a")), len(upstream.of("b"))) == (asked, 1)


async def test_an_empty_continuation_of_a_half_sentence_is_a_failure_and_no_truncated_success() -> None:
    async with FakeUpstream() as upstream:
        config = two_providers(upstream, "cut:90", "empty")
        config["providers"]["c"] = {**config["providers"]["b"], "base_url": upstream.base("c"), "models": ["ok"]}
        config["routes"]["chat"]["deployments"].append("c/ok")
        async with recovering(upstream, config) as (_, client):
            stream = client.chat("hi")
            async for _event in stream:
                pass
            assert stream.text == TEXT
            assert stream.deployment == "c/ok"
