"""A finished request that is asked again with its id is answered from memory and paid once; usage by any group, in pages."""

import pytest

from antiphon import errors, events
from tests.fakes.upstream.scripted import KEY, ScriptedUpstream, routes
from tests.support.service import serving
from tests.support.toolstreams import chunk

ANSWER = [chunk(content="Hello."), chunk("stop") | {"usage": {"prompt_tokens": 3, "completion_tokens": 2}}]


async def test_a_finished_request_is_replayed_and_paid_once() -> None:
    async with ScriptedUpstream() as upstream:
        upstream.on("m", ANSWER)
        async with serving(routes(upstream, "m"), KEY) as (_, client):
            for replayed in (False, True, True):
                stream = client.chat("Hi", request_id="r-1", replay=True, user_id="u")
                seen = [type(event) async for event in stream]
                assert stream.text == "Hello."
                assert stream.finished is not None
                assert stream.finished.replayed is replayed
                assert seen[0] is events.Started
            # Of one piece, and without the wish, it is another question.
            assert not (await client.complete("Hi", request_id="r-1", replay=True, user_id="u")).finished.replayed
            await client.complete("Hi", request_id="r-1", user_id="u")
            assert len(upstream.bodies) == 3
            with pytest.raises(errors.InvalidRequest) as caught:
                await client.complete("Something else", request_id="r-1", replay=True, user_id="u")
            assert [name for name, _ in caught.value.violations] == ["request_id"]
            (row,) = await client.usage(user_id="u", group_by=["user", "model"])
            assert (row.user_id, row.model, row.requests, row.prompt_tokens, row.deployment) == ("u", "chat", 3, 9, "")
            (row,) = await client.usage(user_id="u")
            assert (row.deployment, row.user_id, row.day) == ("a/m", "", None)
            (row,) = await client.usage(group_by=["day"], since=0)
            assert row.day is not None
            assert row.day % 86_400 == 0
            assert await client.usage(until=86_400) == []
            with pytest.raises(errors.InvalidRequest):
                await client.usage(group_by=["day", "day"])
