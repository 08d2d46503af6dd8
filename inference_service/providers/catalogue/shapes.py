"""From the shape of a key to its provider; only where the shape is one provider's own."""

import re
from collections.abc import Mapping
from functools import lru_cache

from inference_service.providers.catalogue.row import Row

COMMON = ("sk-", "sk_", "pk_", "eyJ")  # beginnings that many providers use
_LITERAL = re.compile(r"\(?\??:?([A-Za-z0-9_-]+)")


@lru_cache(maxsize=256)
def _pattern(shape: str) -> re.Pattern[str]:
    return re.compile(shape)


def is_distinct(shape: str) -> bool:
    """The shape begins with letters of its own, such as gsk_ or AIza."""
    literal = _LITERAL.match(shape)
    if literal is None or "[" in shape[: literal.end()]:
        return False
    word = literal[1]
    return len(word) >= 3 and word not in COMMON and not word.isdigit()


def provider_of_key(value: str, rows: Mapping[str, Row]) -> str | None:
    """The row whose own shape this is; None for an ambiguous or an unknown one."""
    found = [
        kind for kind, row in rows.items() if row.key and is_distinct(row.key) and _pattern(row.key).fullmatch(value)
    ]
    return found[0] if len(found) == 1 else None


def candidates(value: str, rows: Mapping[str, Row]) -> list[str]:
    """Every row whose shape the value fits, for a person to choose from."""
    own = provider_of_key(value, rows)
    if own is not None:
        return [own]
    return [kind for kind, row in rows.items() if row.key and _pattern(row.key).fullmatch(value)]
