"""One parser for every documented shape of a picture result. Pure.

Sources: API references of OpenAI, Together, DeepInfra, Hugging Face, fal, Replicate, WaveSpeed, Z.ai, Cloudflare,
NVIDIA, SiliconFlow, OpenRouter and the AI Horde. A picture is base64, a data URI or a URL; it is validated later.
"""

import base64
import binascii
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urljoin

import msgspec
from msgspec import Struct

from inference_service.failures import FailureKind, UpstreamFailure
from inference_service.providers.kit import errors
from inference_service.providers.pictures.seeds import reported

# Tried in this order; the first with a value wins.
PLACES = (
    "b64_json", "base64", "images", "artifacts", "generations", "img", "output", "outputs", "output_images",
    "image_url", "image_result", "url", "image", "result", "data",
)  # fmt: skip
FLAGS = ("nsfw_content_detected", "has_nsfw_concepts", "has_nsfw_contents")  # one boolean per picture
DEEPEST = 8
_DATA_URI = re.compile(r"data:[\w/+.-]*;base64,", re.ASCII)
_FILTERED = re.compile(r"content.?filter|censored|csam|nsfw|safety", re.IGNORECASE)


class Result(Struct, frozen=True):
    """One picture: its bytes, the URL to fetch it from, or the fact that the provider withheld it."""

    data: bytes = b""
    url: str = ""
    seed: int | None = None
    withheld: bool = False


def decode(answer: bytes) -> Any:
    """JSON. Raises UpstreamFailure(BAD_RESPONSE)."""
    try:
        return msgspec.json.decode(answer)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise errors.failure(FailureKind.BAD_RESPONSE, status=200) from error


def read_results(answer: Any, base: str) -> list[Result]:
    """All pictures of an answer. `base`: the URL for paths without a host. Raises UpstreamFailure if there is none."""
    results = list(_results(answer, None, base, 0))
    flags = _flags(answer)
    if len(flags) == len(results):
        results = [
            Result(withheld=True) if flag is True else result for flag, result in zip(flags, results, strict=True)
        ]
    usable = [result for result in results if not result.withheld]
    if not usable:
        raise without_picture(answer, withheld=bool(results))
    return usable


def _results(answer: Any, seed: int | None, base: str, depth: int) -> Iterator[Result]:
    if depth > DEEPEST:
        return
    match answer:
        case str():
            if (result := from_text(answer, seed, base)) is not None:
                yield result
        case list():
            for item in answer:
                yield from _results(item, seed, base, depth + 1)
        case dict():
            if _is_withheld(answer):
                yield Result(withheld=True)
                return
            if isinstance(choices := answer.get("choices"), list):
                yield from _of_chat(choices, base)
                return
            seed = reported(answer.get("seed")) if "seed" in answer else seed
            if place := next((place for place in PLACES if answer.get(place)), None):
                yield from _results(answer[place], seed, base, depth + 1)


def _of_chat(choices: list[Any], base: str) -> Iterator[Result]:
    """A chat answer puts its pictures next to its words."""
    for choice in choices:
        if not isinstance(choice, dict):
            continue
        message = choice.get("message")
        images = message.get("images") if isinstance(message, dict) else None
        if isinstance(images, list) and images:
            yield from _results(images, None, base, 1)
        elif _is_withheld(choice):
            yield Result(withheld=True)


def from_text(text: str, seed: int | None = None, base: str = "") -> Result | None:
    """A data URI, a URL, bare base64, or a path on the provider's own host; None for anything else."""
    if text.startswith(("https://", "http://")):
        return Result(url=text, seed=seed)
    head = _DATA_URI.match(text[:100])
    try:
        data = base64.b64decode(text[head.end() :] if head else text, validate=True)
    except (binascii.Error, ValueError):
        data = b""
    if data:
        return Result(data=data, seed=seed)
    if text.startswith("/") and base:
        return Result(url=urljoin(base, text), seed=seed)
    return None


def _is_withheld(item: dict[str, Any]) -> bool:
    if item.get("censored") is True:
        return True
    words = (item.get(key) for key in ("finishReason", "finish_reason", "state"))
    return any(isinstance(word, str) and _FILTERED.search(word) for word in words)


def _flags(answer: Any) -> list[Any]:
    places = [answer, answer.get("data")] if isinstance(answer, dict) else []
    values = (place.get(key) for place in places if isinstance(place, dict) for key in FLAGS)
    return next((flags for flags in values if isinstance(flags, list) and flags), [])


def without_picture(answer: Any, *, withheld: bool = False) -> UpstreamFailure:
    """What a 200 without a picture means: an error object, a filter, or nothing at all."""
    if withheld or any(flag is True for flag in _flags(answer)):
        return errors.failure(FailureKind.CONTENT_REFUSED, status=200, parsed={"code": "nsfw"})
    if isinstance(answer, dict):
        listed = answer.get("errors")
        if reported := answer.get("error") or (listed[0] if isinstance(listed, list) and listed else None):
            return errors.in_stream(reported, began=False)
        state = answer.get("inference_status")
        if isinstance(state, dict) and state.get("status") in ("failed", "queued"):
            return errors.failure(FailureKind.SERVER_ERROR, status=200)
    return errors.failure(FailureKind.BAD_RESPONSE, status=200)
