"""Cuts an answer into messages that each render on their own. Pure.

A boundary is decided from the text before it alone, so it never moves while the answer grows. Preferred are, in
this order: a blank line, a line's end, a sentence's end, a word's end; never inside a link, inline code, an emoji,
a mention or a character. A code fence that is cut is closed and opened again with its language.
"""

import re
from dataclasses import dataclass

DISCORD_LIMIT = 2000
RESERVED = 120  # for the state line below the last segment, and the cursor
FENCE = re.compile(r"^(?P<mark>`{3,}|~{3,})(?P<info>[^`\n]*)$", re.MULTILINE)
WHOLE = re.compile(
    r"`[^`\n]{1,300}`"
    r"|\[[^\]\n]{0,300}\]\([^)\s]{0,500}\)"
    r"|<a?:\w{1,40}:\d{1,25}>|<(?:@[!&]?|#|/[^:>\n]{1,40}:)\d{1,25}>|<t:-?\d{1,15}(?::[a-zA-Z])?>"
    r"|https?://[^\s<>]{1,1500}"
    r"|(\*\*\*|\*\*|__|~~|\|\|)(?=\S)[^\n]{1,200}?\1"
)
# What belongs to the character before it: combining marks, joiners, variation selectors, skin tones, keycaps.
JOINS = re.compile(
    r"[\u0300-\u036f\u0483-\u0489\u0591-\u05bd\u0610-\u061a\u064b-\u065f\u0900-\u0903\u093a-\u094d\u0e31\u0e34-\u0e3a\u1ab0-\u1aff\u1dc0-\u1dff\u200d\u20d0-\u20ff\ufe00-\ufe0f\ufe20-\ufe2f\U0001f3fb-\U0001f3ff\U000e0020-\U000e007f]"
)
FLAG = re.compile(r"[\U0001f1e6-\U0001f1ff]")
SENTENCE = re.compile(r"[.!?…][\"'»”)\]*_]{0,3}\s+|[。！？]")


@dataclass(frozen=True)
class Segment:
    """`text` is what is shown; it stands for the answer from `start` to `end` (code points)."""

    text: str
    start: int
    end: int


def units(text: str) -> int:
    """The length by the larger of code points and UTF-16 units: nobody has seen Discord count otherwise."""
    return len(text) + sum(1 for character in text if character > "\uffff")


def split(text: str, limit: int = DISCORD_LIMIT - RESERVED) -> list[Segment]:
    """The segments of a text, at least one; the last may still grow."""
    segments: list[Segment] = []
    start = 0
    reopened = ""  # the fence in which the segment begins
    while True:
        head = f"{reopened}\n" if reopened else ""
        budget = limit - units(head) - 5  # closing a fence takes four
        rest = text[start:]
        if units(rest) <= budget:
            body = rest if rest.strip() or not segments else ""
            segments.append(Segment(head + body + _closing(reopened, rest), start, len(text)))
            return [segment for segment in segments if segment.text.strip() or len(segments) == 1]
        end = start + _boundary(rest, budget, fenced=bool(reopened))
        piece = text[start:end]
        open_fence = _fence_after(reopened, piece)
        shown = head + piece.rstrip("\n" if open_fence else None) + (f"\n{_mark(open_fence)}" if open_fence else "")
        if not reopened:
            shown = shown.lstrip("\n")
        if shown.strip():
            segments.append(Segment(shown, start, end))
        start, reopened = end, open_fence


def _closing(reopened: str, rest: str) -> str:
    """A fence that is still open is closed for the eye; when it closes by itself, that stays."""
    still = _fence_after(reopened, rest)
    if not still:
        return ""
    return _mark(still) if rest.endswith("\n") or not rest else f"\n{_mark(still)}"


def _mark(fence: str) -> str:
    return re.match(r"`+|~+", fence)[0]  # type: ignore[index] # a fence begins with its mark


def _fence_after(open_fence: str, text: str) -> str:
    """The opening line of the fence that is open at the end of the text, or nothing."""
    for match in FENCE.finditer(text):
        if not open_fence:
            open_fence = match[0].rstrip()
        elif match["mark"].startswith(_mark(open_fence)) and not match["info"].strip():
            open_fence = ""
    return open_fence


def _boundary(text: str, budget: int, *, fenced: bool) -> int:
    """Where to cut the text: a position in it, at least 1."""
    most = _fit(text, budget)
    window = text[:most]
    least = most // 3
    spans = [(match.start(), match.end()) for match in WHOLE.finditer(text[: most + 1600]) if match.start() < most]
    fences = [(match.start(), match.end()) for match in FENCE.finditer(text[: most + 200])]

    def free(place: int) -> bool:
        return not any(begin < place < end for begin, end in (*spans, *fences)) and place < len(text)

    # A fence that begins near the end is better begun in the next message.
    opening = [
        begin for begin, _ in fences if least * 2 <= begin <= most and not _is_closing(text, begin, fenced=fenced)
    ]
    if opening and not _closes_within(text, opening[-1], most) and free(opening[-1]):
        return opening[-1]
    for pattern in (r"\n[ \t]*\n+", r"\n"):
        for match in reversed(list(re.finditer(pattern, window))):
            if match.end() >= least and free(match.end()) and not _heading_before(window, match.start()):
                return match.end()
    for match in reversed(list(SENTENCE.finditer(window))):
        if match.end() >= least and free(match.end()):
            return match.end()
    for match in reversed(list(re.finditer(r"[ \t]+", window))):
        if match.end() >= least and free(match.end()):
            return match.end()
    return _character_boundary(text, most, spans)


def _character_boundary(text: str, most: int, spans: list[tuple[int, int]]) -> int:
    place = most
    for begin, end in spans:
        if begin < place < end and begin > 0:
            place = begin
    floor = max(1, place - 64)
    while place > floor and (JOINS.match(text[place : place + 1]) or text[place - 1] == "\u200d"):
        place -= 1
    flags = re.search(r"[\U0001f1e6-\U0001f1ff]+$", text[:place])
    if flags and FLAG.match(text[place : place + 1]) and len(flags[0]) % 2:
        place -= 1
    return max(1, place)


def _fit(text: str, budget: int) -> int:
    """How many code points fit into so many units."""
    if units(text[:budget]) <= budget:
        return min(budget, len(text))
    count = 0
    for place, character in enumerate(text):
        count += 2 if character > "\uffff" else 1
        if count > budget:
            return place
    return len(text)


def _is_closing(text: str, place: int, *, fenced: bool) -> bool:
    before = len(FENCE.findall(text[:place])) + fenced
    return before % 2 == 1


def _closes_within(text: str, begin: int, most: int) -> bool:
    line_end = text.find("\n", begin)
    return line_end != -1 and FENCE.search(text, line_end + 1, most) is not None


def _heading_before(window: str, place: int) -> bool:
    """A heading stays with what follows it."""
    line = window[:place].rstrip().rpartition("\n")[2]
    return line.startswith("#")
