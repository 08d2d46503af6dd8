"""Mistral: chat, vision, and continuation of a half-finished answer by `prefix`.

Unknown keys are refused (422), so there is no `stream_options`, and the seed is `random_seed`. A continued answer
begins with the prefix again; the router strips it. A 429 comes without a time: the window is the minute of the clock.
Sources: Mistral API reference (OpenAPI), the mistralai SDK, recorded answers.
"""

import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from typing import Any, ClassVar

import msgspec
from msgspec import Struct

from inference_service.domain import Capabilities, ChatEvent, Notice, NoticeKind
from inference_service.failures import FailureKind, Scope, UpstreamFailure
from inference_service.providers import embeddings, speech
from inference_service.providers.kit import errors, limits, values
from inference_service.providers.openai import wire
from inference_service.providers.openai.provider import CHAT, OpenAI
from inference_service.providers.seam import ChatCall, Declaration, LimitReport, ModelInfo
from inference_service.settings import OPENAI_NAMES, Wire, on_wire

HOTTEST = 1.5
LIST_AGE = 3_600.0  # seconds for which a model list is believed
MOST_IMAGES = 8
# Retired ids that people still ask for; the model list names what replaces them, else the default does.
RETIRED = frozenset({"pixtral-12b-2409", "pixtral-large-2411", "mistral-large-2407"})
REPLACEMENT = "mistral-medium-latest"
VISION = msgspec.structs.replace(CHAT, prefill=True, context_tokens=128_000)


class Options(Struct, frozen=True, forbid_unknown_fields=True):
    preset: str = "plain"
    prefill: bool | None = True


class Mistral(OpenAI):
    declaration: ClassVar[Declaration] = Declaration(
        kind="mistral",
        title="Mistral",
        base_url="https://api.mistral.ai/v1",
        credentials=("MISTRAL_TOKEN", "MISTRAL_API_KEY"),
        default_models=("mistral-large-latest", "pixtral-12b-2409"),
        capabilities={"*": VISION},
        discovers=True,
        sources=("Mistral API reference", "mistralai SDK"),
    )
    options_type: ClassVar[type[Any]] = Options
    signs: ClassVar[tuple[errors.Sign, ...]] = (
        errors.Sign(FailureKind.OVERLOADED, r"capacity exceeded", (429, 503)),
        errors.Sign(FailureKind.QUOTA_EXHAUSTED, r"tokens? per month|monthly", (429,), Scope.GROUP),
        errors.Sign(FailureKind.RATE_LIMITED, r"rate.?limit", (429,), Scope.CREDENTIAL_MODEL),
    )
    _replacements: dict[str, str]
    _listed_at: float | None = None

    def failure(self, status: int, headers: Mapping[str, str], body: bytes) -> UpstreamFailure:
        failed = super().failure(status, headers, body)
        if failed.kind is FailureKind.RATE_LIMITED and failed.wake_after is None:
            failed.wake_after = limits.to_next_minute(time.time())
        return failed

    def wire_names(self) -> dict[str, str | Wire]:
        return {
            **OPENAI_NAMES,
            "sampling.seed": "random_seed",
            "sampling.temperature": Wire("temperature", high=HOTTEST),
        }

    def body(self, call: ChatCall) -> dict[str, Any]:
        request = call.request
        body: dict[str, Any] = {
            "model": call.model,
            "messages": wire.messages(request, call.prefix),
            **on_wire(request.sampling, self.wire_names()),
            "stream": True,
        }
        if call.prefix:
            body["messages"][-1]["prefix"] = True
        return body

    async def chat(self, call: ChatCall) -> AsyncGenerator[ChatEvent | LimitReport, None]:
        model = await self._current(call.model, call.secret)
        if model != call.model:
            yield Notice(NoticeKind.CHANGED, "model", f"{call.model} is retired at Mistral; {model} answers.")
        async with aclosing(super().chat(msgspec.structs.replace(call, model=model))) as answer:
            async for event in answer:
                yield event

    async def transcribe(self, call: speech.TranscribeCall) -> speech.Transcript:
        url = f"{self.settings.base_url}/audio/transcriptions"
        return await speech.over_mistral(self, url, self.headers(call.secret), call)

    async def embed(self, call: embeddings.EmbedCall) -> embeddings.Embeddings:
        url = f"{self.settings.base_url}/embeddings"
        return await embeddings.over_openai(
            self,
            url,
            self.headers(call.secret),
            call,
            dimensions="output_dimension" if "codestral" in call.model else "",
        )

    async def _current(self, model: str, secret: str | None) -> str:
        """What a retired id stands for now."""
        if model not in RETIRED:
            return model
        if self._listed_at is None or time.monotonic() - self._listed_at > LIST_AGE:
            try:
                await self.models(secret)
            except UpstreamFailure:
                return REPLACEMENT
        return self._replacements.get(model, REPLACEMENT)

    async def models(self, secret: str | None) -> Sequence[ModelInfo]:
        self._replacements = {}
        found: list[ModelInfo] = []
        for item in await self.listed(f"{self.settings.base_url}/models", secret):
            name, can = item.get("id"), values.mapping(item.get("capabilities"))
            if not isinstance(name, str):
                continue
            for known in (name, *values.texts(item.get("aliases"))):
                successor = item.get("deprecation_replacement_model") if item.get("deprecation") else name
                self._replacements[known] = successor or REPLACEMENT
            if can.get("completion_chat"):
                what = Capabilities(
                    chat=True,
                    vision=bool(can.get("vision")),
                    streaming=True,
                    prefill=True,
                    settings=VISION.settings,
                    context_tokens=item.get("max_context_length") or 0,
                )
                self._discovered[name] = what
                found.append(ModelInfo(name, what))
        self._listed_at = time.monotonic()
        return found
