"""Cloudflare Workers AI: chat over its OpenAI API, pictures, speech and embeddings over its own `run` endpoint.

The account is part of the address: of the base URL, of `options.account_id`, of CLOUDFLARE_ACCOUNT_ID, or of a
credential written as `account:token`. A day ends at 00:00 UTC.
Sources: Cloudflare's REST reference, model pages and error table; recorded answers.
"""

import copy
import os
import re
import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from typing import Any, ClassVar, Self

import msgspec
from msgspec import Struct

from inference_service.domain import CHAT_SETTINGS, Capabilities, ChatEvent, ImageEvent
from inference_service.failures import FailureKind, Scope, UpstreamFailure
from inference_service.providers import embeddings, speech
from inference_service.providers.kit import errors
from inference_service.providers.openai.provider import OpenAI
from inference_service.providers.pictures import workers_ai
from inference_service.providers.pictures.drawing import Target, draw
from inference_service.providers.pictures.jobs import ask
from inference_service.providers.seam import ChatCall, Declaration, ImageCall, LimitReport, ModelInfo
from inference_service.quotas import DAY, Clock, window_end

K = FailureKind
ACCOUNT_VARIABLES = ("CLOUDFLARE_ACCOUNT_ID", "CF_ACCOUNT_ID")
PLACEHOLDER = "{account}"
TEXT = Capabilities(chat=True, streaming=True, settings=CHAT_SETTINGS)
_ACCOUNT = re.compile(r"[0-9a-f]{32}", re.IGNORECASE)


class Options(Struct, frozen=True, forbid_unknown_fields=True):
    account_id: str = ""  # 32 hexadecimal digits, from the dashboard's address
    preset: str = "plain"
    prefill: bool | None = None


class Cloudflare(OpenAI):
    declaration: Declaration = Declaration(
        kind="cloudflare",
        title="Cloudflare Workers AI",
        base_url=f"https://api.cloudflare.com/client/v4/accounts/{PLACEHOLDER}/ai",
        credentials=("CLOUDFLARE_API_TOKEN", "CLOUDFLARE_API_KEY", "CF_API_TOKEN", "CLOUDFLARE_WORKERS_AI_API_KEY"),
        default_models=("@cf/black-forest-labs/flux-1-schnell", "@cf/openai/gpt-oss-120b"),
        model_aliases={"FLUX.1-schnell": "@cf/black-forest-labs/flux-1-schnell"},
        capabilities={"*": TEXT},
        quota_group="account",
        discovers=True,
        sources=("Cloudflare documents: Workers AI REST API, model pages, errors",),
    )
    options_type: ClassVar[type[Any]] = Options
    signs: ClassVar[tuple[errors.Sign, ...]] = (
        errors.Sign(K.QUOTA_EXHAUSTED, r"daily free allocation|\b(3036|4006)\b", (400, 429), Scope.GROUP),
        errors.Sign(K.OVERLOADED, r"\b3040\b|capacity temporarily exceeded"),
        errors.Sign(K.UNAUTHENTICATED, r"\b(10000|9109|1000|6003|6111|7000|7003)\b", (400, 401, 403, 404)),
        errors.Sign(K.MODEL_FORBIDDEN, r"\b(5016|5018|3041)\b|workers free", (400, 403)),
        errors.Sign(K.FORBIDDEN, r"\b3023\b", (403,), Scope.GROUP),
        errors.Sign(K.RETIRED, r"\b5028\b|deprecated", (400, 404, 410)),
        errors.Sign(K.MODEL_NOT_FOUND, r"\b(5007|3042)\b|no such model", (400, 404)),
        errors.Sign(K.CONTENT_REFUSED, r"\b3030\b|nsfw", (400,)),
        errors.Sign(K.CONTEXT_TOO_LONG, r"\b(5021|3006)\b", (400, 413)),
        errors.Sign(K.UNAVAILABLE, r"\b(3007|3008)\b"),
    )

    def capabilities(self, model: str) -> Capabilities:
        style = workers_ai.style_of(model)
        if style is not None and model not in self.settings.capabilities:
            return style.capabilities
        return super().capabilities(model)

    # --- the address, which depends on the account ----------------------------------------

    def at_account(self, secret: str | None) -> Self:
        """This provider with the account's address. Raises UpstreamFailure when no account is known."""
        base = self.settings.base_url.removesuffix("/v1")
        if PLACEHOLDER in base:
            base = base.replace(PLACEHOLDER, self._account(secret))
        if base == self.settings.base_url:
            return self
        placed = copy.copy(self)
        placed.settings = msgspec.structs.replace(self.settings, base_url=base)
        return placed

    def _account(self, secret: str | None) -> str:
        of_secret = (secret or "").partition(":")[0] if ":" in (secret or "") else ""
        known = (of_secret, self.options.account_id, *(os.environ.get(name, "") for name in ACCOUNT_VARIABLES))
        account = next((one.strip() for one in known if one.strip()), "")
        if not _ACCOUNT.fullmatch(account):
            words = "is missing" if not account else "is not one (32 hexadecimal digits)"
            text = f"Cloudflare: the account id {words}; set {ACCOUNT_VARIABLES[0]} or options.account_id"
            raise UpstreamFailure(K.UNAUTHENTICATED, text)
        return account

    def headers(self, secret: str | None) -> dict[str, str]:
        return super().headers(secret.rpartition(":")[2] if secret else None)

    def chat_url(self) -> str:
        return f"{self.settings.base_url}/v1/chat/completions"

    def failure(self, status: int, headers: Mapping[str, str], body: bytes) -> UpstreamFailure:
        failed = super().failure(status, headers, _in_one_family(body))
        if failed.kind is K.QUOTA_EXHAUSTED and failed.wake_after is None:
            now = time.time()
            failed.wake_after = window_end(Clock.WALL, DAY, now) - now
        return failed

    # --- calls ------------------------------------------------------------------------------

    async def chat(self, call: ChatCall) -> AsyncGenerator[ChatEvent | LimitReport, None]:
        async with aclosing(OpenAI.chat(self.at_account(call.secret), call)) as answering:
            async for event in answering:
                yield event

    async def image(self, call: ImageCall) -> AsyncGenerator[ImageEvent | LimitReport, None]:
        placed = self.at_account(call.secret)
        style = workers_ai.style_of(call.model)
        if style is None:
            raise UpstreamFailure(K.UNSUPPORTED, "this model makes no pictures, as far as its name says")
        target = Target(placed.settings.base_url, self.headers(call.secret))
        async with aclosing(draw(placed, style, target, call)) as drawing:
            async for event in drawing:
                yield event

    async def transcribe(self, call: speech.TranscribeCall) -> speech.Transcript:
        placed = self.at_account(call.secret)
        url = f"{placed.settings.base_url}/run/{call.model}"
        return await speech.over_workers_ai(placed, url, self.headers(call.secret), call)

    async def embed(self, call: embeddings.EmbedCall) -> embeddings.Embeddings:
        placed = self.at_account(call.secret)
        url = f"{placed.settings.base_url}/v1/embeddings"
        return await embeddings.over_openai(placed, url, self.headers(call.secret), call, dimensions="")

    async def models(self, secret: str | None) -> Sequence[ModelInfo]:
        placed = self.at_account(secret)
        found = []
        url = f"{placed.settings.base_url}/models/search?per_page=100"
        answer = await ask(placed, url, self.headers(secret))
        listed = answer.get("result") if isinstance(answer, dict) else None
        for item in listed if isinstance(listed, list) else ():
            if not isinstance(item, dict):
                continue
            name, task = item.get("name"), item.get("task")
            what = task.get("name") if isinstance(task, dict) else ""
            if not isinstance(name, str):
                continue
            if what == "Text-to-Image" and workers_ai.style_of(name) is not None:
                found.append(ModelInfo(name, self.capabilities(name)))
            elif what == "Automatic Speech Recognition":
                found.append(ModelInfo(name, speech.SPEECH))
            elif what == "Text Embeddings":
                found.append(ModelInfo(name, embeddings.VECTORS))
            elif what == "Text Generation":
                can = msgspec.structs.replace(TEXT, context_tokens=_context(item))
                self._discovered[name] = can
                found.append(ModelInfo(name, can))
        return found


def _in_one_family(body: bytes) -> bytes:
    """Cloudflare's list of errors as the one object that the common reader knows."""
    try:
        parsed = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return body
    listed = parsed.get("errors") if isinstance(parsed, dict) else None
    first = listed[0] if isinstance(listed, list) and listed else None
    if not isinstance(first, dict):
        return body
    return msgspec.json.encode({"error": {"code": str(first.get("code", "")), "message": first.get("message", "")}})


def _context(item: Mapping[str, Any]) -> int:
    properties = item.get("properties")
    for one in properties if isinstance(properties, list) else ():
        if isinstance(one, dict) and one.get("property_id") == "context_window":
            value = str(one.get("value", ""))
            return int(value) if value.isdecimal() and len(value) < 10 else 0
    return 0
