"""Pollinations: chat over its OpenAI API, pictures by a GET request whose path is the prompt.

The key goes into a header, never into the URL: URLs end up in logs. Pollen is refilled at the full hour.
Sources: Pollinations' API documents and server; its clients.
"""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Any, ClassVar
from urllib.parse import quote

import msgspec
from msgspec import Struct

from inference_service.domain import CHAT_SETTINGS, Capabilities, ImageEvent, ImageRequest, Progress
from inference_service.failures import FailureKind, UpstreamFailure
from inference_service.pictures.normalise import sniff
from inference_service.providers.kit.http import read, read_error
from inference_service.providers.openai.provider import OpenAI
from inference_service.providers.pictures.drawing import deliver, from_body
from inference_service.providers.pictures.jobs import ask
from inference_service.providers.pictures.results import decode, read_results
from inference_service.providers.pictures.seeds import seed_for
from inference_service.providers.pictures.style import dropped
from inference_service.providers.seam import Declaration, ImageCall, LimitReport, ModelInfo

K = FailureKind
LONGEST_PROMPT = 6_000  # characters of the URL; servers and proxies refuse more than about 8,000
TEXT = Capabilities(chat=True, streaming=True, settings=CHAT_SETTINGS)
PAINTER = Capabilities(
    image=True,
    settings=frozenset({"negative_prompt", "size", "aspect_ratio", "seed"}),
    size_step=16,
    min_side=256,
    max_side=2048,
)
KNOWN_PAINTERS = ("flux", "zimage", "turbo", "gptimage", "kontext", "seedream", "nanobanana")


class Options(Struct, frozen=True, forbid_unknown_fields=True):
    safe: bool = True  # turn on the provider's own filter
    preset: str = "plain"
    prefill: bool | None = None


class Pollinations(OpenAI):
    declaration: Declaration = Declaration(
        kind="pollinations",
        title="Pollinations",
        base_url="https://gen.pollinations.ai/v1",
        credentials=("POLLINATIONS_API_KEY", "POLLINATIONS_TOKEN", "POLLINATIONS_KEY"),
        default_models=("flux", "openai"),
        capabilities={**dict.fromkeys(KNOWN_PAINTERS, PAINTER), "*": TEXT},
        quota_group="account",
        discovers=True,
        sources=("Pollinations documents and clients",),
    )
    options_type: ClassVar[type[Any]] = Options

    def _root(self) -> str:
        return self.settings.base_url.removesuffix("/v1")

    async def image(self, call: ImageCall) -> AsyncGenerator[ImageEvent | LimitReport, None]:
        for notice in dropped(call.request, PAINTER.settings):
            yield notice
        seed, changed = seed_for(call.request)
        for notice in changed:
            yield notice
        url = f"{self._root()}/image/{path_of(call.request.prompt)}"
        yield Progress("generating")
        async with self.http.request(
            "GET", url, headers=self.headers(call.secret), params=self._query(call, seed)
        ) as response:
            if response.status != 200:
                raise self.failure(response.status, response.headers, await read_error(response))
            yield self.limit_report(response.headers) or LimitReport()
            answer, headers = await read(response), response.headers
        results = [from_body(answer, headers)] if sniff(answer) else read_results(decode(answer), url)
        async with aclosing(deliver(self.http, results, call, seed)) as delivering:
            async for event in delivering:
                yield event

    def _query(self, call: ImageCall, seed: int) -> dict[str, str]:
        request: ImageRequest = call.request
        query = {
            "model": call.model,
            "seed": str(seed),
            "nologo": "true",
            "private": "true",
            "enhance": "false",
            "safe": "true" if self.options.safe else "false",
        }
        if call.size:
            query |= {"width": str(call.size[0]), "height": str(call.size[1])}
        if request.negative_prompt:
            query["negative_prompt"] = request.negative_prompt
        return query

    async def models(self, secret: str | None) -> Sequence[ModelInfo]:
        models: dict[str, Capabilities] = {}
        for item in await self.listed(f"{self.settings.base_url}/models", secret):
            if isinstance(name := item.get("id") or item.get("name"), str):
                models[name] = msgspec.structs.replace(TEXT, vision="image" in _names(item.get("input_modalities")))
        painters = await ask(self, f"{self._root()}/image/models", self.headers(secret))
        for item in painters if isinstance(painters, list) else ():
            name = item.get("name") if isinstance(item, dict) else item
            outputs = _names(item.get("output_modalities")) if isinstance(item, dict) else ()
            if isinstance(name, str) and (not outputs or "image" in outputs):
                models[name] = PAINTER
        self._discovered = models
        return [ModelInfo(name, can) for name, can in models.items()]


def path_of(prompt: str) -> str:
    """The prompt as one segment of a path. Raises UpstreamFailure if it is too long for a URL."""
    # A segment of dots only would mean "this folder" or "the one above".
    text = prompt if prompt.strip(".") else f"{prompt} "
    path = quote(text, safe="")
    if len(path) > LONGEST_PROMPT:
        raise UpstreamFailure(K.CONTEXT_TOO_LONG, "the prompt is too long for this deployment")
    return path


def _names(value: object) -> tuple[str, ...]:
    return tuple(name for name in value if isinstance(name, str)) if isinstance(value, list) else ()
