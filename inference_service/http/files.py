"""Files inside messages, as clients send them: pictures, recordings and documents, in base64 or as links."""

import binascii
import re
from typing import Any

from antiphon.v1 import chat_pb2
from inference_service.http import fields
from inference_service.pictures.normalise import sniff
from inference_service.recordings import kind_of

DATA_URL = re.compile(r"data:([\w.+-]+/[\w.+-]+)?(?:;[\w.+-]+=[^;,]*)*;base64,", re.ASCII | re.IGNORECASE)
SYNONYMS = {"image/jpg": "image/jpeg", "image/pjpeg": "image/jpeg", "image/x-png": "image/png"}
AUDIO = {
    "wav": "audio/wav",
    "mp3": "audio/mpeg",
    "ogg": "audio/ogg",
    "opus": "audio/ogg",
    "flac": "audio/flac",
    "m4a": "audio/mp4",
    "mp4": "audio/mp4",
    "webm": "audio/webm",
}
LINKS = ("https://", "http://")  # plain HTTP is refused where all links are checked, with a message of its own
PIECE = 256 * 1024  # characters that are decoded at a time; a multiple of 4


class BadFile(Exception):
    """What is wrong with the member at `path`."""

    def __init__(self, path: str, text: str) -> None:
        super().__init__(text)
        self.path, self.text = path, text


def part(path: str, kind: str, value: Any) -> tuple[str, chat_pb2.Part]:
    """The part of a message and the path of its contents. Raises BadFile."""
    match kind:
        case "image_url":
            # Some clients send just the URL.
            place, url = (
                (f"{path}.image_url.url", value.get("url")) if isinstance(value, dict) else (f"{path}.image_url", value)
            )
            return place, _picture(place, url)
        case "input_audio":
            return f"{path}.input_audio.data", _recording(f"{path}.input_audio", value)
    return f"{path}.file.file_data", _document(f"{path}.file", value)


def _picture(path: str, url: Any) -> chat_pb2.Part:
    url = _text(path, url)
    if url.lower().startswith(LINKS):
        return chat_pb2.Part(image_link=chat_pb2.ImageLink(url=url))
    mime, data = _from_data_url(path, url, "a picture, such as data:image/png;base64,… or https://…")
    return chat_pb2.Part(image=chat_pb2.InlineImage(mime_type=picture_type(data, mime), data=data))


def _recording(path: str, value: Any) -> chat_pb2.Part:
    value = value if isinstance(value, dict) else {}
    kind = value.get("format")
    if not isinstance(kind, str) or kind not in AUDIO:
        raise BadFile(f"{path}.format", f"must be one of {', '.join(AUDIO)}")
    data = decoded(_text(f"{path}.data", value.get("data")))
    if data is None:
        raise BadFile(f"{path}.data", "must be a recording in base64")
    recording = kind_of(data)
    mime = recording.mimes[0] if recording is not None else AUDIO[kind]
    return chat_pb2.Part(audio=chat_pb2.Audio(mime_type=mime, data=data))


def _document(path: str, value: Any) -> chat_pb2.Part:
    value = value if isinstance(value, dict) else {}
    if "file_id" in value:
        raise BadFile(
            f"{path}.file_id", "is not supported: this service stores no files; send the file itself as file_data"
        )
    url = _text(f"{path}.file_data", value.get("file_data"))
    mime, data = _from_data_url(f"{path}.file_data", url, "a document, such as data:application/pdf;base64,…")
    name = value.get("filename")
    document = chat_pb2.Document(mime_type=mime, data=data, name=name if isinstance(name, str) else "")
    return chat_pb2.Part(document=document)


def _text(path: str, value: Any) -> str:
    if not isinstance(value, str):
        raise BadFile(path, f"must be a string, not {fields.kind_of(value)}")
    return value


def _from_data_url(path: str, url: str, example: str) -> tuple[str, bytes]:
    """(type, bytes)"""
    head = DATA_URL.match(url)
    data = decoded(url, head.end()) if head is not None else None
    if head is None or data is None:
        raise BadFile(path, f"must be a data URL of {example}")
    return (head[1] or "").lower(), data


def picture_type(data: bytes, named: str) -> str:
    """The type of a picture by its bytes if they tell: clients often state a wrong one."""
    return sniff(data) or SYNONYMS.get(named, named)


def decoded(text: str, start: int = 0) -> bytes | None:
    """The base64 after `start`; None if it is invalid. Decoded piece by piece, so that the GIL is released in between."""
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
