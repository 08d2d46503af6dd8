"""Each provider against a local server that answers as its documents say."""

import asyncio
import base64
import io
import json
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from aiohttp import web
from PIL import Image

from antiphon import errors, events
from tests.fakes.upstream.server import png
from tests.support.service import QUICK, serving

PNG = png()
TOKEN = "a-token-of-some-length-01"
Answer = Callable[[web.Request, Any], web.StreamResponse]


class Upstream:
    """Answers by path; every request is kept as (method, path, headers, body)."""

    def __init__(self) -> None:
        self.answers: dict[str, Any] = {}
        self.seen: list[tuple[str, str, dict[str, str], Any]] = []
        self.url = ""

    async def handle(self, request: web.Request) -> web.StreamResponse:
        if request.content_type == "multipart/form-data":
            # A file is its name, its type and its bytes.
            body: Any = {
                name: value if isinstance(value, str) else (value.filename, value.content_type, value.file.read())
                for name, value in (await request.post()).items()
            }
        else:
            text = await request.text()
            body = json.loads(text) if text else None
        self.seen.append((request.method, request.path, dict(request.headers), body))
        found = self.answers.get(request.path)
        if found is None:
            return web.json_response({"error": "Not Found"}, status=404)
        if callable(found):
            found = found(body)
        if isinstance(found, list):
            return await self._stream(request, found)
        if isinstance(found, bytes):
            return web.Response(body=found, content_type="image/jpeg")
        status, value, headers = found if isinstance(found, tuple) else (200, found, {})
        if isinstance(value, bytes):
            return web.Response(status=status, body=value, headers=headers)
        if isinstance(value, str):
            return web.Response(status=status, text=value, headers=headers, content_type="text/html")
        return web.json_response(value, status=status, headers=headers)

    async def _stream(self, request: web.Request, chunks: list[Any]) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        for chunk in chunks:
            data = (
                chunk
                if isinstance(chunk, bytes)
                else b"data: " + json.dumps(chunk, ensure_ascii=False).encode() + b"\n\n"
            )
            for at in range(0, len(data), 7):  # cuts fall inside characters and line ends
                await response.write(data[at : at + 7])
                await asyncio.sleep(0)
        return response

    def body(self, path: str) -> Any:
        return next(body for _, seen, _, body in reversed(self.seen) if seen == path)


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    made = Upstream()
    app = web.Application()
    app.router.add_route("*", "/{rest:.*}", made.handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield made
    await runner.cleanup()


def config(kind: str, base_url: str, model: str, **options: Any) -> dict[str, Any]:
    return {
        "providers": {
            kind: {"base_url": base_url, "models": [model], "credentials_env": ["TOKEN"], "options": options}
        },
        "routes": {"chat": {"deployments": [f"{kind}/{model}"]}, "image": {"deployments": [f"{kind}/{model}"]}},
        "routing": {"timeouts": QUICK},
        "images": {"allow_private_addresses": True},
    }


async def answer(settings: dict[str, Any], *messages: events.Message, **more: Any) -> Any:
    async with serving(settings, {"TOKEN": TOKEN}) as (_, client):
        stream = client.chat(list(messages) or [events.Message.user("Привет")], **more)
        stream.seen = [event async for event in stream]  # type: ignore[attr-defined]
        return stream


async def drawing(settings: dict[str, Any], prompt: str = "a fox", **more: Any) -> Any:
    async with serving(settings, {"TOKEN": TOKEN}) as (_, client):
        stream = client.image(prompt, **more)
        stream.seen = [event async for event in stream]  # type: ignore[attr-defined]
        return stream


def delta(content: Any, finish: str | None = None, **more: Any) -> dict[str, Any]:
    return {
        "object": "chat.completion.chunk",
        "choices": [{"index": 0, "delta": {"content": content}, "finish_reason": finish}],
        **more,
    }


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
    assert [(one.kind, one.field) for one in stream.seen if isinstance(one, events.Notice)] == [
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
    assert any("ministral-14b-2512" in one.message for one in stream.seen if isinstance(one, events.Notice))


async def test_mistrals_limit_without_a_time_rests_to_the_next_minute(upstream: Upstream) -> None:
    upstream.answers["/v1/models"] = {"data": []}
    upstream.answers["/v1/chat/completions"] = (
        429,
        {"object": "error", "message": "Rate limit exceeded", "type": "rate_limited", "code": "1300"},
        {},
    )
    with pytest.raises(errors.QuotaExceeded) as caught:
        await answer(config("mistral", f"{upstream.url}/v1", "mistral-large-latest"), timeout=3)
    assert caught.value.retry_after == pytest.approx(60 - time.time() % 60, abs=5)


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
        assert [one.failure for one in caught.value.attempts] == ["retired"]


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
    assert [(one.width, one.height) for one in stream.pictures] == [(64, 48)]
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


async def test_deepinfra_tells_its_models_apart_and_lists_them(upstream: Upstream) -> None:
    upstream.answers["/v1/openai/models"] = {"data": [
        {"id": "org/talker", "metadata": {"tags": ["chat"], "context_length": 4096}}, {"id": "org/seer", "metadata": {"tags": ["chat", "vlm"]}},
    ]}  # fmt: skip
    painter = {"model_name": "org/painter", "type": "x", "reported_type": "text-to-image"}
    upstream.answers["/models/featured"] = (200, [painter], {})
    async with serving(config("deepinfra", f"{upstream.url}/v1/openai", "org/talker"), {"TOKEN": TOKEN}) as (_, client):
        async with asyncio.timeout(10):
            while (
                len(
                    found := {
                        one.name: one for one in await client.models(include_deployments=True) if one.is_deployment
                    }
                )
                < 3
            ):
                await asyncio.sleep(0)
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


async def test_hugging_face_draws_through_whoever_has_the_model(upstream: Upstream) -> None:
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


async def test_openai_shows_partial_images_as_previews(upstream: Upstream) -> None:
    whole, part = (base64.b64encode(png(size)).decode() for size in ((64, 64), (32, 32)))
    upstream.answers["/v1/images/generations"] = [
        b"event: image_generation.partial_image\n"
        b"data: "
        + json.dumps({"type": "image_generation.partial_image", "b64_json": part, "partial_image_index": 0}).encode()
        + b"\n\n",
        {"type": "image_generation.completed", "b64_json": whole, "usage": {"input_tokens": 5, "output_tokens": 9}},
    ]
    stream = await drawing(config("openai", f"{upstream.url}/v1", "gpt-image-1"))
    assert len([one for one in stream.seen if isinstance(one, events.Preview)]) == 1
    assert (stream.pictures[0].width, stream.usage.completion_tokens) == (64, 9)


@pytest.mark.parametrize(
    ("kind", "sent"), [("PNG", "image/png"), ("JPEG", "image/jpeg"), ("WEBP", "image/webp"), ("GIF", "image/png")]
)
async def test_openai_starts_from_a_given_picture_and_streams_what_becomes_of_it(
    upstream: Upstream, kind: str, sent: str
) -> None:
    given = io.BytesIO()
    Image.new("RGB", (48, 32), "red").save(given, kind)
    whole, part = (base64.b64encode(png(size)).decode() for size in ((64, 64), (32, 32)))
    upstream.answers["/v1/images/edits"] = [
        {"type": "image_edit.partial_image", "b64_json": part, "partial_image_index": 0},
        {"type": "image_edit.completed", "b64_json": whole, "usage": {"input_tokens": 5, "output_tokens": 9}},
    ]
    picture = events.Image(f"image/{kind.lower()}", given.getvalue())
    stream = await drawing(config("openai", f"{upstream.url}/v1", "gpt-image-1"), input_image=picture)
    assert [type(one) for one in stream.seen if isinstance(one, events.Preview | events.Picture)] == [
        events.Preview,
        events.Picture,
    ]
    form = upstream.body("/v1/images/edits")
    assert {name: form[name] for name in ("model", "prompt", "n", "stream", "partial_images")} == {
        "model": "gpt-image-1",
        "prompt": "a fox",
        "n": "1",
        "stream": "true",
        "partial_images": "2",
    }
    name, mime, data = form["image"]
    assert (name, mime) == (f"input.{sent.partition('/')[2]}", sent)
    assert Image.open(io.BytesIO(data)).size == (48, 32)


async def test_a_model_that_only_draws_from_words_is_not_asked_to_start_from_a_picture(upstream: Upstream) -> None:
    with pytest.raises(errors.Unsupported, match="starts from a picture"):
        await drawing(
            config("openai", f"{upstream.url}/v1", "dall-e-3"), input_image=events.Image("image/png", png((32, 32)))
        )
    assert upstream.seen == []


@pytest.mark.parametrize(
    "url",
    [
        "https://169.254.169.254/x.png",
        "https://localhost/x.png",
        "http://example.com/x.png",
        "https://[::1]/x.png",
        "https://user@example.com/x.png",
        "file:///etc/passwd",
    ],
)
async def test_a_picture_from_a_private_or_plain_address_is_not_fetched(upstream: Upstream, url: str) -> None:
    settings = config("openai", f"{upstream.url}/v1", "dall-e-3")
    settings["images"] = {}
    upstream.answers["/v1/images/generations"] = {"data": [{"url": url}]}
    with pytest.raises(errors.Unavailable) as caught:
        await drawing(settings)
    assert caught.value.attempts[0].failure in ("bad_image", "bad_response")


async def test_a_bomb_of_pixels_and_an_svg_named_png_are_refused(upstream: Upstream) -> None:
    header = PNG[:16] + (20_000).to_bytes(4) + (10_000).to_bytes(4) + PNG[24:]
    for data in (header, b"<svg xmlns='http://www.w3.org/2000/svg'/>"):
        upstream.answers["/v1/images/generations"] = {"data": [{"b64_json": base64.b64encode(data).decode()}]}
        with pytest.raises(errors.Unavailable) as caught:
            await drawing(config("openai", f"{upstream.url}/v1", "dall-e-3"))
        assert caught.value.attempts[0].failure == "bad_image"


async def test_azure_has_its_own_header(upstream: Upstream) -> None:
    upstream.answers["/openai/v1/chat/completions"] = [delta("hi", "stop"), b"data: [DONE]\n\n"]
    assert (await answer(config("azure", f"{upstream.url}/openai/v1", "my-deployment"))).text == "hi"
    headers = upstream.seen[-1][2]
    assert headers["api-key"] == TOKEN
    assert "Authorization" not in headers
