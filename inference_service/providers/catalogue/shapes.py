"""Identifies a provider by the shape of a key, if that shape is unique to it."""

import re
from collections.abc import Mapping
from functools import lru_cache

from inference_service.providers.catalogue.row import Row

COMMON = ("sk-", "sk_", "pk_", "eyJ")  # prefixes that many providers use
_LITERAL = re.compile(r"\(?\??:?([A-Za-z0-9_-]+)")


@lru_cache(maxsize=256)
def _pattern(shape: str) -> re.Pattern[str]:
    return re.compile(shape)


def is_distinct(shape: str) -> bool:
    """The shape starts with distinctive letters, such as gsk_ or AIza."""
    literal = _LITERAL.match(shape)
    if literal is None or "[" in shape[: literal.end()]:
        return False
    word = literal[1]
    return len(word) >= 3 and word not in COMMON and not word.isdigit()


def provider_of_key(value: str, rows: Mapping[str, Row]) -> str | None:
    """The row that this shape is unique to; None for an ambiguous or unknown shape."""
    matches = [
        kind for kind, row in rows.items() if row.key and is_distinct(row.key) and _pattern(row.key).fullmatch(value)
    ]
    return matches[0] if len(matches) == 1 else None


def candidates(value: str, rows: Mapping[str, Row]) -> list[str]:
    """Every row whose shape matches the value, for a person to choose from."""
    own = provider_of_key(value, rows)
    if own is not None:
        return [own]
    return [kind for kind, row in rows.items() if row.key and _pattern(row.key).fullmatch(value)]
