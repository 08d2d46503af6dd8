"""Damaged and hostile pictures over real sockets: the next deployment draws, previews are pictures, bounds bind everybody."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from antiphon import errors, events
from antiphon.client import InferenceClient
from tests.contract.upstream import Upstream, config, drawing
from tests.support import pictures
from tests.support.callers import MIB, Running, service
from tests.support.pictures import CANARY

WHOLE = pictures.encoded("PNG", size=(64, 64))
DAMAGED = {
    name: data
    for name, data in {
        **{f"half of {name}": data[: len(data) // 2] for name, data in pictures.plain_files().items()},
        "avif of noise": pictures.encoded("AVIF")[:60] + b"\xff" * 400,
        "webp of noise": pictures.encoded("WEBP")[:30] + b"\xff" * 156,
        "exe": b"MZ\x90\0" + bytes(100),
        "svg": b"<svg xmlns='http://www.w3.org/2000/svg'><script/></svg>",
        "html": b"<!doctype html><title>busy</title>",
        "zip": b"PK\3\4" + bytes(60),
        "bomb": pictures.bomb(20_000),
    }.items()
    # Half of an animation or of a picture with a bit a pixel may hold a whole first frame.
    if "moving" not in name
}


def event(kind: str, data: bytes, **more: Any) -> dict[str, Any]:
    return {"type": f"image_generation.{kind}", "b64_json": base64.b64encode(data).decode(), **more}


@pytest.fixture
def two(upstream: Upstream) -> dict[str, Any]:
    """A route over two deployments; the first sends what the test says, the second a good picture."""
    settings = config("openai", f"{upstream.url}/first", "gpt-image-1")
    settings["providers"]["second"] = {
        "kind": "openai",
        "base_url": f"{upstream.url}/second",
        "models": ["gpt-image-1"],
        "credentials_env": ["TOKEN"],
    }
    settings["routes"]["image"] = {"deployments": ["openai/gpt-image-1", "second/gpt-image-1"]}
    settings["routing"]["breaker"] = {"failures": 1_000}
    upstream.answers["/second/images/generations"] = [event("completed", WHOLE)]
    return settings


@pytest.mark.parametrize("name", DAMAGED)
async def test_a_damaged_picture_is_its_deployment_s_fault_and_the_next_one_draws(
    upstream: Upstream, two: dict[str, Any], name: str
) -> None:
    upstream.answers["/first/images/generations"] = [
        event("partial_image", DAMAGED[name], partial_image_index=0),
        event("completed", DAMAGED[name]),
    ]
    stream = await drawing(two)
    handovers = [seen for seen in stream.seen if isinstance(seen, events.Handover)]
    assert [handover.reason for handover in handovers] == ["bad_image"]
    assert not [seen for seen in stream.seen if isinstance(seen, events.Preview)]
    assert [(picture.width, picture.mime) for picture in stream.pictures] == [(64, "image/png")]


@pytest.mark.parametrize("name", pictures.with_metadata())
async def test_previews_and_pictures_leave_without_what_else_their_file_holds(upstream: Upstream, name: str) -> None:
    data = pictures.with_metadata()[name]
    upstream.answers["/v1/images/generations"] = [
        event("partial_image", data, partial_image_index=0),
        event("completed", data),
    ]
    stream = await drawing(config("openai", f"{upstream.url}/v1", "gpt-image-1"))
    previews = [seen for seen in stream.seen if isinstance(seen, events.Preview)]
    assert [(shown.mime, CANARY in shown.data) for shown in previews] == [("image/jpeg", False)]
    assert [CANARY in picture.data for picture in stream.pictures] == [False]


async def test_max_pixels_binds_callers_and_providers_alike(upstream: Upstream) -> None:
    settings = config("openai", f"{upstream.url}/v1", "gpt-image-1")
    settings["images"]["max_pixels"] = 4_096
    fits, large = pictures.encoded("PNG", size=(64, 64)), pictures.encoded("PNG", size=(65, 64))
    for data in (fits, large):
        upstream.answers["/v1/images/edits"] = [
            {"type": "image_edit.completed", "b64_json": base64.b64encode(data).decode()}
        ]
        upstream.answers["/v1/images/generations"] = [event("completed", data)]
        begun = drawing(settings, input_image=events.Image("image/png", data))
        if data is fits:
            assert len((await begun).pictures) == 1
            assert len((await drawing(settings)).pictures) == 1
            continue
        with pytest.raises(errors.InvalidRequest, match=r"input_image.data: has 65x64 pixels; at most 4,096"):
            await begun
        with pytest.raises(errors.Unavailable) as caught:
            await drawing(settings)
        assert caught.value.attempts[0].failure == "bad_image"


@pytest.fixture
async def painter(upstream: Upstream, tmp_path: Path) -> AsyncIterator[Running]:
    """The service as a process of its own, before a provider that draws a large picture in few bytes."""
    upstream.answers["/v1/images/generations"] = [event("completed", pictures.bomb(4_096))]
    settings = {
        "providers": {"openai": {"base_url": f"{upstream.url}/v1", "models": ["gpt-image-1"], "credentials_env": ["KEY"]}},
        "routes": {"image": {"deployments": ["openai/gpt-image-1"]}},
    }  # fmt: skip
    environ = {f"ANTIPHON__{name.upper()}": as_toml(value) for name, value in settings.items()}
    async with service(tmp_path, KEY="key-of-the-provider", **environ) as running:
        yield running


def as_toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)} = {as_toml(inner)}" for key, inner in value.items()) + "}"
    return json.dumps(value)


async def test_eight_large_pictures_in_few_bytes_do_not_fill_the_memory(painter: Running) -> None:
    """Each takes 64 MiB as colours, and encoding it as much again; together they are decoded one after the other."""
    before = painter.forget_peak()
    async with InferenceClient(painter.target, "token-of-good") as client:

        async def draw() -> int:
            stream = client.image("a square")
            async for _ in stream:
                pass
            return stream.pictures[0].width

        assert await asyncio.gather(*(draw() for _ in range(8))) == [4_096] * 8
    assert painter.memory() - before < 320 * MIB
