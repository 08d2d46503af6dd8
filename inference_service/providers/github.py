"""GitHub Models: chat and vision. The public service was retired in July 2026.

The API lives on in private copies (`base_url`); both retirement answers are known, an empty 403 and a 410.
Limits are per user and model: by minute, by day and by calls at once, told apart by `x-ratelimit-type`.
Sources: GitHub Models REST reference, and recorded answers of the service.
"""

from collections.abc import Sequence
from typing import Any, ClassVar

import msgspec
from msgspec import Struct

from inference_service.failures import FailureKind, Scope
from inference_service.providers.kit import errors, values
from inference_service.providers.openai.provider import CHAT, OpenAI
from inference_service.providers.seam import ChatCall, Declaration, ModelInfo

K = FailureKind


class Options(Struct, frozen=True, forbid_unknown_fields=True):
    publisher: str = "openai"  # the publisher of models named without one
    preset: str = "plain"
    prefill: bool | None = None


class GitHub(OpenAI):
    declaration: Declaration = Declaration(
        kind="github",
        title="GitHub Models",
        base_url="https://models.github.ai/inference",
        credentials=("GIT_TOKEN",),
        default_models=("gpt-4o-mini",),
        capabilities={"gpt-4o-mini": msgspec.structs.replace(CHAT, context_tokens=8_000)},
        sources=("GitHub Models REST API reference", "recorded answers"),
    )
    options_type: ClassVar[type[Any]] = Options
    signs: ClassVar[tuple[errors.Sign, ...]] = (
        errors.Sign(K.QUOTA_EXHAUSTED, r"UserByModelByDay|per 86400s", (429,), Scope.CREDENTIAL_MODEL),
        errors.Sign(K.RATE_LIMITED, r"UserByModelByMinute", (429,), Scope.CREDENTIAL_MODEL, 60),
        errors.Sign(K.RATE_LIMITED, r"UserByMinute|per 60s", (429,), Scope.CREDENTIAL, 60),
        errors.Sign(K.RATE_LIMITED, r"UserConcurrentRequests|per 0s", (429,), Scope.CREDENTIAL, 1),
        errors.Sign(K.RETIRED, r"github_models_retirement", (403, 410)),
        errors.Sign(K.RETIRED, r"^\W*$", (403,)),  # how the retired service answers: an empty 403
    )

    def body(self, call: ChatCall) -> dict[str, Any]:
        body = super().body(call)
        # The catalogue's ids include their publisher; the older host wanted them without.
        if "/" not in call.model and "models.inference.ai.azure.com" not in self.settings.base_url:
            body["model"] = f"{self.options.publisher}/{call.model}"
        return body

    async def models(self, secret: str | None) -> Sequence[ModelInfo]:
        root = self.settings.base_url.removesuffix("/inference")
        models = []
        for item in await self.listed(f"{root}/catalog/models", secret):
            name, outputs = item.get("id"), values.texts(item.get("supported_output_modalities")) or ["text"]
            if not isinstance(name, str) or "text" not in outputs:
                continue
            limits = values.mapping(item.get("limits"))
            can = msgspec.structs.replace(
                CHAT,
                vision="image" in values.texts(item.get("supported_input_modalities")),
                context_tokens=limits.get("max_input_tokens") or 0,
            )
            short = name.removeprefix(f"{self.options.publisher}/")
            self._discovered[short] = can
            models.append(ModelInfo(short, can))
        return models
