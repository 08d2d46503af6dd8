"""Mistral: chat, vision, and continuation of a half-finished answer by `prefix`.

Its catalogue row says how requests and refusals differ. A continued answer begins with the prefix again;
the router strips it. A retired model answers under the replacement that the model list names.
Sources: Mistral API reference (OpenAPI), the mistralai SDK, recorded answers.
"""

import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any, ClassVar

import msgspec
from msgspec import Struct

from inference_service.domain import ChatEvent, Notice, NoticeKind
from inference_service.failures import UpstreamFailure
from inference_service.providers import embeddings, speech
from inference_service.providers.openai import wire
from inference_service.providers.openai.provider import OpenAI
from inference_service.providers.seam import ChatCall, Declaration, LimitReport

LIST_AGE = 3_600.0  # seconds for which a model list is cached
# Retired ids that are still requested; the model list names their replacement, else the default is used.
RETIRED = frozenset({"pixtral-12b-2409", "pixtral-large-2411", "mistral-large-2407"})
REPLACEMENT = "mistral-medium-latest"


class Options(Struct, frozen=True, forbid_unknown_fields=True):
    preset: str = "plain"
    prefill: bool | None = True


class Mistral(OpenAI):
    declaration: Declaration = Declaration(
        kind="mistral",
        title="Mistral",
        base_url="https://api.mistral.ai/v1",
        credentials=("MISTRAL_TOKEN", "MISTRAL_API_KEY"),
        model_aliases={"mistral-large-2407": "mistral-large-2407", "pixtral-12b-2409": "pixtral-12b-2409"},
        sources=("Mistral API reference", "mistralai SDK"),
    )
    options_type: ClassVar[type[Any]] = Options
    _replacements: dict[str, str]
    _listed_at: float | None = None

    async def chat(self, call: ChatCall) -> AsyncGenerator[ChatEvent | LimitReport, None]:
        model = await self._current(call.model, call.secret)
        if model != call.model:
            yield Notice(NoticeKind.CHANGED, "model", f"{call.model} is retired at Mistral; {model} answers.")
        async with aclosing(super().chat(msgspec.structs.replace(call, model=model))) as answer:
            async for event in answer:
                yield event

    def manner(self) -> wire.Manner:
        return wire.Manner(short_ids=True)

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
        """What a retired id maps to now."""
        if model not in RETIRED:
            return model
        if self._listed_at is None or time.monotonic() - self._listed_at > LIST_AGE:
            try:
                await self.models(secret)
            except UpstreamFailure:
                return REPLACEMENT
        return self._replacements.get(model, REPLACEMENT)

    async def listed(self, url: str, secret: str | None) -> list[dict[str, Any]]:
        """Also stores the replacement of each retired id."""
        items = await super().listed(url, secret)
        self._replacements = {}
        for item in items:
            names = [item.get("id"), *(aliases if isinstance(aliases := item.get("aliases"), list) else ())]
            successor = item.get("deprecation_replacement_model") if item.get("deprecation") else item.get("id")
            for name in names:
                if isinstance(name, str):
                    self._replacements[name] = successor if isinstance(successor, str) else REPLACEMENT
        self._listed_at = time.monotonic()
        return items
