"""An outage: the primary is left alone but for one probe at a time, and is back as soon as a probe succeeds."""

import asyncio
import time
from typing import Any

import pytest

from antiphon import errors
from antiphon.client import InferenceClient
from tests.fakes.upstream.server import TEXT, FakeUpstream
from tests.support.recovery import recovering
from tests.support.service import KEYS, QUICK, serving, two_providers
from tests.support.waiting import becomes_true

PATIENT = {**QUICK, "headers": 30, "first_token": 30, "idle": 30}
OPEN, HALF_OPEN, CLOSED = "open", "half_open", "closed"


def flapping(upstream: FakeUpstream, fault: str, **breaker: float) -> dict[str, Any]:
    upstream.behaviour["flapping"] = fault
    config = two_providers(upstream, "flapping", "ok")
    config["routing"] |= {"timeouts": PATIENT, "breaker": {"failures": 2, **breaker}}
    return config


async def answered_by(client: InferenceClient) -> str:
    stream = client.chat("hi")
    async for _event in stream:
        pass
    assert stream.text == TEXT
    return stream.deployment


async def is_answered_by(client: InferenceClient, deployment: str) -> bool:
    return await answered_by(client) == deployment


async def probe_is_due(client: InferenceClient) -> None:
    """Waits for the moment that the status names."""
    deployment = (await client.status()).providers[0].deployments[0]
    await asyncio.sleep(max(0.0, deployment.probe_at.ToMicroseconds() / 1e6 - time.time()))


async def test_while_the_breaker_is_open_the_primary_is_not_asked() -> None:
    async with (
        FakeUpstream() as upstream,
        recovering(upstream, flapping(upstream, "503", probe_interval=60)) as (
            _,
            client,
        ),
    ):
        assert {await answered_by(client) for _ in range(6)} == {"b/ok"}
        assert len(upstream.of("a")) == 2
        assert len(upstream.of("b")) == 6


async def test_of_fifty_requests_at_once_exactly_one_is_the_probe() -> None:
    async with (
        FakeUpstream() as upstream,
        recovering(upstream, flapping(upstream, "503", probe_interval=0.3)) as (
            _,
            client,
        ),
    ):
        for _ in range(2):
            await answered_by(client)
        await probe_is_due(client)
        upstream.behaviour["flapping"] = "held"
        fifty = [asyncio.create_task(answered_by(client)) for _ in range(50)]
        async with asyncio.timeout(30):
            while sum(one.done() for one in fifty) < 49:
                await asyncio.wait([one for one in fifty if not one.done()], return_when=asyncio.FIRST_COMPLETED)
        assert len(upstream.of("a")) == 3
        upstream.hold.set()
        answers = await asyncio.gather(*fifty)
        assert sorted(answers) == ["a/flapping"] + ["b/ok"] * 49
        assert await answered_by(client) == "a/flapping"


async def test_a_probe_whose_caller_leaves_makes_room_for_the_next_one() -> None:
    async with (
        FakeUpstream() as upstream,
        recovering(upstream, flapping(upstream, "503", probe_interval=0.3)) as (
            _,
            client,
        ),
    ):
        for _ in range(2):
            await answered_by(client)
        await probe_is_due(client)
        upstream.behaviour["flapping"] = "silent"
        stream = client.chat("hi")
        leaving = asyncio.create_task(anext(aiter(stream), None))
        async with asyncio.timeout(30):
            while len(upstream.of("a")) < 3:
                upstream.arrived.clear()
                await upstream.arrived.wait()
            stream.cancel()
            leaving.cancel()
            await asyncio.wait([leaving])
            await upstream.of("a")[2].over.wait()
            upstream.behaviour["flapping"] = "ok"
            await becomes_true(lambda: is_answered_by(client, "a/flapping"))
        assert len(upstream.of("a")) == 4


async def test_a_flapping_primary_gets_one_probe_an_interval_and_is_back_with_the_first_that_succeeds() -> None:
    interval = 0.3
    async with (
        FakeUpstream() as upstream,
        recovering(upstream, flapping(upstream, "503", probe_interval=interval)) as (
            _,
            client,
        ),
    ):
        async with asyncio.timeout(60):
            while len(upstream.of("a")) < 5:  # down for several probes, under a steady load
                assert {await answered_by(client) for _ in range(3)} == {"b/ok"}
        assert all(gap >= interval * 0.9 for gap in upstream.gaps("a")[1:])
        upstream.behaviour["flapping"] = "ok"
        before = len(upstream.of("a"))
        await becomes_true(lambda: is_answered_by(client, "a/flapping"), 60)
        assert len(upstream.of("a")) == before + 1
        assert {await answered_by(client) for _ in range(3)} == {"a/flapping"}


async def test_a_deployment_that_is_gone_is_benched_from_the_second_time_on() -> None:
    async with (
        FakeUpstream() as upstream,
        recovering(upstream, flapping(upstream, "410", probe_interval=0.1)) as (
            _,
            client,
        ),
    ):
        assert {await answered_by(client) for _ in range(4)} == {"b/ok"}
        await asyncio.sleep(0.2)  # longer than the breaker's interval, which is not the bench's
        assert await answered_by(client) == "b/ok"
        assert len(upstream.of("a")) == 2
        benched = (await client.status()).providers[0].deployments[0]
        assert 50 < benched.probe_at.seconds - time.time() <= 61


async def test_a_service_whose_every_key_was_refused_says_that_it_is_not_ready() -> None:
    async with FakeUpstream() as upstream:
        config = two_providers(upstream, "401", "401")
        config["routes"].pop("image")
        async with serving(config, KEYS) as (_, client):
            assert (await client.status()).ready
            with pytest.raises(errors.AntiphonError):
                await answered_by(client)
            status = await client.status()
            assert not status.ready
            assert not next(route for route in status.routes if route.model == "chat").available
            chat = next(model for model in await client.models() if model.name == "chat")
            assert not chat.available
