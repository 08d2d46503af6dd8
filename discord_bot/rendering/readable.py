"""Converts what Discord does not render: tables, headings below the third level, other fences. Pure.

Works line by line; formulas may span lines. Only the table at the end of a growing text may still change its look: as
soon as it is too wide for a phone, its columns become a list.
"""

import re

from discord_bot.rendering import tables
from discord_bot.rendering.formulas import readable_formulas
from discord_bot.rendering.marks import fence_of

INNER = "``\u200b`"  # looks like a fence, and ends no block
DEEP = re.compile(r"((?:[ \t]*>)*[ \t]*(?:[-*][ \t]+)?)#{4,6}[ \t]")
CODE = re.compile(r"(`{1,2}[^`\n]{1,300}`{1,2})")


def readable(text: str, *, growing: bool = False) -> str:
    """The text as Discord can show it. Code blocks are kept as they are."""
    blocks: list[str] = []
    prose: list[str] = []
    marks: list[str] = []  # of the open blocks: an example of Markdown may contain blocks itself
    for line in text.split("\n"):
        fence = fence_of(line)
        if not marks and fence is None:
            prose.append(line)
        elif not marks and fence is not None:
            blocks += _prose(prose, growing=False)
            prose = []
            marks.append(fence.mark)
            # Discord knows neither tildes nor longer fences.
            blocks.append(f"{fence.prefix}```{fence.info}" if fence.mark != "```" else line)
        elif fence is not None and fence.closes(marks[-1]):
            marks.pop()
            blocks.append(f"{fence.prefix}```" if not marks else _inner(line))
        else:
            if fence is not None and fence.info.strip() and fence.mark[0] == marks[-1][0] and len(fence.mark) >= 3:
                marks.append(fence.mark)
            blocks.append(_inner(line))
    return "\n".join([*blocks, *_prose(prose, growing=growing)])


def _inner(line: str) -> str:
    """Discord would end the block at the first fence, whatever opened it."""
    return line.replace("```", INNER)


def _prose(lines: list[str], *, growing: bool) -> list[str]:
    """Lines outside of code."""
    if not lines:
        return []
    lines = _formulas("\n".join(lines)).split("\n")
    blocks: list[str] = []
    number = 0
    while number < len(lines):
        line = lines[number]
        if number + 1 < len(lines) and "|" in line and tables.is_separator(lines[number + 1]):
            end = _end_of_table(lines, number + 2)
            # The row that is being written appears when it is complete.
            whole = end - (growing and end == len(lines) and end > number + 2)
            blocks += tables.render(lines[number:whole])
            number = end
            continue
        blocks.append(_line(line))
        number += 1
    return blocks


def _formulas(text: str) -> str:
    """Formulas as text, except in `code`."""
    pieces = CODE.split(text)
    return "".join(piece if number % 2 else readable_formulas(piece) for number, piece in enumerate(pieces))


def _line(line: str) -> str:
    if match := DEEP.match(line):
        return match[1] + _bold(line[match.end(1) :])
    return line


def _end_of_table(lines: list[str], begin: int) -> int:
    end = begin
    while end < len(lines) and "|" in lines[end] and lines[end].strip():
        end += 1
    return end


def _bold(heading: str) -> str:
    text = heading.lstrip("#").strip().rstrip("#").rstrip().strip("*")
    return f"**{text}**" if text else heading
