"""One request for pictures, from the request to its events, in the style that the host speaks."""

import base64
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from typing import Any, Protocol
from urllib.parse import quote

import aiohttp
import msgspec
from msgspec import Struct

from inference_service.domain import Finish, FinishReason, ImageEvent, Picture, Progress, Usage
from inference_service.failures import UpstreamFailure
from inference_service.pictures.normalise import sniff, without_gif
from inference_service.providers.kit.http import HttpClient, read, read_error
from inference_service.providers.pictures import jobs
from inference_service.providers.pictures.results import Result, decode, read_results
from inference_service.providers.pictures.seeds import reported, seed_for
from inference_service.providers.pictures.style import (
    SHAPE,
    Order,
    Style,
    bounded_steps,
    dropped,
    without,
)
from inference_service.providers.seam import ImageCall, LimitReport
from inference_service.settings import wanted_of_image

ImageEvents = AsyncGenerator[ImageEvent | LimitReport, None]


class Host(jobs.Host, Protocol):
    """What drawing needs from a provider."""

    def limit_report(self, headers: Mapping[str, str]) -> LimitReport | None: ...


class Target(Struct, frozen=True):
    """Where a request goes. `model`: the host's own id; empty: as in the call. `job_base`: empty: as the style says."""

    base: str
    headers: Mapping[str, str]
    model: str = ""
    job_base: str = ""


async def draw(host: Host, style: Style, target: Target, call: ImageCall) -> ImageEvents:
    """Raises UpstreamFailure."""
    honoured = style.capabilities.settings
    for notice in dropped(call.request, honoured):
        yield notice
    request = without(call.request, wanted_of_image(call.request) - honoured)
    request, bounded = bounded_steps(request, style.steps)
    call = msgspec.structs.replace(call, request=request, size=call.size if honoured & SHAPE else None)
    for notice in bounded:
        yield notice
    seed = None
    if style.takes_seed:
        seed, changed = seed_for(call.request, style.largest_seed)
        for notice in changed:
            yield notice
    order = Order(call, target.model or call.model, seed, await data_uri(call))
    url = target.base + style.path.format(model=quote(order.model, safe="/:@"))
    head = {**target.headers, **style.headers}
    yield Progress("generating")
    async with host.http.request("POST", url, headers=head, **sent(style.body(order), form=style.form)) as response:
        if response.status not in (200, 201, 202):
            raise host.failure(response.status, response.headers, await read_error(response))
        yield host.limit_report(response.headers) or LimitReport()
        kind, headers, answer = response.content_type, response.headers, await read(response)
    if kind.startswith("image/") or sniff(answer):
        results = [from_body(answer, headers)]
    else:
        parsed = decode(answer or b"{}")
        if style.job is not None:
            parsed = with_request_id(parsed, headers)
            root = target.job_base or style.job.base or target.base
            async with aclosing(jobs.wait(host, style.job, root, target.headers, parsed)) as waiting:
                async for step in waiting:
                    if isinstance(step, Progress):
                        yield step
                    else:
                        (parsed,) = step
        results = read_results(parsed, url)
    async with aclosing(deliver(host.http, results, call, seed)) as delivering:
        async for event in delivering:
            yield event


async def deliver(http: HttpClient, results: Sequence[Result], call: ImageCall, seed: int | None) -> ImageEvents:
    """Pictures, fetched if they are links, with the usage after each. A failing link costs only its own picture."""
    came, lost = 0, None
    for result in results[: call.count]:
        try:
            data = result.data or await http.fetch_picture(result.url)
        except UpstreamFailure as failure:
            lost = lost or failure
            continue
        yield Picture(call.first_index + came, data, seed if result.seed is None else result.seed)
        came += 1
        yield Usage(images=came)
    if lost is not None and not came:
        raise lost
    yield Finish(FinishReason.STOP)


def from_body(answer: bytes, headers: Mapping[str, str]) -> Result:
    """A picture that is the whole body; its seed and its end are in headers, if a host sends them."""
    if "filter" in headers.get("finish-reason", "").lower():
        read_results({"artifacts": [{"finishReason": "CONTENT_FILTERED"}]}, "")  # raises
    return Result(data=answer, seed=reported(headers.get("seed")))


def with_request_id(parsed: Any, headers: Mapping[str, str]) -> Any:
    """NVIDIA names a job in a header."""
    if (name := headers.get("nvcf-reqid")) and isinstance(parsed, dict):
        return {**parsed, "nvcf-reqid": name}
    return parsed


async def data_uri(call: ImageCall) -> str:
    """The input picture for a JSON body, or nothing."""
    if call.request.input_image is None:
        return ""
    picture = await without_gif(call.request.input_image)
    return f"data:{picture.mime};base64,{encoded(picture.data)}"


def encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


def sent(body: Mapping[str, Any], *, form: bool) -> dict[str, Any]:
    """The body as JSON, or as a form with bytes as files."""
    if not form:
        return {"json": msgspec.json.encode(body)}
    # Even without a file: these hosts refuse application/x-www-form-urlencoded.
    fields = aiohttp.FormData(default_to_multipart=True)
    for name, value in body.items():
        if isinstance(value, bytes):
            mime = sniff(value) or "application/octet-stream"
            fields.add_field(name, value, filename=f"{name}.{mime.partition('/')[2]}", content_type=mime)
        else:
            fields.add_field(name, value if isinstance(value, str) else msgspec.json.encode(value).decode())
    return {"form": fields}
