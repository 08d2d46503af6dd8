"""Faults of connections, of HTTP and of streams: what the caller receives, and what the provider saw."""

import pytest

from antiphon import events
from tests.fakes.upstream.places import places
from tests.fakes.upstream.server import TEXT, FakeUpstream
from tests.support.recovery import recovering
from tests.support.service import QUICK, two_providers

BEFORE_THE_FIRST_TOKEN = [
    ("resetheaders", "stream_cut"),
    ("resetchunk:0", "stream_cut"),
    ("resetcharacter:0", "stream_cut"),
    ("drip:0", "timeout"),
    ("blank:0", "timeout"),
    ("spaces:0", "timeout"),
    ("whitespace:0", "timeout"),
    ("longline:0", "bad_response"),
    ("gzipcut:0", "stream_cut"),
    ("gzipgarbled:0", "stream_cut"),
    ("badlength:0", "timeout"),  # aiohttp notices and does not tell whoever reads
    ("nohttp", "bad_response"),
    ("redirect", "bad_response"),
    ("reasoningcut", "stream_cut"),
]


@pytest.mark.parametrize(("fault", "kind"), BEFORE_THE_FIRST_TOKEN)
async def test_a_fault_before_the_first_token_costs_one_attempt_and_is_never_seen(fault: str, kind: str) -> None:
    async with FakeUpstream() as upstream, recovering(upstream, two_providers(upstream, fault, "ok")) as (_, client):
        stream = client.chat("How do glaciers move?")
        received = [event async for event in stream]
        assert stream.text == TEXT
        assert stream.finished is not None
        assert stream.finished.total_chars == len(TEXT)
        assert stream.finished.deployment == "b/ok"
        assert [one.failure for one in stream.finished.failed_attempts] == [kind]
        assert [one.keep_chars for one in received if isinstance(one, events.Handover)] in ([], [0])
        assert (len(upstream.of("a")), len(upstream.of("b"))) == (1, 1)


AFTER_THE_FIRST_TOKEN = [
    ("resetchunk:90", "stream_cut"),
    ("resetcharacter:90", "stream_cut"),
    ("drip:90", "stalled"),
    ("blank:90", "stalled"),
    ("spaces:90", "stalled"),
    ("whitespace:90", "stalled"),
    ("longline:90", "bad_response"),
    ("gzipcut:90", "stream_cut"),
    ("gzipgarbled:90", "stream_cut"),
    ("badlength:90", "stalled"),
    ("lostchunk:90", "bad_response"),
    ("finishcut:90", "stream_cut"),
    ("emptyreasons:90", "stream_cut"),
    ("slow:90", "too_slow"),
]


@pytest.mark.parametrize("preset", ["vllm", "plain"])
@pytest.mark.parametrize(("fault", "kind"), AFTER_THE_FIRST_TOKEN)
async def test_a_fault_in_the_middle_is_one_handover_and_the_answer_is_whole(
    fault: str, kind: str, preset: str
) -> None:
    async with FakeUpstream() as upstream:
        config = two_providers(upstream, fault, "ok", preset=preset)
        if kind == "too_slow":
            config["routing"]["timeouts"] = {**QUICK, "slowest": 100, "slowest_window": 0.3}
        async with recovering(upstream, config) as (_, client):
            stream = client.chat("How do glaciers move?")
            handovers = [event async for event in stream if isinstance(event, events.Handover)]
            assert stream.text == TEXT
            assert stream.finished is not None
            assert stream.finished.total_chars == len(TEXT)
            assert [(handover.reason, handover.from_deployment, handover.to_deployment) for handover in handovers] == [
                (kind, f"a/{fault}", "b/ok")
            ]
            kept = handovers[0].keep_chars
            assert kept >= 90  # a restart keeps what both say alike
            # The provider that continues was asked for what was missing, and is paid for no more.
            assert [call.said for call in upstream.of("b")] == [len(TEXT) - kept if preset == "vllm" else len(TEXT)]
            assert len(upstream.of("a")) == 1


WHOLE_ALL_THE_SAME = [
    "gzip",
    "type:text/plain",
    "type:application/octet-stream",
    "type:text/html; charset=utf-8",
    "type:application/json",
    "finishmore:90",
    "usagetwice",
    "lingers",
    "resetfinish",
]


@pytest.mark.parametrize("fault", WHOLE_ALL_THE_SAME)
async def test_a_peculiar_answer_is_whole_said_once_and_paid_once(fault: str) -> None:
    async with FakeUpstream() as upstream, recovering(upstream, two_providers(upstream, fault, "ok")) as (_, client):
        stream = client.chat("hi")
        received = [event async for event in stream]
        assert stream.text == TEXT
        assert stream.finished is not None
        assert stream.finished.total_chars == len(TEXT)
        assert (stream.finished.deployment, stream.finished.reason) == (f"a/{fault}", "stop")
        assert not [event for event in received if isinstance(event, events.Handover)]
        if fault == "lingers":  # it never came to report them
            assert stream.usage.estimated
        else:
            assert [(usage.prompt_tokens, usage.completion_tokens) for usage in stream.usages] == [(11, 42)]
        assert (len(upstream.of("a")), len(upstream.of("b"))) == (1, 0)


async def test_a_stream_with_a_wrong_label_is_still_a_stream() -> None:
    async with FakeUpstream() as upstream:
        upstream.behaviour["one"] = "type:application/octet-stream"
        config = two_providers(upstream, "one", "ok")
        upstream.pause = 0.06  # the whole text takes longer than the bound on the first token
        async with recovering(upstream, config) as (_, client):
            stream = client.chat("hi")
            deltas = [event async for event in stream if isinstance(event, events.Delta)]
            assert stream.text == TEXT
            assert len(deltas) > 5
            assert not upstream.of("b")


PLACES = [
    ("refused", "unreachable"),
    ("dns", "unreachable"),
    ("badname", "unreachable"),
    ("selfsigned", "unreachable"),
    ("plain", "unreachable"),
    ("mutetls", "timeout"),
]


@pytest.mark.parametrize(("place", "kind"), PLACES)
async def test_an_address_where_nobody_can_be_spoken_to_costs_one_attempt(place: str, kind: str) -> None:
    async with FakeUpstream() as upstream, places() as found:
        config = two_providers(upstream, "x", "ok")
        config["providers"]["a"]["base_url"] = found.url(place)
        async with recovering(upstream, config) as (_, client):
            stream = client.chat("hi")
            received = [event async for event in stream]
            assert stream.text == TEXT
            assert isinstance(received[0], events.Started)
            assert received[0].deployment == "b/ok"
            assert stream.finished is not None
            assert [
                (failed_attempt.deployment, failed_attempt.failure)
                for failed_attempt in stream.finished.failed_attempts
            ] == [("a/x", kind)]
            assert len(upstream.of("b")) == 1
            assert found.opened <= 1
