"""DeepInfra: chat and vision over its OpenAI API, pictures over the native inference endpoint or the OpenAI one.

Sources: DeepInfra API documents (OpenAI API, native inference, rate limits) and recorded answers.
"""

from collections.abc import AsyncIterator, Sequence
from typing import Any, ClassVar, Literal

import msgspec
from msgspec import Struct

from inference_service.domain import CHAT_SETTINGS, IMAGE_SETTINGS, Capabilities, ImageEvent
from inference_service.failures import FailureKind, UpstreamFailure
from inference_service.providers.kit import errors
from inference_service.providers.openai import images
from inference_service.providers.openai.provider import OpenAI
from inference_service.providers.seam import Declaration, ImageCall, LimitReport, ModelInfo

TEXT = Capabilities(chat=True, streaming=True, prefill=True, settings=CHAT_SETTINGS | {"sampling.top_k"})
EYES = msgspec.structs.replace(TEXT, vision=True)
# The native endpoint takes sides of 128 to 1,024; above 384 every multiple of 64 is allowed.
BRUSH = Capabilities(image=True, settings=IMAGE_SETTINGS, size_step=64, min_side=384, max_side=1024, max_count=4)


class Options(Struct, frozen=True, forbid_unknown_fields=True):
    image_api: Literal["native", "openai"] = "native"
    preset: str = "plain"
    prefill: bool | None = None
    partial_images: int = 0


class DeepInfra(OpenAI):
    declaration: ClassVar[Declaration] = Declaration(
        kind="deepinfra",
        title="DeepInfra",
        base_url="https://api.deepinfra.com/v1/openai",
        credentials=("DEEPINFRA_API_KEY", "DEEPINFRA_TOKEN"),
        default_models=(
            "meta-llama/Llama-3.3-70B-Instruct-Turbo",
            "meta-llama/Llama-4-Maverick-17B-128E-Instruct-FP8",
            "black-forest-labs/FLUX-1-schnell",
        ),
        model_aliases={
            "FLUX.1-schnell": "black-forest-labs/FLUX-1-schnell",
            "FLUX.1-dev": "black-forest-labs/FLUX-1-dev",
        },
        capabilities={
            "meta-llama/Llama-4-Maverick-17B-128E-Instruct-FP8": EYES,
            "black-forest-labs/FLUX-1-schnell": BRUSH,
            "black-forest-labs/FLUX-1-dev": BRUSH,
            "stabilityai/sd3.5": BRUSH,
            "*": TEXT,
        },
        quota_group="account",
        discovers=True,
        sources=("DeepInfra documents: OpenAI API, native inference, rate limits",),
    )
    options_type: ClassVar[type[Any]] = Options
    signs: ClassVar[tuple[errors.Sign, ...]] = (
        errors.Sign(FailureKind.UNAUTHENTICATED, r"not authenticated", (401, 403)),
        errors.Sign(FailureKind.OVERLOADED, r"model busy", (429,)),
    )

    def capabilities(self, model: str) -> Capabilities:
        known = super().capabilities(model)
        if known is TEXT and any(word in model.lower() for word in ("flux", "stable-diffusion", "sdxl", "/sd3")):
            return BRUSH
        return known

    async def image(self, call: ImageCall) -> AsyncIterator[ImageEvent | LimitReport]:
        if self.options.image_api == "openai":
            async for event in super().image(call):
                yield event
            return
        url = f"{self._root()}/v1/inference/{call.model}"
        async for event in images.draw(
            self.http, url, self.headers(call.secret), native_body(call), call, self.failure
        ):
            yield event

    def _root(self) -> str:
        return self.settings.base_url.removesuffix("/openai").removesuffix("/v1")

    async def models(self, secret: str | None) -> Sequence[ModelInfo]:
        """Chat models with their tags from the OpenAI list, picture models from the featured ones."""
        found: dict[str, Capabilities] = {}
        for item in await self.listed(f"{self.settings.base_url}/models?filter=with_meta", secret):
            about = item.get("metadata") or {}
            tags = about.get("tags") or ()
            if isinstance(name := item.get("id"), str) and (not tags or "chat" in tags or "vlm" in tags):
                can = EYES if "vlm" in tags or "vision" in tags else TEXT
                found[name] = msgspec.structs.replace(can, context_tokens=about.get("context_length") or 0)
        try:
            featured = await self.listed(f"{self._root()}/models/featured", secret)
        except UpstreamFailure:
            featured = []
        for item in featured:
            name = item.get("model_name")
            if not isinstance(name, str):
                continue
            if item.get("reported_type") == "text-to-image":
                found[name] = BRUSH
            elif item.get("type") == "text-generation":
                found.setdefault(name, TEXT)
        self._discovered = found
        return [ModelInfo(name, can) for name, can in found.items()]


def native_body(call: ImageCall) -> dict[str, Any]:
    request = call.request
    width, height = call.size or (None, None)
    values = {
        "prompt": request.prompt,
        "negative_prompt": request.negative_prompt or None,
        "num_images": call.count if call.count > 1 else None,
        "num_inference_steps": request.steps,
        "guidance_scale": request.guidance_scale,
        "width": width,
        "height": height,
        "seed": request.seed,
    }
    return {key: value for key, value in values.items() if value is not None}
