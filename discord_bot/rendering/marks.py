"""Finds code fences and spans that must not be cut, in time linear in the text. Pure.

No search covers the same stretch twice: `Ahead` remembers each result, so a text of nothing but
brackets costs as much as any other.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

OPENER = re.compile(r"[`<*_~|\[]|!\[|https?://")
SPACE, URL_END = re.compile(r"\s"), re.compile(r"[\s<>]")
EMPHASIS = ("***", "**", "__", "~~", "||", "*", "_")
LONGEST_CODE, LONGEST_LABEL, LONGEST_TARGET, LONGEST_MENTION, LONGEST_URL = 300, 300, 600, 80, 1_500
MENTION_SECOND = "@#:at/"
UNFINISHED_LABEL = 200


@dataclass(frozen=True)
class Fence:
    """A line that opens or closes a code block. `prefix`: indentation and quote marks before it."""

    start: int
    end: int
    prefix: str
    mark: str
    info: str

    @property
    def quote(self) -> str:
        return self.prefix.lstrip(" \t")

    def closes(self, mark: str) -> bool:
        return self.mark.startswith(mark) and not self.info.strip()


def fence_of(line: str, start: int = 0) -> Fence | None:
    body = line.lstrip(" \t>")
    if not body.startswith(("```", "~~~")):
        return None
    info = body.lstrip(body[0])
    if "`" in info:
        return None
    mark = body[: len(body) - len(info)]
    return Fence(start, start + len(line), line[: len(line) - len(body)], mark, info)


def fences(text: str) -> Iterator[Fence]:
    start = 0
    for line in text.split("\n"):
        fence = fence_of(line, start)
        if fence is not None:
            yield fence
        start += len(line) + 1


class Ahead:
    """The next occurrence of something at or after a position; beyond the text if there is none."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._nowhere = len(text) + 1
        self._seen: dict[object, tuple[int, int]] = {}

    def of(self, needle: "str | re.Pattern[str]", place: int) -> int:
        searched_from, start = self._seen.get(needle, (self._nowhere, -1))
        if searched_from <= place <= start:
            return start
        if isinstance(needle, str):
            index = self._text.find(needle, place)
            start = index if index >= 0 else self._nowhere
        else:
            match = needle.search(self._text, place)
            start = match.start() if match else self._nowhere
        self._seen[needle] = (place, start)
        return start


def solid(text: str) -> list[tuple[int, int]]:
    """Inline code, links, mentions, addresses and emphasised phrases, from start to end.

    A span that is open at the end of the text reaches one beyond it.
    """
    ahead, size, place = Ahead(text), len(text), 0
    spans: list[tuple[int, int]] = []
    while (match := OPENER.search(text, place)) is not None:
        begin = match.start()
        end = _end(text, begin, ahead)
        if end is None:
            place = begin + 1
            continue
        spans.append((begin, end + (end == size)))
        place = max(end, begin + 1)
    return spans


def _end(text: str, begin: int, ahead: Ahead) -> int | None:
    letter, size = text[begin], len(text)
    if letter == "`":
        return _closed(ahead, size, "`", begin + 1, 1, LONGEST_CODE)
    if letter in "![":
        return _link_end(text, begin + (2 if letter == "!" else 1), ahead)
    if letter == "<":
        if begin + 1 < size and text[begin + 1] not in MENTION_SECOND:
            return None
        return _closed(ahead, size, ">", begin + 1, 0, LONGEST_MENTION)
    if letter == "h":
        return min(ahead.of(URL_END, begin), begin + LONGEST_URL, size)
    return _emphasis_end(text, begin, ahead)


def _closed(ahead: Ahead, size: int, closer: str, place: int, least: int, most: int) -> int | None:
    """After the closer if it comes in this line and in time; the text's end if it may still come."""
    close = ahead.of(closer, place)
    stop = min(close, ahead.of("\n", place), size)
    if not least <= stop - place <= most:
        return None
    if stop == close:
        return close + 1
    return size if stop == size else None


def _link_end(text: str, place: int, ahead: Ahead) -> int | None:
    size = len(text)
    end = _closed(ahead, size, "]", place, 0, LONGEST_LABEL)
    if end is None or end >= size or text[end] != "(":
        return end
    close = ahead.of(")", end + 1)
    stop = min(close, ahead.of(SPACE, end + 1), size)
    if stop - end - 1 > LONGEST_TARGET:
        return end
    return close + 1 if stop == close else size if stop == size else end


def _emphasis_end(text: str, begin: int, ahead: Ahead) -> int | None:
    size = len(text)
    if begin and (text[begin - 1].isalnum() or text[begin - 1] == "_"):
        return None
    for mark in EMPHASIS:
        after = begin + len(mark)
        if not text.startswith(mark, begin) or after >= size or text[after].isspace():
            continue
        close, line = ahead.of(mark, after + 1), ahead.of("\n", after)
        if close < line and close - after <= LONGEST_CODE:
            return close + len(mark)
        if line > size and close > size and size - after <= LONGEST_CODE:
            return size
    return None


_EMPTY_FENCE = re.compile(r"(?:^|\n)[> ]*```[\w+#-]*\n?$")
LONGEST_BOLD = 60  # characters that wait for their closing mark


def _open_bold(text: str, line: int) -> int:
    """Where bold text begins in the last line that has no end yet; the text's end where none does."""
    size = len(text)
    begin = text.rfind("**", line)
    if begin < 0 or text.count("**", line) % 2 == 0 or size - begin > LONGEST_BOLD:
        return size
    return size if text[begin + 2 : begin + 3].isspace() else begin


def unfinished(text: str) -> int:
    """Where an unfinished link, mention, code mark, bold text or heading begins; the text's end if there is none."""
    size = len(text)
    line = text.rfind("\n") + 1
    starts = [size]
    open_from = max(text.rfind("]", line) + 1, line, size - UNFINISHED_LABEL - 1)
    label = text.find("[", open_from)
    if label >= 0:
        starts.append(label - (label > 0 and text[label - 1] == "!"))
    target = text.rfind("](", line)
    if target >= 0 and size - target <= LONGEST_TARGET and not re.search(r"[)\s]", text[target:]):
        begin = text.rfind("[", max(line, target - UNFINISHED_LABEL), target)
        if begin >= 0:
            starts.append(begin - (begin > 0 and text[begin - 1] == "!"))
    mention = text.rfind("<", max(line, size - LONGEST_MENTION))
    if mention >= 0 and not re.search(r"[>\s]", text[mention:]) and text[mention + 1 : mention + 2] in MENTION_SECOND:
        starts.append(mention)
    ticks = size - len(text.rstrip("`"))
    if 0 < ticks < 3:
        starts.append(size - ticks)
    in_code = text.count("```") % 2 == 1
    if in_code and (empty := _EMPTY_FENCE.search(text, max(0, size - LONGEST_BOLD))) is not None:
        starts.append(empty.start())  # a block of code without a line yet
    if not in_code:
        starts.append(_open_bold(text, line))
    if size - line <= 7 and text[line:] and not text[line:].strip("# "):
        starts.append(line)  # half a heading
    return min(starts)
