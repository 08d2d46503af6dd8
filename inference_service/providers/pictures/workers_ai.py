"""How each picture model of Cloudflare Workers AI is called: JSON with a base64 answer, JSON with bytes, or a form.

Source: Cloudflare's model pages (FLUX.1 schnell, FLUX.2, Stable Diffusion XL, Phoenix, Lucid Origin).
"""

import base64
from typing import Any

import msgspec

from inference_service.domain import Capabilities
from inference_service.providers.pictures.seeds import SEED_32
from inference_service.providers.pictures.style import Order, Style, given

PATH = "/run/{model}"
FREE_SIZE = Capabilities(
    image=True,
    settings=frozenset({"negative_prompt", "size", "aspect_ratio", "seed", "steps", "guidance_scale"}),
    size_step=64,
    min_side=256,
    max_side=2048,
)


def _schnell(order: Order) -> dict[str, Any]:
    """Always a square; width and height are refused as extra fields."""
    return given(prompt=order.request.prompt, steps=order.request.steps, seed=order.seed)


def _diffusion(order: Order) -> dict[str, Any]:
    request = order.request
    return given(
        prompt=request.prompt,
        negative_prompt=request.negative_prompt,
        num_steps=request.steps,
        guidance=request.guidance_scale,
        seed=order.seed,
        **order.sides,
    )


def _from_picture(order: Order) -> dict[str, Any]:
    return _diffusion(order) | given(image_b64=order.picture.partition(",")[2])


def _second_flux(order: Order) -> dict[str, Any]:
    """A form, in which an input picture is a file."""
    request = order.request
    picture = base64.b64decode(order.picture.partition(",")[2]) if order.picture else None
    return given(
        prompt=request.prompt, steps=request.steps, seed=order.seed, input_image_0=picture or None, **order.sides
    )


SCHNELL = Style(PATH, _schnell, Capabilities(image=True, settings=frozenset({"seed", "steps"})), SEED_32, steps=(1, 8))
DIFFUSION = Style(PATH, _diffusion, FREE_SIZE, SEED_32, steps=(1, 20))
FROM_PICTURE = Style(PATH, _from_picture, msgspec.structs.replace(FREE_SIZE, input_image=True), SEED_32, steps=(1, 20))
LEONARDO = Style(PATH, _diffusion, FREE_SIZE, SEED_32, steps=(1, 50))
SECOND_FLUX = Style(
    PATH,
    _second_flux,
    msgspec.structs.replace(
        FREE_SIZE, settings=frozenset({"size", "aspect_ratio", "seed", "steps"}), input_image=True
    ),
    SEED_32,
    steps=(1, 50),
    form=True,
)  # fmt: skip


def style_of(model: str) -> Style | None:
    """None if the name says that the model makes no pictures."""
    name = model.lower()
    for word, style in (
        ("flux-1-schnell", SCHNELL),
        ("flux-2", SECOND_FLUX),
        ("img2img", FROM_PICTURE),
        ("stable-diffusion", DIFFUSION),
        ("dreamshaper", DIFFUSION),
        ("leonardo", LEONARDO),
    ):
        if word in name:
            return style
    return None
