"""Hugging Face Inference Providers: chat through the router, pictures through any provider that has the model.

The hub knows which providers have a model; its answer is cached for an hour. How each provider expects its requests is
in `pictures/task_providers.py`.
Sources: huggingface_hub and huggingface.js (inference clients), Hugging Face documents on Inference Providers.
"""

import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from typing import Any, ClassVar
from urllib.parse import quote

import msgspec
from msgspec import Struct

from inference_service.domain import CHAT_SETTINGS, Capabilities, ImageEvent, ImageRequest
from inference_service.failures import FailureKind, Scope, UpstreamFailure
from inference_service.providers import embeddings, speech
from inference_service.providers.kit import errors
from inference_service.providers.kit.http import read, read_error
from inference_service.providers.openai.provider import OpenAI
from inference_service.providers.pictures.drawing import Target, draw
from inference_service.providers.pictures.style import dropped
from inference_service.providers.pictures.task_providers import STYLES, style_of
from inference_service.providers.seam import Declaration, ImageCall, LimitReport, ModelInfo
from inference_service.settings import wanted_of_image

TEXT = Capabilities(chat=True, vision=False, streaming=True, settings=CHAT_SETTINGS)
BRUSH = STYLES["hf-inference"].capabilities
IMAGE_WORDS = ("flux", "stable-diffusion", "sdxl", "cogview", "qwen-image", "hidream")
MAPPING_AGE = 3_600.0
LARGEST_MAPPING = 1024 * 1024
GONE_HERE = frozenset({FailureKind.MODEL_NOT_FOUND, FailureKind.RETIRED})


class Options(Struct, frozen=True, forbid_unknown_fields=True):
    hub_url: str = "https://huggingface.co"
    image_providers: tuple[str, ...] = tuple(STYLES)  # in this order
    bill_to: str = ""  # organisation that pays
    preset: str = "plain"
    prefill: bool | None = None


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
        # About the provider behind the router, not about the token.
        errors.Sign(FailureKind.MODEL_NOT_FOUND, r"requested provider .{0,60}not available", (403,)),
        errors.Sign(FailureKind.UNAUTHENTICATED, r"invalid (credentials|username)", (401,)),
    )

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._mappings: dict[str, tuple[float, dict[str, str]]] = {}

    def capabilities(self, model: str) -> Capabilities:
        """For a picture model: what any of its providers accepts, once the hub has named them."""
        if model in self.settings.capabilities:
            return self.settings.capabilities[model]
        facts = self._discovered.get(model) or self.declaration.capabilities.get(model)
        if not (facts.image if facts else any(word in model.lower() for word in IMAGE_WORDS)):
            return super().capabilities(model)
        homes = [style_of(slug, theirs).capabilities for slug, theirs in self._known_homes(model).items()]
        if not homes:
            return BRUSH
        settings = frozenset[str]().union(*(home.settings for home in homes))
        return msgspec.structs.replace(homes[0], settings=settings)

    def _known_homes(self, model: str) -> dict[str, str]:
        return self._mappings.get(model, (0.0, {}))[1]

    def headers(self, secret: str | None) -> dict[str, str]:
        head = super().headers(secret)
        return {**head, "X-HF-Bill-To": self.options.bill_to} if self.options.bill_to else head

    def chat_url(self) -> str:
        return f"{self.settings.base_url}/v1/chat/completions"

    async def image(self, call: ImageCall) -> AsyncGenerator[ImageEvent | LimitReport, None]:
        """Tries the model's providers in order; one that no longer has the model is skipped."""
        homes = honouring(await self._homes(call.model, call.secret), call.request)
        for slug, theirs in homes.items():
            last = slug == next(reversed(homes))
            target = Target(self.settings.base_url, self.headers(call.secret), theirs)
            try:
                async with aclosing(draw(self, style_of(slug, theirs), target, call)) as drawing:
                    async for event in drawing:
                        yield event
            except UpstreamFailure as failure:
                if last or failure.kind not in GONE_HERE:
                    raise
            else:
                return

    async def transcribe(self, call: speech.TranscribeCall) -> speech.Transcript:
        url = f"{self.settings.base_url}/hf-inference/models/{quote(call.model, safe='/')}"
        return await speech.over_hugging_face(self, url, self.headers(call.secret), call)

    async def embed(self, call: embeddings.EmbedCall) -> embeddings.Embeddings:
        model = quote(call.model, safe="/")
        url = f"{self.settings.base_url}/hf-inference/models/{model}/pipeline/feature-extraction"
        return await embeddings.over_hugging_face(self, url, self.headers(call.secret), call)

    async def _homes(self, model: str, secret: str | None) -> dict[str, str]:
        """Provider → its own id of the model; live providers in the configured order. If the hub is silent: hf-inference."""
        asked_at, listed = self._mappings.get(model, (0.0, {}))
        if listed and time.monotonic() - asked_at < MAPPING_AGE:
            return listed
        fallback = listed or {"hf-inference": model}
        try:
            mapping = await self._mapping(model, secret)
        except UpstreamFailure as failure:
            if failure.kind in GONE_HERE:
                raise
            return fallback
        homes = _live(mapping, self.options.image_providers)
        if mapping and not homes:
            raise errors.failure(FailureKind.MODEL_NOT_FOUND, status=200)
        self._mappings[model] = (time.monotonic(), homes or fallback)
        return homes or fallback

    async def _mapping(self, model: str, secret: str | None) -> Any:
        """What the hub says about a model's providers; an empty result if it is malformed. Raises UpstreamFailure."""
        url = f"{self.options.hub_url}/api/models/{quote(model, safe='/')}"
        params = {"expand[]": "inferenceProviderMapping"}
        async with self.http.request("GET", url, headers=self.headers(secret), params=params) as response:
            if response.status != 200:
                raise self.failure(response.status, response.headers, await read_error(response))
            try:
                answer = msgspec.json.decode(await read(response, LARGEST_MAPPING))
            except (msgspec.DecodeError, UnicodeDecodeError):
                return None
        return answer.get("inferenceProviderMapping") if isinstance(answer, dict) else None

    async def models(self, secret: str | None) -> Sequence[ModelInfo]:
        models = []
        for item in await self.listed(f"{self.settings.base_url}/v1/models", secret):
            if not isinstance(name := item.get("id"), str):
                continue
            about = item.get("architecture")
            inputs = about.get("input_modalities") if isinstance(about, dict) else None
            can = msgspec.structs.replace(
                TEXT, vision=isinstance(inputs, list) and "image" in inputs, context_tokens=_context(item)
            )
            self._discovered[name] = can
            models.append(ModelInfo(name, can))
        models += [ModelInfo(name, BRUSH) for name in self.declaration.default_models if self.capabilities(name).image]
        return models


def _context(item: Mapping[str, Any]) -> int:
    """The largest context among a model's providers."""
    providers = item.get("providers")
    lengths = (
        [provider.get("context_length") for provider in providers if isinstance(provider, dict)]
        if isinstance(providers, list)
        else []
    )
    return max((length for length in lengths if isinstance(length, int) and length > 0), default=0)


def _live(mapping: Any, order: Sequence[str]) -> dict[str, str]:
    if not isinstance(mapping, dict):
        return {}
    live = {
        slug: about["providerId"]
        for slug, about in mapping.items()
        if isinstance(about, dict) and about.get("status") == "live" and isinstance(about.get("providerId"), str)
    }
    return {slug: live[slug] for slug in order if slug in STYLES and live.get(slug)}


def honouring(homes: Mapping[str, str], request: ImageRequest) -> dict[str, str]:
    """The providers to try. Raises UpstreamFailure if the caller insists on a setting that none of them accepts."""
    if not request.strict:
        return dict(homes)
    taken = {slug: style_of(slug, model).capabilities.settings for slug, model in homes.items()}
    willing = {slug: model for slug, model in homes.items() if wanted_of_image(request) <= taken[slug]}
    if not willing:
        dropped(request, max(taken.values(), key=lambda settings: len(settings & wanted_of_image(request))))
    return willing
