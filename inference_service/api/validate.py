"""Checks every field of a request by the ranges that its comment in the contract gives; all problems at once."""

import re
from collections.abc import Iterator

from antiphon.config.model import Images
from antiphon.v1 import chat_pb2, common_pb2, image_pb2, usage_pb2
from inference_service import settings
from inference_service.api.large import apart
from inference_service.domain import ImagePart
from inference_service.pictures.normalise import problem, sniff

REQUEST_ID = re.compile(r"[A-Za-z0-9_.:-]{1,64}")
MIMES = ("image/png", "image/jpeg", "image/webp", "image/gif")
LARGEST_IMAGE = 10 * 1024 * 1024
MOST_PIXELS: int = Images().max_pixels
LONGEST_MODEL, LONGEST_TEXT, LONGEST_PROMPT, LONGEST_ID = 200, 1_000_000, 4_000, 128
MOST_VIOLATIONS = 20
EARLIEST, LATEST = -62_135_596_800, 253_402_300_799  # seconds of the years 1 and 9999

# Asked of every request; the wrappers make a new list each time.
INTERRUPTIONS = frozenset(chat_pb2.OnInterruption.values())
SETTINGS = frozenset(common_pb2.UnsupportedSetting.values())
ROLES = frozenset(chat_pb2.Role.values()) - {chat_pb2.ROLE_UNSPECIFIED}

Violation = tuple[str, str]


async def chat(request: chat_pb2.ChatRequest, max_pixels: int = MOST_PIXELS, size: int = 0) -> list[Violation]:
    """(dotted path, what is wrong and what is allowed), at most 20. `max_pixels`: of a picture, as [images] sets it.

    `size`: of the request in bytes; large ones are checked beside the event loop.
    """
    pictures: list[tuple[str, chat_pb2.InlineImage]] = []
    found = [*_common(request), *await apart(size, lambda: list(_messages(request, pictures)))]
    found += settings.violations(settings.taken(request))
    if request.on_interruption not in INTERRUPTIONS:
        found.append(("on_interruption", "is not one of CONTINUE, RESTART, FAIL"))
    if not found:
        for path, picture in pictures:
            found += await _pixels(path, picture, max_pixels)
    return found[:MOST_VIOLATIONS]


async def image(request: image_pb2.ImageRequest, max_pixels: int = MOST_PIXELS) -> list[Violation]:
    """As `chat`."""
    found = [*_common(request), *_drawing(request)]
    if request.HasField("input_image"):
        problems = list(_picture("input_image", request.input_image))
        found += problems or await _pixels("input_image", request.input_image, max_pixels)
    return found[:MOST_VIOLATIONS]


def usage(request: usage_pb2.GetUsageRequest) -> list[Violation]:
    """As `chat`."""
    found = list(_caller(request.caller))
    # Beyond these google.protobuf.Timestamp is not valid.
    if not EARLIEST <= request.since.seconds <= LATEST or not 0 <= request.since.nanos < 1_000_000_000:
        found.append(("since", "is not a time between the years 1 and 9999"))
    return found


def _common(request: chat_pb2.ChatRequest | image_pb2.ImageRequest) -> Iterator[Violation]:
    if not request.model:
        yield "model", "is required, such as 'chat'"
    elif len(request.model) > LONGEST_MODEL:
        yield "model", f"has {len(request.model)} characters; at most {LONGEST_MODEL} are allowed"
    if request.request_id and not REQUEST_ID.fullmatch(request.request_id):
        yield "request_id", "must be 1 to 64 letters, digits, '-', '_', '.' or ':'"
    if request.unsupported_setting not in SETTINGS:
        yield "unsupported_setting", "is not one of DROP, REFUSE"
    yield from _caller(request.caller)


def _caller(caller: common_pb2.Caller) -> Iterator[Violation]:
    for name in ("tenant_id", "user_id"):
        if len(getattr(caller, name)) > LONGEST_ID:
            yield f"caller.{name}", f"has {len(getattr(caller, name))} characters; at most {LONGEST_ID} are allowed"


def _messages(request: chat_pb2.ChatRequest, pictures: list[tuple[str, chat_pb2.InlineImage]]) -> Iterator[Violation]:
    """Puts every picture with its path into `pictures`."""
    count = len(request.messages)
    if not 1 <= count <= 1_000:
        yield "messages", f"has {count} messages; 1 to 1,000 are allowed"
        return
    for number, message in enumerate(request.messages):
        path = f"messages[{number}]"
        if message.role not in ROLES:
            yield f"{path}.role", "is required: SYSTEM, USER or ASSISTANT"
        if not 1 <= len(message.parts) <= 64:
            yield f"{path}.parts", f"has {len(message.parts)} parts; 1 to 64 are allowed"
            continue
        for place, part in enumerate(message.parts):
            if part.WhichOneof("content") == "image":
                pictures.append((f"{path}.parts[{place}].image", part.image))
            yield from _part(f"{path}.parts[{place}]", part, message.role)
    if request.messages[-1].role != chat_pb2.ROLE_USER:
        yield f"messages[{count - 1}].role", "the last message must be of the role USER"


def _part(path: str, part: chat_pb2.Part, role: int) -> Iterator[Violation]:
    match part.WhichOneof("content"):
        case "text":
            if not 1 <= len(part.text) <= LONGEST_TEXT:
                yield f"{path}.text", f"has {len(part.text)} characters; 1 to {LONGEST_TEXT} are allowed"
        case "image":
            if role != chat_pb2.ROLE_USER:
                yield f"{path}.image", "only messages of the role USER may hold pictures"
            yield from _picture(f"{path}.image", part.image)
        case _:
            yield path, "must hold a text or an image"


def _picture(path: str, image: chat_pb2.InlineImage) -> Iterator[Violation]:
    if not 1 <= len(image.data) <= LARGEST_IMAGE:
        yield f"{path}.data", f"has {len(image.data)} bytes; 1 to {LARGEST_IMAGE} are allowed"
        return
    if image.mime_type not in MIMES:
        yield f"{path}.mime_type", f"must be one of {', '.join(MIMES)}"
        return
    found = sniff(image.data)
    if found != image.mime_type:
        yield f"{path}.mime_type", f"does not fit the bytes, which are {found or 'none of the allowed formats'}"


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
