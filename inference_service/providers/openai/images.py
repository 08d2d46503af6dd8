"""Pictures over the OpenAI images API, from words or from another picture, and one reader for every documented shape of a picture result.

Sources: OpenAI API reference (images, streaming); DeepInfra, Hugging Face, Together, nscale, fal and
Replicate documents for the shapes. A picture may be base64, a data URI or a URL; it is checked later.
"""

import base64
import binascii
import re
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from typing import Any

import aiohttp
import msgspec
from msgspec import Struct

from inference_service.domain import Finish, FinishReason, ImageEvent, Picture, Preview, Progress, Usage
from inference_service.failures import FailureKind, UpstreamFailure
from inference_service.pictures.normalise import without_gif
from inference_service.providers.kit import errors
from inference_service.providers.kit.http import HttpClient, chunks, read, read_error
from inference_service.providers.kit.sse import SseParser
from inference_service.providers.seam import ImageCall, LimitReport

Refusal = Callable[[int, Mapping[str, str], bytes], UpstreamFailure]
_DATA_URI = re.compile(r"data:[\w/+.-]*;base64,", re.ASCII)


class PictureUrl(Struct, frozen=True):
    """A result that must still be fetched."""

    url: str


def body(call: ImageCall, partial_images: int) -> dict[str, Any]:
    """GPT-image models stream and always answer base64; DALL·E wants to be told."""
    chosen: dict[str, Any] = {"model": call.model, "prompt": call.request.prompt, "n": call.count}
    if call.size:
        chosen["size"] = f"{call.size[0]}x{call.size[1]}"
    if call.model.startswith("gpt-image"):
        if partial_images and call.count == 1:
            chosen |= {"stream": True, "partial_images": min(partial_images, 3)}
    else:
        chosen["response_format"] = "b64_json"
    return chosen


async def _sent(wanted: dict[str, Any], call: ImageCall) -> dict[str, Any]:
    """JSON, or a form where a picture goes along."""
    if call.request.input_image is None:
        return {"json": msgspec.json.encode(wanted)}
    given = await without_gif(call.request.input_image)
    form = aiohttp.FormData()
    for name, value in wanted.items():
        form.add_field(name, value if isinstance(value, str) else msgspec.json.encode(value).decode())
    name = f"input.{given.mime.partition('/')[2]}"  # the server tells the format by the name's end
    form.add_field("image", given.data, filename=name, content_type=given.mime)
    return {"form": form}


async def draw(
    http: HttpClient, url: str, headers: Mapping[str, str], wanted: dict[str, Any], call: ImageCall, refusal: Refusal
) -> AsyncIterator[ImageEvent | LimitReport]:
    """One call that answers with pictures in any of the shapes. Raises UpstreamFailure."""
    yield Progress("generating")
    async with http.request("POST", url, headers=headers, **await _sent(wanted, call)) as response:
        if response.status not in (200, 201):
            raise refusal(response.status, response.headers, await read_error(response))
        if response.content_type == "text/event-stream":
            parser, count = SseParser(), 0
            async for data in chunks(response):
                for event in parser.feed(data):
                    for made in _streamed(event.data, call):
                        count += isinstance(made, Picture)
                        yield made
            if not count:
                raise UpstreamFailure(
                    FailureKind.STREAM_CUT, "the provider's picture ended without its end", status=200
                )
            yield Finish(FinishReason.STOP)
            return
        kind, answer = response.content_type, await read(response)
    if kind.startswith("image/"):
        yield Picture(call.first_index, answer, call.request.seed)
        yield Usage(images=1)
        yield Finish(FinishReason.STOP)
        return
    parsed = decode(answer)
    found = list(results(parsed))
    if not found:
        raise nothing_in(parsed)
    for number, one in enumerate(found[: call.count]):
        data = await http.fetch_picture(one.url) if isinstance(one, PictureUrl) else one
        yield Picture(call.first_index + number, data, seed_of(parsed, call))
    yield Usage(images=min(len(found), call.count))
    yield Finish(FinishReason.STOP)


def decode(answer: bytes) -> Any:
    try:
        return msgspec.json.decode(answer)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise errors.failure(FailureKind.BAD_RESPONSE, status=200) from error


def results(parsed: Any) -> Iterator[bytes | PictureUrl]:
    """Pictures in `data`, `images`, `output`, `image_url`, `image_result` or `outputs`; one or many."""
    if isinstance(parsed, str):
        if (one := from_text(parsed)) is not None:
            yield one
    elif isinstance(parsed, list):
        for item in parsed:
            yield from results(item)
    elif isinstance(parsed, dict):
        for key in ("b64_json", "images", "output", "outputs", "image_url", "image_result", "url", "image", "data"):
            if parsed.get(key):
                yield from results(parsed[key])
                return


def from_text(text: str) -> bytes | PictureUrl | None:
    """A data URI, a URL, or bare base64; None for anything else."""
    if text.startswith(("https://", "http://")):
        return PictureUrl(text)
    head = _DATA_URI.match(text[:100])
    try:
        return base64.b64decode(text[head.end() :] if head else text, validate=True) or None
    except (binascii.Error, ValueError):
        return None


def seed_of(parsed: Any, call: ImageCall) -> int | None:
    seed = parsed.get("seed") if isinstance(parsed, dict) else None
    return seed if isinstance(seed, int) and not isinstance(seed, bool) and seed >= 0 else call.request.seed


def nothing_in(parsed: Any) -> UpstreamFailure:
    """A 200 without a picture: an error object, a filter, or nothing at all."""
    if isinstance(parsed, dict):
        if parsed.get("error"):
            return errors.in_stream(parsed["error"], began=False)
        if any(parsed.get("nsfw_content_detected") or ()):
            return errors.failure(FailureKind.CONTENT_REFUSED, status=200, parsed={"code": "nsfw"})
        state = parsed.get("inference_status")
        if isinstance(state, dict) and state.get("status") in ("failed", "queued"):
            return errors.failure(FailureKind.SERVER_ERROR, status=200)
    return errors.failure(FailureKind.BAD_RESPONSE, status=200)


def _streamed(data: bytes, call: ImageCall) -> Iterator[ImageEvent]:
    if data.startswith(b"[DONE]"):
        return
    event = decode(data)
    if not isinstance(event, dict):
        return
    if event.get("error"):
        raise errors.in_stream(event["error"], began=False)
    made = from_text(event.get("b64_json") or "")
    if not isinstance(made, bytes):
        return
    if str(event.get("type", "")).endswith(".partial_image"):
        yield Preview(call.first_index, f"image/{event.get('output_format') or 'png'}", made)
    elif str(event.get("type", "")).endswith(".completed"):
        usage = event.get("usage") or {}
        yield Picture(call.first_index, made, call.request.seed)
        yield Usage(usage.get("input_tokens") or 0, usage.get("output_tokens") or 0, 0, 1)
