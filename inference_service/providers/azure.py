"""Microsoft Foundry and Azure OpenAI, v1 API: chat and vision. The `model` is the name of your deployment there.

`base_url` is that of your resource: https://RESOURCE.services.ai.azure.com/openai/v1 (or RESOURCE.openai.azure.com).
Source: Microsoft Foundry, "Azure OpenAI v1 API".
"""

from inference_service.providers.openai.provider import OpenAI
from inference_service.providers.seam import Declaration


class Azure(OpenAI):
    declaration: Declaration = Declaration(kind="azure", title="Microsoft Foundry / Azure OpenAI", base_url="")
