"""Joins the next deployment's words to the text that the caller has: nothing lost, nothing said twice. Pure.

There are five ways to continue, one class each. Call `feed` with the deployment's words and deliver the result; `finish`
at a good end returns what was held back. A failed call is simply dropped: what it held back was never sent.

Text is sacred: only two things are ever removed. After prefill, an echo of the *whole* prefix. After an
instruction, whole words that repeat the end of the text, because models repeat their last words when asked
to continue, unless the text itself says such things twice in a row.
"""

import re
from itertools import pairwise

# A shorter beginning is cheaper to repeat than to continue.
SHORTEST_PREFIX = 16
LONGEST_WORD = 200  # characters; a longer run without white space is a link or data, and is not taken back
LONGEST_OVERLAP = 400  # words at the end of a text that a model may repeat
SHORTEST_IDEOGRAPHS = 4  # length of a repetition without any alphabetic word

IDEOGRAPHS = "\u2e80-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
WORD = re.compile(rf"[{IDEOGRAPHS}]|[^\s{IDEOGRAPHS}]+")
IDEOGRAPH = re.compile(f"[{IDEOGRAPHS}]")


class Fresh:
    """The answer begins: nothing to join."""

    def feed(self, text: str) -> str:
        return text

    def finish(self) -> str:
        return ""


class AfterPrefill:
    """The deployment got the text as its own half-finished answer.

    `echoes`: whether it repeats that text first; None: unknown, so an echo of the whole text counts as one.
    """

    def __init__(self, prefix: str, *, echoes: bool | None) -> None:
        self._prefix = prefix
        self._held = ""
        self._decided = echoes is False
        self.echoed: bool | None = None  # text received so far

    def feed(self, text: str) -> str:
        if self._decided:
            return text
        self._held += text
        if len(self._held) < len(self._prefix) and self._prefix.startswith(self._held):
            return ""
        self._decided = True
        held, self._held = self._held, ""
        self.echoed = held.startswith(self._prefix)
        return held[len(self._prefix) :] if self.echoed else held

    def finish(self) -> str:
        held, self._held = self._held, ""
        return held


class Boundary:
    """Where a text is cut so that the next words join correctly: `kept`, then `separator` and `word`, which are taken back."""

    __slots__ = ("kept", "separator", "word")

    def __init__(self, text: str) -> None:
        self.word = "" if not text or text[-1].isspace() else text.rsplit(None, 1)[-1]
        before = text[: len(text) - len(self.word)]
        self.kept = before.rstrip()
        self.separator = before[len(self.kept) :]
        if self.word and (len(self.word) > LONGEST_WORD or IDEOGRAPH.match(self.word[-1])):
            self.kept, self.separator, self.word = text, "", ""

    def join(self, said: str) -> str:
        """`said` after `kept`, with the right white space between them."""
        body = said.lstrip()
        lead = said[: len(said) - len(body)]
        return self._between(lead) + body

    def _between(self, lead: str) -> str:
        separator = self.separator
        if self.word:
            return separator  # a word followed it, so the separator is what the text has here
        if not separator:
            return lead if "\n" in lead or (self.kept and not IDEOGRAPH.match(self.kept[-1])) else ""
        if not lead or lead in separator:
            return separator
        if separator in lead:
            return lead
        if "\n" in separator and "\n" not in lead:
            return separator[: separator.rindex("\n") + 1] + lead  # the lead is the indentation of the new line
        return lead if "\n" in lead else separator


class AfterInstruction:
    """The deployment was instructed in words to continue `boundary.kept`."""

    def __init__(self, boundary: Boundary) -> None:
        self._boundary = boundary
        self._tail = WORD.findall(boundary.kept)[-LONGEST_OVERLAP:]
        lines = boundary.kept.splitlines()
        self._repeats_lines = any(line.strip() and line == after for line, after in pairwise(lines))
        self._held = ""
        self._decided = False

    def feed(self, text: str) -> str:
        if self._decided:
            return text
        self._held += text
        if self._undecided() or not (news := self._without_repetition()).strip():
            return ""  # white space waits, too: the next word decides how it joins
        self._decided, self._held = True, ""
        return self._boundary.join(news)

    def finish(self) -> str:
        if self._decided:
            return ""
        self._decided = True
        news = self._without_repetition()
        return self._boundary.join(news) if news.strip() else ""

    def again(self) -> "AfterInstruction":
        """What was said so far does not count."""
        return AfterInstruction(self._boundary)

    def restore(self) -> str:
        """What was taken back from the end of the text: the text was whole, and nothing is added."""
        return self._boundary.separator + self._boundary.word

    def _undecided(self) -> bool:
        """Whether the next words may still complete a repetition."""
        if not self._held.strip():
            return True
        if self._boundary.kept.startswith(self._held.lstrip()):
            return True
        words = WORD.findall(self._held)
        complete = words if self._held[-1].isspace() or IDEOGRAPH.match(self._held[-1]) else words[:-1]
        unfinished = words[len(complete)] if len(complete) < len(words) else ""
        for start in range(len(self._tail)):
            rest = self._tail[start:]
            if len(rest) <= len(complete) or rest[: len(complete)] != complete:
                continue
            if rest[len(complete)].startswith(unfinished):
                return True
        return False

    def _without_repetition(self) -> str:
        kept, echo = self._boundary.kept, self._held.lstrip()
        if echo.startswith(kept) and (len(echo) == len(kept) or echo[len(kept)].isspace()):
            return echo[len(kept) :]
        return self._held[self._repeated(self._held) :]

    def _repeated(self, held: str) -> int:
        """The length of the beginning of `held` that repeats the end of the text."""
        matches = list(WORD.finditer(held))
        words = [match.group() for match in matches]
        for count in range(min(len(words), len(self._tail)), 0, -1):
            if words[:count] == self._tail[-count:] and self._is_repetition(words[:count], held[: matches[0].start()]):
                return matches[count - 1].end()
        return 0

    def _is_repetition(self, unit: list[str], lead: str) -> bool:
        """Whether these words are repeated by mistake, rather than because the text goes on like that."""
        if all(IDEOGRAPH.match(word) for word in unit) and len(unit) < SHORTEST_IDEOGRAPHS:
            return False
        if "\n" in lead:
            indentation = self._indentation(len(unit))
            bracket = not any(letter.isalnum() for letter in "".join(unit))
            # Closing brackets follow each other, each less indented than the last.
            if indentation is None or bracket:
                return indentation == lead.rpartition("\n")[2]
        if self._repeats_lines and self._indentation(len(unit)) is not None:
            return False
        size, tail = len(unit), self._tail
        twice = [*unit, *unit]
        return not any(tail[start : start + 2 * size] == twice for start in range(len(tail) - 2 * size + 1))

    def _indentation(self, count: int) -> str | None:
        """The white space before the last `count` words of the text if they begin a line; else None."""
        places = [match.start() for match in WORD.finditer(self._boundary.kept)]
        line = self._boundary.kept[: places[-count]].rpartition("\n")[2]
        return None if line.strip() else line


class AfterGiven:
    """The deployment was instructed in words to continue the caller's own beginning, of which nothing can be taken back.

    If it is repeated, in whole or its last word, the repetition is dropped.
    """

    def __init__(self, beginning: str) -> None:
        boundary = Boundary(beginning)
        self._repeats = [text for text in (beginning, boundary.word) if text]
        self._held = ""
        self._decided = False

    def feed(self, text: str) -> str:
        if self._decided:
            return text
        self._held += text
        said = self._held.lstrip()
        if any(repeat.startswith(said) and len(said) < len(repeat) for repeat in self._repeats):
            return ""
        return self.finish()

    def finish(self) -> str:
        if self._decided:
            return ""
        self._decided = True
        held, self._held = self._held, ""
        said = held.lstrip()
        for text in self._repeats:
            if said.startswith(text):
                return said[len(text) :]
        return held


class Restart:
    """The deployment answers from the beginning. Its words are held back as long as they equal what the caller has.

    `keep` is None until then; afterwards it is the number of characters that remain.
    """

    def __init__(self, text: str) -> None:
        self._text = text
        self._held = ""
        self.keep: int | None = None

    def feed(self, text: str) -> str:
        if self.keep is not None:
            return text
        self._held += text
        if self._text.startswith(self._held) and len(self._held) < len(self._text):
            return ""
        return self.finish()

    def finish(self) -> str:
        if self.keep is not None:
            return ""
        held, self._held = self._held, ""
        self.keep = common_prefix(self._text, held)
        return held[self.keep :]


def common_prefix(first: str, second: str) -> int:
    """The number of characters that both texts have in common at the beginning."""
    for place, (left, other) in enumerate(zip(first, second, strict=False)):
        if left != other:
            return place
    return min(len(first), len(second))


def looks_whole(text: str) -> bool:
    """Whether a text may be complete: then a continuation that adds nothing confirms it at once."""
    return text.rstrip().endswith(
        (".", "!", "?", "…", "。", "！", "？", ":", ";", "```", ")", "]", "}", "»", "”", '"', "*", "|", ">")
    )
