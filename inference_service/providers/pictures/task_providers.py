"""The task providers behind Hugging Face's router: how each expects a picture request, and what it actually accepts.

Sources: huggingface_hub and huggingface.js (inference clients); the providers' own references for sizes and seeds.
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from inference_service.domain import Capabilities
from inference_service.providers.pictures.jobs import Job, Stage
from inference_service.providers.pictures.seeds import SEED_32
from inference_service.providers.pictures.style import SHAPE, Order, Style, given


def _can(*settings: str) -> Capabilities:
    return Capabilities(image=True, settings=frozenset(settings) | SHAPE, size_step=16, min_side=256, max_side=2048)


def _steps_and_guidance(order: Order) -> dict[str, Any]:
    return {"num_inference_steps": order.request.steps, "guidance_scale": order.request.guidance_scale}


def _native(order: Order) -> dict[str, Any]:
    negative = order.request.negative_prompt
    parameters = given(**_steps_and_guidance(order), seed=order.seed, negative_prompt=negative, **order.sides)
    return {"inputs": order.request.prompt, "parameters": parameters}


def _nscale(order: Order) -> dict[str, Any]:
    return given(
        model=order.model, prompt=order.request.prompt, response_format="b64_json", size=order.size(), seed=order.seed
    )


def _nebius(order: Order) -> dict[str, Any]:
    request = order.request
    return given(
        model=order.model,
        prompt=request.prompt,
        response_format="b64_json",
        num_inference_steps=request.steps,
        negative_prompt=request.negative_prompt,
        seed=order.seed,
        **order.sides,
    )


def _together(order: Order) -> dict[str, Any]:
    request = order.request
    return given(
        model=order.model,
        prompt=request.prompt,
        response_format="base64",
        steps=request.steps,
        guidance=request.guidance_scale,
        negative_prompt=request.negative_prompt,
        seed=order.seed,
        **order.sides,
    )


def _fal(order: Order) -> dict[str, Any]:
    return given(
        prompt=order.request.prompt, image_size=order.sides or None, seed=order.seed, **_steps_and_guidance(order)
    )


def _replicate(order: Order) -> dict[str, Any]:
    request = order.request
    version = order.model.partition(":")[2]
    shape: Mapping[str, Any] = {"aspect_ratio": order.ratio} if is_flux(order.model) else order.sides
    guidance = {"guidance" if is_flux(order.model) else "guidance_scale": request.guidance_scale}
    chosen = given(prompt=request.prompt, num_inference_steps=request.steps, seed=order.seed, **guidance, **shape)
    if not is_flux(order.model):
        chosen |= given(negative_prompt=request.negative_prompt)
    return {"input": chosen, **({"version": version} if version else {})}


def _wavespeed(order: Order) -> dict[str, Any]:
    return given(prompt=order.request.prompt, size=order.size("*"), seed=order.seed, **_steps_and_guidance(order))


def _zai(order: Order) -> dict[str, Any]:
    return given(model=order.model, prompt=order.request.prompt, size=order.size())


def is_flux(model: str) -> bool:
    """FLUX at Replicate takes named aspect ratios, and no setting that it was not trained with."""
    return "flux" in model.partition(":")[0].lower()


def _path_of(address: object, prefix: str) -> str | None:
    """The path of a URL in an answer; its host is not trusted."""
    path = urlsplit(address).path if isinstance(address, str) else ""
    return prefix + path if path.startswith("/") else None


def _inner(answer: Any, key: str) -> Any:
    return answer.get(key) if isinstance(answer, dict) else None


def _fal_path(answer: Any, more: str = "") -> str | None:
    path = None if _inner(answer, "images") else _path_of(_inner(answer, "response_url"), "/fal-ai")
    return None if path is None else f"{path}{more}?_subdomain=queue"


def _fal_stage(answer: Any) -> Stage:
    return {"IN_QUEUE": Stage.WAITING, "IN_PROGRESS": Stage.RUNNING}.get(str(_inner(answer, "status")), Stage.DONE)


WAVESPEED_STAGES = {
    "created": Stage.WAITING, "pending": Stage.WAITING, "processing": Stage.RUNNING, "failed": Stage.FAILED,
}  # fmt: skip


def _wavespeed_stage(answer: Any) -> Stage:
    return WAVESPEED_STAGES.get(str(_inner(_inner(answer, "data"), "status")), Stage.DONE)


def zai_path(answer: Any, prefix: str) -> str | None:
    name = _inner(answer, "id")
    return f"{prefix}/async-result/{name}" if isinstance(name, str) and name.replace("-", "").isalnum() else None


def zai_stage(answer: Any) -> Stage:
    return {"PROCESSING": Stage.RUNNING, "FAIL": Stage.FAILED}.get(str(_inner(answer, "task_status")), Stage.DONE)


def _replicate_stage(answer: Any) -> Stage:
    stages = {"starting": Stage.WAITING, "processing": Stage.RUNNING, "failed": Stage.FAILED, "canceled": Stage.FAILED}
    return stages.get(str(_inner(answer, "status")), Stage.DONE)


_ALL = ("negative_prompt", "seed", "steps", "guidance_scale")
STYLES: Mapping[str, Style] = {
    "hf-inference": Style(
        "/hf-inference/models/{model}", _native, _can(*_ALL), SEED_32, headers={"Accept": "image/png"}
    ),
    "nscale": Style("/nscale/v1/images/generations", _nscale, _can("seed"), SEED_32),
    "nebius": Style("/nebius/v1/images/generations", _nebius, _can("seed", "steps", "negative_prompt"), SEED_32),
    "together": Style("/together/v1/images/generations", _together, _can(*_ALL)),
    "fal-ai": Style(
        "/fal-ai/{model}",
        _fal,
        _can("seed", "steps", "guidance_scale"),
        job=Job(lambda answer: _fal_path(answer, "/status"), _fal_stage, result=_fal_path),
    ),
    "replicate": Style(
        "/replicate/v1/models/{model}/predictions",
        _replicate,
        _can(*_ALL),
        headers={"Prefer": "wait"},
        job=Job(lambda _: None, _replicate_stage),
    ),
    "wavespeed": Style(
        "/wavespeed/api/v3/{model}",
        _wavespeed,
        _can("seed", "steps", "guidance_scale"),
        job=Job(lambda answer: _path_of(_inner(_inner(_inner(answer, "data"), "urls"), "get"), "/wavespeed"), _wavespeed_stage),
    ),
    "zai-org": Style(
        "/zai-org/api/paas/v4/async/images/generations",
        _zai,
        Capabilities(image=True, settings=SHAPE, size_step=16, min_side=512, max_side=2048),
        headers={"x-source-channel": "hugging_face", "Accept-Language": "en-US,en"},
        job=Job(lambda answer: zai_path(answer, "/zai-org/api/paas/v4"), zai_stage),
    ),
}  # fmt: skip


def style_of(slug: str, model: str) -> Style:
    """How this provider expects requests for this model."""
    style = STYLES[slug]
    if slug != "replicate":
        return style
    path = "/replicate/v1/predictions" if ":" in model else style.path
    can = style.capabilities
    if is_flux(model):
        settings = frozenset({"aspect_ratio", "seed", "steps", "guidance_scale"})
        can = Capabilities(image=True, settings=settings, size_step=16, min_side=256, max_side=2048)
    return Style(path, style.body, can, style.largest_seed, headers=style.headers, job=style.job)
