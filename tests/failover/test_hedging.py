"""Hedging: a second deployment starts beside the first. The first content wins, the loser ends at once and is paid for."""

import asyncio
from typing import Any

import pytest

from antiphon import errors, events
from antiphon.client import InferenceClient
from antiphon.streams import ChatStream
from tests.fakes.upstream.server import TEXT, FakeUpstream
from tests.support.recovery import recovering
from tests.support.service import QUICK, two_providers
from tests.support.waiting import status_where

PATIENT = {**QUICK, "headers": 30, "first_token": 30, "idle": 30}


def hedged(upstream: FakeUpstream, first: str, second: str, **hedge: Any) -> dict[str, Any]:
    config = two_providers(upstream, first, second, hedge={"after": 0.05, "budget": 1, **hedge})
    config["routing"]["timeouts"] = PATIENT
    return config


async def ended(client: InferenceClient) -> ChatStream:
    stream = client.chat("hi")
    async for _event in stream:
        pass
    return stream


async def test_the_first_content_wins_and_the_loser_is_closed_while_the_winner_still_speaks() -> None:
    async with FakeUpstream() as upstream, recovering(upstream, hedged(upstream, "held", "ok")) as (_, client):
        upstream.behaviour["ok"] = "pauses:90"
        stream = client.chat("hi")
        async for event in stream:
            if isinstance(event, events.Delta) and not upstream.hold.is_set():
                async with asyncio.timeout(20):
                    await upstream.of("a")[0].over.wait()
                assert upstream.of("a")[0].ended == "closed"
                upstream.hold.set()
        assert stream.text == TEXT
        assert stream.deployment == "b/ok"
        assert [(usage.deployment, usage.discarded, usage.estimated) for usage in stream.usages] == [
            ("a/held", True, True),
            ("b/ok", False, False),
        ]
        assert stream.finished is not None
        assert (stream.finished.attempts, stream.finished.failed_attempts) == (2, ())


async def test_the_primary_wins_when_it_is_first_and_the_hedge_is_closed_and_paid() -> None:
    async with (
        FakeUpstream() as upstream,
        recovering(upstream, hedged(upstream, "slowstart", "blank:0")) as (_, client),
    ):
        upstream.behaviour["slowstart"] = "held"
        stream = client.chat("hi")
        running = asyncio.create_task(drain(stream))
        async with asyncio.timeout(20):
            while not upstream.of("b"):
                upstream.arrived.clear()
                await upstream.arrived.wait()
        upstream.hold.set()
        await running
        assert stream.text == TEXT
        assert stream.deployment == "a/slowstart"
        assert [(usage.deployment, usage.discarded) for usage in stream.usages] == [
            ("a/slowstart", False),
            ("b/blank:0", True),
        ]
        await upstream.of("b")[0].over.wait()
        assert upstream.of("b")[0].ended == "closed"


async def drain(stream: ChatStream) -> None:
    async for _event in stream:
        pass


@pytest.mark.parametrize("fault", ["errorfirst", "errorjson", "503", "empty", "html", "resetheaders"])
async def test_an_error_never_wins_however_fast_it_is(fault: str) -> None:
    """The hedge fails at once; the primary, still silent, is what answers."""
    async with FakeUpstream() as upstream, recovering(upstream, hedged(upstream, "patient", fault)) as (_, client):
        upstream.behaviour["patient"] = "held"
        stream = client.chat("hi")
        running = asyncio.create_task(drain(stream))
        async with asyncio.timeout(20):
            while not upstream.of("b"):
                upstream.arrived.clear()
                await upstream.arrived.wait()
            await status_where(client, lambda status: not status.providers[1].credentials[0].in_flight)
        upstream.hold.set()
        await running
        assert stream.text == TEXT
        assert stream.deployment == "a/patient"
        assert stream.finished is not None
        assert stream.finished.failed_attempts[0].deployment == f"b/{fault}"


async def test_when_both_fail_the_next_one_is_asked() -> None:
    async with FakeUpstream() as upstream:
        config = hedged(upstream, "latefail:0.2", "503")
        config["providers"]["c"] = {**config["providers"]["b"], "base_url": upstream.base("c"), "models": ["ok"]}
        config["routes"]["chat"]["deployments"].append("c/ok")
        async with recovering(upstream, config) as (_, client):
            stream = await ended(client)
            assert stream.text == TEXT
            assert stream.deployment == "c/ok"
            assert stream.finished is not None
            assert {failed_attempt.deployment for failed_attempt in stream.finished.failed_attempts} == {
                "a/latefail:0.2",
                "b/503",
            }


async def test_when_all_fail_the_error_lists_both() -> None:
    async with FakeUpstream() as upstream, recovering(upstream, hedged(upstream, "latefail:0.2", "503")) as (_, client):
        with pytest.raises(errors.Unavailable) as caught:
            await ended(client)
        assert {attempt.deployment for attempt in caught.value.attempts} == {"a/latefail:0.2", "b/503"}


async def test_losing_teaches_the_breaker_nothing() -> None:
    async with FakeUpstream() as upstream:
        config = hedged(upstream, "held", "ok")
        config["routing"]["breaker"] = {"failures": 1, "probe_interval": 60}
        async with recovering(upstream, config) as (_, client):
            for _ in range(3):
                assert (await ended(client)).deployment == "b/ok"
            assert len(upstream.of("a")) == 3
            deployments = [one.deployments[0] for one in (await client.status()).providers]
            assert [one.probe_at.seconds for one in deployments] == [0, 0]


async def test_the_budget_bounds_the_extra_calls() -> None:
    async with (
        FakeUpstream() as upstream,
        recovering(upstream, hedged(upstream, "late", "ok", budget=0.1)) as (
            _,
            client,
        ),
    ):
        upstream.behaviour["late"] = "late:0.2"
        for _ in range(12):
            assert (await ended(client)).text == TEXT
        assert len(upstream.of("a")) == 12
        assert len(upstream.of("b")) in (1, 2)


async def test_the_observed_p95_of_a_deployment_decides_when_the_next_one_starts() -> None:
    """After twelve quick answers silence is noticed long before its bound; for an unknown deployment it would not be."""
    async with FakeUpstream() as upstream:
        config = hedged(upstream, "usual", "ok", after="p95", minimum=0.05)
        config["routing"]["timeouts"] = {**PATIENT, "headers": 1.5, "first_token": 1.5}
        upstream.behaviour["usual"] = "ok"
        async with recovering(upstream, config) as (_, client):
            for _ in range(12):
                assert (await ended(client)).deployment == "a/usual"
            assert not upstream.of("b")
            upstream.behaviour["usual"] = "held"
            hedge = await ended(client)
            assert hedge.deployment == "b/ok"
            assert hedge.finished is not None
            assert not hedge.finished.failed_attempts
            upstream.behaviour["usual"] = "ok"
            assert (await ended(client)).deployment == "a/usual"
