"""Extracts the reasoning that a model writes into its answer, by its tags.

A block counts if the answer begins with it: `<think>…</think>` and the spellings below, several in a row. A tag later
in the text is text. One exception: some chat templates write the opening tag into the prompt, so that the answer begins
with thoughts and only closes them. By then the reader has received the thoughts as answer; `Retract` takes them back.
A closing tag in quotes, in code or within a sentence is text.
"""

import re

from msgspec import Struct

PAIRS = {
    "<think>": "</think>",
    "<thinking>": "</thinking>",
    "<thought>": "</thought>",
    "<reasoning>": "</reasoning>",
    "[think]": "[/think]",
}
LONGEST_TAG = max(map(len, (*PAIRS, *PAIRS.values())))
MOST_BLANK = 16_384  # characters of white space before the first word
MOST_KEPT = 200_000  # characters of an answer searched for a closing tag without an opening one
_CLOSING = re.compile(r"</think(?:ing)?>", re.IGNORECASE)
_OPENING = re.compile(r"<think(?:ing)?>", re.IGNORECASE)
_QUOTES = tuple("`'\"“”«»‘’<({[|")
_SENTENCE_ENDS = tuple(".!?…。！？:)]}\"'*")


class Split(Struct, frozen=True, gc=False):
    """`retract`: what was emitted as answer before is reasoning; `reasoning` then holds all of it."""

    reasoning: str = ""
    answer: str = ""
    retract: bool = False


class ThinkSplitter:
    """Feed it the text of an answer. Anything that may still become a tag is held back.

    lone_closing: False if the conversation itself is about such tags, so that one in the answer is text.
    """

    def __init__(self, *, lone_closing: bool = True) -> None:
        self._state = "start"  # start, thinking, answer
        self._held = ""
        self._close = ""
        self._trim = False  # white space after a block belongs to it
        self._watch = lone_closing
        self._said: list[str] = []  # of an answer that may turn out to be thoughts
        self._said_length = 0
        self._tail = ""

    def passes(self, text: str) -> bool:
        """Whether all of the text is answer; otherwise call `split`. Nearly all text passes."""
        if self._state != "answer" or (self._watch and (self._tail or text.find("<") >= 0)):
            return False
        if self._watch:
            self._keep(text)
        return True

    def split(self, text: str) -> Split:
        if self._state == "answer":
            return self._answered(text) if self._watch else Split(answer=text)
        text, self._held = self._held + text, ""
        thoughts: list[str] = []
        while self._state != "answer":
            if self._state == "start":
                rest = self._opened(text)
            else:
                thought, rest = self._closed(text)
                thoughts.append(thought)
            if rest is None:
                return Split(reasoning="".join(thoughts))
            text = rest
        later = self._answered(text) if self._watch and not thoughts else Split(answer=text)
        self._watch = self._watch and not thoughts
        return Split("".join(thoughts) + later.reasoning, later.answer, later.retract)

    def flush(self) -> Split:
        held, self._held = self._held, ""
        return Split(reasoning=held) if self._state == "thinking" else Split(answer=held)

    def _opened(self, text: str) -> str | None:
        """The text after an opening tag, or of the answer; None while it is undecided."""
        begin = text.lstrip()
        low = begin[:LONGEST_TAG].lower()
        for opening, closing in PAIRS.items():
            if low.startswith(opening):
                self._state, self._close = "thinking", closing
                return begin[len(opening) :]
            if low.startswith(closing) and self._watch and closing.startswith("</think"):
                self._trim = True
                return begin[len(closing) :]  # an empty block whose opening tag is in the prompt
        tags = (*PAIRS, *PAIRS.values())
        if len(text) < MOST_BLANK and any(tag.startswith(low) for tag in tags):
            self._held = text
            return None
        self._state = "answer"
        return begin if self._trim else text

    def _closed(self, text: str) -> tuple[str, str | None]:
        """(thoughts, the text after the closing tag); None if it has not arrived."""
        low = text.lower()
        at = low.find(self._close)
        if at >= 0:
            self._state, self._trim = "start", True  # another block may follow
            return text[:at], text[at + len(self._close) :]
        keep = next((n for n in range(len(self._close) - 1, 0, -1) if low.endswith(self._close[:n])), 0)
        self._held = text[len(text) - keep :]
        return text[: len(text) - keep], None

    def _answered(self, text: str) -> Split:
        """Text of the answer, unless it holds a closing tag that turns everything before it into thoughts."""
        window = self._tail + text
        if _CLOSING.search(window):
            return self._closing(text)
        last = window[window.rfind("<") :].lower() if "<" in window else ""
        self._tail = last if "</thinking>".startswith(last) or "</think>".startswith(last) else ""
        self._keep(text)
        return Split(answer=text)

    def _keep(self, text: str) -> None:
        self._said.append(text)
        self._said_length += len(text)
        if self._said_length > MOST_KEPT:
            self._watch, self._said = False, []

    def _closing(self, text: str) -> Split:
        before, self._said = "".join(self._said), []
        self._watch = False
        whole = before + text
        closing = _CLOSING.search(whole)
        if closing is None or not ends_thoughts(whole[: closing.start()]):
            return Split(answer=text)
        self._state, self._trim = "start", True
        behind = self.split(whole[closing.end() :])
        return Split(whole[: closing.start()] + behind.reasoning, behind.answer, retract=bool(before))


def ends_thoughts(before: str) -> bool:
    """Whether a closing tag after this text closes all of it, and is neither a word in a sentence nor code."""
    if _OPENING.search(before) or before.count("```") % 2:
        return False
    line = before[before.rfind("\n") + 1 :]
    if line.count("`") % 2 or line.endswith(_QUOTES):
        return False
    # After a space it is a word, unless a sentence has just ended.
    return not line.endswith(" ") or line.isspace() or line.rstrip().endswith(_SENTENCE_ENDS)
