"""Cuts an answer into messages that each render on their own. Pure.

Theory of operation:

1. The text is cut from its beginning, one segment after another. Where a segment ends is decided from the text that
fits into it and the one character after it, and from nothing later: a boundary never moves while the answer grows.
2. Preferred boundaries are, in this order: a blank line, a line end, a sentence end, a word end, a character. Never
inside a link, inline code, an emphasised phrase, an emoji, a mention, or what a reader sees as one character. A span that
begins before the boundary and may end after it counts as one of these, too.
3. A code fence that is cut is closed, and reopened with its language; a cut quote is quoted again. Both
are artificial: `opened` and `closed` of a segment say what was added.
4. Whitespace at a boundary is left out, because Discord trims messages.
"""

import re
import unicodedata
from dataclasses import dataclass

from discord_bot.rendering import marks

DISCORD_LIMIT = 2000
RESERVED = 120  # for the state line below the last segment, and the cursor
CLOSING = 10  # the longest closing of a fence in a quote

QUOTE = re.compile(r"(?:> ?)+(?=\S)|>>> ")
BLANK, LINE, SPACE = re.compile(r"\n[ \t]*\n+"), re.compile(r"\n"), re.compile(r"[ \t]+")
SENTENCE = re.compile(r"[.!?…][\"'»”)\]*_]{0,3}\s+|[。！？]")
FLAGS = re.compile(r"[\U0001f1e6-\U0001f1ff]*\Z")
LONGEST_LANGUAGE, LONGEST_CHARACTER = 20, 64
Spans = list[tuple[int, int]]


@dataclass(frozen=True)
class Segment:
    """`text` is shown: `opened`, the answer from `start` to `end` (code points) without outer whitespace, `closed`."""

    text: str
    start: int
    end: int
    opened: str = ""
    closed: str = ""


@dataclass(frozen=True)
class Carry:
    """What is open at a boundary: a fence with its mark and language, a quote, or nothing."""

    mark: str = ""
    language: str = ""
    quote: str = ""

    @property
    def head(self) -> str:
        return f"{self.quote}{self.mark}{self.language}\n{self.quote}" if self.mark else self.quote

    def tail(self, body: str) -> str:
        """What closes the fence after the body."""
        if not self.mark:
            return ""
        return f"{'' if body.endswith(chr(10)) or not body else chr(10)}{self.quote}{self.mark}"


def units(text: str) -> int:
    """The length in UTF-16 units: never less than in code points, so it is safe whichever Discord counts."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def split(text: str, limit: int = DISCORD_LIMIT - RESERVED, most: int | None = None) -> list[Segment]:
    """The segments of a text, at least one, none longer than `limit` (at least 100); the last may still grow.

    `most`: stop one segment beyond that many, for callers that only ask whether there are more.
    """
    segments: list[Segment] = []
    start, carry = 0, Carry()
    while True:
        budget = limit - units(carry.head) - CLOSING
        furthest = _fit(text, start, budget)
        end = furthest if furthest == len(text) else start + _boundary(text[start : furthest + 1], carry.mark)
        piece = text[start:end]
        after = _carry(carry, piece, cut=end < len(text))
        if piece.strip():
            segments.append(_segment(carry, after, piece, start, end))
        if end == len(text) or (most is not None and len(segments) > most):
            return segments or [Segment("", 0, end)]
        start, carry = end, after


def settled(text: str) -> str:
    """A growing text without an unfinished link, mention, code mark or heading at its end: half of one looks broken."""
    start = marks.unfinished(text)
    return text[:start].rstrip(" ") if 0 < start < len(text) else text


def _segment(before: Carry, after: Carry, piece: str, start: int, end: int) -> Segment:
    # Code keeps its indentation; elsewhere a message begins with a word.
    body = piece.strip("\n") if before.mark else piece.lstrip("\n")
    body = body.rstrip("\n") if after.mark else body.rstrip()
    opened, closed = before.head, after.tail(body)
    return Segment(f"{opened}{body}{closed}", start, end, opened, closed)


def _carry(before: Carry, piece: str, *, cut: bool) -> Carry:
    """What is open after a segment."""
    mark, language, quote = before.mark, before.language, before.quote if before.mark else ""
    for fence in marks.fences(piece):
        if not mark:
            words = fence.info.split()
            language = words[0] if words and len(words[0]) <= LONGEST_LANGUAGE else ""
            mark, quote = fence.mark[:6], fence.quote[:2]
        elif fence.closes(mark):
            mark = language = quote = ""
    if mark:
        return Carry(mark, language, quote)
    if not cut or piece.endswith("\n"):
        return Carry()
    line = piece.rpartition("\n")[2]
    match = QUOTE.match(line)
    # A quoted line that is cut in the middle continues as a quote, even over several segments.
    return Carry(quote=match[0][:4] if match else before.quote if "\n" not in piece and not before.mark else "")


def _boundary(reach: str, mark: str) -> int:
    """Where to cut: a position from 1 to one before the end of `reach`, whose last character no longer fits."""
    most = len(reach) - 1
    window, least = reach[:most], most // 3
    code, marks = _code(window, mark)
    # A fence that begins near the end is better moved to the next message.
    if code and code[-1][1] > most and code[-1][0] >= least * 2:
        return code[-1][0]
    solid = marks + [span for span in _solid(window) if not any(begin <= span[0] < end for begin, end in code)]
    for pattern in (BLANK, LINE, SENTENCE, SPACE):
        for match in reversed(list(pattern.finditer(window, least))):
            place = match.end()
            if not any(begin < place < end for begin, end in solid) and not _under_heading(window, match.start()):
                return place
    return _character(reach, most, solid)


def _solid(window: str) -> Spans:
    """Spans that must not be cut; one that touches the window's end may continue after it."""
    return [span for span in marks.solid(window) if span[0] > 0]


def _code(window: str, mark: str) -> tuple[Spans, Spans]:
    """The code blocks of a window, and the lines of their fences. A block without an end continues after the window."""
    blocks: Spans = []
    begin: int | None = 0 if mark else None
    fences = list(marks.fences(window))
    for fence in fences:
        if begin is None:
            begin, mark = fence.start, fence.mark[:6]
        elif fence.closes(mark):
            blocks.append((begin, fence.end))
            begin = None
    if begin is not None:
        blocks.append((begin, len(window) + 1))
    return blocks, [(fence.start, fence.end + 1) for fence in fences]


def _character(reach: str, most: int, solid: Spans) -> int:
    """The last position that cuts neither a span nor a visible character."""
    place = most
    for begin, end in solid:
        if 0 < begin < place < end:
            place = begin
    floor = max(1, place - LONGEST_CHARACTER)
    while place > floor and (_joins(reach[place]) or reach[place - 1] == "\u200d"):
        place -= 1
    flags = FLAGS.search(reach[:place])
    if flags and len(flags[0]) % 2 and FLAGS.match(reach[place]) and reach[place] >= "\U0001f1e6":
        place -= 1
    return max(1, place)


def _joins(character: str) -> bool:
    """Belongs to the character before it: marks, joiners, variation selectors, skin tones, tags, Korean vowels."""
    return (
        unicodedata.category(character) in ("Mn", "Mc", "Me")
        or character in "\u200d\uff9e\uff9f"
        or "\U0001f3fb" <= character <= "\U0001f3ff"
        or "\U000e0020" <= character <= "\U000e007f"
        or "\u1160" <= character <= "\u11ff"
    )


def _fit(text: str, start: int, budget: int) -> int:
    """The furthest position whose text from `start` takes at most that many units."""
    end = min(len(text), start + budget)
    while (over := units(text[start:end]) - budget) > 0:
        end -= (over + 1) // 2
    return end


def _under_heading(window: str, place: int) -> bool:
    """A heading stays with what follows it."""
    return window[:place].rstrip().rpartition("\n")[2].startswith("#")
