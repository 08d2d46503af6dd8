"""DeepInfra: chat and vision over its OpenAI API, pictures over the native inference endpoint or the OpenAI one.

Sources: DeepInfra API documents (OpenAI API, native inference, rate limits) and recorded answers.
"""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Any, ClassVar, Literal

import msgspec
from msgspec import Struct

from inference_service.domain import CHAT_SETTINGS, IMAGE_SETTINGS, Capabilities, ImageEvent
from inference_service.failures import FailureKind, UpstreamFailure
from inference_service.providers.kit import errors
from inference_service.providers.openai import images
from inference_service.providers.openai.provider import OpenAI
from inference_service.providers.pictures.drawing import Target, draw
from inference_service.providers.pictures.seeds import SEED_32
from inference_service.providers.pictures.style import Order, Style, given
from inference_service.providers.seam import Declaration, ImageCall, LimitReport, ModelInfo

TEXT = Capabilities(chat=True, streaming=True, prefill=True, settings=CHAT_SETTINGS | {"sampling.top_k"})
EYES = msgspec.structs.replace(TEXT, vision=True)
IMAGE_WORDS = ("flux", "stable-diffusion", "sdxl", "/sd3", "/sd-turbo")


def _native(order: Order) -> dict[str, Any]:
    request = order.request
    return given(
        prompt=request.prompt,
        negative_prompt=request.negative_prompt,
        num_images=order.call.count if order.call.count > 1 else None,
        num_inference_steps=request.steps,
        guidance_scale=request.guidance_scale,
        seed=order.seed,
        **order.sides,
    )


def _openai(order: Order) -> dict[str, Any]:
    return given(
        model=order.model,
        prompt=order.request.prompt,
        n=order.call.count,
        size=order.size(),
        response_format="b64_json",
    )


# The native endpoint takes sides of 128 to 1,024; above 384 every multiple of 64 is allowed.
BRUSH = Capabilities(image=True, settings=IMAGE_SETTINGS, size_step=64, min_side=384, max_side=1024, max_count=4)
NATIVE = Style("/v1/inference/{model}", _native, BRUSH, SEED_32)
OPENAI = Style(
    "/v1/openai/images/generations",
    _openai,
    msgspec.structs.replace(BRUSH, settings=frozenset({"size", "aspect_ratio"})),
)


class Options(Struct, frozen=True, forbid_unknown_fields=True):
    image_api: Literal["native", "openai"] = "native"
    preset: str = "plain"
    prefill: bool | None = None
    partial_images: int = 0


class DeepInfra(OpenAI):
    declaration: Declaration = Declaration(
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
        },
        sources=("DeepInfra documents: OpenAI API, native inference, rate limits",),
    )
    options_type: ClassVar[type[Any]] = Options
    signs: ClassVar[tuple[errors.Sign, ...]] = (
        errors.Sign(FailureKind.UNAUTHENTICATED, r"not authenticated", (401, 403)),
        errors.Sign(FailureKind.OVERLOADED, r"model busy", (429,)),
    )

    def capabilities(self, model: str) -> Capabilities:
        facts = self.settings.capabilities.get(model) or self._discovered.get(model)
        if facts is not None:
            return facts if facts.image else super().capabilities(model)
        declared = self.declaration.capabilities.get(model)
        if declared.image if declared else any(word in model.lower() for word in IMAGE_WORDS):
            can = self._style().capabilities
            return msgspec.structs.replace(can, input_image="kontext" in model.lower() or "edit" in model.lower())
        return super().capabilities(model)

    def _style(self) -> Style:
        return OPENAI if self.options.image_api == "openai" else NATIVE

    async def image(self, call: ImageCall) -> AsyncGenerator[ImageEvent | LimitReport, None]:
        target = Target(self._root(), self.headers(call.secret))
        # Only the OpenAI endpoint can edit pictures.
        edits = call.request.input_image is not None
        events = images.draw(self, call) if edits else draw(self, self._style(), target, call)
        async with aclosing(events) as drawing:
            async for event in drawing:
                yield event

    def _root(self) -> str:
        return self.settings.base_url.removesuffix("/openai").removesuffix("/v1")

    async def models(self, secret: str | None) -> Sequence[ModelInfo]:
        """Chat models with their tags from the OpenAI list, picture models from the featured ones."""
        models: dict[str, Capabilities] = {}
        for item in await self.listed(f"{self.settings.base_url}/models?filter=with_meta", secret):
            metadata = item.get("metadata")
            about: dict[str, Any] = metadata if isinstance(metadata, dict) else {}
            tags = listed if isinstance(listed := about.get("tags"), list) else []
            if isinstance(name := item.get("id"), str) and (not tags or "chat" in tags or "vlm" in tags):
                can = EYES if "vlm" in tags or "vision" in tags else TEXT
                length = about.get("context_length")
                models[name] = msgspec.structs.replace(can, context_tokens=length if isinstance(length, int) else 0)
        try:
            featured = await self.listed(f"{self._root()}/models/featured", secret)
        except UpstreamFailure:
            featured = []
        for item in featured:
            name = item.get("model_name")
            if not isinstance(name, str):
                continue
            if item.get("reported_type") == "text-to-image":
                models[name] = self._style().capabilities
            elif item.get("type") == "text-generation":
                models.setdefault(name, TEXT)
        self._discovered = models
        return [ModelInfo(name, can) for name, can in models.items()]
