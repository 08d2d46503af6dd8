"""FLUX.1-dev and FLUX.1-schnell as Spaces; any Space with the same app works:
`options.space`, such as "roxky/FLUX.1-dev".

Source: the Spaces' apps (black-forest-labs), reproduced from their layout and their clients.
"""

from typing import ClassVar

import msgspec

from inference_service.domain import Capabilities
from inference_service.providers.gradio.hub import host_of
from inference_service.providers.gradio.space import IMAGE, Space
from inference_service.providers.seam import Declaration

DEV = msgspec.structs.replace(IMAGE, settings=IMAGE.settings - {"negative_prompt"})
SCHNELL = msgspec.structs.replace(DEV, settings=DEV.settings - {"guidance_scale"})


def _declared(kind: str, title: str, can: Capabilities) -> Declaration:
    return Declaration(
        kind=kind,
        title=f"{title} (Space)",
        base_url=host_of(f"black-forest-labs/{title}"),
        credentials=("HF_TOKEN",),
        needs_credential=False,
        default_models=(title,),
        capabilities={title: can, "*": Capabilities()},
        sources=("the Space's app, reproduced",),
    )


class FluxDev(Space):
    declaration: ClassVar[Declaration] = _declared("flux-dev", "FLUX.1-dev", DEV)
    space = "black-forest-labs/FLUX.1-dev"
    image_function = "infer"


class FluxSchnell(Space):
    declaration: ClassVar[Declaration] = _declared("flux-schnell", "FLUX.1-schnell", SCHNELL)
    space = "black-forest-labs/FLUX.1-schnell"
    image_function = "infer"
