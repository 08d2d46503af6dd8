"""What Discord does not render, made readable: tables stand in a code block, deep headings become bold. Pure.

Works line by line and only on lines that are complete, so that a growing answer never changes what stands already.
"""

import re

SEPARATOR = re.compile(r"^\s*\|?\s*:?-{2,}:?\s*(\|\s*:?-{2,}:?\s*)+\|?\s*$")
HEADING = re.compile(r"^#{4,6}\s+(.+?)\s*#*$")
FENCE = re.compile(r"^(`{3,}|~{3,})")


def readable(text: str) -> str:
    """The text as Discord can show it. What stands in a code block stays as it is."""
    lines = text.split("\n")
    last = len(lines) - 1  # may still grow
    made: list[str] = []
    fence = ""
    table = False
    for number, line in enumerate(lines):
        mark = FENCE.match(line)
        if fence:
            if mark and mark[1].startswith(fence) and not line[len(mark[1]) :].strip():
                fence = ""
            made.append(line)
            continue
        if table and "|" not in line and (number < last or line):
            made.append("```")
            table = False
        if mark:
            fence = mark[1]
        elif not table and number < last and SEPARATOR.match(line) and number and "|" in lines[number - 1]:
            made.insert(len(made) - 1, "```")
            table = True
        elif not table and number < last and (heading := HEADING.match(line)):
            made.append(f"**{heading[1].strip('*')}**")
            continue
        made.append(line)
    if table:
        made.append("```")
    return "\n".join(made)
