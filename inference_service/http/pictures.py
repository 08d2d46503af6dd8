"""Pictures as clients send them: data URLs, in base64."""

import binascii
import re

from antiphon.v1 import chat_pb2
from inference_service.pictures.normalise import sniff

DATA_URL = re.compile(r"data:([\w.+-]+/[\w.+-]+)?(?:;[\w.+-]+=[^;,]*)*;base64,", re.ASCII | re.IGNORECASE)
SYNONYMS = {"image/jpg": "image/jpeg", "image/pjpeg": "image/jpeg", "image/x-png": "image/png"}
PIECE = 256 * 1024  # characters that are decoded at a time; a multiple of 4


def from_data_url(url: str) -> chat_pb2.InlineImage | None:
    """None: it is no data URL in base64. The type is that of the bytes where they tell: clients often name another."""
    head = DATA_URL.match(url)
    if head is None:
        return None
    data = decoded(url, head.end())
    if data is None:
        return None
    named = (head[1] or "").lower()
    return chat_pb2.InlineImage(mime_type=sniff(data) or SYNONYMS.get(named, named), data=data)


def decoded(text: str, start: int = 0) -> bytes | None:
    """Base64 behind `start`; None where it is none. Piece by piece, so that the interpreter is free in between."""
    body = text[start:]
    if any(sign in body for sign in " \r\n\t"):
        body = "".join(body.split())
    body = body.replace("-", "+").replace("_", "/").rstrip("=")
    body += "=" * (-len(body) % 4)
    try:
        return b"".join(
            binascii.a2b_base64(body[at : at + PIECE], strict_mode=True) for at in range(0, len(body), PIECE)
        )
    except (binascii.Error, ValueError):
        return None
