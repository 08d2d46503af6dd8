"""Microsoft Foundry and Azure OpenAI, v1 API: chat and vision. The `model` is the name of your deployment there.

`base_url` is your resource's: https://RESOURCE.services.ai.azure.com/openai/v1 (or RESOURCE.openai.azure.com).
Source: Microsoft Foundry, "Azure OpenAI v1 API".
"""

from typing import ClassVar

from inference_service.providers.openai.provider import CHAT, PICTURES, OpenAI
from inference_service.providers.seam import Declaration


class Azure(OpenAI):
    declaration: ClassVar[Declaration] = Declaration(
        kind="azure",
        title="Microsoft Foundry / Azure OpenAI",
        base_url="",
        credentials=("AZURE_API_KEY",),
        default_models=("gpt-4o-mini",),
        capabilities={"gpt-image-1": PICTURES, "*": CHAT},
        quota_group="account",
        sources=("Microsoft Foundry: Azure OpenAI v1 API",),
    )

    def headers(self, secret: str | None) -> dict[str, str]:
        return {"api-key": secret} if secret else {}
