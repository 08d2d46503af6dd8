"""Parses large requests off the event loop, so that one caller's megabytes do not delay other streams.

A thread alone does not help: a call into protobuf holds the GIL for as long as it takes. So a request is parsed piece
by piece, and the GIL is released in between.
"""

import asyncio
import time
from collections.abc import Callable, Iterator
from typing import ParamSpec, TypeVar

from google.protobuf.message import Message

LARGE = 256 * 1024
PIECE = 64 * 1024

Request = TypeVar("Request", bound=Message)
P = ParamSpec("P")
T = TypeVar("T")


async def parse(kind: type[Request], data: bytes) -> Request:
    """Raises DecodeError."""
    return await apart(len(data), _parsed, kind, data)


async def apart(size: int, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Runs work on a request of `size` bytes: at once if it is small, else in a thread."""
    return work(*args, **kwargs) if size < LARGE else await asyncio.to_thread(work, *args, **kwargs)


def _parsed(kind: type[Request], data: bytes) -> Request:
    if len(data) < LARGE:
        return kind.FromString(data)
    request = kind()
    # By the wire format, a message equals its pieces merged.
    for start, end in _pieces(data):
        request.MergeFromString(data[start:end])
        time.sleep(0)  # lets the event loop run
    return request


def _pieces(data: bytes) -> Iterator[tuple[int, int]]:
    """Splits between fields, into pieces of `PIECE` bytes or one field. From the first malformed byte on, one piece for the parser."""
    start = at = 0
    while at < len(data):
        at = min(_behind_field(data, at), len(data))
        if at - start >= PIECE or at == len(data):
            yield start, at
            start = at


def _behind_field(data: bytes, at: int) -> int:
    key, at = _varint(data, at)
    match key & 7:
        case 0:
            return _varint(data, at)[1]
        case 1:
            return at + 8
        case 2:
            length, at = _varint(data, at)
            return at + length
        case 5:
            return at + 4
    return len(data)


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """(number, where it ends)"""
    value = 0
    for shift, byte in enumerate(data[at : at + 10]):
        value |= (byte & 0x7F) << (7 * shift)
        if byte < 0x80:
            return value, at + shift + 1
    return 0, len(data)
