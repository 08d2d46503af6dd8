"""Janus-Pro-7B as a Space: looks at a picture, and draws. The demo cannot chat without a picture.

Source: the Space's app (deepseek-ai/Janus-Pro-7B), reproduced; any Space id with the same app works.
"""

from typing import ClassVar

from inference_service.domain import Capabilities
from inference_service.providers.base import Declaration
from inference_service.providers.space import Space, host_of

SPACE = "deepseek-ai/Janus-Pro-7B"


class Janus(Space):
    declaration: ClassVar[Declaration] = Declaration(
        kind="janus",
        title="Janus-Pro-7B (Space)",
        base_url=host_of(SPACE),
        credentials=("HF_TOKEN",),
        needs_credential=False,
        default_models=("janus-pro-7b", "janus-pro-7b-image"),
        model_aliases={"janus": "janus-pro-7b"},
        capabilities={
            "janus-pro-7b": Capabilities(
                chat=True, vision=True, settings=frozenset({"sampling.seed", "sampling.top_p", "sampling.temperature"})
            ),
            "janus-pro-7b-image": Capabilities(
                image=True, settings=frozenset({"seed", "guidance_scale"}), sizes=((768, 768),), max_count=4
            ),
            "*": Capabilities(),
        },
        sources=("the Space's app, reproduced",),
    )
    chat_function = "multimodal_understanding"
    image_function = "generate_image"
