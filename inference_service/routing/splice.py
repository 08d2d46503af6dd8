"""Joins a continued answer to what was delivered: no word lost, none said twice. Pure.

A continuing deployment may say the whole prefix again (Mistral does), repeat the last words, or go straight on.
The beginning of its text is held back until it is decided which. Only a clear repetition is cut: a few equal
letters are how words go on, not an echo, and so is what repeats itself within the text.
"""

LONGEST_OVERLAP = 400
SHORTEST_OVERLAP = 8  # characters; shorter ones may be chance
# A shorter beginning is cheaper said again than continued, and could not be told from chance.
SHORTEST_PREFIX = 16


class Splicer:
    """`feed` what the new deployment says, deliver what comes out; `flush` at its end."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._tail = prefix[-LONGEST_OVERLAP:]
        self._held = ""
        self._open = not prefix

    def feed(self, text: str) -> str:
        if self._open:
            return text
        self._held += text
        return "" if self._undecided() else self._decide()

    def flush(self) -> str:
        """The stream has ended: what is still held."""
        return "" if self._open else self._decide()

    def _undecided(self) -> bool:
        """Whether more text could still make an echo or a longer overlap of what is held."""
        if len(self._held) < len(self._prefix) and self._prefix.startswith(self._held):
            return True
        held = self._held.lstrip()
        if len(held) >= len(self._tail):
            return False
        return not held or any(
            self._tail[start:].startswith(held) and len(self._tail) - start > len(held)
            for start in range(len(self._tail))
        )

    def _decide(self) -> str:
        self._open = True
        held, self._held = self._held, ""
        if held.startswith(self._prefix):
            return held[len(self._prefix) :]
        if self._prefix.startswith(held) and len(held) >= SHORTEST_OVERLAP:
            return ""  # it ended within the echo: nothing new was said
        text = held.lstrip()
        for length in range(min(len(text), len(self._tail)), SHORTEST_OVERLAP - 1, -1):
            if self._tail.endswith(text[:length]):
                return text[length:] if is_overlap(self._tail, text[:length]) else held
        if held[:1] == " " and self._prefix[-1:].isspace():
            return held[1:]
        return held


def is_overlap(tail: str, said: str) -> bool:
    """Whether the end of the text, said again, is a repetition by mistake.

    Where the text repeats itself (a table, a refrain), saying the same once more is how it goes on.
    """
    period = next(shift for shift in range(1, len(said) + 1) if said.startswith(said[shift:]))
    return tail.find(said) == len(tail) - len(said) and period > len(said) // 2


def looks_whole(text: str) -> bool:
    """Whether a text may be complete as it stands: only then is a continuation without a word an answer.

    A cut in the middle of a sentence never looks like that; a cut right behind one may.
    """
    return text.rstrip().endswith(
        (".", "!", "?", "…", "。", "！", "？", ":", ";", "```", ")", "]", "}", "»", "”", '"', "*", "|", ">")
    )
