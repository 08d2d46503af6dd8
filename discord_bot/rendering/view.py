"""The messages that an answer should be at this moment. Pure: from its state to a list of texts."""

from dataclasses import dataclass, field

from discord_bot.i18n import t
from discord_bot.rendering.readable import readable
from discord_bot.rendering.splitter import split, units

FILE_FROM = 6  # segments from which the whole answer is a file, too
MOST_SEGMENTS = 12  # beyond them only the file
STATE_LINE = 110


@dataclass
class Look:
    """What a person is to see. `tail` and the small `line` stand below; `live` while the answer grows."""

    text: str = ""
    tail: str = ""  # a whole sentence below the text, such as what went wrong
    line: str = ""
    notes: list[str] = field(default_factory=list)
    live: bool = True


def contents(look: Look, locale: str) -> list[str]:
    """One text a message, none over Discord's limit, none empty."""
    cursor = f" {t(locale, 'cursor')}" if look.live and look.text else ""
    parts = [segment.text for segment in split(readable(look.text))] if look.text.strip() else [""]
    if len(parts) > MOST_SEGMENTS:
        parts = parts[:MOST_SEGMENTS]
    small = [f"-# {line[:STATE_LINE]}" for line in (*look.notes, look.line) if line]
    below = "\n".join([*([look.tail] if look.tail else []), *small])
    last = (parts[-1].rstrip() if cursor else parts[-1]) + cursor
    if below:
        last = f"{last}{_gap(look)}{below}" if last.strip() else below
    if units(last) > 2000:  # notes are many and long: they get a message of their own
        return [*parts[:-1], parts[-1] + cursor, below]
    return [*parts[:-1], last or t(locale, "cursor")]


def _gap(look: Look) -> str:
    return "\n\n" if look.tail else "\n"
