"""Turns a picture of any format into a plain one, in a child process: rare decoders are slow and have had holes.

    python -m antiphon.repainting FORMAT MOST_PIXELS LARGEST_SIDE <picture >plain

The first byte of the output says how it ended, the rest is the picture, upright and without metadata.
"""

import io
import re
import sys
from enum import Enum
from typing import TYPE_CHECKING

from antiphon.isolated import bound, run_isolated

if TYPE_CHECKING:
    from PIL import Image

FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "AVIF")
RARE = re.compile(rb"BM|II[*+]\0|MM\0[*+]|....ftyp", re.DOTALL)
"""How BMP, TIFF and AVIF files begin."""
LONGEST = 20.0  # seconds
MOST_SCANS = 100  # of a progressive JPEG; ordinary ones have about ten, and each costs a pass over all pixels
UNBOUNDED = 1 << 20  # pixels on a side: none


class End(Enum):
    DONE = b"+"
    DAMAGED = b"-"
    UNKNOWN = b"?"
    LARGE = b">"
    LATE = b"~"


def repainted(data: bytes, kind: str, most_pixels: int, largest_side: int = UNBOUNDED) -> tuple[End, bytes]:
    """`kind` is "PNG" (nothing is lost) or "JPEG" (transparent parts become white). Call it in a thread."""
    ran = run_isolated("antiphon.repainting", (kind, str(most_pixels), str(largest_side)), data, LONGEST)
    if ran.late:
        return End.LATE, b""
    if ran.failed or not ran.output:
        return End.DAMAGED, b""
    return End(ran.output[:1]), ran.output[1:]


def repaint(data: bytes, kind: str, most_pixels: int, largest_side: int) -> tuple[End, bytes]:
    """What the child does."""
    from PIL import AvifImagePlugin, Image, UnidentifiedImageError  # noqa: PLC0415 - only the child needs it

    Image.MAX_IMAGE_PIXELS = None  # a stricter bound follows
    AvifImagePlugin.DEFAULT_MAX_THREADS = 1
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            if image.width * image.height > most_pixels:
                return End.LARGE, b""
            if image.format == "JPEG" and data.count(b"\xff\xda") > MOST_SCANS:
                return End.LARGE, b""
            return End.DONE, _painted(image, kind, largest_side)
    except UnidentifiedImageError:
        return End.UNKNOWN, b""
    except Exception:  # noqa: BLE001 - a decoder may raise anything at a stranger's bytes
        return End.DAMAGED, b""


def _painted(image: "Image.Image", kind: str, largest_side: int) -> bytes:
    from PIL import Image, ImageOps  # noqa: PLC0415 - only the child needs it

    if kind == "JPEG":
        image.draft("RGB", (largest_side, largest_side))
    image.load()
    plain = ImageOps.exif_transpose(image)
    if plain.mode.startswith("I;16"):
        plain = plain.point(lambda value: value * (1 / 256)).convert("L")
    clear = plain.mode in ("RGBA", "LA", "PA") or "transparency" in plain.info
    plain = plain.convert("RGBA" if clear else "RGB")
    plain.thumbnail((largest_side, largest_side))
    if clear and kind == "JPEG":
        white = Image.new("RGB", plain.size, "white")
        white.paste(plain, mask=plain.getchannel("A"))
        plain = white
    plain.info = {}
    out = io.BytesIO()
    plain.save(out, kind, **({"quality": 88} if kind == "JPEG" else {"compress_level": 1}))
    return out.getvalue()


if __name__ == "__main__":
    bound()
    end, painted = repaint(sys.stdin.buffer.read(), sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
    sys.stdout.buffer.write(end.value + painted)
