"""What Discord does not render, made readable: tables, headings below the third level, other fences. Pure.

Works line by line. Only the table at the end of a growing text may still change its look: while it grows, its rows
stand in a code block as they came; when it is whole, it gets its columns.
"""

import re

from discord_bot.rendering import tables
from discord_bot.rendering.marks import fence_of

INNER = "``\u200b`"  # looks like a mark, and ends no block
DEEP = re.compile(r"#{4,6}[ \t]")


def readable(text: str, *, growing: bool = False) -> str:
    """The text as Discord can show it. What stands in a code block stays as it is."""
    lines = text.split("\n")
    made: list[str] = []
    open_mark = ""
    number = 0
    while number < len(lines):
        line = lines[number]
        fence = fence_of(line)
        if fence is not None and not open_mark:
            open_mark = fence.mark
            # Discord knows neither tildes nor longer marks.
            made.append(f"{fence.prefix}```{fence.info}" if open_mark != "```" else line)
        elif open_mark:
            closes = fence is not None and fence.closes(open_mark)
            if fence and closes:
                made.append(f"{fence.prefix}```")
            else:
                # Discord would end the block at the first mark, whatever opened it.
                made.append(line.replace("```", INNER) if open_mark != "```" else line)
            open_mark = "" if closes else open_mark
        elif number + 1 < len(lines) and "|" in line and tables.is_separator(lines[number + 1]):
            end = _end_of_table(lines, number + 2)
            unfinished = growing and end == len(lines)
            made += ["```", *lines[number:end], "```"] if unfinished else tables.render(lines[number:end])
            number = end
            continue
        elif DEEP.match(line) and not (growing and number == len(lines) - 1):
            made.append(_bold(line))
        else:
            made.append(line)
        number += 1
    return "\n".join(made)


def _end_of_table(lines: list[str], begin: int) -> int:
    end = begin
    while end < len(lines) and "|" in lines[end] and lines[end].strip():
        end += 1
    return end


def _bold(heading: str) -> str:
    text = heading.lstrip("#").strip().rstrip("#").rstrip().strip("*")
    return f"**{text}**" if text else heading
