"""What a person asks to be drawn: parsed, limited and stored as data, so that a button can ask for it again."""

import re
import secrets
from dataclasses import asdict, dataclass, replace
from typing import Any, Self

SHAPES: dict[str, tuple[int, int]] = {
    "square": (1, 1),
    "landscape": (3, 2),
    "portrait": (2, 3),
    "wide": (16, 9),
    "tall": (9, 16),
}
LONGEST_PROMPT = 4_000
MOST_PICTURES = 4
SMALLEST_SIDE, LARGEST_SIDE = 64, 4_096
LARGEST_RATIO = 4
# The contract's seeds are 64 bits wide; ours should be readable and easy to type.
LARGEST_NEW_SEED = 2**31 - 1

_EXACT = re.compile(r"^\s*(\d{2,4})\s*[x×х*]\s*(\d{2,4})\s*$", re.IGNORECASE)  # the third x is Cyrillic
_RATIO = re.compile(r"^\s*(\d{1,3})\s*[:/]\s*(\d{1,3})\s*$")


class BadOption(ValueError):
    """An invalid value; `key` is the message for the person."""

    def __init__(self, key: str) -> None:
        super().__init__(key)
        self.key = key


@dataclass(frozen=True)
class Wish:
    """Everything of one /image, as stored."""

    prompt: str
    size: tuple[int, int] | None = None
    aspect: tuple[int, int] | None = None
    count: int = 1
    negative: str = ""
    model: str = ""
    """Empty: the server's default at the time."""
    seed: int | None = None
    steps: int | None = None
    spoiler: bool = False
    authors: tuple[int, ...] = ()
    """Accounts of others whose words the prompt holds."""

    def stored(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def restored(cls, data: dict[str, Any]) -> Self:
        """From the store; keys of other versions are ignored."""
        values = {"prompt": "", **{name: data[name] for name in cls.__dataclass_fields__ if name in data}}
        for name in ("size", "aspect", "authors"):
            if values.get(name) is not None:
                values[name] = tuple(values[name])
        return cls(**values)

    def written_by(self, *accounts: int) -> Self:
        """Other people who wrote words of the prompt."""
        return replace(self, authors=tuple(dict.fromkeys((*self.authors, *accounts))))

    def with_prompt(self, prompt: str) -> Self:
        return replace(self, prompt=prompt)

    def with_seed(self, seed: int) -> Self:
        return replace(self, seed=seed)

    def with_new_seed(self) -> Self:
        return self.with_seed(secrets.randbelow(LARGEST_NEW_SEED))

    def shape_text(self) -> str:
        if self.size is not None:
            return f"{self.size[0]}x{self.size[1]}"
        if self.aspect is None:
            return ""
        return next((name for name, shape in SHAPES.items() if shape == self.aspect), "{}:{}".format(*self.aspect))


def parse_shape(text: str | None) -> tuple[tuple[int, int] | None, tuple[int, int] | None]:
    """("1024x768" | "16:9" | "square" | "") as (size, aspect), one of them None. Raises BadOption."""
    text = (text or "").strip().lower()
    if not text:
        return None, None
    if text in SHAPES:
        return None, SHAPES[text]
    if match := _EXACT.match(text):
        width, height = int(match[1]), int(match[2])
        if not all(SMALLEST_SIDE <= side <= LARGEST_SIDE for side in (width, height)):
            raise BadOption("image-bad-size")
        return (width, height), None
    if match := _RATIO.match(text):
        horizontal, vertical = int(match[1]), int(match[2])
        smaller, larger = sorted((horizontal, vertical))
        if smaller == 0 or larger > 100 or larger > LARGEST_RATIO * smaller:
            raise BadOption("image-bad-size")
        return None, (horizontal, vertical)
    raise BadOption("image-bad-size")


def parse_seed(text: str | None) -> int | None:
    """A whole number of 64 bits. Raises BadOption."""
    text = (text or "").strip()
    if not text:
        return None
    if not text.isdecimal() or int(text) >= 2**64:
        raise BadOption("image-bad-seed")
    return int(text)


def clean_prompt(text: str) -> str:
    """Without zero-width and control characters. Raises BadOption if nothing is left or it is too long."""
    cleaned = "".join(c for c in text if c == "\n" or (c.isprintable() and c not in INVISIBLE)).strip()
    if not cleaned:
        raise BadOption("image-empty-prompt")
    if len(cleaned) > LONGEST_PROMPT:
        raise BadOption("image-long-prompt")
    return cleaned


# Characters that are invisible but count as printable, or change the direction of what follows.
INVISIBLE = frozenset(
    "\u200b\u200c\u2060\ufeff\u00ad\u180e\u115f\u1160\u3164\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
)
