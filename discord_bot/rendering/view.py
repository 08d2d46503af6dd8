"""The messages that an answer should consist of right now. Pure: from its state to a list of texts."""

from dataclasses import dataclass, field

from discord_bot.i18n import t
from discord_bot.rendering.readable import readable
from discord_bot.rendering.splitter import DISCORD_LIMIT, settled, split, units

FILE_FROM = 6  # segments from which the whole answer is also attached as a file
MOST_SEGMENTS = 12  # beyond them, only the file
STATE_LINE = 110


@dataclass
class Look:
    """What a person should see. `tail` and the small `line` are below; `live` while the answer grows."""

    text: str = ""
    tail: str = ""  # a whole sentence below the text, such as what went wrong
    line: str = ""
    notes: list[str] = field(default_factory=list)
    live: bool = True
    most: int = MOST_SEGMENTS  # messages; anything longer is only in the file


def contents(look: Look, locale: str) -> list[str]:
    """One text per message, none over Discord's limit, none empty."""
    cursor = f" {t(locale, 'cursor')}" if look.live and look.text.strip() else ""
    text = readable(settled(look.text), growing=True) if look.live else readable(look.text)
    parts = [segment.text for segment in split(text, most=look.most)]
    rest = [t(locale, "state-whole-file")] if len(parts) > look.most and not look.live else []
    del parts[look.most :]
    small = filter(None, map(_small, [*rest, *look.notes, look.line]))
    below = "\n".join([*([look.tail] if look.tail else []), *small]).strip()
    # After a code block the cursor gets its own line.
    closed = parts[-1].endswith(("```", "~~~"))
    last = parts[-1] + (cursor.replace(" ", "\n") if closed else cursor)
    if not below:
        return [*parts[:-1], last if last.strip() else t(locale, "cursor")]
    whole = f"{last}{_gap(look)}{below}" if last.strip() else below
    if units(whole) <= DISCORD_LIMIT:
        return [*parts[:-1], whole]
    # The tail is long: it gets messages of its own.
    return [*parts[:-1], *([last] if last.strip() else []), *(segment.text for segment in split(below))]


def needs_file(look: Look) -> bool:
    """Whether the answer is so long that it is also attached as a file."""
    least = min(FILE_FROM, look.most + 1)
    return len(split(readable(look.text), most=least)) >= least


def _small(line: str) -> str:
    flat = " ".join(line.split())
    return f"-# {flat[:STATE_LINE]}" if flat else ""


def _gap(look: Look) -> str:
    return "\n\n" if look.tail else "\n"
