"""Decodes untrusted pictures. Every failure of a decoder, whatever it raises, becomes BadPicture.

PNG, JPEG, WebP and GIF are decoded here; any other format is first converted to PNG in a child process (`familiar`).
The size is read from the header before anything is decoded. A small pool of threads does the work, and the pixels in
memory at one time are limited, so that a few kilobytes from a provider cannot exhaust the machine.
"""

import asyncio
import contextlib
import io
import os
import re
import threading
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from PIL import Image, UnidentifiedImageError

from antiphon.repainting import MOST_SCANS, RARE, End, repainted

READABLE = ("PNG", "JPEG", "WEBP", "GIF")
FAMILIAR = re.compile(rb"\x89PNG\r\n\x1a\n|\xff\xd8\xff|GIF8[79]a|RIFF....WEBP", re.DOTALL)
PIXELS_AT_ONCE = 1 << 24  # one picture of 4096x4096, or several smaller ones; a larger one is decoded alone
THREADS = min(4, os.cpu_count() or 1)
ORIENTATION = 0x0112
UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

P = ParamSpec("P")
T = TypeVar("T")

# `read` applies a stricter limit before decoding; Pillow's own only prints a warning.
Image.MAX_IMAGE_PIXELS = None
# Pillow warns about odd metadata. A filter per call would not be thread-safe.
warnings.filterwarnings("ignore", module=r"PIL\.")


class BadPicture(Exception):
    """The bytes are not an acceptable picture. The message completes "the picture …: "."""


REASONS = {
    End.DAMAGED: "it is damaged",
    End.UNKNOWN: "it is not a picture",
    End.LARGE: "it has more than {} pixels",
    End.LATE: "it takes too long to decode",
}


def familiar(data: bytes, max_pixels: int) -> bytes:
    """The picture in a format that `decoded` knows. Raises BadPicture."""
    if FAMILIAR.match(data):
        return data
    if not RARE.match(data):
        raise BadPicture("it is not a picture")
    end, painted = repainted(data, "PNG", max_pixels)
    if end is not End.DONE:
        raise BadPicture(REASONS[end].format(max_pixels))
    return painted


class _Room:
    """Admits pictures in the order of their arrival while their pixels fit."""

    def __init__(self, pixels: int) -> None:
        self._all = self._free = pixels
        self._turn, self._changed = threading.Lock(), threading.Condition()

    @contextlib.contextmanager
    def hold(self, pixels: int) -> Iterator[None]:
        needed = min(pixels, self._all)
        with self._turn, self._changed:
            self._changed.wait_for(lambda: self._free >= needed)
            self._free -= needed
        try:
            yield
        finally:
            with self._changed:
                self._free += needed
                self._changed.notify_all()


_ROOM = _Room(PIXELS_AT_ONCE)
_POOL = ThreadPoolExecutor(THREADS, thread_name_prefix="pictures")


async def in_pool(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Runs work on pictures in the pool."""
    return await asyncio.get_running_loop().run_in_executor(_POOL, lambda: work(*args, **kwargs))


def size(data: bytes) -> tuple[int, int] | None:
    """(width, height) from the header, without decoding; None if the bytes are not a picture."""
    try:
        with Image.open(io.BytesIO(data), formats=READABLE) as image:
            return image.size
    except Exception:  # noqa: BLE001 - decoders raise anything at all on broken bytes
        return None


@contextlib.contextmanager
def decoded(data: bytes, max_pixels: int) -> Iterator[Image.Image]:
    """The picture's first frame while the block runs. Raises BadPicture, also for failures in the block."""
    try:
        with Image.open(io.BytesIO(data), formats=READABLE) as image:
            pixels = image.width * image.height
            if pixels > max_pixels:
                raise BadPicture(f"it has {image.width}x{image.height} pixels; at most {max_pixels} are allowed")
            if image.format == "JPEG" and data.count(b"\xff\xda") > MOST_SCANS:
                raise BadPicture(f"it has more than {MOST_SCANS} scans")
            with _ROOM.hold(pixels):
                image.load()
                yield image
    except BadPicture:
        raise
    except UnidentifiedImageError as error:
        raise BadPicture("it is not a picture") from error
    except Exception as error:  # decoders raise all kinds of exceptions on broken bytes
        raise BadPicture("it is damaged") from error


def orientation(image: Image.Image) -> int:
    """The EXIF orientation, from 1 (upright) to 8. Broken EXIF counts as none."""
    try:
        value = image.getexif().get(ORIENTATION)
    except Exception:  # noqa: BLE001 - metadata is untrusted, too, and never costs the picture
        return 1
    return value if isinstance(value, int) and value in UPRIGHT else 1


def has_alpha(image: Image.Image) -> bool:
    return image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info


def plain(image: Image.Image, *, flat: bool) -> Image.Image:
    """Upright, eight bits per channel, RGB or RGBA, without metadata. `flat`: transparent parts become white."""
    turn = orientation(image)
    if turn != 1:
        image = image.transpose(UPRIGHT[turn])
    if image.mode.startswith("I;16"):
        image = image.point(lambda value: value * (1 / 256)).convert("L")
    elif image.mode in ("I", "F"):
        image = image.convert("L")
    if has_alpha(image):
        image = image.convert("RGBA")
        if flat:
            white = Image.new("RGB", image.size, "white")
            white.paste(image, mask=image.getchannel("A"))
            image = white
    elif image.mode != "RGB":
        image = image.convert("RGB")
    image.info = {}
    return image
