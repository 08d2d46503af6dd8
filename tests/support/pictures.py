"""Picture files of every kind that a decoder here reads, with and without metadata."""

import io
import struct
import zlib

from PIL import Image, PngImagePlugin

CANARY = b"canary-4711-of-a-person"


def picture(mode: str = "RGB", size: tuple[int, int] = (48, 32)) -> Image.Image:
    """A gradient with some detail, so that neither rotation nor loss goes unseen."""
    shades = Image.linear_gradient("L").resize(size)
    colours = Image.merge("RGB", (shades, shades.transpose(Image.Transpose.FLIP_LEFT_RIGHT), shades.rotate(90)))
    colours.paste((200, 10, 10), (0, 0, size[0] // 3, size[1] // 3))
    if mode in ("RGBA", "LA"):
        colours.putalpha(shades)
    return colours.convert(mode)


def encoded(kind: str, mode: str = "RGB", size: tuple[int, int] = (48, 32), **options: object) -> bytes:
    out = io.BytesIO()
    picture(mode, size).save(out, kind, **options)
    return out.getvalue()


def exif(orientation: int = 1) -> bytes:
    metadata = Image.Exif()
    metadata[0x0112] = orientation
    metadata[0x010E] = CANARY.decode()
    return metadata.tobytes()


def png_chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def with_png_chunk(kind: bytes, content: bytes, data: bytes | None = None) -> bytes:
    """Directly behind the header."""
    data = data or encoded("PNG")
    return data[:33] + png_chunk(kind, content) + data[33:]


def with_jpeg_segment(kind: int, content: bytes) -> bytes:
    data = encoded("JPEG")
    return data[:2] + bytes([0xFF, kind]) + struct.pack(">H", len(content) + 2) + content + data[2:]


def bomb(side: int) -> bytes:
    """A PNG of side² black pixels in a few kilobytes."""
    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    rows = zlib.compress(bytes((side // 8 + 1) * side), 9)
    marks = (b"IHDR", header), (b"IDAT", rows), (b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(png_chunk(*mark) for mark in marks)


def _text() -> PngImagePlugin.PngInfo:
    metadata = PngImagePlugin.PngInfo()
    metadata.add_text("parameters", CANARY.decode())
    metadata.add_itxt("more", CANARY.decode(), zip=True)
    return metadata


def with_metadata() -> dict[str, bytes]:
    """Files that carry CANARY somewhere, by what carries it."""
    text = CANARY.decode()
    return {
        "png text": encoded("PNG", pnginfo=_text()),
        "png exif": encoded("PNG", exif=exif()),
        "png profile": encoded("PNG", icc_profile=CANARY * 10),
        "png private chunk": with_png_chunk(b"caNy", CANARY),
        "png time": with_png_chunk(b"tIME", CANARY),
        "png long gamma": with_png_chunk(b"gAMA", CANARY),
        "png behind the end": encoded("PNG") + CANARY,
        "jpeg exif": encoded("JPEG", exif=exif()),
        "jpeg turned": encoded("JPEG", exif=exif(6)),
        "jpeg comment": encoded("JPEG", comment=CANARY),
        "jpeg profile": encoded("JPEG", icc_profile=CANARY * 10),
        "jpeg xmp": with_jpeg_segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + CANARY),
        "jpeg long jfif": with_jpeg_segment(0xE0, b"JFIF\0" + CANARY),
        "jpeg odd adobe": with_jpeg_segment(0xEE, b"Adobe" + CANARY),
        "jpeg behind the end": encoded("JPEG") + CANARY,
        "webp exif": encoded("WEBP", exif=exif()),
        "webp profile": encoded("WEBP", "RGBA", icc_profile=CANARY * 10),
        "webp xmp": encoded("WEBP", lossless=True, xmp=CANARY),
        "webp behind the end": encoded("WEBP") + CANARY,
        "gif comment": encoded("GIF", "P", comment=CANARY),
        "tiff description": encoded("TIFF", description=text),
        "avif exif": encoded("AVIF", exif=exif()),
        "bmp behind the end": encoded("BMP") + CANARY,
    }


def plain_files() -> dict[str, bytes]:
    """Pictures without metadata, in the odd corners of their formats."""
    frames = [picture("P"), picture("P").rotate(180)]
    moving = {"save_all": True, "append_images": frames, "duration": 50}
    return {
        **{f"png {mode}": encoded("PNG", mode) for mode in ("1", "L", "LA", "P", "RGB", "RGBA", "I;16")},
        "png with a transparent colour": encoded("PNG", transparency=(200, 10, 10)),
        "png moving": encoded("PNG", **moving),
        **{f"jpeg {mode}": encoded("JPEG", mode) for mode in ("L", "RGB", "CMYK")},
        "jpeg progressive": encoded("JPEG", progressive=True, quality=80),
        "webp": encoded("WEBP"),
        "webp with alpha": encoded("WEBP", "RGBA"),
        "webp lossless": encoded("WEBP", "RGBA", lossless=True),
        "webp moving": encoded("WEBP", **moving),
        "gif": encoded("GIF", "P"),
        "gif moving": encoded("GIF", "P", **moving),
        "bmp": encoded("BMP"),
        "bmp of one bit": encoded("BMP", "1"),
        **{f"tiff {mode}": encoded("TIFF", mode) for mode in ("L", "RGBA", "CMYK", "I;16", "F", "LAB", "YCbCr")},
        **{f"tiff {name}": encoded("TIFF", compression=name) for name in ("tiff_lzw", "jpeg", "tiff_adobe_deflate")},
        "avif": encoded("AVIF"),
        "avif with alpha": encoded("AVIF", "RGBA"),
    }


def with_broken_metadata() -> dict[str, bytes]:
    """Good pixels beside metadata that no reader understands."""
    broken = (b"", b"Exif\0\0", b"Exif\0\0II*\0\xff\xff\xff\xff", b"Exif\0\0MM\0*\0\0\0\x08\xff\xff" + b"\xff" * 40)
    return {
        **{f"png exif {number}": with_png_chunk(b"eXIf", content[6:]) for number, content in enumerate(broken)},
        **{f"jpeg exif {number}": with_jpeg_segment(0xE1, content) for number, content in enumerate(broken)},
        **{f"webp exif {number}": encoded("WEBP", exif=content or b"x") for number, content in enumerate(broken)},
        "png profile": with_png_chunk(b"iCCP", b"name\0\0" + b"\xff" * 20),
        "png text": with_png_chunk(b"zTXt", b"name\0\0" + b"\xff" * 20),
        "png physical size": with_png_chunk(b"pHYs", b"\xff"),
        "png colours": with_png_chunk(b"cHRM", b"\xff" * 3),
        "png gamma": with_png_chunk(b"gAMA", b""),
        "jpeg photoshop": with_jpeg_segment(0xED, b"Photoshop 3.0\0" + b"8BIM\xff\xff\xff\xff\xff"),
        "jpeg several pictures": with_jpeg_segment(0xE2, b"MPF\0" + b"\xff" * 20),
        "jpeg profile": with_jpeg_segment(0xE2, b"ICC_PROFILE\0\xff\x01"),
    }
