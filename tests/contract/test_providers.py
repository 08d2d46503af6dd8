"""Each provider against a local server that answers as its documents say."""

import base64
import json
import time
from typing import Any

import pytest

from antiphon import errors, events
from antiphon.client import InferenceClient
from tests.contract.upstream import PNG, TOKEN, Upstream, answer, config, delta, drawing
from tests.support.service import serving
from tests.support.waiting import becomes_true


async def test_mistral_streams_strings_and_chunks_with_its_own_names(upstream: Upstream) -> None:
    upstream.answers["/v1/models"] = {"data": []}
    upstream.answers["/v1/chat/completions"] = [
        b"\xef\xbb\xbf: hello\r\n\r\n",
        {
            "choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": None}],
            "usage": None,
        },
        delta([{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}]),
        delta([{"type": "thinking", "thinking": [], "closed": True}, {"type": "text", "text": "При"}]),
        delta("вет 🏔️"),
        delta("!", "stop", usage={"prompt_tokens": 3, "completion_tokens": 5, "total_tokens": 8}),
        b"data: [DONE]\n\n",
    ]
    sampling = events.Sampling(temperature=1.9, seed=4, max_tokens=50)
    stream = await answer(config("mistral", f"{upstream.url}/v1", "mistral-large-latest"), sampling=sampling)
    assert (stream.text, stream.reasoning) == ("Привет 🏔️!", "hm")
    assert (stream.usage.prompt_tokens, stream.usage.completion_tokens, stream.usage.estimated) == (3, 5, False)
    body = upstream.body("/v1/chat/completions")
    assert body == {
        "model": "mistral-large-latest",
        "messages": [{"role": "user", "content": "Привет"}],
        "temperature": 1.5,
        "max_tokens": 50,
        "random_seed": 4,
        "stream": True,
    }
    assert [(event.kind, event.field) for event in stream.seen if isinstance(event, events.Notice)] == [
        ("changed", "sampling.temperature")
    ]


async def test_mistrals_retired_pixtral_becomes_what_the_list_names(upstream: Upstream) -> None:
    upstream.answers["/v1/models"] = {"data": [
        {"id": "pixtral-12b-2409", "aliases": [], "deprecation": "2025-12-01T00:00:00Z", "deprecation_replacement_model": "ministral-14b-2512", "capabilities": {"completion_chat": True, "vision": True}},
    ]}  # fmt: skip
    upstream.answers["/v1/chat/completions"] = [delta("a fox", "stop"), b"data: [DONE]\n\n"]
    question = events.Message.user("what is it?", events.Image("image/png", PNG))
    stream = await answer(config("mistral", f"{upstream.url}/v1", "pixtral-12b-2409"), question)
    body = upstream.body("/v1/chat/completions")
    assert body["model"] == "ministral-14b-2512"
    assert {part["type"] for part in body["messages"][0]["content"]} == {"image_url", "text"}
    assert any("ministral-14b-2512" in event.message for event in stream.seen if isinstance(event, events.Notice))


async def test_mistrals_limit_without_a_time_rests_to_the_next_minute(upstream: Upstream) -> None:
    upstream.answers["/v1/models"] = {"data": []}
    upstream.answers["/v1/chat/completions"] = (
        429,
        {"object": "error", "message": "Rate limit exceeded", "type": "rate_limited", "code": "1300"},
        {},
    )
    with pytest.raises(errors.QuotaExceeded) as caught:
        await answer(config("mistral", f"{upstream.url}/v1", "mistral-large-latest"), timeout=3)
    assert caught.value.retry_after is not None
    late = (caught.value.retry_after + time.time() + 30) % 60 - 30  # seconds from a full minute
    assert abs(late) < 10


async def test_github_speaks_with_publisher_and_knows_its_retirement(upstream: Upstream) -> None:
    upstream.answers["/inference/chat/completions"] = [
        {"choices": [], "prompt_filter_results": []},
        delta("hi"),
        delta(None, "stop"),
        {"choices": [], "usage": {"prompt_tokens": 1, "completion_tokens": 2}},
        b"data: [DONE]\n\n",
    ]
    settings = config("github", f"{upstream.url}/inference", "gpt-4o-mini")
    stream = await answer(settings)
    assert stream.text == "hi"
    assert upstream.body("/inference/chat/completions")["model"] == "openai/gpt-4o-mini"
    for refusal in ((403, "", {}), (410, {"error": {"code": "github_models_retirement_brownout"}}, {})):
        upstream.answers["/inference/chat/completions"] = refusal
        with pytest.raises(errors.Unavailable) as caught:
            await answer(settings)
        assert [attempt.failure for attempt in caught.value.attempts] == ["retired"]


@pytest.mark.parametrize(
    "shape",
    [
        {"images": ["data:image/png;base64," + base64.b64encode(PNG).decode()], "seed": 42},
        {"output": base64.b64encode(PNG).decode()},
        {"output": ["URL"]},
        {"image_url": "URL"},
        {"data": [{"b64_json": base64.b64encode(PNG).decode()}]},
        {"images": [{"url": "URL", "width": 64, "height": 48}]},
    ],
)
async def test_deepinfra_draws_in_every_documented_shape(upstream: Upstream, shape: dict[str, Any]) -> None:
    upstream.answers["/file.png"] = PNG
    upstream.answers["/v1/inference/black-forest-labs/FLUX-1-schnell"] = json.loads(
        json.dumps(shape).replace('"URL"', f'"{upstream.url}/file.png"')
    )
    stream = await drawing(
        config("deepinfra", f"{upstream.url}/v1/openai", "black-forest-labs/FLUX-1-schnell"),
        negative_prompt="rain",
        steps=4,
        seed=7,
        aspect_ratio=(16, 9),
    )
    assert [(picture.width, picture.height) for picture in stream.pictures] == [(64, 48)]
    body = upstream.body("/v1/inference/black-forest-labs/FLUX-1-schnell")
    assert (body["prompt"], body["negative_prompt"], body["num_inference_steps"], body["seed"]) == (
        "a fox",
        "rain",
        4,
        7,
    )
    assert body["width"] % 64 == 0
    assert body["width"] > body["height"]
    fetched = [headers for _, path, headers, _ in upstream.seen if path == "/file.png"]
    assert not any("Authorization" in headers for headers in fetched)


async def deployments(client: InferenceClient) -> dict[str, Any]:
    models = await client.models(include_deployments=True)
    return {model.name: model for model in models if model.is_deployment}


async def test_deepinfra_tells_its_models_apart_and_lists_them(upstream: Upstream) -> None:
    upstream.answers["/v1/openai/models"] = {"data": [
        {"id": "org/talker", "metadata": {"tags": ["chat"], "context_length": 4096}}, {"id": "org/seer", "metadata": {"tags": ["chat", "vlm"]}},
    ]}  # fmt: skip
    painter = {"model_name": "org/painter", "type": "x", "reported_type": "text-to-image"}
    upstream.answers["/models/featured"] = (200, [painter], {})
    async with serving(config("deepinfra", f"{upstream.url}/v1/openai", "org/talker"), {"TOKEN": TOKEN}) as (_, client):

        async def listed() -> bool:
            return len(await deployments(client)) == 3

        await becomes_true(listed)
        found = await deployments(client)
        assert found["deepinfra/org/seer"].capabilities.vision
        assert found["deepinfra/org/painter"].tasks == ("image",)
        assert found["deepinfra/org/talker"].capabilities.context_tokens == 4096


HUB = "/hub/api/models/black-forest-labs/FLUX.1-schnell"
NATIVE = "/hf-inference/models/black-forest-labs/FLUX.1-schnell"


def hugging(upstream: Upstream, mapping: dict[str, str]) -> dict[str, Any]:
    live = {slug: {"status": "live", "providerId": model, "task": "text-to-image"} for slug, model in mapping.items()}
    upstream.answers[HUB] = {"inferenceProviderMapping": live}
    upstream.answers["/v1/models"] = {"data": []}
    return config("huggingface", upstream.url, "black-forest-labs/FLUX.1-schnell", hub_url=f"{upstream.url}/hub")


async def test_hugging_face_draws_through_any_provider_that_has_the_model(upstream: Upstream) -> None:
    settings = hugging(upstream, {"hf-inference": "black-forest-labs/FLUX.1-schnell", "nscale": "flux-n"})
    upstream.answers[NATIVE] = PNG  # a JPEG by its label, a PNG by its bytes
    stream = await drawing(settings, size=(512, 512), steps=4, guidance_scale=0.5, seed=3, negative_prompt="rain")
    assert stream.pictures[0].mime == "image/png"
    assert upstream.body(NATIVE) == {
        "inputs": "a fox",
        "parameters": {
            "num_inference_steps": 4,
            "guidance_scale": 0.5,
            "seed": 3,
            "negative_prompt": "rain",
            "width": 512,
            "height": 512,
        },
    }
    upstream.answers[NATIVE] = (
        410,
        {"error": "The requested model is deprecated and no longer supported by provider hf-inference."},
        {},
    )
    upstream.answers["/nscale/v1/images/generations"] = {"data": [{"b64_json": base64.b64encode(PNG).decode()}]}
    stream = await drawing(settings, size=(512, 512))
    assert upstream.body("/nscale/v1/images/generations")["size"] == "512x512"
    assert stream.pictures


@pytest.mark.parametrize(
    ("refusal", "failure"),
    [
        (
            (402, {"error": "x"}, {"x-error-message": "You have depleted your monthly included credits"}),
            "quota_exhausted",
        ),
        ((401, {"error": "Invalid credentials in Authorization header"}, {}), "unauthenticated"),
        ((503, {"error": "Model x is currently loading", "estimated_time": 90.0}, {}), "loading"),
        ((500, "Internal Server Error", {}), "server_error"),
        ((200, {"error": "Model too busy"}, {}), "overloaded"),
        ((200, {"nothing": 1}, {}), "bad_response"),
    ],
)
async def test_hugging_faces_refusals_have_their_class(
    upstream: Upstream, refusal: tuple[int, Any, dict[str, str]], failure: str
) -> None:
    settings = hugging(upstream, {"hf-inference": "black-forest-labs/FLUX.1-schnell"})
    upstream.answers[NATIVE] = refusal
    with pytest.raises(errors.AntiphonError) as caught:
        await drawing(settings, timeout=5)
    assert caught.value.attempts[0].failure == failure


async def test_azure_has_its_own_header(upstream: Upstream) -> None:
    upstream.answers["/openai/v1/chat/completions"] = [delta("hi", "stop"), b"data: [DONE]\n\n"]
    assert (await answer(config("azure", f"{upstream.url}/openai/v1", "my-deployment"))).text == "hi"
    headers = upstream.seen[-1][2]
    assert headers["api-key"] == TOKEN
    assert "Authorization" not in headers
