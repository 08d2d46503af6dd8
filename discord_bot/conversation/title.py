"""Names for threads and files: clean, short, never empty. Pure."""

import re
import unicodedata

LONGEST = 60
LONGEST_FILE = 80
MARKUP = re.compile(r"[*_`~|>#]+|<[@#][!&]?\d+>|<a?:\w+:\d+>|https?://\S+")
MOST_WORDS = 12
JOINER = "\u200d"  # invisible, but it joins emoji


def visible(text: str) -> str:
    """Without control, zero-width and direction-changing characters."""
    return "".join(
        " " if character.isspace() else character
        for character in text
        if character.isspace()
        or character == JOINER
        or unicodedata.category(character) not in ("Cc", "Cf", "Co", "Cn", "Cs")
    )


def thread_name(question: str) -> str:
    """The first words of a question as a name."""
    text = " ".join(visible(MARKUP.sub(" ", question)).split())
    if len(text) > LONGEST:
        words, _, cut = text[:LONGEST].rpartition(" ")
        text = (words or cut).rstrip(",;:-–— " + JOINER) + "…"
    return text if any(character.isprintable() and character not in f"… {JOINER}" for character in text) else "Antiphon"


def shorten(text: str, limit: int) -> str:
    """One line of at most that many characters."""
    flat = " ".join(text.split())
    return flat if len(flat) <= limit else flat[: limit - 1].rstrip(" " + JOINER) + "…"


def clean_title(said: str) -> str:
    """A model's suggestion for a title, or an empty text if it is unusable."""
    line = visible(MARKUP.sub("", said.strip().partition("\n")[0])).strip(" \"'«»“”.:")
    return line[:90].rstrip() if line and len(line.split()) <= MOST_WORDS else ""


def file_name(name: str) -> str:
    """A file's name, safe for a sentence or a prompt: no path, no line breaks, no brackets."""
    last = re.split(r"[/\\]", visible(name))[-1]
    clean = re.sub(r"[\[\]<>`*_|~]", "_", last).strip(" .")
    return clean[-LONGEST_FILE:] or "file"
