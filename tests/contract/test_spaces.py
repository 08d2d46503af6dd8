"""Spaces, against real Gradio apps of two major versions in the layout of the Spaces they stand for."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from antiphon import errors, events
from tests.fakes.upstream.server import png
from tests.support.service import serving

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))

import gradio_envs  # noqa: E402 - the path comes first

pytestmark = pytest.mark.xdist_group("gradio")


class Apps:
    """`serve.py` in its own environment; `urls` by the app's name."""

    def __init__(self, urls: dict[str, str]) -> None:
        self.urls = urls

    def config(self, kind: str, app: str, model: str, **options: Any) -> dict[str, Any]:
        return {
            "providers": {"s": {"kind": kind, "base_url": self.urls[app], "models": [model], "options": options}},
            "routes": {"chat": {"deployments": [f"s/{model}"]}, "image": {"deployments": [f"s/{model}"]}},
            "routing": {"timeouts": {"headers": 30, "first_token": 30}},
        }


@pytest.fixture(params=["5", "6"])
async def apps(request: pytest.FixtureRequest) -> AsyncIterator[Apps]:
    python = gradio_envs.prepared(request.param)
    if python is None:
        if os.environ.get("CI"):
            pytest.fail("the gate prepares the environments: tools/gradio_envs.py")
        pytest.skip(f"no environment with Gradio {request.param}: python tools/gradio_envs.py {request.param}")
    process = await asyncio.create_subprocess_exec(
        str(python), str(ROOT / "tests" / "fakes" / "gradio_apps" / "serve.py"), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdin is not None
    line = await asyncio.wait_for(process.stdout.readline(), 90)
    yield Apps(json.loads(line))
    process.stdin.close()
    await process.wait()


async def test_a_space_draws_looks_talks_and_says_what_went_wrong(apps: Apps) -> None:
    async with serving(apps.config("flux-dev", "flux-dev", "FLUX.1-dev")) as (_, client):
        stream = client.image("a fox", size=(512, 300), seed=7, steps=3)
        seen = [event async for event in stream]
        assert [(one.width, one.height, one.seed) for one in stream.pictures] == [(512, 288, 7)]
        assert [one for one in seen if isinstance(one, events.Preview)]
        assert any(isinstance(one, events.Progress) for one in seen)
        with pytest.raises(errors.QuotaExceeded) as spent:
            async for _event in client.image("quota please", timeout=20):
                pass
        assert spent.value.retry_after == pytest.approx(3 * 3_600 + 25 * 60 + 1, abs=5)

    async with serving(apps.config("flux-schnell", "flux-schnell", "FLUX.1-schnell")) as (_, client):
        stream = client.image("a wolf", aspect_ratio=(16, 9), format="jpeg")
        notices = [event async for event in stream if isinstance(event, events.Notice)]
        assert stream.pictures[0].mime == "image/jpeg"
        assert stream.pictures[0].width > stream.pictures[0].height
        assert not [one for one in notices if one.kind == "dropped"]
        with pytest.raises(errors.Unavailable) as broken:
            async for _event in client.image("crash now"):
                pass
        assert {one.failure for one in broken.value.attempts} == {"server_error"}

    async with serving(apps.config("janus", "janus", "janus-pro-7b")) as (_, client):
        question = events.Message.user("What colour?", events.Image("image/png", png((40, 30))))
        answer = client.chat([question], sampling=events.Sampling(seed=3, temperature=0.5))
        async for _event in answer:
            pass
        assert answer.text.startswith("What colour? [40x30 red")
        assert "seed 3" in answer.text

    async with serving(apps.config("janus", "janus", "janus-pro-7b-image")) as (_, client):
        stream = client.image("a fox", count=3, seed=1)
        async for _event in stream:
            pass
        assert [(one.width, one.height) for one in stream.pictures] == [(768, 768)] * 3

    async with serving(apps.config("space", "chat", "talk", chat_function="talk")) as (_, client):
        stream = client.chat("hello")
        deltas = [event.text async for event in stream if isinstance(event, events.Delta)]
        assert stream.text == "turn 1: Привет, мир 🙂 hello"
        assert len(deltas) > 2


async def test_a_cancelled_drawing_is_cancelled_in_the_app_and_the_next_one_is_not_kept_waiting(apps: Apps) -> None:
    async with serving(apps.config("flux-dev", "flux-dev", "FLUX.1-dev")) as (_, client):
        held = client.image("hold this", steps=4)
        async for event in held:
            if isinstance(event, events.Preview):
                held.cancel()
        import aiohttp

        async with aiohttp.ClientSession() as session, session.get(apps.urls["door"] + "/release") as answer:
            assert (await answer.json(content_type=None))["started"] == 1
        stream = client.image("a fox", steps=2)
        async for _event in stream:
            pass
        assert stream.pictures
