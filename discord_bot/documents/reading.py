"""Documents are parsed in a child process: a few kilobytes can cost a parser minutes and gigabytes."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field

LONGEST = 20.0  # seconds for one document
INHERITED = ("PATH", "PYTHONPATH", "LANG", "LC_ALL", "SYSTEMROOT")
"""What the child knows of the bot's environment: no secret among it."""


@dataclass(frozen=True)
class Document:
    """`end`: whole, encrypted, large, unreadable, or late when the time was up."""

    end: str
    pages: list[str] = field(default_factory=list)
    count: int = 0
    """Pages that the document has."""


def read_document(data: bytes, most_pages: int, most_text: int, *, longest: float = LONGEST) -> Document:
    """Waits for the child; call it in a thread. Never raises for what is in the file."""
    command = [sys.executable, "-m", "discord_bot.documents.child", str(most_pages), str(most_text)]
    environ = {name: os.environ[name] for name in INHERITED if name in os.environ}
    try:
        ran = subprocess.run(  # noqa: S603 - our own module; the document is its input
            command,
            input=data,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=longest,
            env=environ,
            check=False,
        )
    except subprocess.TimeoutExpired as late:
        return _document(late.stdout or b"", "late")
    # Killed by its bounds: of time where the signal says so, else of memory.
    return _document(ran.stdout, "late" if ran.returncode < 0 else "unreadable")


def _document(said: bytes, end: str) -> Document:
    pages: list[str] = []
    count = 0
    for line in said.split(b"\n")[:-1]:
        told = json.loads(line)
        if "text" in told:
            pages.append(told["text"])
            count = told["pages"]
        end = told.get("end", end)
    return Document(end, pages, count)
