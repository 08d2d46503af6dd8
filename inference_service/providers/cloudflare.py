"""Cloudflare Workers AI: chat over its OpenAI API, pictures, speech and embeddings over its own `run` endpoint.

The account is part of the address: in the base URL, in `options.account`, or in a credential `account:token`, which the
service builds from CLOUDFLARE_ACCOUNT_ID. A day ends at 00:00 UTC.
Sources: Cloudflare's REST reference, model pages and error table; recorded answers.
"""

import re
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from typing import Any, ClassVar

import msgspec
from msgspec import Struct

from inference_service.domain import Capabilities, ChatEvent, ImageEvent
from inference_service.failures import FailureKind, UpstreamFailure
from inference_service.providers import embeddings, speech
from inference_service.providers.catalogue.row import SPEECH, VECTORS
from inference_service.providers.openai.provider import OpenAI
from inference_service.providers.pictures import workers_ai
from inference_service.providers.pictures.drawing import Target, draw
from inference_service.providers.pictures.jobs import ask
from inference_service.providers.seam import ChatCall, Declaration, ImageCall, LimitReport, ModelInfo

K = FailureKind
PLACEHOLDER = "{account}"
PAINTERS = ("@cf/black-forest-labs/flux-1-schnell", "@cf/black-forest-labs/flux-2-klein-4b")
_ACCOUNT = re.compile(r"[0-9a-f]{32}", re.IGNORECASE)


class Options(Struct, frozen=True, forbid_unknown_fields=True):
    account: str = ""  # 32 hexadecimal digits, from the dashboard's address
    preset: str = "plain"
    prefill: bool | None = None


class Cloudflare(OpenAI):
    declaration: Declaration = Declaration(
        kind="cloudflare",
        title="Cloudflare Workers AI",
        base_url=f"https://api.cloudflare.com/client/v4/accounts/{PLACEHOLDER}/ai/v1",
        credentials=("CLOUDFLARE_API_TOKEN", "CLOUDFLARE_API_KEY", "CF_API_TOKEN", "CLOUDFLARE_WORKERS_AI_API_KEY"),
        default_models=(PAINTERS[0], "@cf/openai/gpt-oss-120b"),
        model_aliases={"FLUX.1-schnell": PAINTERS[0]},
        capabilities={
            PAINTERS[0]: workers_ai.SCHNELL.capabilities,
            PAINTERS[1]: workers_ai.SECOND_FLUX.capabilities,
        },
        quota_group="account",
        discovers=True,
        sources=("Cloudflare documents: Workers AI REST API, model pages, errors",),
    )
    options_type: ClassVar[type[Any]] = Options

    def capabilities(self, model: str) -> Capabilities:
        style = workers_ai.style_of(model)
        if style is not None and model not in self.settings.capabilities:
            return style.capabilities
        return super().capabilities(model)

    # --- the address, which depends on the account ----------------------------------------

    def root(self, secret: str | None) -> str:
        """The base URL of the OpenAI API. Raises UpstreamFailure if no account is known."""
        base = self.settings.base_url
        if PLACEHOLDER in base:
            base = base.replace(PLACEHOLDER, self._account(secret))
        return f"{base}/v1" if base.endswith("/ai") else base

    def _own(self, secret: str | None) -> str:
        """The base URL of Cloudflare's own API, next to it."""
        return self.root(secret).removesuffix("/v1")

    def _account(self, secret: str | None) -> str:
        before, colon, _ = (secret or "").partition(":")
        account = (before if colon else self.options.account).strip()
        if not _ACCOUNT.fullmatch(account):
            words = "is missing" if not account else "is not one (32 hexadecimal digits)"
            text = f"Cloudflare: the account id {words}; set CLOUDFLARE_ACCOUNT_ID or options.account"
            raise UpstreamFailure(K.UNAUTHENTICATED, text)
        return account

    def headers(self, secret: str | None) -> dict[str, str]:
        return super().headers(secret.rpartition(":")[2] if secret else None)

    # --- calls ------------------------------------------------------------------------------

    async def chat(self, call: ChatCall) -> AsyncGenerator[ChatEvent | LimitReport, None]:
        async with aclosing(super().chat(call)) as answering:
            async for event in answering:
                yield event

    async def image(self, call: ImageCall) -> AsyncGenerator[ImageEvent | LimitReport, None]:
        style = workers_ai.style_of(call.model)
        if style is None:
            raise UpstreamFailure(K.UNSUPPORTED, "by its name, this model does not make pictures")
        target = Target(self._own(call.secret), self.headers(call.secret))
        async with aclosing(draw(self, style, target, call)) as drawing:
            async for event in drawing:
                yield event

    async def transcribe(self, call: speech.TranscribeCall) -> speech.Transcript:
        url = f"{self._own(call.secret)}/run/{call.model}"
        return await speech.over_workers_ai(self, url, self.headers(call.secret), call)

    async def embed(self, call: embeddings.EmbedCall) -> embeddings.Embeddings:
        url = f"{self.root(call.secret)}/embeddings"
        return await embeddings.over_openai(self, url, self.headers(call.secret), call, dimensions="")

    async def models(self, secret: str | None) -> Sequence[ModelInfo]:
        models = []
        answer = await ask(self, f"{self._own(secret)}/models/search?per_page=100", self.headers(secret))
        listed = answer.get("result") if isinstance(answer, dict) else None
        for item in listed if isinstance(listed, list) else ():
            if not isinstance(item, dict) or not isinstance(name := item.get("name"), str):
                continue
            task = item.get("task")
            match task.get("name") if isinstance(task, dict) else "":
                case "Text-to-Image" if workers_ai.style_of(name) is not None:
                    models.append(ModelInfo(name, self.capabilities(name)))
                case "Automatic Speech Recognition":
                    models.append(ModelInfo(name, SPEECH))
                case "Text Embeddings":
                    models.append(ModelInfo(name, VECTORS))
                case "Text Generation":
                    can = msgspec.structs.replace(self.row.can(name), context_tokens=_context(item))
                    self._discovered[name] = can
                    models.append(ModelInfo(name, can))
        return models


def _context(item: Mapping[str, Any]) -> int:
    properties = item.get("properties")
    for entry in properties if isinstance(properties, list) else ():
        if isinstance(entry, dict) and entry.get("property_id") == "context_window":
            value = str(entry.get("value", ""))
            return int(value) if value.isdecimal() and len(value) < 10 else 0
    return 0
