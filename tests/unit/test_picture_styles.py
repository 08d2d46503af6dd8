"""What a host declares and what it is sent: a setting that is declared is on the wire, and no other one is."""

from typing import Any

import msgspec
import pytest

from inference_service.domain import ImagePart, ImageRequest, NoticeKind
from inference_service.failures import FailureKind, UpstreamFailure
from inference_service.providers import deepinfra
from inference_service.providers.pictures import hosts, task_providers, workers_ai
from inference_service.providers.pictures.results import Result, read_results
from inference_service.providers.pictures.seeds import COMMON, LARGEST, reported, seed_for
from inference_service.providers.pictures.style import Order, Style, bounded_steps, dropped
from inference_service.providers.seam import ImageCall

VALUES: dict[str, Any] = {
    "negative_prompt": "rain",
    "size": (768, 512),
    "aspect_ratio": (16, 9),
    "steps": 3,
    "guidance_scale": 2.5,
}
MODELS = {
    "nvidia": ("black-forest-labs/flux.1-schnell", "black-forest-labs/flux.1-dev", "black-forest-labs/flux.2-klein-4b", "stabilityai/stable-diffusion-3-medium"),
    "replicate": ("black-forest-labs/flux-schnell", "stability-ai/sdxl:776"),
}  # fmt: skip
CLOUDFLARE = (
    "@cf/black-forest-labs/flux-1-schnell", "@cf/black-forest-labs/flux-2-dev", "@cf/leonardo/phoenix-1.0",
    "@cf/stabilityai/stable-diffusion-xl-base-1.0", "@cf/runwayml/stable-diffusion-v1-5-img2img",
)  # fmt: skip
STYLES: dict[str, tuple[Style, str]] = {
    **{f"hf {slug} {m}": (task_providers.style_of(slug, m), m) for slug in task_providers.STYLES for m in MODELS.get(slug, ("flux",))},
    **{f"{name} {m}": (hosts.style_of(name, m), m) for name in hosts.NAMES for m in MODELS.get(name, ("flux",))},
    **{m: (style, m) for m in CLOUDFLARE if (style := workers_ai.style_of(m))},
    "deepinfra": (deepinfra.NATIVE, "flux"),
    "deepinfra openai": (deepinfra.OPENAI, "flux"),
}  # fmt: skip


def order(model: str, seed: int | None = None, **wanted: Any) -> Order:
    request = ImageRequest("r", model, "a fox", **wanted)
    # The router resolves a proportion to a size.
    size = wanted.get("size") or ((1024, 576) if "aspect_ratio" in wanted else None)
    return Order(ImageCall(request, model, None, size=size), model, seed)


@pytest.mark.parametrize("name", STYLES)
def test_a_declared_setting_is_on_the_wire_and_no_other_one_is(name: str) -> None:
    style, model = STYLES[name]
    plain = style.body(order(model))
    changing = {field for field, value in VALUES.items() if style.body(order(model, **{field: value})) != plain}
    if style.body(order(model, seed=7)) != plain:
        changing.add("seed")
    if "size" not in style.capabilities.settings:
        changing.discard("size")  # such a request arrives without its size
    assert changing == style.capabilities.settings


@pytest.mark.parametrize("name", STYLES)
def test_nothing_that_the_caller_has_not_set_is_sent_as_null(name: str) -> None:
    style, model = STYLES[name]
    assert b"null" not in msgspec.json.encode(style.body(order(model)))


@pytest.mark.parametrize("name", STYLES)
def test_a_host_that_starts_from_a_picture_is_sent_one(name: str) -> None:
    style, model = STYLES[name]
    request = ImageRequest("r", model, "a fox", input_image=ImagePart("image/png", b"PNG"))
    with_picture = Order(ImageCall(request, model, None), model, picture="data:image/png;base64,UE5H")
    assert (style.body(with_picture) != style.body(order(model))) is style.capabilities.input_image


def test_seeds_are_drawn_at_random_and_within_every_range() -> None:
    request = ImageRequest("r", "m", "a fox")
    drawn = {seed_for(request)[0] for _ in range(20)}
    assert len(drawn) > 1
    assert all(0 <= seed <= COMMON for seed in drawn)
    assert seed_for(msgspec.structs.replace(request, seed=5)) == (5, [])


@pytest.mark.parametrize(
    ("asked", "largest", "sent", "told"),
    [
        (COMMON, COMMON, COMMON, False),
        (COMMON + 1, COMMON, 0, True),
        (LARGEST, LARGEST, LARGEST, False),
        (LARGEST + 1, LARGEST, 0, False),  # the second picture of a request with the last seed
        (LARGEST + 2, 2**32 - 1, 1, False),
    ],
)
def test_a_seed_that_a_host_cannot_take_is_brought_into_its_range(
    asked: int, largest: int, sent: int, told: bool
) -> None:
    seed, notices = seed_for(ImageRequest("r", "m", "a fox", seed=asked), largest)
    assert seed == sent
    assert [(notice.kind, notice.field) for notice in notices] == ([(NoticeKind.CHANGED, "seed")] if told else [])


@pytest.mark.parametrize(
    ("value", "seed"),
    [(7, 7), ("42", 42), (7.0, 7), (LARGEST, LARGEST), (LARGEST + 1, None), (-1, None), (True, None), ("x", None), (None, None), (float("nan"), None), ([1], None), ("9" * 30, None)],
)  # fmt: skip
def test_a_seed_is_read_from_whatever_a_host_reports(value: object, seed: int | None) -> None:
    assert reported(value) == seed


def test_a_lost_setting_is_a_notice_or_a_refusal_as_the_caller_wishes() -> None:
    request = ImageRequest("r", "m", "a fox", steps=4, negative_prompt="rain")
    assert [one.field for one in dropped(request, frozenset({"steps"}))] == ["negative_prompt"]
    with pytest.raises(UpstreamFailure) as refused:
        dropped(msgspec.structs.replace(request, strict=True), frozenset({"steps"}))
    assert (refused.value.kind, refused.value.field) == (FailureKind.FIELD_REFUSED, "negative_prompt")
    assert dropped(msgspec.structs.replace(request, strict=True), frozenset({"steps", "negative_prompt"})) == []


@pytest.mark.parametrize(("asked", "used"), [(None, None), (1, 1), (8, 8), (9, 8), (150, 8)])
def test_steps_are_brought_within_what_a_host_takes(asked: int | None, used: int | None) -> None:
    request, notices = bounded_steps(ImageRequest("r", "m", "a fox", steps=asked), (1, 8))
    assert request.steps == used
    assert [notice.field for notice in notices] == ([] if asked == used else ["steps"])
    if asked != used:
        with pytest.raises(UpstreamFailure, match="1 to 8 steps"):
            bounded_steps(ImageRequest("r", "m", "a fox", steps=asked, strict=True), (1, 8))


B64 = "aGVsbG8="
HELLO = Result(data=b"hello")


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        ({"created": 1, "data": [{"b64_json": B64, "revised_prompt": "x"}]}, [HELLO]),
        ({"data": [{"url": "https://x.example/1.png"}]}, [Result(url="https://x.example/1.png")]),
        ({"images": [f"data:image/png;base64,{B64}"], "nsfw_content_detected": [False], "seed": 42}, [Result(data=b"hello", seed=42)]),
        ({"images": [{"url": "https://x.example/1", "content_type": "image/jpeg"}], "seed": 3}, [Result(url="https://x.example/1", seed=3)]),
        ({"output": "https://x.example/1"}, [Result(url="https://x.example/1")]),
        ({"output": [f"data:image/png;base64,{B64}", "https://x.example/2"]}, [HELLO, Result(url="https://x.example/2")]),
        ({"image_url": "https://x.example/1"}, [Result(url="https://x.example/1")]),
        ({"task_status": "SUCCESS", "image_result": [{"url": "https://x.example/1"}]}, [Result(url="https://x.example/1")]),
        ({"data": {"status": "completed", "outputs": ["https://x.example/1"], "has_nsfw_contents": [False]}}, [Result(url="https://x.example/1")]),
        ({"result": {"image": B64}, "success": True, "errors": []}, [HELLO]),
        ({"artifacts": [{"base64": B64, "finishReason": "SUCCESS", "seed": 9}]}, [Result(data=b"hello", seed=9)]),
        ({"image": B64, "finish_reason": "SUCCESS", "seed": 9}, [Result(data=b"hello", seed=9)]),
        ({"generations": [{"img": "https://x.example/1", "seed": "77", "censored": False, "state": "ok"}]}, [Result(url="https://x.example/1", seed=77)]),
        ({"choices": [{"message": {"content": "Here", "images": [{"type": "image_url", "image_url": {"url": f"data:image/png;base64,{B64}"}}]}}]}, [HELLO]),
        ({"data": [{"url": "/files/1.png"}]}, [Result(url="https://host.example/files/1.png")]),
        ({"images": [f"data:image/png;base64,{B64}", B64], "nsfw_content_detected": [True, False]}, [HELLO]),
    ],
)  # fmt: skip
def test_every_documented_shape_of_a_picture_is_read(answer: Any, found: list[Result]) -> None:
    assert read_results(answer, "https://host.example/v1/images/generations") == found


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        ({"artifacts": [{"base64": B64, "finishReason": "CONTENT_FILTERED"}]}, FailureKind.CONTENT_REFUSED),
        ({"generations": [{"img": B64, "censored": True}]}, FailureKind.CONTENT_REFUSED),
        ({"generations": [{"img": B64, "state": "csam"}]}, FailureKind.CONTENT_REFUSED),
        ({"images": [f"data:image/png;base64,{B64}"], "nsfw_content_detected": [True]}, FailureKind.CONTENT_REFUSED),
        ({"images": [], "nsfw_content_detected": [True]}, FailureKind.CONTENT_REFUSED),
        ({"choices": [{"message": {"content": "I cannot"}, "finish_reason": "content_filter"}]}, FailureKind.CONTENT_REFUSED),
        ({"choices": [{"message": {"content": "aGVsbG8="}, "finish_reason": "stop"}]}, FailureKind.BAD_RESPONSE),
        ({"success": False, "errors": [{"code": 3040, "message": "Model is overloaded"}]}, FailureKind.OVERLOADED),
        ({"error": {"message": "Rate limit reached", "code": 429}}, FailureKind.RATE_LIMITED),
        ({"images": [None, 3, {"x": 1}]}, FailureKind.BAD_RESPONSE),
        ({"inference_status": {"status": "failed"}}, FailureKind.SERVER_ERROR),
        ([], FailureKind.BAD_RESPONSE),
        ("a text", FailureKind.BAD_RESPONSE),
        (None, FailureKind.BAD_RESPONSE),
        ({"data": {"data": {"data": {"data": {"data": {"data": {"data": {"data": {"data": {"b64_json": B64}}}}}}}}}}, FailureKind.BAD_RESPONSE),
    ],
)  # fmt: skip
def test_an_answer_without_a_picture_says_why(answer: Any, kind: FailureKind) -> None:
    with pytest.raises(UpstreamFailure) as failed:
        read_results(answer, "")
    assert failed.value.kind is kind
