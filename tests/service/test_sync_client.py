"""The synchronous client: the same questions and answers as the asynchronous one, from a thread without an event loop."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from antiphon import errors, events
from antiphon.sync import SyncInferenceClient
from tests.fakes import inference
from tests.fakes.inference import ScriptedInference


async def beside(target: str, work: Callable[[SyncInferenceClient], Any]) -> Any:
    """What `work` gives, in a thread of its own, while this loop serves."""

    def run() -> Any:
        with SyncInferenceClient(target) as client:
            return work(client)

    return await asyncio.to_thread(run)


async def test_an_answer_arrives_event_by_event() -> None:
    async with ScriptedInference() as fake:
        fake.on_chat(inference.answer("Foxes ", "are red."))

        def work(client: SyncInferenceClient) -> None:
            asked = client.chat("?", tools=[events.Tool("look_up")], conversation_id="c1")
            names = [type(event).__name__ for event in asked]
            assert names == ["Started", "Delta", "Delta", "Usage", "Finished"]
            assert asked.stream.text == "Foxes are red."
            drawn = client.image("a fox", count=1)
            assert [type(event).__name__ for event in drawn][-1] == "ImageFinished"
            assert len(drawn.stream.pictures) == 1
            assert client.models() == []
            assert client.usage() == []
            assert client.status().version == "fake"

        await beside(fake.target, work)
        assert (fake.chats[0].tools[0].name, fake.chats[0].conversation_id) == ("look_up", "c1")


async def test_an_iteration_that_is_left_cancels_the_call_and_errors_are_the_same() -> None:
    async with ScriptedInference() as fake:
        waits = asyncio.Event()

        async def endless(request: Any) -> Any:
            yield inference.started(request.request_id)
            yield inference.delta("Hello")
            await waits.wait()

        fake.on_chat(endless)

        def work(client: SyncInferenceClient) -> None:
            for event in client.chat("?"):
                if isinstance(event, events.Delta):
                    break

        await beside(fake.target, work)
        await asyncio.wait_for(fake.cancelled.wait(), 30)

        def refused(client: SyncInferenceClient) -> None:
            with pytest.raises(errors.InvalidRequest):
                client.chat("\udcff")

        await beside(fake.target, refused)
