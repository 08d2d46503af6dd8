"""What a recording is and how long it lasts, from its bytes, without decoding it. Pure.

Sources: RFC 3533 (Ogg), RFC 7845 (Opus in Ogg), the Vorbis I specification, the RIFF/WAVE, FLAC and ISO base media formats.
"""

import struct

from msgspec import Struct

MOST_SECONDS = 1_800.0
OPUS_RATE = 48_000


class Kind(Struct, frozen=True):
    """`mimes`: the names under which it is known, the usual name first."""

    ending: str
    mimes: tuple[str, ...]


OGG = Kind("ogg", ("audio/ogg", "audio/opus", "application/ogg"))
MP3 = Kind("mp3", ("audio/mpeg", "audio/mp3"))
WAV = Kind("wav", ("audio/wav", "audio/x-wav", "audio/wave", "audio/vnd.wave"))
FLAC = Kind("flac", ("audio/flac", "audio/x-flac"))
MP4 = Kind("m4a", ("audio/mp4", "audio/x-m4a", "audio/m4a", "audio/aac", "video/mp4"))
WEBM = Kind("webm", ("audio/webm", "video/webm"))


def kind_of(data: bytes) -> Kind | None:
    """By the first bytes; None for anything that no provider accepts."""
    for sign, kind in ((b"OggS", OGG), (b"fLaC", FLAC), (b"ID3", MP3), (b"\x1a\x45\xdf\xa3", WEBM)):
        if data.startswith(sign):
            return kind
    if data[:4] == b"RIFF" and data[8:12] == b"WAVE":
        return WAV
    if data[4:8] == b"ftyp":
        return MP4
    return MP3 if data[:1] == b"\xff" and data[1:2] >= b"\xe0" else None


def seconds_of(data: bytes) -> float | None:
    """How long it lasts; None if the bytes do not say."""
    kind = kind_of(data)
    try:
        if kind is OGG:
            return _ogg(data)
        if kind is WAV:
            return _wav(data)
        if kind is FLAC:
            return _flac(data)
        return _mp4(data) if kind is MP4 else None
    except struct.error:  # it ends before its header does
        return None


def _ogg(data: bytes) -> float | None:
    """The position in the last page that has one, at the codec's sample rate."""
    skipped = 0
    if (opus := data.find(b"OpusHead", 0, 512)) >= 0:
        rate, skipped = OPUS_RATE, struct.unpack_from("<H", data, opus + 10)[0]
    elif (vorbis := data.find(b"\x01vorbis", 0, 512)) >= 0:
        rate = struct.unpack_from("<I", data, vorbis + 12)[0]
    else:
        return None
    at = len(data)
    while rate and (at := data.rfind(b"OggS", 0, at)) >= 0:
        position = struct.unpack_from("<q", data, at + 6)[0] if at + 14 <= len(data) else -1
        if position >= 0:
            return max(0.0, (position - skipped) / rate)
    return None


def _wav(data: bytes) -> float | None:
    at, rate = 12, 0
    while at + 8 <= len(data):
        name, size = data[at : at + 4], struct.unpack_from("<I", data, at + 4)[0]
        if name == b"fmt ":
            rate = struct.unpack_from("<I", data, at + 16)[0]
        elif name == b"data":
            return min(size, len(data) - at - 8) / rate if rate else None
        at += 8 + size + size % 2
    return None


def _flac(data: bytes) -> float | None:
    packed = struct.unpack_from(">Q", data, 18)[0]
    rate, samples = packed >> 44, packed & (1 << 36) - 1
    return samples / rate if rate and samples else None


def _mp4(data: bytes) -> float | None:
    at = data.find(b"mvhd")
    if at < 0:
        return None
    if data[at + 4] == 1:
        scale, length = struct.unpack_from(">IQ", data, at + 24)
    else:
        scale, length = struct.unpack_from(">II", data, at + 16)
    return float(length / scale) if scale else None
