"""Removes everything but the pixels from a PNG, JPEG or WebP file, without decoding it.

Text, EXIF, profiles, thumbnails, animation and bytes after the end are dropped; the compressed pixels stay bit for bit.
None means that the file has something unusual: decode and re-encode it instead.
Formats: PNG (third edition), ITU-T T.81 with JFIF 1.02, RFC 9649 (WebP).
"""

import re
import struct
import zlib

PNG_MARK = b"\x89PNG\r\n\x1a\n"
# Chunks that affect how pixels look, with the only length each may have.
PNG_COLOURS = {b"gAMA": 4, b"sRGB": 1}
PNG_PIXELS = (b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS")
JPEG_PIXELS = frozenset({0xC0, 0xC1, 0xC2, 0xC4, 0xDA, 0xDB, 0xDD})
JPEG_NOTES = frozenset({*range(0xE0, 0xF0), 0xFE})
SCAN, END, APP0, ADOBE = 0xDA, 0xD9, 0xE0, 0xEE
# Inside a scan, 0xFF is followed by zero or a restart marker; anything else ends it.
SCAN_END = re.compile(rb"\xff+[^\x00\xd0-\xd7\xff]")
WEBP_ALPHA = 0x10


def stripped(data: bytes, format_: str) -> bytes | None:
    """The same picture and nothing else. `format_` is Pillow's name."""
    try:
        match format_:
            case "PNG":
                return _png(data)
            case "JPEG":
                return _jpeg(data)
            case "WEBP":
                return _webp(data)
    except (IndexError, struct.error):  # it ends too early
        return None
    return None


def _png(data: bytes) -> bytes | None:
    kept, at = [PNG_MARK], len(PNG_MARK)
    if data[24] > 8:  # bits a channel
        return None
    while True:
        length, kind = struct.unpack_from(">I4s", data, at)
        end = at + 12 + length
        if end > len(data):
            return None
        if kind in PNG_PIXELS or PNG_COLOURS.get(kind) == length:
            if zlib.crc32(data[at + 4 : end - 4]) != int.from_bytes(data[end - 4 : end]):
                return None
            kept.append(data[at:end])
        elif not kind[0] & 0x20:  # critical and unknown
            return None
        if kind == b"IEND":
            return b"".join(kept) if length == 0 else None
        at = end


def _jpeg(data: bytes) -> bytes | None:
    kept, at = [b"\xff\xd8"], 2
    while True:
        while data[at] == 0xFF and data[at + 1] == 0xFF:
            at += 1
        kind = data[at + 1]
        if data[at] != 0xFF:
            return None
        if kind == END:
            return b"".join([*kept, b"\xff\xd9"])
        end = at + 2 + int.from_bytes(data[at + 2 : at + 4])
        if end > len(data) or end < at + 4:
            return None
        if kind == SCAN:
            behind = SCAN_END.search(data, end)
            if behind is None:
                return None
            end = behind.end() - 2
        if kind in JPEG_PIXELS or _says_colours(kind, data[at + 4 : end]):
            kept.append(data[at:end])
        elif kind not in JPEG_NOTES:
            return None
        at = end


def _says_colours(kind: int, content: bytes) -> bool:
    """JFIF's header without a thumbnail, or Adobe's: decoders need them for correct colours."""
    jfif = kind == APP0 and content.startswith(b"JFIF\0") and len(content) == 14
    return jfif or (kind == ADOBE and content.startswith(b"Adobe") and len(content) == 12)


def _webp(data: bytes) -> bytes | None:
    kept, at = [], 12
    limit = 8 + int.from_bytes(data[4:8], "little")
    if limit > len(data):
        return None
    while at < limit:
        kind, length = struct.unpack_from("<4sI", data, at)
        end = at + 8 + length + length % 2
        if end > limit:
            return None
        chunk = data[at:end]
        if kind == b"VP8X":
            chunk = chunk[:8] + bytes([chunk[8] & WEBP_ALPHA]) + chunk[9:]
        if kind in (b"ANIM", b"ANMF"):
            return None
        if kind in (b"VP8X", b"ALPH", b"VP8 ", b"VP8L"):
            kept.append(chunk)
        at = end
    body = b"".join(kept)
    return b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WEBP" + body
