"""Hosts with OpenAI's API for chat and another for pictures, as data. `options.image_api` names one, else the address tells.

Sources: API references of Together, SiliconFlow, Z.ai, OpenRouter, Fireworks and NVIDIA; Vercel's AI SDK.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

import msgspec

from inference_service.domain import Capabilities
from inference_service.providers.pictures.jobs import Job, Stage
from inference_service.providers.pictures.style import SHAPE, Order, Style, given

RATIO = frozenset({"aspect_ratio"})
NVCF = "https://api.nvcf.nvidia.com/v2/nvcf/pexec"


def _together(order: Order) -> dict[str, Any]:
    request = order.request
    return given(
        model=order.model,
        prompt=request.prompt,
        n=order.call.count,
        steps=request.steps,
        seed=order.seed,
        negative_prompt=request.negative_prompt,
        response_format="base64",
        **order.sides,
    )


def _siliconflow(order: Order) -> dict[str, Any]:
    request = order.request
    return given(
        model=order.model,
        prompt=request.prompt,
        image_size=order.size(),
        batch_size=order.call.count,
        num_inference_steps=request.steps,
        guidance_scale=request.guidance_scale,
        negative_prompt=request.negative_prompt,
        seed=order.seed,
        image=order.picture,
    )


def _zai(order: Order) -> dict[str, Any]:
    return given(model=order.model, prompt=order.request.prompt, size=order.size())


def _openrouter(order: Order) -> dict[str, Any]:
    references = [{"type": "image_url", "image_url": {"url": order.picture}}] if order.picture else None
    return given(
        model=order.model,
        prompt=order.request.prompt,
        n=order.call.count,
        aspect_ratio=order.ratio,
        seed=order.seed,
        input_references=references,
    )


def _openrouter_chat(order: Order) -> dict[str, Any]:
    content: Any = order.request.prompt
    if order.picture:
        picture = {"type": "image_url", "image_url": {"url": order.picture}}
        content = [{"type": "text", "text": order.request.prompt}, picture]
    return given(
        model=order.model,
        messages=[{"role": "user", "content": content}],
        modalities=["image", "text"],
        image_config={"aspect_ratio": order.ratio} if order.ratio else None,
    )


def _fireworks(order: Order) -> dict[str, Any]:
    request = order.request
    return given(
        prompt=request.prompt,
        aspect_ratio=order.ratio,
        guidance_scale=request.guidance_scale,
        num_inference_steps=request.steps,
        seed=order.seed,
    )


def _nvidia_flux(order: Order) -> dict[str, Any]:
    """Extra fields are refused, so each model gets exactly its own."""
    request, model = order.request, order.model
    chosen = given(prompt=request.prompt, steps=request.steps, seed=order.seed, **order.sides)
    if "flux.2" in model:
        return chosen
    chosen["mode"] = "base"
    if "schnell" in model:
        return {**chosen, "cfg_scale": 0}
    return chosen | given(cfg_scale=request.guidance_scale)


def _nvidia_diffusion(order: Order) -> dict[str, Any]:
    request = order.request
    return given(
        prompt=request.prompt,
        negative_prompt=request.negative_prompt,
        aspect_ratio=order.ratio,
        cfg_scale=request.guidance_scale,
        steps=request.steps,
        seed=order.seed,
        mode="text-to-image",
    )


def _nvidia_path(answer: Any) -> str | None:
    name = answer.get("nvcf-reqid") if isinstance(answer, dict) else None
    return f"/status/{name}" if isinstance(name, str) and name.replace("-", "").isalnum() else None


def _nvidia_stage(answer: Any) -> Stage:
    done = isinstance(answer, dict) and (answer.get("artifacts") or answer.get("image"))
    return Stage.DONE if done or (_nvidia_path(answer) is None and answer) else Stage.RUNNING


def _nvidia(model: str) -> Style:
    can, steps = Capabilities(image=True, size_step=64, min_side=768, max_side=1344), (1, 100)
    if "flux" not in model:
        body, settings = _nvidia_diffusion, RATIO | {"negative_prompt", "guidance_scale", "steps", "seed"}
    else:
        body, settings = _nvidia_flux, SHAPE | {"steps", "seed"}
        steps = (1, 4)
        if "schnell" not in model and "flux.2" not in model:
            settings, steps = settings | {"guidance_scale"}, (5, 50)
    return Style(
        "/genai/{model}",
        body,
        msgspec.structs.replace(can, settings=frozenset(settings)),
        steps=steps,
        base="https://ai.api.nvidia.com/v1",
        headers={"Accept": "application/json"},
        job=Job(_nvidia_path, _nvidia_stage, base=NVCF),
    )


def _fixed(style: Style) -> Callable[[str], Style]:
    return lambda _model: style


STYLES: Mapping[str, Callable[[str], Style]] = {
    "together": _fixed(
        Style(
            "/images/generations",
            _together,
            Capabilities(
                image=True,
                settings=SHAPE | {"steps", "seed", "negative_prompt"},
                size_step=16,
                min_side=256,
                max_side=1792,
                max_count=4,
            ),
        )
    ),
    "siliconflow": _fixed(
        Style(
            "/images/generations",
            _siliconflow,
            Capabilities(
                image=True,
                settings=SHAPE | {"steps", "guidance_scale", "negative_prompt", "seed"},
                size_step=64,
                min_side=512,
                max_side=2048,
                max_count=4,
                input_image=True,
            ),
            largest_seed=9_999_999_999,
        )
    ),
    "zai": _fixed(
        Style(
            "/images/generations",
            _zai,
            Capabilities(image=True, settings=SHAPE, size_step=16, min_side=512, max_side=2048),
        )
    ),
    "openrouter": _fixed(
        Style(
            "/images",
            _openrouter,
            Capabilities(image=True, settings=RATIO | {"seed"}, max_count=4, input_image=True),
        )
    ),
    "openrouter-chat": _fixed(
        Style(
            "/chat/completions",
            _openrouter_chat,
            Capabilities(image=True, settings=RATIO, input_image=True),
        )
    ),
    "fireworks": _fixed(
        Style(
            "/workflows/accounts/fireworks/models/{model}/text_to_image",
            _fireworks,
            Capabilities(image=True, settings=RATIO | {"guidance_scale", "steps", "seed"}),
            headers={"Accept": "image/jpeg"},
        )
    ),
    "nvidia": _nvidia,
}
NAMES = frozenset(STYLES)
ADDRESSES: Mapping[str, str] = {
    "api.together.xyz": "together",
    "api.together.ai": "together",
    "api.siliconflow.com": "siliconflow",
    "api.siliconflow.cn": "siliconflow",
    "api.z.ai": "zai",
    "open.bigmodel.cn": "zai",
    "openrouter.ai": "openrouter-chat",
    "api.fireworks.ai": "fireworks",
    "integrate.api.nvidia.com": "nvidia",
}
# Catalogue rows whose name differs from their style's.
ROWS: Mapping[str, str] = {"openrouter": "openrouter-chat"}


DRAWING = re.compile(r"flux|stable-?diffusion|sdxl|cogview|glm-image|kolors|qwen-image|seedream|image", re.IGNORECASE)


def draws(model: str) -> bool:
    """Whether a model's name suggests that it makes pictures. Only for models that no list and no row describes."""
    return DRAWING.search(model.rpartition("/")[2]) is not None


def style_of(name: str, model: str) -> Style:
    return STYLES[name](model)


def name_of(kind: str, base_url: str) -> str:
    """The style of a catalogue row, else of a well-known host; empty for OpenAI's own."""
    name = ROWS.get(kind, kind)
    return name if name in NAMES else ADDRESSES.get(urlsplit(base_url).hostname or "", "")
