"""The AI Horde: an order waits in its queue, is drawn, fails, or is taken back."""

import asyncio
import base64
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from inference_service.domain import ChatRequest, Delta, ImagePart, Message, Role, TextPart
from inference_service.failures import FailureKind, UpstreamFailure
from inference_service.providers import aihorde
from inference_service.providers.seam import ChatCall, Provider
from tests.contract.providers import SECRET, drawn, picture_call, provider_at
from tests.contract.upstream import PNG, Upstream

K = FailureKind
MODEL = "FLUX.1-dev"
ORDER = "7f1b2c3d-aaaa-bbbb-cccc-000000000001"
SUBMIT, CHECK, STATUS = "/generate/async", f"/generate/check/{ORDER}", f"/generate/status/{ORDER}"


def state(**more: Any) -> dict[str, Any]:
    return {
        "finished": 0, "processing": 0, "restarted": 0, "waiting": 1, "done": False, "faulted": False, "wait_time": 63,
        "queue_position": 12, "kudos": 0, "is_possible": True, **more,
    }  # fmt: skip


def generation(upstream: Upstream, **more: Any) -> dict[str, Any]:
    return {
        "img": f"{upstream.url}/1.webp", "seed": "77", "id": "g", "censored": False, "worker_name": "w", "model": MODEL,
        "state": "ok", "gen_metadata": [], **more,
    }  # fmt: skip


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aihorde, "FIRST_PAUSE", 0.01)
    monkeypatch.setattr(aihorde, "SPACING", 0.0)


@pytest.fixture
async def horde(upstream: Upstream) -> AsyncIterator[Provider]:
    upstream.answers["/1.webp"] = PNG
    upstream.answers[SUBMIT] = (202, {"id": ORDER, "kudos": 10.5}, {})
    upstream.answers[CHECK] = state(done=True, waiting=0, finished=1)
    upstream.answers[STATUS] = {**state(done=True), "generations": [generation(upstream)]}
    async with provider_at("aihorde", upstream.url, contact="ops@example.org") as provider:
        yield provider


def in_turn(*answers: Any) -> Callable[[Any], Any]:
    left = iter(answers)
    return lambda _: next(left)


async def test_an_order_shows_its_place_and_its_wait_until_it_is_drawn(upstream: Upstream, horde: Provider) -> None:
    upstream.answers[CHECK] = in_turn(
        state(),
        state(queue_position=3, wait_time=9.5),
        state(queue_position="soon", wait_time=None),
        state(queue_position=-2, wait_time=float("1e300")),
        state(processing=1, waiting=0, queue_position=0, wait_time=4),
        (429, {"message": "2 per 1 second"}, {}),
        (503, {"message": "maintenance"}, {}),
        state(done=True),
    )
    drawing = await drawn(
        horde, picture_call(MODEL, size=(1024, 768), seed=5, negative_prompt="rain", steps=8, count=1)
    )
    assert [(step.stage, step.queue_position, step.eta) for step in drawing.progress] == [
        ("queued", 12, 63.0), ("queued", 3, 9.5), ("queued", None, None), ("queued", None, None), ("generating", None, 4.0),
    ]  # fmt: skip
    assert (drawing.pictures[0].data, drawing.seeds) == (PNG, [77])
    assert upstream.body(SUBMIT) == {
        "prompt": "a fox ### rain",
        "params": {"sampler_name": "k_euler", "cfg_scale": 1, "steps": 8, "width": 1024, "height": 768, "seed": "5", "n": 1},
        "models": [MODEL], "nsfw": False, "censor_nsfw": True, "r2": True, "shared": False, "slow_workers": True,
        "replacement_filter": True, "allow_downgrade": True,
    }  # fmt: skip
    head = upstream.seen[0][2]
    assert (head["apikey"], head["Client-Agent"]) == (SECRET, "antiphon:0.1:ops@example.org")
    assert [path for method, path, *_ in upstream.seen if path == STATUS and method == "GET"] == [STATUS]
    assert not [path for method, path, *_ in upstream.seen if method == "DELETE"]


async def test_without_a_key_the_anonymous_one_is_used_and_a_strict_caller_gets_no_smaller_picture(
    upstream: Upstream, horde: Provider
) -> None:
    warnings = [
        {"code": "StepsDowngraded", "message": "x"},
        {"code": "SizeDowngraded", "message": "y"},
        "odd",
        {"code": 3},
    ]
    upstream.answers[SUBMIT] = (202, {"id": ORDER, "warnings": warnings}, {})
    drawing = await drawn(horde, picture_call(MODEL, secret=None, steps=100))
    assert drawing.notices == [("changed", "steps"), ("changed", "size")]
    assert upstream.seen[0][2]["apikey"] == "0000000000"
    await drawn(horde, picture_call(MODEL, strict=True))
    assert upstream.body(SUBMIT)["allow_downgrade"] is False


async def test_a_picture_to_start_from_goes_along(upstream: Upstream, horde: Provider) -> None:
    await drawn(horde, picture_call(MODEL, input_image=ImagePart("image/png", PNG)))
    body = upstream.body(SUBMIT)
    assert (base64.b64decode(body["source_image"]), body["source_processing"]) == (PNG, "img2img")


async def test_an_order_that_nobody_waits_for_is_taken_back(upstream: Upstream, horde: Provider) -> None:
    asked, deleted = asyncio.Event(), asyncio.Event()

    def check(_: Any) -> Any:
        asked.set()
        return state()

    def status(_: Any) -> Any:
        deleted.set()
        return state()

    upstream.answers[CHECK], upstream.answers[STATUS] = check, status
    drawing = asyncio.create_task(drawn(horde, picture_call(MODEL)))
    async with asyncio.timeout(10):
        await asked.wait()
        drawing.cancel()
        await deleted.wait()
    assert upstream.seen[-1][:2] == ("DELETE", STATUS)
    assert upstream.seen[-1][2]["apikey"] == SECRET
    with pytest.raises(asyncio.CancelledError):
        await drawing


@pytest.mark.parametrize(
    ("told", "kind", "words"),
    [
        (state(faulted=True), K.SERVER_ERROR, "gave up the request"),
        (state(is_possible=False), K.UNAVAILABLE, "no worker"),
        ((404, {"message": "x", "rc": "RequestNotFound"}, {}), K.SERVER_ERROR, "no longer knows the request"),
        ((410, {"message": "x", "rc": "RequestExpired"}, {}), K.TIMEOUT, "expired"),
    ],
)  # fmt: skip
async def test_an_order_that_will_never_be_drawn_is_given_up_and_taken_back(
    upstream: Upstream, horde: Provider, told: Any, kind: FailureKind, words: str
) -> None:
    upstream.answers[CHECK] = told
    with pytest.raises(UpstreamFailure, match=words) as failed:
        await drawn(horde, picture_call(MODEL))
    assert failed.value.kind is kind
    await horde.close()
    assert upstream.seen[-1][:2] == ("DELETE", STATUS)


async def test_a_censored_picture_is_a_refusal_and_the_others_are_delivered(
    upstream: Upstream, horde: Provider
) -> None:
    censored = generation(upstream, censored=True, state="censored")
    upstream.answers[STATUS] = {**state(done=True), "generations": [censored]}
    with pytest.raises(UpstreamFailure) as refused:
        await drawn(horde, picture_call(MODEL))
    assert refused.value.kind is K.CONTENT_REFUSED
    upstream.answers[STATUS] = {**state(done=True), "generations": [censored, generation(upstream, seed="8")]}
    drawing = await drawn(horde, picture_call(MODEL, count=2))
    assert (drawing.seeds, drawing.usage[-1].images) == ([8], 1)
    assert upstream.body(SUBMIT)["params"]["n"] == 2


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (401, "InvalidAPIKey", K.UNAUTHENTICATED), (403, "KudosUpfront", K.MODEL_FORBIDDEN), (403, "TimeoutIP", K.BLOCKED),
        (403, "TooManyNewIPs", K.BLOCKED), (403, "BannedClientAgent", K.BLOCKED), (400, "CorruptPrompt", K.CONTENT_REFUSED),
        (400, "UnsupportedModel", K.MODEL_NOT_FOUND), (423, "Locked", K.UNAVAILABLE), (429, "TooManyPrompts", K.RATE_LIMITED),
        (400, "TooManySteps", K.UNSUPPORTED),
    ],
)  # fmt: skip
async def test_a_refusal_by_the_horde_has_its_class(
    upstream: Upstream, horde: Provider, status: int, code: str, kind: FailureKind
) -> None:
    upstream.answers[SUBMIT] = (status, {"message": "You are blocked for 300 seconds", "rc": code}, {})
    with pytest.raises(UpstreamFailure) as failed:
        await drawn(horde, picture_call(MODEL))
    assert failed.value.kind is kind
    assert SECRET not in failed.value.message


@pytest.mark.parametrize("answer", [{}, [], {"id": 3}, {"id": "../../find_user"}, "text"])
async def test_an_answer_that_names_no_order_is_not_followed(upstream: Upstream, horde: Provider, answer: Any) -> None:
    upstream.answers[SUBMIT] = (202, answer, {})
    with pytest.raises(UpstreamFailure) as failed:
        await drawn(horde, picture_call(MODEL))
    assert failed.value.kind is K.BAD_RESPONSE
    assert [path for _, path, *_ in upstream.seen] == [SUBMIT]


async def test_models_are_those_that_somebody_serves(upstream: Upstream, horde: Provider) -> None:
    listed = iter([
        [{"name": MODEL, "count": 4, "eta": 30, "type": "image"}, {"name": "Nobody's", "count": 0}, {"name": 3, "count": 1}, 7],
        [{"name": "koboldcpp/L3-8B", "count": 2, "type": "text"}],
    ])  # fmt: skip
    upstream.answers["/status/models"] = lambda _: (200, next(listed), {})
    found = {model.name: model.capabilities for model in await horde.models(None)}
    assert list(found) == [MODEL, "koboldcpp/L3-8B"]
    assert (found[MODEL].image, found["koboldcpp/L3-8B"].chat) == (True, True)
    assert [query["type"] for query in upstream.queries] == ["image", "text"]


async def test_chat_goes_through_the_proxy_for_text(upstream: Upstream) -> None:
    upstream.answers["/text/v1/chat/completions"] = {
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hello"}, "finish_reason": "stop"}],
        "usage": {"kudos": 3},
    }  # fmt: skip
    question = ChatRequest("r", "koboldcpp/L3-8B", (Message(Role.USER, (TextPart("hi"),)),))
    async with provider_at("aihorde", upstream.url, text_url=f"{upstream.url}/text/v1") as horde:
        events = [event async for event in horde.chat(ChatCall(question, "koboldcpp/L3-8B", SECRET))]
    assert "".join(event.text for event in events if isinstance(event, Delta)) == "Hello"
    assert upstream.seen[0][2]["Authorization"] == f"Bearer {SECRET}"
