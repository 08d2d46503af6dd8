"""The vocabulary of limits: what is counted, over which window, by which clock. Pure.

Providers report limits (`LimitFact`), configuration and catalogue declare them (`Quota`), pools count them.
Moments are epoch seconds, durations are seconds.
Sources of the clocks: the providers' own documents, listed with each row of the catalogue.
"""

import math
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from msgspec import Struct

from antiphon.config.quotas import QuotaConfig

PACIFIC = ZoneInfo("America/Los_Angeles")
MINUTE, HOUR, DAY, MONTH = 60.0, 3_600.0, 86_400.0, 30 * 86_400.0


class Unit(StrEnum):
    """What a quota counts."""

    REQUESTS = "requests"
    TOKENS = "tokens"
    PICTURES = "pictures"
    MONEY = "money"  # micro-units of the provider's currency
    CONCURRENT = "concurrent"  # calls at once; has no window


class Clock(StrEnum):
    """How a window begins and ends."""

    ROLLING = "rolling"  # the last `window` seconds
    WALL = "wall"  # aligned to the clock: the full minute, the full hour, the UTC day, the UTC month
    PACIFIC = "pacific"  # midnight in Los Angeles, with daylight saving
    FIRST_USE = "first_use"  # `window` seconds from the first call of the window


class Quota(Struct, frozen=True):
    """A declared limit. `scope` is a `failures.Scope` value; `models` are patterns (fnmatch), empty: every model."""

    unit: Unit
    limit: int  # 0: the credential may not use the model at all
    window: float  # seconds; a month is MONTH
    clock: Clock
    scope: str = "credential_model"
    models: tuple[str, ...] = ()
    firm: bool = False  # set by the operator: a provider's report may lower it but not raise it


class LimitFact(Struct, frozen=True):
    """What a provider reported about one limit, in headers or in a refusal. None: not reported.

    resets_after: seconds until the window is full again; a claim, not a fact.
    """

    unit: Unit
    window: float | None = None
    clock: Clock | None = None
    limit: int | None = None
    remaining: int | None = None
    resets_after: float | None = None


LENGTHS = {
    "second": 1.0,
    "minute": MINUTE,
    "hour": HOUR,
    "5h": 5 * HOUR,
    "day": DAY,
    "7d": 7 * DAY,
    "month": MONTH,
}
MICRO = 1_000_000
USUAL_CLOCKS = {"day": Clock.WALL, "month": Clock.WALL, "5h": Clock.FIRST_USE, "7d": Clock.FIRST_USE}


def declared(config: QuotaConfig) -> Quota:
    """A quota from the configuration."""
    unit = Unit(config.unit)
    clock = Clock(config.clock) if config.clock else USUAL_CLOCKS.get(config.per or "", Clock.ROLLING)
    limit = int(config.limit * MICRO) if unit is Unit.MONEY else int(config.limit)
    window = LENGTHS[config.per] if config.per else 0.0
    return Quota(unit, limit, window, clock, config.scope, tuple(config.models), firm=True)


def overridden(catalogue: Iterable[Quota], configured: Iterable[Quota]) -> tuple[Quota, ...]:
    """The configured quotas, plus the catalogue's for every other unit and window."""
    own = tuple(configured)
    taken = {(quota.unit, quota.window) for quota in own}
    return (*own, *(quota for quota in catalogue if (quota.unit, quota.window) not in taken))


def window_end(clock: Clock, window: float, now: float, began: float | None = None) -> float:
    """When the window that contains `now` ends.

    `began`: when the window's first call was made, for FIRST_USE and ROLLING (None: now).
    """
    match clock:
        case Clock.ROLLING | Clock.FIRST_USE:
            return (now if began is None else began) + window
        case Clock.PACIFIC:
            local = datetime.fromtimestamp(now, PACIFIC)
            midnight = datetime.combine(local.date() + timedelta(days=1), datetime.min.time(), PACIFIC)
            return midnight.timestamp()
        case Clock.WALL if window >= MONTH:
            today = datetime.fromtimestamp(now, UTC)
            year, month = (today.year + 1, 1) if today.month == 12 else (today.year, today.month + 1)
            return datetime(year, month, 1, tzinfo=UTC).timestamp()
        case Clock.WALL:
            return (math.floor(now / window) + 1) * window
