"""gRPC over HTTP/2 as bytes: metadata, timeouts, statuses and compressed messages. Nothing here does I/O."""

import base64
import binascii
import re
import struct
import zlib
from collections.abc import Iterable
from urllib.parse import quote_from_bytes

import grpc
from jh2.hpack import NeverIndexedHeaderTuple

Header = tuple[bytes, bytes]
Metadata = Iterable[tuple[str, str | bytes]]

TIMEOUT = re.compile(rb"(\d{1,8})([HMSmun])")
UNITS = {b"H": 3600.0, b"M": 60.0, b"S": 1.0, b"m": 1e-3, b"u": 1e-6, b"n": 1e-9}
PSEUDO = frozenset({b":method", b":scheme", b":path", b":authority"})
REQUIRED = PSEUDO - {b":authority"}
OF_HTTP_1 = frozenset({b"connection", b"proxy-connection", b"keep-alive", b"transfer-encoding", b"upgrade"})
NAME = re.compile(rb":?[!#$%&'*+.^_`|~0-9a-z-]+")
FORBIDDEN = re.compile(rb"[\0\r\n]")
CONTENT_TYPE = re.compile(rb"application/grpc(?:[+;].*)?", re.IGNORECASE)
OF_THE_TRANSPORT = frozenset(
    {b"te", b"content-type", b"content-length", b"host", b"grpc-timeout", b"grpc-encoding", b"grpc-accept-encoding"}
)
ENCODINGS = {b"identity": 0, b"deflate": zlib.MAX_WBITS, b"gzip": zlib.MAX_WBITS | 16}
ACCEPTED = (b"grpc-accept-encoding", b"identity, deflate, gzip")
RESPONSE: list[Header] = [(b":status", b"200"), (b"content-type", b"application/grpc"), ACCEPTED]
UNESCAPED = "".join(chr(code) for code in range(0x21, 0x7F) if chr(code) != "%")
INLINE = 4 * 1024  # compressed bytes that inflate to at most 4 MiB: a few milliseconds


class Malformed(Exception):
    """What arrived breaks the protocol; the text says how."""

    def __init__(self, text: str, code: grpc.StatusCode = grpc.StatusCode.INTERNAL) -> None:
        super().__init__(text)
        self.code = code


def request_fields(headers: Iterable[Header]) -> dict[bytes, bytes] | None:
    """By name; None: RFC 9113, 8.2 and 8.3, call it malformed."""
    fields: dict[bytes, bytes] = {}
    regular = False
    for name, value in headers:
        if name.startswith(b":"):
            if regular or name in fields or name not in PSEUDO:
                return None
        else:
            regular = True
            if name in OF_HTTP_1 or not NAME.fullmatch(name):
                return None
        if FORBIDDEN.search(value):
            return None
        fields[name] = value
    if not fields.keys() >= REQUIRED or not fields[b":path"] or fields.get(b"te", b"trailers") != b"trailers":
        return None
    return fields


def seconds(value: bytes) -> float:
    """A `grpc-timeout`. Raises Malformed."""
    parts = TIMEOUT.fullmatch(value)
    if parts is None:
        raise Malformed("grpc-timeout is not a number of up to eight digits and a unit (H, M, S, m, u, n)")
    return int(parts[1]) * UNITS[parts[2]]


def metadata(headers: Iterable[Header]) -> tuple[tuple[str, str | bytes], ...]:
    """The caller's own headers. Raises Malformed."""
    pairs: list[tuple[str, str | bytes]] = []
    for name, value in headers:
        if name.startswith(b":") or name in OF_THE_TRANSPORT:
            continue
        key = name.decode("ascii", "replace")
        if name.endswith(b"-bin"):
            pairs += [(key, binary(part.strip())) for part in value.split(b",")]
        else:
            pairs.append((key, value.decode("utf-8", "surrogateescape")))
    return tuple(pairs)


def binary(text: bytes) -> bytes:
    """A binary value, with or without padding. Raises Malformed."""
    bare = text.rstrip(b"=")
    try:
        return base64.b64decode(bare + b"=" * (-len(bare) % 4), validate=True)
    except binascii.Error:
        raise Malformed("a binary header is not base64") from None


def trailers(code: grpc.StatusCode, details: str, pairs: Metadata) -> list[Header]:
    """The end of a call. Values that change from call to call stay out of the compression table."""
    number: int = code.value[0]
    fields: list[Header] = [(b"grpc-status", b"%d" % number)]
    if details:
        fields.append(NeverIndexedHeaderTuple(b"grpc-message", percent_encoded(details)))
    for key, value in pairs:
        raw = value.encode("ascii") if isinstance(value, str) else value
        if key.endswith("-bin"):
            raw = base64.b64encode(raw).rstrip(b"=")
        fields.append(NeverIndexedHeaderTuple(key.encode("ascii"), raw))
    return fields


def percent_encoded(text: str) -> bytes:
    """Spaces inside stay readable; at the edges HTTP would strip them."""
    encoded = quote_from_bytes(text.encode("utf-8", "replace"), safe=UNESCAPED + " ")
    bare = encoded.strip(" ")
    before = len(encoded) - len(encoded.lstrip(" "))
    return ("%20" * before + bare + "%20" * (len(encoded) - before - len(bare))).encode("ascii")


def framed(message: bytes) -> bytes:
    return struct.pack(">BI", 0, len(message)) + message


def inflated(data: bytes, encoding: bytes, limit: int) -> bytes:
    """One compressed message. Never holds more than `limit` bytes and one. Raises Malformed."""
    stream = zlib.decompressobj(ENCODINGS[encoding])
    try:
        message = stream.decompress(data, limit + 1)
    except zlib.error:
        raise Malformed("a message is not compressed as grpc-encoding says") from None
    if len(message) > limit:
        raise Malformed(
            f"Received message larger than max (more than {limit} bytes after decompression)",
            grpc.StatusCode.RESOURCE_EXHAUSTED,
        )
    if not stream.eof or stream.unused_data:
        raise Malformed("a compressed message is cut off or has bytes behind its end")
    return message
