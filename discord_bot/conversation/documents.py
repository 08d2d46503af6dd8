"""Documents are parsed in a child process: a few kilobytes can cost a parser minutes and gigabytes."""

import json
from dataclasses import dataclass, field

from antiphon.isolated import run_isolated

LONGEST = 20.0  # seconds for one document


@dataclass(frozen=True)
class Document:
    """`end`: whole, shortened, encrypted, large, unreadable, or late when the time was up."""

    end: str
    pages: list[str] = field(default_factory=list)
    count: int = 0
    """Pages that the document has."""


def read_document(data: bytes, most_pages: int, most_text: int, *, longest: float = LONGEST) -> Document:
    """Waits for the child; call it in a thread. Never raises for what is in the file."""
    ran = run_isolated("antiphon.documents.child", (str(most_pages), str(most_text)), data, longest)
    return _document(ran.output, "late" if ran.late else "unreadable")


def _document(said: bytes, end: str) -> Document:
    pages: list[str] = []
    count = 0
    for line in said.split(b"\n")[:-1]:
        page = json.loads(line)
        if "text" in page:
            pages.append(page["text"])
            count = page["pages"]
        end = page.get("end", end)
    return Document(end, pages, count)
