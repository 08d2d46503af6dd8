"""Attachments: pictures for vision; text, code and documents as text. Every limit that applies is mentioned.

Everything is opened in a small pool of threads, documents in a child process.
"""

import asyncio
import io
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import aiohttp
import discord
from PIL import Image

from antiphon.repainting import End, repainted
from discord_bot.conversation.documents import read_document
from discord_bot.conversation.title import file_name
from discord_bot.i18n import t

MOST_FILES, LARGEST = 6, 20 * 1024 * 1024
LARGEST_SIDE, MOST_PIXELS, LARGEST_AS_IT_IS = 2048, 40_000_000, 4 * 1024 * 1024
LONGEST_TEXT, MOST_PAGES = 60_000, 40
MIMES = {"PNG": "image/png", "JPEG": "image/jpeg", "WEBP": "image/webp", "GIF": "image/gif"}
HEIC = (
    b"ftypheic",
    b"ftypheix",
    b"ftyphevc",
    b"ftyphevx",
    b"ftyphevm",
    b"ftyphevs",
    b"ftypheim",
    b"ftypheis",
    b"ftypmif1",
    b"ftypmsf1",
)
# Two pictures of the largest size at a time, however many people send one.
READERS = ThreadPoolExecutor(2, thread_name_prefix="attachments")


@dataclass
class Read:
    """`images` are (MIME, bytes); `texts` are ready to go into a prompt; `notices` are for the person."""

    images: list[tuple[str, bytes]] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)


async def read(attachments: Sequence[discord.Attachment], locale: str, most: int = MOST_FILES) -> Read:
    """`most`: how many more files the question may have."""
    result = Read()
    if len(attachments) > most:
        result.notices.append(t(locale, "notice-too-many", count=len(attachments) - most))
    for attachment in attachments[:most]:
        name = file_name(attachment.filename)
        if attachment.size > LARGEST:
            result.notices.append(t(locale, "notice-too-large", name=name, limit=LARGEST // 1024 // 1024))
            continue
        try:
            data = await attachment.read()
        except (discord.HTTPException, aiohttp.ClientError, OSError):
            result.notices.append(t(locale, "notice-unreadable", name=name))
            continue
        await asyncio.get_running_loop().run_in_executor(
            READERS, _sort, name, attachment.content_type or "", data, locale, result
        )
    return result


def _sort(name: str, kind: str, data: bytes, locale: str, result: Read) -> None:
    if data.startswith((b"%PDF", b"PK\x03\x04")):
        _document(name, data, locale, result)
        return
    if data[4:12] in HEIC:
        result.notices.append(t(locale, "notice-heic", name=name))
        return
    signed = data[:4] in (b"\x89PNG", b"RIFF", b"GIF8") or data[:3] == b"\xff\xd8\xff" or data[4:11] == b"ftypavi"
    if signed or kind.startswith("image/"):
        picture = shrink(data)
        if picture is not None:
            result.images.append(picture)
            return
        if signed:
            result.notices.append(t(locale, "notice-unreadable", name=name))
            return
    text = decode(data)
    if text is None:
        result.notices.append(t(locale, "notice-unreadable", name=name))
        return
    _text(name, text, locale, result)


def shrink(data: bytes) -> tuple[str, bytes] | None:
    """A picture that every model takes: one of four formats, at most 2,048 pixels a side; None when it is none.

    One that needs a change is decoded in a child process, where it can cost nothing but its own time.
    """
    if (mime := _fits(data)) is not None:
        return mime, data
    end, painted = repainted(data, "JPEG", MOST_PIXELS, LARGEST_SIDE)
    return ("image/jpeg", painted) if end is End.DONE else None


def _fits(data: bytes) -> str | None:
    """The MIME type of a picture that needs no change, by its head alone."""
    try:
        with Image.open(io.BytesIO(data), formats=tuple(MIMES)) as image:
            if max(image.size) > LARGEST_SIDE or len(data) > LARGEST_AS_IT_IS:
                return None
            image.verify()
            return MIMES[image.format or ""]
    except Exception:  # noqa: BLE001 - a parser may raise anything at a stranger's bytes; the child has the last word
        return None


def decode(data: bytes) -> str | None:
    """Text in any usual encoding; None for what is no text."""
    wide = data[:2] in (b"\xff\xfe", b"\xfe\xff")
    if not wide and b"\0" in data[:8_000]:
        return None
    try:
        return data.decode("utf-16" if wide else "utf-8-sig")
    except UnicodeDecodeError:
        pass  # one of the many older encodings, then
    text = data.decode("cp1251", errors="replace")
    strange = sum(1 for letter in text[:4_000] if letter == "\ufffd" or (letter < " " and letter not in "\r\n\t\f"))
    return text if strange * 50 < min(len(text), 4_000) else None


def _text(name: str, text: str, locale: str, result: Read) -> None:
    if not text.strip():
        result.notices.append(t(locale, "notice-unreadable", name=name))
        return
    if len(text) > LONGEST_TEXT:
        text = text[:LONGEST_TEXT]
        result.notices.append(t(locale, "notice-shortened", name=name))
    result.texts.append(f"[{name}]\n{text}\n[/{name}]")


def _document(name: str, data: bytes, locale: str, result: Read) -> None:
    document = read_document(data, MOST_PAGES, LONGEST_TEXT)
    text = "\n\n".join(document.pages)
    if document.end == "encrypted":
        result.notices.append(t(locale, "notice-encrypted", name=name))
        return
    if not text.strip():
        key = {"late": "notice-slow", "large": "notice-slow", "whole": "notice-no-text", "shortened": "notice-no-text"}
        result.notices.append(t(locale, key.get(document.end, "notice-unreadable"), name=name))
        return
    if len(document.pages) < document.count and len(text) <= LONGEST_TEXT:
        read_pages = len(document.pages)
        result.notices.append(t(locale, "notice-pages", name=name, pages=document.count, limit=read_pages))
    _text(name, text, locale, result)
