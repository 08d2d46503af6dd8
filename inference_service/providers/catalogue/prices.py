"""What a paid model costs, as data with the day it was looked up. A model without a price has an unknown cost."""

import datetime as dt
import math
from fnmatch import fnmatchcase
from typing import Any

from msgspec import Struct


class Price(Struct, frozen=True, forbid_unknown_fields=True):
    """models: patterns of upstream ids. input, output, cached: per million tokens; cached None: same as input.

    picture: per picture; minute: per minute of a recording. Amounts are in `currency` (ISO 4217).
    """

    models: tuple[str, ...]
    date: dt.date
    input: float = 0.0
    output: float = 0.0
    cached: float | None = None
    picture: float = 0.0
    minute: float = 0.0
    currency: str = "USD"

    def micros(
        self, prompt: int = 0, completion: int = 0, *, cached: int = 0, pictures: int = 0, seconds: float = 0.0
    ) -> int:
        """In millionths of the currency. cached: how many of the prompt's tokens came from a cache."""
        cached = min(cached, prompt)
        tokens = (prompt - cached) * self.input + completion * self.output
        tokens += cached * (self.input if self.cached is None else self.cached)
        return round(tokens + 1_000_000 * (pictures * self.picture + seconds / 60 * self.minute))


def price_in(prices: tuple[Price, ...], model: str) -> Price | None:
    """The first price whose patterns match the model."""
    return next((price for price in prices if any(fnmatchcase(model, pattern) for pattern in price.models)), None)


def price_of(provider: Any, model: str) -> Price | None:
    """The price of an upstream model at a provider; None if its row has none, or if it has no row."""
    row = getattr(provider, "row", None)
    return price_in(row.prices, model) if row is not None else None


def mistakes(prices: tuple[Price, ...]) -> list[tuple[str, str]]:
    """(key, what is wrong and what to do)."""
    problems = []
    for at, price in enumerate(prices):
        if not price.models:
            problems.append((f"prices[{at}].models", "is empty: name the models that cost this"))
        for name in ("input", "output", "cached", "picture", "minute"):
            amount = getattr(price, name)
            if amount is not None and not (math.isfinite(amount) and amount >= 0):
                problems.append((f"prices[{at}].{name}", f"is {amount}: a price is zero or more"))
        if not (len(price.currency) == 3 and price.currency.isalpha() and price.currency.isupper()):
            problems.append(
                (
                    f"prices[{at}].currency",
                    f"{price.currency[:10]!r} is not a currency: write USD, EUR or another ISO code",
                )
            )
    return problems
