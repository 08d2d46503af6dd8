"""What a request has used is counted, whatever its end."""

import asyncio

import pytest

from antiphon import errors, events
from antiphon.client import InferenceClient
from tests.fakes.upstream.server import TEXT, FakeUpstream
from tests.support.recovery import idle, recovering, whole_picture
from tests.support.service import KEYS, serving, two_providers


async def counted(client: InferenceClient) -> dict[str, tuple[int, int]]:
    """Deployment → (requests, tokens written) of everybody."""
    return {row.deployment: (row.requests, row.completion_tokens) for row in await client.usage()}


async def test_a_cancelled_answer_counts_the_words_that_left_the_provider() -> None:
    async with (
        FakeUpstream() as upstream,
        recovering(upstream, two_providers(upstream, "pauses:90", "ok")) as (_, client),
    ):
        stream = client.chat("hi")
        async for _event in stream:
            if len(stream.text) >= 90:
                break
        stream.cancel()
        await idle(client)
        requests, tokens = (await counted(client))["a/pauses:90"]
        assert requests == 1
        assert 90 / 4 - 2 <= tokens <= 90 / 2


async def test_a_callers_budget_is_spent_by_answers_that_it_cancels() -> None:
    async with FakeUpstream() as upstream:
        config = two_providers(upstream, "pauses:90", "ok")
        config["service"] = {"callers": {"app": {"token_env": "APP", "tokens_per_day": 60}}}
        keys = {**KEYS, "APP": "token-of-the-app-0001"}
        async with serving(config, keys, token=keys["APP"]) as (server, client):
            refused = 0
            for _ in range(8):
                try:
                    stream = client.chat("hi")
                    async for _event in stream:
                        if len(stream.text) >= 90:
                            break
                    stream.cancel()
                except errors.QuotaExceeded:
                    refused += 1
                async with asyncio.timeout(20):
                    while server.shared.door.live:
                        await asyncio.wait(list(server.shared.door.live.values()))
            assert refused >= 4
            upstream.hold.set()


async def test_a_failed_answer_counts_what_the_provider_said() -> None:
    async with FakeUpstream() as upstream, recovering(upstream, two_providers(upstream, "cut:90", "ok")) as (_, client):
        with pytest.raises(errors.Interrupted):
            async for _event in client.chat("hi", on_interruption="fail"):
                pass
        assert (await counted(client))["a/cut:90"][1] > 0


async def test_pictures_that_arrived_before_a_later_one_failed_are_delivered_and_counted() -> None:
    async with FakeUpstream() as upstream:
        config = two_providers(upstream, "dall-e-3", "dall-e-3", preset="openai")
        config["routes"]["image"]["deployments"] = ["a/dall-e-3"]  # one picture by one call
        upstream.behaviour["dall-e-3"] = "ok"
        upstream.later["/a/v1/images/generations"] = "410"
        async with recovering(upstream, config, works=whole_picture) as (_, client):
            pictures = client.image("a fox", count=3)
            notices = [event async for event in pictures if isinstance(event, events.Notice)]
            assert len(pictures.pictures) == 1
            assert [(notice.field, "1 of 3" in notice.message) for notice in notices] == [("count", True)]
            assert sum(usage.images for usage in pictures.usages) == 1


async def test_a_usage_that_cannot_be_is_no_reason_to_lose_the_answer() -> None:
    async with FakeUpstream() as upstream:
        upstream.usage = {"prompt_tokens": -5, "completion_tokens": 2**64 - 1}
        async with recovering(upstream, two_providers(upstream, "ok", "ok")) as (_, client):
            stream = client.chat("hi")
            async for _event in stream:
                pass
            assert stream.text == TEXT
            assert (await counted(client))["a/ok"][0] == 1
