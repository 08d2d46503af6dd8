"""Validates, cleans and converts every picture before a caller gets it.

The result holds pixels and nothing else. A picture that already has the requested form keeps its compressed bytes.
"""

import io

from PIL import Image

from antiphon.config.model import Images
from inference_service.domain import (
    CheckedPicture,
    ImageFormat,
    ImagePart,
    ImageRequest,
    Notice,
    NoticeKind,
    Picture,
    Preview,
)
from inference_service.failures import FailureKind, UpstreamFailure
from inference_service.pictures.decoding import BadPicture, decoded, familiar, in_pool, orientation, plain, size
from inference_service.pictures.strip import stripped

# Qualities to try, best first, before pixels are given up.
QUALITIES = (92, 85, 75, 65, 50)
SMALLEST_SIDE = 64
DEFAULTS = Images()
LARGEST_PREVIEW, PREVIEW_SIDE, PREVIEW_QUALITY = 256 * 1024, 768, 80
# Beyond this many pixels, better PNG compression costs more time than it saves in transfer.
SMALL_PNG = 1 << 18
PLAIN_MODES = ("RGB", "RGBA", "L", "LA", "P")
NAMES = {"PNG": ImageFormat.PNG, "JPEG": ImageFormat.JPEG, "WEBP": ImageFormat.WEBP}  # by Pillow's names
SIGNATURES = ((b"\x89PNG\r\n\x1a\n", "image/png"), (b"\xff\xd8\xff", "image/jpeg"), (b"GIF87a", "image/gif"), (b"GIF89a", "image/gif"))  # fmt: skip


async def normalise(picture: Picture, request: ImageRequest, limits: Images) -> tuple[CheckedPicture, list[Notice]]:
    """The picture in the requested form, and what had to be changed. Raises UpstreamFailure(BAD_IMAGE)."""
    try:
        return await in_pool(_normalise, picture, request.format, request.max_bytes, limits)
    except BadPicture as error:
        text = f"the provider's picture is not acceptable: {error}"
        raise UpstreamFailure(FailureKind.BAD_IMAGE, text) from error


async def preview(data: bytes, index: int = 0, limits: Images = DEFAULTS) -> Preview | None:
    """A small JPEG of a provider's preview; None if the bytes are not an acceptable picture."""
    try:
        return await in_pool(_preview, data, index, limits)
    except BadPicture:
        return None


def sniff(data: bytes) -> str | None:
    """The MIME type by the first bytes; None unless it is one of the four that requests may carry."""
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    return next((mime for start, mime in SIGNATURES if data.startswith(start)), None)


async def dimensions(data: bytes) -> tuple[int, int] | None:
    """(width, height) from the header, without decoding; None if it is not a picture."""
    return await in_pool(size, data)


async def problem(picture: ImagePart, max_pixels: int) -> str | None:
    """What is wrong with a caller's picture, to complete a message after the field's name; None: nothing."""
    return await in_pool(_problem, picture, max_pixels)


async def without_gif(picture: ImagePart, limits: Images = DEFAULTS) -> ImagePart:
    """A GIF's first frame as PNG, for models without GIF; other pictures unchanged.

    Raises UpstreamFailure(BAD_REQUEST): a picture in a request is its caller's responsibility.
    """
    if picture.mime != "image/gif":
        return picture
    try:
        return ImagePart("image/png", await in_pool(_as_png, picture.data, limits))
    except BadPicture as error:
        raise UpstreamFailure(FailureKind.BAD_REQUEST, f"the input picture cannot be read: {error}") from error


def _problem(picture: ImagePart, max_pixels: int) -> str | None:
    dimensions = size(picture.data)
    if dimensions is None:
        return "cannot be read as a picture"
    if dimensions[0] * dimensions[1] > max_pixels:
        return f"has {dimensions[0]}x{dimensions[1]} pixels; at most {max_pixels:,} pixels are allowed"
    if picture.mime == "image/gif":  # decoded for models that do not accept it
        try:
            with decoded(picture.data, max_pixels):
                return None
        except BadPicture:
            return "is damaged"
    return None


def _as_png(data: bytes, limits: Images) -> bytes:
    with decoded(data, limits.max_pixels) as image:
        return _encode(plain(image, flat=False), ImageFormat.PNG)


def _preview(data: bytes, index: int, limits: Images) -> Preview:
    _check_bytes(data, limits)
    with decoded(familiar(data, limits.max_pixels), limits.max_pixels) as image:
        small = plain(image, flat=True)
        small.thumbnail((PREVIEW_SIDE, PREVIEW_SIDE), Image.Resampling.BILINEAR, reducing_gap=2.0)
        encoded = _encode(small, ImageFormat.JPEG, PREVIEW_QUALITY)
    if len(encoded) > LARGEST_PREVIEW:
        raise BadPicture(f"it cannot be made smaller than {LARGEST_PREVIEW} bytes")
    return Preview(index, "image/jpeg", encoded)


def _check_bytes(data: bytes, limits: Images) -> None:
    if len(data) > limits.max_bytes:
        raise BadPicture(f"it is larger than {limits.max_bytes} bytes")


def _normalise(
    picture: Picture, wanted: ImageFormat | None, max_bytes: int | None, limits: Images
) -> tuple[CheckedPicture, list[Notice]]:
    _check_bytes(picture.data, limits)
    source = familiar(picture.data, limits.max_pixels)
    with decoded(source, limits.max_pixels) as image:
        own = NAMES.get(image.format or "")
        chosen = wanted or own or ImageFormat.PNG
        data = _as_it_is(source, image) if chosen is own else None
        if data is not None and len(data) <= (max_bytes or len(data)):
            return _checked(picture, data, image.size, chosen), []
        clean = plain(image, flat=chosen is ImageFormat.JPEG)
        data = data or _encode(clean, chosen)
        if not max_bytes or len(data) <= max_bytes:
            return _checked(picture, data, clean.size, chosen), []
        clean, data, chosen = _shrink(clean, chosen, max_bytes, free=wanted is None)
        text = f"the picture was encoded as {chosen.value}, {clean.width}x{clean.height}, to fit {max_bytes} bytes"
        return _checked(picture, data, clean.size, chosen), [Notice(NoticeKind.CHANGED, "max_bytes", text)]


def _checked(picture: Picture, data: bytes, dimensions: tuple[int, int], chosen: ImageFormat) -> CheckedPicture:
    return CheckedPicture(picture.index, data, f"image/{chosen.value}", *dimensions, picture.seed)


def _as_it_is(data: bytes, image: Image.Image) -> bytes | None:
    """The file without its metadata, if its pixels need no change."""
    if image.mode not in PLAIN_MODES or orientation(image) != 1:
        return None
    return stripped(data, image.format or "")


def _encode(image: Image.Image, chosen: ImageFormat, quality: int = QUALITIES[0]) -> bytes:
    out = io.BytesIO()
    match chosen:
        case ImageFormat.PNG:
            image.save(out, "PNG", compress_level=6 if image.width * image.height <= SMALL_PNG else 2)
        case ImageFormat.JPEG:
            image.save(out, "JPEG", quality=quality, optimize=True)
        case ImageFormat.WEBP:
            image.save(out, "WEBP", quality=quality, method=2)
    return out.getvalue()


def _shrink(
    image: Image.Image, chosen: ImageFormat, max_bytes: int, *, free: bool
) -> tuple[Image.Image, bytes, ImageFormat]:
    """Reduces quality first, then pixels. `free`: the caller requested no format, so PNG may become WebP."""
    if chosen is ImageFormat.PNG and free:
        chosen = ImageFormat.WEBP
    while True:
        for quality in QUALITIES if chosen is not ImageFormat.PNG else QUALITIES[:1]:
            data = _encode(image, chosen, quality)
            if len(data) <= max_bytes:
                return image, data, chosen
        if min(image.size) <= SMALLEST_SIDE:
            raise BadPicture(f"it cannot be made smaller than {max_bytes} bytes")
        image = image.resize((max(1, image.width * 3 // 4), max(1, image.height * 3 // 4)), Image.Resampling.LANCZOS)
