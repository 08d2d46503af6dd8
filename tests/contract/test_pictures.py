"""Pictures of OpenAI's API, and what is not accepted as one, whoever made it."""

import base64
import io
import json

import pytest
from PIL import Image

from antiphon import errors, events
from tests.contract.upstream import PNG, Upstream, config, drawing
from tests.fakes.upstream.server import png


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
    assert len([event for event in stream.seen if isinstance(event, events.Preview)]) == 1
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
    assert [type(event) for event in stream.seen if isinstance(event, events.Preview | events.Picture)] == [
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
    with pytest.raises(errors.Unsupported, match="can start from a picture"):
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
