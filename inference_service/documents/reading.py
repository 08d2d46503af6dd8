"""The text of a document. PDFs are read in a child process: a few kilobytes can cost a parser minutes and gigabytes."""

import asyncio
import contextlib
import sys
from enum import StrEnum

import msgspec
from msgspec import Struct

from antiphon.isolated import environment

LONGEST = 20.0  # seconds for one document
MOST_PAGES, MOST_TEXT = 500, 1_000_000
AT_ONCE = 2


class End(StrEnum):
    WHOLE = "whole"
    SHORTENED = "shortened"  # there is more than is read
    ENCRYPTED = "encrypted"
    LARGE = "large"  # it reached its memory limit
    LATE = "late"  # it reached its time limit
    UNREADABLE = "unreadable"


PROBLEMS = {
    End.ENCRYPTED: "it is protected by a password",
    End.LARGE: "reading it takes more memory than allowed",
    End.LATE: "reading it takes more time than allowed",
    End.UNREADABLE: "it cannot be read",
}


class Line(Struct):
    """What the child reports."""

    text: str | None = None
    end: End | None = None


class Document(Struct, frozen=True):
    text: str
    end: End

    @property
    def problem(self) -> str:
        """Why there is nothing to read; empty if there is."""
        if self.text.strip():
            return ""
        return PROBLEMS.get(self.end, "it contains no text; send scanned pages as pictures")


class Reader:
    """A few children at a time, so that documents cannot take the whole machine."""

    def __init__(self) -> None:
        self._room = asyncio.Semaphore(AT_ONCE)

    async def pdf(self, data: bytes, *, longest: float = LONGEST) -> Document:
        """Never raises for the contents of the file."""
        async with self._room:
            child = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "antiphon.documents.child", str(MOST_PAGES), str(MOST_TEXT),
                stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
                env=environment(),
                limit=8 * MOST_TEXT,
            )  # fmt: skip
            try:
                async with asyncio.timeout(longest):
                    said, _ = await child.communicate(data)
            except TimeoutError:
                return Document("", End.LATE)
            finally:
                if child.returncode is None:
                    with contextlib.suppress(ProcessLookupError):
                        child.kill()
                    await child.wait()
        # Killed by its limits; the signal tells whether it was the time.
        return document(said, End.LATE if (child.returncode or 0) < 0 else End.UNREADABLE)


def document(said: bytes, end: End) -> Document:
    """`end`: unless the child has reported another."""
    pages: list[str] = []
    for line in said.splitlines():
        page = msgspec.json.decode(line, type=Line)
        if page.text is not None:
            pages.append(page.text)
        end = page.end or end
    return Document("\n\n".join(pages)[:MOST_TEXT], end)


def plain(data: bytes) -> str:
    """The text of a text file: UTF-8, UTF-16 if marked, else Latin-1."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", "replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("latin-1")
