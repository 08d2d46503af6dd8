"""Hugging Face Inference Providers: chat through the router, pictures through whichever provider has the model.

Which provider has a model is asked of the hub and kept for an hour; how each wants its request is a table.
Sources: huggingface_hub and huggingface.js (inference clients), Hugging Face documents on Inference Providers.
"""

import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any, ClassVar
from urllib.parse import quote

import msgspec
from msgspec import Struct

from inference_service.domain import CHAT_SETTINGS, IMAGE_SETTINGS, Capabilities, ImageEvent, Picture
from inference_service.failures import FailureKind, Scope, UpstreamFailure
from inference_service.providers.kit import errors
from inference_service.providers.kit.http import read, read_error
from inference_service.providers.openai import images
from inference_service.providers.openai.provider import OpenAI
from inference_service.providers.seam import Declaration, ImageCall, LimitReport, ModelInfo

TEXT = Capabilities(chat=True, vision=False, streaming=True, settings=CHAT_SETTINGS)
BRUSH = Capabilities(image=True, settings=IMAGE_SETTINGS, size_step=16, min_side=256, max_side=2048)
MAPPING_AGE = 3_600.0


class Options(Struct, frozen=True, forbid_unknown_fields=True):
    hub_url: str = "https://huggingface.co"
    image_providers: tuple[str, ...] = ("hf-inference", "nscale", "together", "fal-ai", "replicate")  # in this order
    bill_to: str = ""  # organisation that pays
    preset: str = "plain"
    prefill: bool | None = None


class Brush(Struct, frozen=True):
    """How one provider behind the router wants a picture to be ordered."""

    path: str  # {model} is the provider's own id
    body: Callable[[ImageCall, str], dict[str, Any]]
    headers: Mapping[str, str] = {}


def _given(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value not in (None, "")}


def _sides(call: ImageCall) -> dict[str, int]:
    return {"width": call.size[0], "height": call.size[1]} if call.size else {}


def _settings(call: ImageCall) -> dict[str, Any]:
    request = call.request
    return _given(
        {
            "num_inference_steps": request.steps,
            "guidance_scale": request.guidance_scale,
            "seed": request.seed,
            "negative_prompt": request.negative_prompt,
        }
    )


def _native(call: ImageCall, _: str) -> dict[str, Any]:
    parameters = {**_settings(call), **_sides(call)}
    return {"inputs": call.request.prompt, **({"parameters": parameters} if parameters else {})}


def _nscale(call: ImageCall, model: str) -> dict[str, Any]:
    size = f"{call.size[0]}x{call.size[1]}" if call.size else None
    return _given(
        {
            "model": model,
            "prompt": call.request.prompt,
            "response_format": "b64_json",
            "size": size,
            "seed": call.request.seed,
        }
    )


def _together(call: ImageCall, model: str) -> dict[str, Any]:
    chosen = _settings(call)
    steps = chosen.pop("num_inference_steps", None)
    return _given(
        {
            "model": model,
            "prompt": call.request.prompt,
            "response_format": "base64",
            "steps": steps,
            **_sides(call),
            **chosen,
        }
    )


def _fal(call: ImageCall, _: str) -> dict[str, Any]:
    return _given({"prompt": call.request.prompt, "image_size": _sides(call) or None, **_settings(call)})


def _replicate(call: ImageCall, _: str) -> dict[str, Any]:
    return {"input": {"prompt": call.request.prompt, **_settings(call), **_sides(call)}}


BRUSHES: Mapping[str, Brush] = {
    "hf-inference": Brush("/hf-inference/models/{model}", _native, {"Accept": "image/png"}),
    "nscale": Brush("/nscale/v1/images/generations", _nscale),
    "together": Brush("/together/v1/images/generations", _together),
    "fal-ai": Brush("/fal-ai/{model}", _fal),
    "replicate": Brush("/replicate/v1/models/{model}/predictions", _replicate, {"Prefer": "wait"}),
}
GONE_HERE = frozenset({FailureKind.MODEL_NOT_FOUND, FailureKind.RETIRED})


class HuggingFace(OpenAI):
    declaration: Declaration = Declaration(
        kind="huggingface",
        title="Hugging Face inference",
        base_url="https://router.huggingface.co",
        credentials=("HF_TOKEN",),
        default_models=("black-forest-labs/FLUX.1-schnell", "meta-llama/Llama-3.3-70B-Instruct"),
        model_aliases={
            "FLUX.1-schnell": "black-forest-labs/FLUX.1-schnell",
            "FLUX.1-dev": "black-forest-labs/FLUX.1-dev",
        },
        capabilities={"black-forest-labs/FLUX.1-schnell": BRUSH, "black-forest-labs/FLUX.1-dev": BRUSH, "*": TEXT},
        discovers=True,
        sources=("huggingface_hub", "huggingface.js", "Hugging Face documents: Inference Providers"),
    )
    options_type: ClassVar[type[Any]] = Options
    signs: ClassVar[tuple[errors.Sign, ...]] = (
        errors.Sign(FailureKind.QUOTA_EXHAUSTED, r"monthly included credits|depleted", (402, 429), Scope.GROUP),
        errors.Sign(FailureKind.MODEL_NOT_FOUND, r"model_not_supported|not supported by any provider", (400,)),
        # About whoever serves the model behind the router, not about the token.
        errors.Sign(FailureKind.MODEL_NOT_FOUND, r"requested provider .{0,60}not available", (403,)),
        errors.Sign(FailureKind.UNAUTHENTICATED, r"invalid (credentials|username)", (401,)),
    )

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._mappings: dict[str, tuple[float, dict[str, str]]] = {}

    def capabilities(self, model: str) -> Capabilities:
        known = super().capabilities(model)
        if known is TEXT and any(word in model.lower() for word in ("flux", "stable-diffusion", "sdxl")):
            return BRUSH
        return known

    def headers(self, secret: str | None) -> dict[str, str]:
        head = super().headers(secret)
        return {**head, "X-HF-Bill-To": self.options.bill_to} if self.options.bill_to else head

    def chat_url(self) -> str:
        return f"{self.settings.base_url}/v1/chat/completions"

    async def image(self, call: ImageCall) -> AsyncIterator[ImageEvent | LimitReport]:
        """Asks the model's providers in their order; one that has lost the model is passed over."""
        homes = await self._homes(call.model, call.secret)
        for slug, theirs in homes.items():
            last = slug == next(reversed(homes))
            try:
                async for event in self._draw(slug, theirs, call):
                    yield event
            except UpstreamFailure as failure:
                if last or failure.kind not in GONE_HERE:
                    raise
            else:
                return

    async def _draw(self, slug: str, model: str, call: ImageCall) -> AsyncIterator[ImageEvent | LimitReport]:
        brush = BRUSHES[slug]
        url = self.settings.base_url + brush.path.format(model=quote(model, safe="/:"))
        head = {**self.headers(call.secret), **brush.headers}
        pictures = 0
        async for event in images.draw(self.http, url, head, brush.body(call, model), call, self.failure):
            pictures += isinstance(event, Picture)
            yield event
        if not pictures:
            raise errors.failure(FailureKind.BAD_RESPONSE, status=200)

    async def _homes(self, model: str, secret: str | None) -> dict[str, str]:
        """Provider → its own id of the model, live ones in the configured order. The hub silent: hf-inference."""
        asked, known = self._mappings.get(model, (0.0, {}))
        if known and time.monotonic() - asked < MAPPING_AGE:
            return known
        url = f"{self.options.hub_url}/api/models/{quote(model, safe='/')}"
        fallback = known or {"hf-inference": model}
        try:
            async with self.http.request(
                "GET", url, headers=self.headers(secret), params={"expand[]": "inferenceProviderMapping"}
            ) as response:
                if response.status != 200:
                    failure = self.failure(response.status, response.headers, await read_error(response))
                    if failure.kind in GONE_HERE:
                        raise failure
                    return fallback
                mapping = msgspec.json.decode(await read(response, 1024 * 1024)).get("inferenceProviderMapping")
        except (msgspec.DecodeError, AttributeError):
            return fallback
        except UpstreamFailure as failure:
            if failure.kind in GONE_HERE:
                raise
            return fallback
        homes = _live(mapping, self.options.image_providers)
        if mapping and not homes:
            raise errors.failure(FailureKind.MODEL_NOT_FOUND, status=200)
        self._mappings[model] = (time.monotonic(), homes or fallback)
        return homes or fallback

    async def models(self, secret: str | None) -> Sequence[ModelInfo]:
        found = []
        for item in await self.listed(f"{self.settings.base_url}/v1/models", secret):
            if not isinstance(name := item.get("id"), str):
                continue
            inputs = (item.get("architecture") or {}).get("input_modalities") or ()
            context = max((one.get("context_length") or 0 for one in item.get("providers") or ()), default=0)
            can = msgspec.structs.replace(TEXT, vision="image" in inputs, context_tokens=context)
            self._discovered[name] = can
            found.append(ModelInfo(name, can))
        found += [ModelInfo(name, BRUSH) for name in self.declaration.default_models if self.capabilities(name).image]
        return found


def _live(mapping: Any, order: Sequence[str]) -> dict[str, str]:
    if not isinstance(mapping, dict):
        return {}
    return {
        slug: mapping[slug]["providerId"]
        for slug in order
        if slug in BRUSHES and isinstance(mapping.get(slug), dict) and mapping[slug].get("status") == "live" and mapping[slug].get("providerId")
    }  # fmt: skip
