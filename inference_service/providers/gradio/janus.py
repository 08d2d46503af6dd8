"""Janus-Pro-7B as a Space: chats, looks at a picture, and draws.

The app fails without a picture, so a plain one is sent if there is none; and it accepts a single question, so earlier
turns go in front of it. Source: the Space's app (deepseek-ai/Janus-Pro-7B), reproduced. Any Space with the
same app works: `options.space`, such as "roxky/Janus-Pro-7B".
"""

import io
from typing import ClassVar

from PIL import Image

from inference_service.domain import Capabilities, ImagePart
from inference_service.providers.gradio.hub import host_of
from inference_service.providers.gradio.space import Space
from inference_service.providers.seam import Declaration

SPACE = "deepseek-ai/Janus-Pro-7B"
SIDE = 384  # pixels: what the model looks at


def plain_picture() -> ImagePart:
    out = io.BytesIO()
    Image.new("RGB", (SIDE, SIDE), "white").save(out, "PNG")
    return ImagePart("image/png", out.getvalue())


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
    space = SPACE
    blank_picture = plain_picture()
    chat_function = "multimodal_understanding"
    image_function = "generate_image"
