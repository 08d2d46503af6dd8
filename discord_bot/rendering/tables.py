"""Tables, which Discord does not render: columns in a code block if they are narrow, else a list. Pure."""

import re
import unicodedata
from collections.abc import Sequence

WIDEST = 36  # columns of text that a phone shows without wrapping
DASHES = re.compile(r":?-{2,}:?")
BREAK = re.compile(r"\s*<br\s*/?>\s*", re.IGNORECASE)
MARKUP = re.compile(r"(\*\*|__|~~|`)(.+?)\1")


def is_separator(line: str) -> bool:
    """The line of dashes below a table's header."""
    return "|" in line and all(DASHES.fullmatch(cell) for cell in _cells(line))


def render(lines: Sequence[str]) -> list[str]:
    """A whole table (header, separator, rows) as Discord can show it; the rows keep their order and their words."""
    head, aligns = _cells(lines[0]), [_align(cell) for cell in _cells(lines[1])]
    plain = rows_of([lines[0], *lines[2:]])
    if is_narrow(plain):
        widths = _widths(plain)
        aligns += ["left"] * (len(widths) - len(aligns))
        drawn = [_line(row, widths, aligns) for row in plain]
        return ["```", drawn[0], "  ".join("─" * width for width in widths), *drawn[1:], "```"]
    return [line for row in lines[2:] for line in _listed(head, _cells(row))]


def rows_of(lines: Sequence[str]) -> list[list[str]]:
    """The cells without markup, all rows of the same length."""
    rows = [[MARKUP.sub(r"\2", cell) for cell in _cells(line)] for line in lines]
    columns = max(len(row) for row in rows)
    return [row + [""] * (columns - len(row)) for row in rows]


def is_narrow(rows: Sequence[Sequence[str]]) -> bool:
    """Whether a phone shows its lines without wrapping."""
    widths = _widths(rows)
    return sum(widths) + 2 * (len(widths) - 1) <= WIDEST


def _widths(rows: Sequence[Sequence[str]]) -> list[int]:
    return [max(width(row[column]) for row in rows) for column in range(len(rows[0]))]


def width(text: str) -> int:
    """Monospaced columns: wide letters and emoji take two, combining marks none."""
    return sum(_width(character) for character in text)


def _width(character: str) -> int:
    if unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in ("W", "F") else 1


def _cells(line: str) -> list[str]:
    inner = line.strip().removeprefix("|")
    inner = inner[:-1] if inner.endswith("|") and not inner.endswith("\\|") else inner
    return [BREAK.sub(", ", cell.strip().replace("\\|", "|")) for cell in re.split(r"(?<!\\)\|", inner)]


def _align(mark: str) -> str:
    if mark.endswith(":"):
        return "centre" if mark.startswith(":") else "right"
    return "left"


def _line(row: Sequence[str], widths: Sequence[int], aligns: Sequence[str]) -> str:
    return "  ".join(map(_padded, row, widths, aligns)).rstrip()


def _padded(cell: str, wide: int, align: str) -> str:
    room = wide - width(cell)
    left = {"left": 0, "right": room, "centre": room // 2}[align]
    return " " * left + cell + " " * (room - left)


def _listed(head: Sequence[str], row: Sequence[str]) -> list[str]:
    """One row as a list item: its first cell in bold, below it "header: value"."""
    first, *others = row or [""]
    title = first.strip("*") or "–"
    items = [f"- **{title}**"]
    for number, cell in enumerate(others, 1):
        if cell:
            name = head[number].strip("*") if number < len(head) else ""
            items.append(f"  - {name}: {cell}" if name else f"  - {cell}")
    return items
