"""Names for threads and files."""

import re

LONGEST = 60
MARKUP = re.compile(r"[*_`~|>#]+|<[@#][!&]?\d+>|<a?:\w+:\d+>|https?://\S+")
WORDS = 6


def thread_name(question: str) -> str:
    """The first words of a question as a name, never empty."""
    text = " ".join(MARKUP.sub(" ", question).split())
    if len(text) > LONGEST:
        text = text[:LONGEST].rsplit(" ", 1)[0].rstrip(",;:-–—") + "…"
    return text or "Antiphon"


def shorten(text: str, limit: int) -> str:
    """One line of at most so many characters."""
    flat = " ".join(text.split())
    return flat if len(flat) <= limit else flat[: limit - 1].rstrip() + "…"


def clean_title(said: str) -> str:
    """A model's suggestion for a title, or nothing where it is none."""
    line = MARKUP.sub("", said.strip().partition("\n")[0]).strip(" \"'«»“”.:")
    return line[:90] if line and len(line.split()) <= 12 else ""
