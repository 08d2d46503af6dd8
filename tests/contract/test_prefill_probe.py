"""A model of which nobody knows whether it continues a text is asked once, after the first answer that moved to it."""

import asyncio
import json
from pathlib import Path
from typing import Any

from antiphon import events
from antiphon.client import InferenceClient
from inference_service.routing.probing import BEGINNING, QUESTION
from tests.contract.upstream import Upstream, delta
from tests.support.service import QUICK, serving

ENVIRON = {"GROQ_API_KEY": "gsk_" + "a" * 52, "CEREBRAS_API_KEY": "csk-" + "c" * 48}
HALF = "The first half of an answer"
CUT = [delta(HALF), b": and then the line is dead\n\n"]
WHOLE = "The first half of an answer and the rest of it."


class Second:
    """Continues, and says when it was asked the question of the probe."""

    def __init__(self) -> None:
        self.probes = 0
        self.probed = asyncio.Event()

    def __call__(self, body: Any) -> Any:
        last = body["messages"][-1]
        if QUESTION in json.dumps(body):
            self.probes += 1
            assert (last["role"], last["content"]) == ("assistant", BEGINNING)
            self.probed.set()
            return spoken("five six seven")
        return spoken(WHOLE.removeprefix(last["content"]) if last["role"] == "assistant" else WHOLE)


def spoken(text: str) -> list[Any]:
    return [delta(text), delta("", "stop"), b"data: [DONE]\n\n"]


async def handover(client: InferenceClient) -> tuple[str, int]:
    """The text, and how much of the first half was kept."""
    stream = client.chat("hello")
    moved = [event.keep_chars async for event in stream if isinstance(event, events.Handover)]
    return stream.text, moved[-1]


async def continues(client: InferenceClient) -> bool:
    listed = await client.models(include_deployments=True)
    return next(model.capabilities.prefill for model in listed if model.name == "groq/unheard-of")


async def test_the_second_handover_continues_and_nobody_is_asked_twice(upstream: Upstream, tmp_path: Path) -> None:
    second = Second()
    upstream.answers = {"/first/chat/completions": lambda _: CUT, "/second/chat/completions": second}
    config = {
        "providers": {
            "cerebras": {"base_url": f"{upstream.url}/first", "models": ["gpt-oss-120b"]},
            "groq": {"base_url": f"{upstream.url}/second", "models": ["unheard-of"]},
        },
        "routes": {"chat": {"deployments": ["cerebras/gpt-oss-120b", "groq/unheard-of"]}},
        "routing": {"timeouts": QUICK, "breaker": {"failures": 100}},
        "state": {"directory": tmp_path},
    }
    async with serving(config, ENVIRON) as (_, client):
        assert not await continues(client)
        asked = len(upstream.seen)
        assert (await handover(client))[0] == WHOLE
        async with asyncio.timeout(20):
            await second.probed.wait()
        async with asyncio.timeout(20):
            while not await continues(client):
                await asyncio.sleep(0.05)
        assert await handover(client) == (WHOLE, len(HALF))
        prefixes = [
            body["messages"][-1]["role"] for _, path, _, body in upstream.seen[asked:] if path.startswith("/second")
        ]
        assert sorted(prefixes) == ["assistant", "assistant", "user"]  # the probe, the continuation, the answer anew
    async with serving(config, ENVIRON) as (_, client):  # a restart: it is remembered
        assert (await handover(client))[1] == len(HALF)
        assert await continues(client)
    assert second.probes == 1
