"""The demo voice keeps the rules of the seam like any provider."""

import asyncio
import contextlib
from typing import Any

import pytest

from inference_service.domain import (
    ChatRequest,
    Delta,
    Finish,
    FinishReason,
    ImageRequest,
    Message,
    Picture,
    Preview,
    Progress,
    Role,
    TextPart,
    Usage,
)
from inference_service.providers.seam import ChatCall, ImageCall, checked, models
from inference_service.settings import Sampling
from tests.support.raw_server import provider_of

QUICK = {"characters_per_second": 0, "image_seconds": 0}


def chat_call(text: str = "hi", **sampling: Any) -> ChatCall:
    turns = (Message(Role.USER, (TextPart(text),)),)
    return ChatCall(ChatRequest("r", "demo", turns, sampling=Sampling(sampling)), "demo", None)


def image_call(**more: Any) -> ImageCall:
    return ImageCall(ImageRequest("r", "demo", "a fox", **more), "demo-painter", None, size=(64, 64))


async def seen(events: Any) -> list[Any]:
    async with contextlib.aclosing(checked(events)) as read:
        return [event async for event in read]


async def test_it_says_what_it_is_in_the_language_of_the_question() -> None:
    provider = provider_of("embedded", "", **QUICK)
    english = await seen(provider.chat(chat_call("hello")))
    russian = await seen(provider.chat(chat_call("привет")))
    assert "offline demo voice" in english[0].text
    assert "hello" in english[0].text
    assert "демонстрационный голос" in russian[0].text
    assert [type(event) for event in english] == [Delta, Usage, Finish]
    assert english[-1] == Finish(FinishReason.STOP)


async def test_its_one_setting_has_an_effect() -> None:
    provider = provider_of("embedded", "", **QUICK)
    said = await seen(provider.chat(chat_call(max_tokens=3)))
    assert len(said[0].text.split()) == 3
    assert said[-1] == Finish(FinishReason.LENGTH)


async def test_a_drawing_has_progress_previews_and_the_same_picture_for_the_same_seed() -> None:
    provider = provider_of("embedded", "", **QUICK)
    first, again, other = [
        [event for event in await seen(provider.image(image_call(seed=seed))) if isinstance(event, Picture | Preview | Progress)]
        for seed in (7, 7, 8)
    ]  # fmt: skip
    assert {type(event) for event in first} == {Picture, Preview, Progress}
    assert first[-1] == again[-1]
    assert first[-1].data != other[-1].data
    assert first[-1].seed == 7


@pytest.mark.parametrize("steps", range(4))
async def test_cancelled_at_any_wait_it_just_ends(steps: int) -> None:
    provider = provider_of("embedded", "", characters_per_second=2_000, image_seconds=0.2)
    for events in (provider.chat(chat_call()), provider.image(image_call())):
        read = checked(events)
        for _ in range(steps):
            await anext(read)
        task = asyncio.ensure_future(anext(read))
        await asyncio.wait({task}, timeout=0.001)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        await read.aclose()
        assert [event async for event in read] == []


async def test_it_lists_itself() -> None:
    assert {info.name for info in await models(provider_of("embedded", ""), None)} == {"demo", "demo-painter"}
