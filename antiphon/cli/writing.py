"""Writes an answer to standard output while it grows: plain text, or rendered Markdown on a terminal.

Markdown is rendered block by block. The block that is still growing is redrawn in place; a finished block is printed once
and stays. The terminal never scrolls while it is redrawn, because only its last lines are shown until it is finished.
"""

import re
import sys
from typing import Protocol

from rich.console import Console
from rich.live import Live
from rich.markdown import Markdown
from rich.segment import Segment, Segments

from antiphon.cli.output import plain

FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})")
MARGIN = 2  # lines of the terminal that the growing block leaves free


class Writer(Protocol):
    def write(self, text: str) -> None: ...

    def close(self) -> None:
        """Ends the answer with a line break."""


class PlainWriter:
    """The text as it arrives. Control characters are removed on a terminal only."""

    def __init__(self) -> None:
        self._open = False

    def write(self, text: str) -> None:
        sys.stdout.write(plain(text) if sys.stdout.isatty() else text)
        sys.stdout.flush()
        self._open = not text.endswith("\n") if text else self._open

    def close(self) -> None:
        if self._open:
            sys.stdout.write("\n")
            sys.stdout.flush()
        self._open = False


class MarkdownWriter:
    """Rendered Markdown on a terminal."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._text = ""
        self._live: Live | None = None

    def write(self, text: str) -> None:
        self._text += plain(text)
        finished, self._text = finished_blocks(self._text)
        if finished:
            self._stop()
            self._print(finished)
            self._console.print()
        if self._text.strip():
            if self._live is None:
                self._live = Live(console=self._console, auto_refresh=False, transient=True)
                self._live.start()
            self._live.update(self._tail(), refresh=True)

    def close(self) -> None:
        self._stop()
        if self._text.strip():
            self._print(self._text)
        self._text = ""

    def _stop(self) -> None:
        live, self._live = self._live, None
        if live is not None:
            live.update("", refresh=True)
            live.stop()

    def _print(self, text: str) -> None:
        lines = self._lines(text)
        self._console.print(Segments([part for line in lines for part in (*line, Segment.line())]), end="")

    def _tail(self) -> Segments:
        lines = self._lines(self._text)[-max(1, self._console.height - MARGIN) :]
        segments = [segment for line in lines for segment in (*line, Segment.line())]
        return Segments(segments[:-1])

    def _lines(self, text: str) -> list[list[Segment]]:
        """Without the spaces that rich adds up to the width of the terminal: they end up in what people copy."""
        return [trimmed(line) for line in self._console.render_lines(Markdown(text), pad=False)]


def trimmed(line: list[Segment]) -> list[Segment]:
    """A line of segments without trailing spaces."""
    kept = list(line)
    while kept and not kept[-1].text.rstrip(" "):
        kept.pop()
    if kept:
        text, style, control = kept[-1]
        kept[-1] = Segment(text.rstrip(" ") if style is None or style.bgcolor is None else text, style, control)
    return kept


def finished_blocks(text: str) -> tuple[str, str]:
    """Splits Markdown behind its last finished block: an empty line that is not inside a code fence. Pure."""
    cut, position, fence = 0, 0, ""
    for line in text.splitlines(keepends=True):
        position += len(line)
        match = FENCE.match(line)
        if fence:
            if match and match[1].startswith(fence) and not line.strip(" `~\r\n"):
                fence = ""
        elif match:
            fence = match[1]
        elif not line.strip() and line.endswith("\n"):
            cut = position
    return text[:cut].strip("\n"), text[cut:]
