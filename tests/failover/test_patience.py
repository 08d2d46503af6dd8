"""Bounds on silence move a request on only while another deployment can take it."""

import asyncio
from typing import Any

from antiphon import events
from antiphon.client import InferenceClient
from tests.fakes.upstream.server import TEXT, FakeUpstream
from tests.support.recovery import recovering
from tests.support.service import KEYS, QUICK, serving, two_providers

SHORT = {**QUICK, "headers": 0.3, "first_token": 0.3, "idle": 0.3}


def only(upstream: FakeUpstream, model: str) -> dict[str, Any]:
    config = two_providers(upstream, model, "ok")
    config["routes"]["chat"]["deployments"] = [f"a/{model}"]
    config["routing"]["timeouts"] = SHORT
    return config


async def test_the_only_deployment_may_take_its_time_and_the_caller_sees_that_it_waits() -> None:
    """A local server that loads its model answers when it has loaded it."""
    async with FakeUpstream() as upstream, recovering(upstream, only(upstream, "silent")) as (_, client):
        stream = client.chat("hi")
        async for event in stream:
            if isinstance(event, events.Progress):
                assert event.stage == "waiting"
                upstream.hold.set()
        assert stream.text == TEXT
        assert len(upstream.of("a")) == 1


async def test_the_only_deployment_may_also_stop_to_think_in_the_middle() -> None:
    async with FakeUpstream() as upstream, recovering(upstream, only(upstream, "pauses:90")) as (_, client):
        stream = client.chat("hi")
        async for event in stream:
            if isinstance(event, events.Progress):
                assert len(stream.text) >= 90
                upstream.hold.set()
        assert stream.text == TEXT
        assert len(upstream.of("a")) == 1


async def test_a_silent_deployment_is_left_for_one_that_can_answer_now() -> None:
    async with FakeUpstream() as upstream:
        config = two_providers(upstream, "silent", "ok")
        config["routing"]["timeouts"] = SHORT
        async with recovering(upstream, config) as (_, client):
            stream = client.chat("hi")
            async for _event in stream:
                pass
            assert stream.text == TEXT
            assert stream.deployment == "b/ok"
            assert upstream.of("a")[0].ended in ("", "closed")


async def test_a_silent_deployment_is_kept_while_the_other_one_rests() -> None:
    async with FakeUpstream() as upstream:
        upstream.by_token[KEYS["B_KEY"]] = "429:60"
        config = two_providers(upstream, "ok", "ok")
        config["routing"]["timeouts"] = SHORT
        config["routes"]["other"] = {"deployments": ["b/ok"]}
        async with serving(config, KEYS) as (_, client):
            await refused(client)
            upstream.behaviour["ok"] = "silent"
            stream = client.chat("hi")
            async for event in stream:
                if isinstance(event, events.Progress):
                    upstream.hold.set()
            assert stream.text == TEXT
            assert stream.deployment == "a/ok"
            assert len(upstream.of("b")) == 1


async def refused(client: InferenceClient) -> None:
    """Lets the pool of "b" find out that its only credential rests."""
    try:
        async for _event in client.chat("hi", model="other", timeout=1):
            pass
    except Exception:  # noqa: BLE001 - how it fails is the subject of other tests
        return
    raise AssertionError("b has answered")


async def test_a_short_stated_rest_of_the_preferred_deployment_is_waited_for() -> None:
    async with FakeUpstream() as upstream:
        upstream.behaviour["first"] = "429:1"
        config = two_providers(upstream, "first", "ok")
        config["routing"]["timeouts"] = {**QUICK, "short_wait": 2.0}
        async with recovering(upstream, config) as (_, client):
            stream = client.chat("hi")
            waiting = asyncio.create_task(collect(stream))
            async with asyncio.timeout(20):
                while not upstream.of("a"):
                    upstream.arrived.clear()
                    await upstream.arrived.wait()
            upstream.behaviour["first"] = "ok"
            await waiting
            assert stream.deployment == "a/first"
            assert not upstream.of("b")


async def collect(stream: Any) -> None:
    async for _event in stream:
        pass


async def test_an_untold_rest_leads_to_the_next_deployment_at_once() -> None:
    async with FakeUpstream() as upstream, recovering(upstream, two_providers(upstream, "429", "ok")) as (_, client):
        stream = client.chat("hi")
        received = [event async for event in stream]
        assert stream.deployment == "b/ok"
        assert not [event for event in received if isinstance(event, events.Progress)]
