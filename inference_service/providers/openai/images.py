"""Pictures over the OpenAI images API, from words or from another picture, streamed with previews or in one piece.

Hosts with their own API are in `pictures/hosts.py`. Source: OpenAI API reference (images, streaming).
"""

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any, Protocol

import aiohttp
import msgspec

from inference_service.domain import Capabilities, Finish, FinishReason, Picture, Preview, Progress, Usage
from inference_service.failures import FailureKind, UpstreamFailure
from inference_service.pictures.normalise import sniff, without_gif
from inference_service.providers.kit import errors
from inference_service.providers.kit.http import next_chunk, read, read_error
from inference_service.providers.kit.sse import EventTooLargeError, SseParser
from inference_service.providers.pictures import drawing, hosts
from inference_service.providers.pictures.drawing import ImageEvents, Target, deliver
from inference_service.providers.pictures.results import decode, from_text, read_results
from inference_service.providers.pictures.style import Style, dropped
from inference_service.providers.seam import Declaration, ImageCall, LimitReport, Settings

LARGEST_EVENT = 64 * 1024 * 1024
HONOURED = frozenset({"size", "aspect_ratio"})


class Host(drawing.Host, Protocol):
    """An OpenAI-compatible provider."""

    declaration: Declaration
    settings: Settings
    options: Any

    def headers(self, secret: str | None) -> dict[str, str]: ...

    def root(self, secret: str | None) -> str: ...


async def draw(host: Host, call: ImageCall) -> ImageEvents:
    """One call, in the style that `options.image_api` names, else in OpenAI's. Raises UpstreamFailure."""
    if name := _api(host):
        style = hosts.style_of(name, call.model)
        events = drawing.draw(host, style, _target(host, style, call), call)
    else:
        events = _draw(host, call)
    async with aclosing(events) as making:
        async for event in making:
            yield event


def capabilities(host: Host, model: str) -> Capabilities | None:
    """For an undescribed picture model at a host whose picture API is known. None otherwise."""
    name = _api(host)
    return hosts.style_of(name, model).capabilities if name and hosts.draws(model) else None


def _api(host: Host) -> str:
    """The style's name; empty for OpenAI's own."""
    chosen = getattr(host.options, "image_api", "") or hosts.name_of(host.declaration.kind, host.settings.base_url)
    return chosen if chosen in hosts.NAMES else ""


def _target(host: Host, style: Style, call: ImageCall) -> Target:
    """Where the request goes. An operator's own base URL replaces all hosts of the provider."""
    own = getattr(host.options, "image_base_url", "")
    if not own and host.settings.base_url != host.declaration.base_url:
        own = host.root(call.secret)
    return Target(own or style.base or host.root(call.secret), host.headers(call.secret), job_base=own)


def body(call: ImageCall, partial_images: int) -> dict[str, Any]:
    """GPT-image models stream and always answer in base64; DALL·E must be asked for it."""
    chosen: dict[str, Any] = {"model": call.model, "prompt": call.request.prompt, "n": call.count}
    if call.size:
        chosen["size"] = f"{call.size[0]}x{call.size[1]}"
    if call.model.startswith("gpt-image"):
        if partial_images and call.count == 1:
            chosen |= {"stream": True, "partial_images": min(partial_images, 3)}
    else:
        chosen["response_format"] = "b64_json"
    return chosen


async def _draw(host: Host, call: ImageCall) -> ImageEvents:
    for notice in dropped(call.request, HONOURED):
        yield notice
    what = "generations" if call.request.input_image is None else "edits"
    url = f"{host.root(call.secret)}/images/{what}"
    wanted = body(call, getattr(host.options, "partial_images", 0))
    yield Progress("generating")
    async with host.http.request(
        "POST", url, headers=host.headers(call.secret), **await _sent(wanted, call)
    ) as response:
        if response.status not in (200, 201):
            raise host.failure(response.status, response.headers, await read_error(response))
        yield host.limit_report(response.headers) or LimitReport()
        if response.content_type == "text/event-stream":
            async with aclosing(_streamed(response, call)) as streaming:
                async for event in streaming:
                    yield event
            return
        answer = await read(response)
    parsed = {"b64_json": drawing.encoded(answer)} if sniff(answer) else decode(answer)
    tokens = _tokens(parsed)
    async with aclosing(deliver(host.http, read_results(parsed, url), call, None)) as delivering:
        async for event in delivering:
            yield msgspec.structs.replace(tokens, images=event.images) if isinstance(event, Usage) else event


async def _sent(wanted: Mapping[str, Any], call: ImageCall) -> dict[str, Any]:
    """JSON, or a form if a picture is included."""
    if call.request.input_image is None:
        return {"json": msgspec.json.encode(wanted)}
    picture = await without_gif(call.request.input_image)
    form = aiohttp.FormData()
    for name, value in wanted.items():
        form.add_field(name, value if isinstance(value, str) else msgspec.json.encode(value).decode())
    name = f"input.{picture.mime.partition('/')[2]}"  # the server reads the format from the file extension
    form.add_field("image", picture.data, filename=name, content_type=picture.mime)
    return {"form": form}


async def _streamed(response: aiohttp.ClientResponse, call: ImageCall) -> ImageEvents:
    """Previews, then pictures. A stream that ends without a picture was cut."""
    parser, came, usage = SseParser(LARGEST_EVENT), 0, Usage()
    try:
        async with aclosing(_events(response, parser)) as reading:
            async for event in reading:
                if event.get("error"):
                    raise errors.in_stream(event["error"], began=False)
                result = from_text(text) if isinstance(text := event.get("b64_json"), str) else None
                kind = str(event.get("type", ""))
                if result is None or not result.data:
                    continue
                if kind.endswith(".partial_image"):
                    yield Preview(call.first_index + came, sniff(result.data) or "image/png", result.data)
                elif kind.endswith(".completed"):
                    yield Picture(call.first_index + came, result.data)
                    came += 1
                    usage = _added(usage, _tokens(event), came)
                    yield usage
    except EventTooLargeError as error:
        raise errors.failure(FailureKind.BAD_RESPONSE, status=200) from error
    if not came:
        raise UpstreamFailure(FailureKind.STREAM_CUT, "the provider's picture stopped before its end", status=200)
    yield Finish(FinishReason.STOP)


async def _events(response: aiohttp.ClientResponse, parser: SseParser) -> AsyncGenerator[dict[str, Any], None]:
    while data := await next_chunk(response):
        for event in parser.feed(data):
            if not event.data.startswith(b"[DONE]") and isinstance(members := decode(event.data), dict):
                yield members


def _tokens(answer: Any) -> Usage:
    usage = answer.get("usage") if isinstance(answer, dict) else None
    counts = usage if isinstance(usage, dict) else {}
    return Usage(_count(counts.get("input_tokens")), _count(counts.get("output_tokens")))


def _count(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**53 else 0


def _added(usage: Usage, more: Usage, images: int) -> Usage:
    return Usage(usage.prompt_tokens + more.prompt_tokens, usage.completion_tokens + more.completion_tokens, 0, images)
