"""Whoever made it: a picture is decoded, bounded, stripped of metadata and converted before a caller gets it.

Pillow works in a thread. Bounds on pixels are checked from the header, before anything is decoded.
"""

import asyncio
import io
import warnings

from PIL import Image, ImageOps, UnidentifiedImageError

from antiphon.config.model import Images
from inference_service.domain import CheckedPicture, ImageFormat, ImagePart, ImageRequest, Notice, NoticeKind, Picture
from inference_service.failures import FailureKind, UpstreamFailure

READABLE = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "AVIF")
# Qualities to try, best first, before pixels are given up.
QUALITIES = (92, 85, 75, 65, 50)
SMALLEST_SIDE = 64

# Our own bound is stricter and checked first; Pillow's would only print.
Image.MAX_IMAGE_PIXELS = None


async def normalise(picture: Picture, request: ImageRequest, limits: Images) -> tuple[CheckedPicture, list[Notice]]:
    """The picture as the caller asked for it, and what had to be changed. Raises UpstreamFailure(BAD_IMAGE)."""
    return await asyncio.to_thread(_normalise, picture, request.format, request.max_bytes, limits)


def sniff(data: bytes) -> str | None:
    """The MIME type that the first bytes tell; None when it is none of the four that requests may carry."""
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if data.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    return "image/gif" if data.startswith((b"GIF87a", b"GIF89a")) else None


async def dimensions(data: bytes) -> tuple[int, int] | None:
    """(width, height) from the header, without decoding; None when it is no picture."""

    def look() -> tuple[int, int] | None:
        try:
            with Image.open(io.BytesIO(data), formats=READABLE) as image:
                return image.size
        except (UnidentifiedImageError, OSError, ValueError, SyntaxError):
            return None

    return await asyncio.to_thread(look)


async def without_gif(picture: ImagePart) -> ImagePart:
    """A GIF's first frame as PNG, for models that take no GIF; others as they are. Of checked pictures only."""
    if picture.mime != "image/gif":
        return picture
    return ImagePart("image/png", await asyncio.to_thread(_as_png, picture.data))


def _as_png(data: bytes) -> bytes:
    made = io.BytesIO()
    with Image.open(io.BytesIO(data)) as image:
        image.convert("RGBA").save(made, "PNG")
    return made.getvalue()


def _bad(reason: str) -> UpstreamFailure:
    return UpstreamFailure(FailureKind.BAD_IMAGE, f"the provider's picture is not acceptable: {reason}")


def _normalise(
    picture: Picture, wanted: ImageFormat | None, max_bytes: int | None, limits: Images
) -> tuple[CheckedPicture, list[Notice]]:
    if len(picture.data) > limits.max_bytes:
        raise _bad(f"larger than {limits.max_bytes} bytes")
    image = _decode(picture.data, limits)
    given = ImageFormat(image.format.lower()) if image.format in ("PNG", "JPEG", "WEBP") else ImageFormat.PNG
    chosen = wanted or given
    image = _clean(image, chosen)
    notices: list[Notice] = []
    data = _encode(image, chosen, QUALITIES[0])
    if max_bytes and len(data) > max_bytes:
        image, data, chosen = _shrink(image, chosen, max_bytes, free=wanted is None)
        text = f"the picture was encoded as {chosen.value}, {image.width}x{image.height}, to fit {max_bytes} bytes"
        notices.append(Notice(NoticeKind.CHANGED, "max_bytes", text))
    mime = f"image/{chosen.value}"
    return CheckedPicture(picture.index, data, mime, image.width, image.height, picture.seed), notices


def _decode(data: bytes, limits: Images) -> Image.Image:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            image = Image.open(io.BytesIO(data), formats=READABLE)
            if image.width * image.height > limits.max_pixels:
                raise _bad(f"more than {limits.max_pixels} pixels")
            image.load()  # an animation gives its first frame
    except UnidentifiedImageError as error:
        raise _bad("it is not a picture") from error
    except (OSError, ValueError, SyntaxError, EOFError, MemoryError, OverflowError) as error:
        raise _bad("it is damaged") from error
    return image


def _clean(image: Image.Image, chosen: ImageFormat) -> Image.Image:
    """Upright, in plain colours, without metadata: only pixels are copied."""
    upright = ImageOps.exif_transpose(image)
    alpha = "A" in upright.mode or "transparency" in upright.info
    if chosen is ImageFormat.JPEG and alpha:
        flat = Image.new("RGB", upright.size, "white")
        flat.paste(upright, mask=upright.convert("RGBA").getchannel("A"))
        return flat
    plain = upright.convert("RGBA" if alpha else "RGB")
    plain.info = {}
    return plain


def _encode(image: Image.Image, chosen: ImageFormat, quality: int) -> bytes:
    out = io.BytesIO()
    match chosen:
        case ImageFormat.PNG:
            image.save(out, "PNG", compress_level=6)
        case ImageFormat.JPEG:
            image.save(out, "JPEG", quality=quality, optimize=True)
        case ImageFormat.WEBP:
            image.save(out, "WEBP", quality=quality, method=2)
    return out.getvalue()


def _shrink(
    image: Image.Image, chosen: ImageFormat, max_bytes: int, *, free: bool
) -> tuple[Image.Image, bytes, ImageFormat]:
    """Less quality first, fewer pixels then. `free`: the caller asked for no format, so PNG may become WebP."""
    if chosen is ImageFormat.PNG and free:
        chosen = ImageFormat.WEBP
    while True:
        for quality in QUALITIES if chosen is not ImageFormat.PNG else QUALITIES[:1]:
            data = _encode(image, chosen, quality)
            if len(data) <= max_bytes:
                return image, data, chosen
        if min(image.size) <= SMALLEST_SIDE:
            raise _bad(f"it cannot be made smaller than {max_bytes} bytes")
        image = image.resize((max(1, image.width * 3 // 4), max(1, image.height * 3 // 4)), Image.Resampling.LANCZOS)
