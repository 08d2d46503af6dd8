"""What a message cannot show well: wide tables and formulas without a text form. Pure: finds them in an answer."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

from discord_bot.rendering import tables
from discord_bot.rendering.formulas import as_text, formulas
from discord_bot.rendering.marks import fence_of

MOST_PLATES, MOST_ROWS, MOST_COLUMNS, LONGEST_CELL = 4, 60, 12, 120


@dataclass(frozen=True)
class Plate:
    """Something to draw: the rows of a table, header first, or the source of a formula."""

    rows: list[list[str]] = field(default_factory=list)
    formula: str = ""

    def sent(self) -> dict[str, Any]:
        return asdict(self)


def plates(text: str) -> list[Plate]:
    """In order; no more than fit into one message."""
    pictures: list[Plate] = []
    for prose in _prose(text):
        pictures += _wide_tables(prose)
        unsaid = [formula.source for formula in formulas("\n".join(prose)) if as_text(formula.source) is None]
        pictures += [Plate(formula=" ".join(source.split())) for source in unsaid]
        if len(pictures) >= MOST_PLATES:
            break
    return pictures[:MOST_PLATES]


def _prose(text: str) -> Iterator[list[str]]:
    """Lines outside of code blocks."""
    lines: list[str] = []
    mark = ""
    for line in text.split("\n"):
        fence = fence_of(line)
        if fence is None:
            if not mark:
                lines.append(line)
        elif not mark:
            yield lines
            lines, mark = [], fence.mark
        elif fence.closes(mark):
            mark = ""
    yield lines


def _wide_tables(lines: list[str]) -> Iterator[Plate]:
    number = 0
    while number + 1 < len(lines):
        if "|" not in lines[number] or not tables.is_separator(lines[number + 1]):
            number += 1
            continue
        end = number + 2
        while end < len(lines) and "|" in lines[end] and lines[end].strip():
            end += 1
        rows = tables.rows_of([lines[number], *lines[number + 2 : end]])
        if not tables.is_narrow(rows):
            yield Plate([[cell[:LONGEST_CELL] for cell in row[:MOST_COLUMNS]] for row in rows[:MOST_ROWS]])
        number = end
