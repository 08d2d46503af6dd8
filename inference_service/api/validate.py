"""Validates every field of a request by the ranges that the contract's comments give, and reports all problems at once."""

import re
from collections.abc import Iterator
from typing import Any

from antiphon.config.model import Images
from antiphon.v1 import chat_pb2, common_pb2, embeddings_pb2, image_pb2, speech_pb2, usage_pb2
from inference_service import settings
from inference_service.api import offers
from inference_service.api.large import apart
from inference_service.api.turns import LONGEST_TEXT, Turns, Violation, audio, length, picture
from inference_service.domain import ImagePart
from inference_service.pictures.normalise import problem
from inference_service.providers.embeddings import MOST_INPUTS

REQUEST_ID = re.compile(r"[A-Za-z0-9_.:-]{1,64}")
MOST_PIXELS: int = Images().max_pixels
LONGEST_MODEL, LONGEST_PROMPT, LONGEST_ID, LONGEST_HINT = 200, 4_000, 128, 1_000
MOST_DIMENSIONS = 65_536
MOST_ROWS = 1_000
DIMENSIONS = frozenset(usage_pb2.UsageDimension.values()) - {usage_pb2.USAGE_DIMENSION_UNSPECIFIED}
LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Za-z]{2,4})?")
MOST_VIOLATIONS = 20
OURS = frozenset({"model", "messages", "stream", "stream_options", "n"})  # keys of a body that no caller may replace
EARLIEST, LATEST = -62_135_596_800, 253_402_300_799  # seconds of the years 1 and 9999

# Checked for every request; the wrappers build a new list each time.
INTERRUPTIONS = frozenset(chat_pb2.OnInterruption.values())
SETTINGS = frozenset(common_pb2.UnsupportedSetting.values())


async def chat(request: chat_pb2.ChatRequest, max_pixels: int = MOST_PIXELS, size: int = 0) -> list[Violation]:
    """(dotted path, what is wrong and what is allowed), at most 20. `max_pixels`: of a picture, as set in [images].

    `size`: of the request in bytes; large ones are validated off the event loop.
    """
    turns = Turns()
    violations = [*_common(request), *await apart(size, lambda: list(turns.check(list(request.messages))))]
    violations += [*offers.tools(request.tools), *offers.choice(request), *offers.answer_format(request)]
    violations += _together(request)
    violations += settings.violations(settings.taken(request))
    if request.on_interruption not in INTERRUPTIONS:
        violations.append(("on_interruption", "is not one of CONTINUE, RESTART, FAIL"))
    if not violations:
        for path, image in turns.pictures:
            violations += await _pixels(path, image, max_pixels)
    return violations[:MOST_VIOLATIONS]


async def image(request: image_pb2.ImageRequest, max_pixels: int = MOST_PIXELS) -> list[Violation]:
    """Same as `chat`."""
    violations = [*_common(request), *_drawing(request)]
    if request.HasField("input_image"):
        problems = list(picture("input_image", request.input_image))
        violations += problems or await _pixels("input_image", request.input_image, max_pixels)
    return violations[:MOST_VIOLATIONS]


def embed(request: embeddings_pb2.EmbedRequest) -> list[Violation]:
    """Same as `chat`."""
    violations = list(_common(request))
    if not 1 <= len(request.inputs) <= MOST_INPUTS:
        violations.append(("inputs", f"has {len(request.inputs)} texts; 1 to {MOST_INPUTS:,} are allowed"))
    for number, text in enumerate(request.inputs):
        violations += length(f"inputs[{number}]", text, LONGEST_TEXT, least=1)
        if len(violations) >= MOST_VIOLATIONS:
            break
    if request.HasField("dimensions") and not 1 <= request.dimensions <= MOST_DIMENSIONS:
        violations.append(("dimensions", f"is {request.dimensions}; 1 to {MOST_DIMENSIONS:,} is allowed"))
    return violations[:MOST_VIOLATIONS]


def transcribe(request: speech_pb2.TranscribeRequest) -> list[Violation]:
    """Same as `chat`."""
    violations = [*_common(request), *audio("audio", request.audio)]
    if request.language and not LANGUAGE.fullmatch(request.language):
        violations.append(("language", "must be an ISO 639-1 language code, such as 'de'"))
    violations += length("prompt", request.prompt, LONGEST_HINT)
    if request.HasField("temperature") and not 0 <= request.temperature <= 1:
        violations.append(("temperature", f"is {request.temperature:g}; 0 to 1 is allowed"))
    return violations


def usage(request: usage_pb2.GetUsageRequest) -> list[Violation]:
    """Same as `chat`."""
    violations = list(_caller(request.caller))
    for name in ("since", "until"):
        moment = getattr(request, name)
        # Outside of this range a google.protobuf.Timestamp is invalid.
        if not EARLIEST <= moment.seconds <= LATEST or not 0 <= moment.nanos < 1_000_000_000:
            violations.append((name, "is not a time between the years 1 and 9999"))
    if request.HasField("since") and request.HasField("until") and request.until.seconds < request.since.seconds:
        violations.append(("until", "is before since"))
    for place, dimension in enumerate(request.group_by):
        if dimension not in DIMENSIONS:
            violations.append((f"group_by[{place}]", "is not one of DEPLOYMENT, CALLER, TENANT, USER, MODEL, DAY"))
        elif dimension in request.group_by[:place]:
            violations.append((f"group_by[{place}]", "is listed twice"))
    if request.page_size > MOST_ROWS:
        violations.append(("page_size", f"is {request.page_size}; 1 to {MOST_ROWS:,} is allowed"))
    return violations


def _common(request: Any) -> Iterator[Violation]:
    if not request.model:
        yield "model", "is required, such as 'chat'"
    elif len(request.model) > LONGEST_MODEL:
        yield "model", f"has {len(request.model)} characters; at most {LONGEST_MODEL} are allowed"
    if request.request_id and not REQUEST_ID.fullmatch(request.request_id):
        yield "request_id", "must be 1 to 64 letters, digits, '-', '_', '.' or ':'"
    if request.unsupported_setting not in SETTINGS:
        yield "unsupported_setting", "is not one of DROP, REFUSE"
    if request.replay and not request.request_id:
        yield "replay", "needs a request_id"
    yield from _caller(request.caller)


def _together(request: chat_pb2.ChatRequest) -> Iterator[Violation]:
    """Fields that require or exclude each other."""
    if request.HasField("parallel_tool_calls") and not request.tools:
        yield "parallel_tool_calls", "needs tools"
    if len(request.conversation_id) > LONGEST_ID:
        yield (
            "conversation_id",
            f"has {len(request.conversation_id)} characters; at most {LONGEST_ID} are allowed",
        )
    for name, options in request.provider_options.fields.items():
        path = f"provider_options.{name[:64]}"
        if options.WhichOneof("kind") != "struct_value":
            yield path, "must be an object: the fields for this provider"
            continue
        for key in sorted(OURS & set(options.struct_value.fields)):
            yield f"{path}.{key}", "is set by the service itself and cannot be overridden"


def _caller(caller: common_pb2.Caller) -> Iterator[Violation]:
    for name in ("tenant_id", "user_id"):
        if len(getattr(caller, name)) > LONGEST_ID:
            yield f"caller.{name}", f"has {len(getattr(caller, name))} characters; at most {LONGEST_ID} are allowed"


async def _pixels(path: str, image: chat_pb2.InlineImage, max_pixels: int) -> list[Violation]:
    text = await problem(ImagePart(image.mime_type, image.data), max_pixels)
    return [(f"{path}.data", text)] if text else []


def _drawing(request: image_pb2.ImageRequest) -> Iterator[Violation]:
    if not 1 <= len(request.prompt) <= LONGEST_PROMPT:
        yield "prompt", f"has {len(request.prompt)} characters; 1 to {LONGEST_PROMPT} are allowed"
    if len(request.negative_prompt) > LONGEST_PROMPT:
        yield "negative_prompt", f"has {len(request.negative_prompt)} characters; at most {LONGEST_PROMPT} are allowed"
    match request.WhichOneof("shape"):
        case "size":
            for side in ("width", "height"):
                if not 64 <= getattr(request.size, side) <= 4_096:
                    yield f"size.{side}", f"is {getattr(request.size, side)}; 64 to 4,096 is allowed"
        case "aspect_ratio":
            horizontal, vertical = request.aspect_ratio.horizontal, request.aspect_ratio.vertical
            if not (1 <= horizontal <= 100 and 1 <= vertical <= 100):
                yield "aspect_ratio", f"is {horizontal}:{vertical}; each part 1 to 100 is allowed"
            elif max(horizontal, vertical) > 4 * min(horizontal, vertical):
                yield "aspect_ratio", f"is {horizontal}:{vertical}; at most 4:1 either way is allowed"
    yield from settings.image_violations(request)
    if request.count > 4:
        yield "count", f"is {request.count}; 1 to 4 is allowed"
    if request.max_bytes and request.max_bytes < 16_384:
        yield "max_bytes", f"is {request.max_bytes}; at least 16,384 is allowed"
    if request.format not in image_pb2.ImageFormat.values():
        yield "format", "is not one of PNG, JPEG, WEBP"
