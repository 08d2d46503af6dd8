"""Eight providers with a free tier, three keys each, under more load than they can carry: how much of it gets answered.

Limits and clocks as the providers published or showed them in 2026; concurrency limits are ours if none is published.
"""

import random
from collections.abc import Iterator

from inference_service.credentials.types import Ask, PoolSpec
from inference_service.quotas import DAY, HOUR, MINUTE, MONTH, Clock, Quota, Unit
from inference_service.rehearsal.provider import Upstream
from inference_service.rehearsal.simulation import Request, Site, Telling

R, WALL, ROLLING = Unit.REQUESTS, Clock.WALL, Clock.ROLLING
# provider → (limit, window, clock) of each key
FREE_TIERS: dict[str, tuple[tuple[int, float, Clock], ...]] = {
    "gemini": ((15, MINUTE, ROLLING), (500, DAY, Clock.PACIFIC)),
    "groq": ((30, MINUTE, ROLLING), (1_000, DAY, ROLLING)),
    "openrouter": ((20, MINUTE, ROLLING), (50, DAY, WALL)),
    "cerebras": ((5, MINUTE, ROLLING), (150, HOUR, WALL), (2_400, DAY, WALL)),
    "cohere": ((20, MINUTE, ROLLING), (1_000, MONTH, WALL)),
    "ollama": ((50, 5 * HOUR, Clock.FIRST_USE), (300, 7 * DAY, Clock.FIRST_USE)),
    "llm7": ((60, HOUR, ROLLING),),
    "opencode": ((20, MINUTE, ROLLING), (200, DAY, WALL)),
}
KEYS = 3


def sites(*, declared: bool = True, telling: Telling = Telling.NOTHING) -> list[Site]:
    sites = []
    for name, rows in FREE_TIERS.items():
        quotas = tuple(Quota(R, limit, window, clock, firm=True) for limit, window, clock in rows)
        keys = tuple(f"{name}-{number}" for number in range(KEYS))
        spec = PoolSpec(name, keys, keys, 0, quotas if declared else ())
        sites.append(Site(spec, Upstream(quotas), telling))
    return sites


def a_day() -> float:
    """What all keys together allow per day."""
    total = 0.0
    for rows in FREE_TIERS.values():
        total += KEYS * min(limit * DAY / window for limit, window, _ in rows)
    return total


def load(began: float, days: float, share: float, patience: float, seed: int = 1) -> Iterator[Request]:
    """`share` of what the keys allow, around the clock, twice as much in the evening as at night."""
    chance = random.Random(seed)
    asks = tuple(Ask(name, f"{name}/m", "m", "bot", "") for name in FREE_TIERS)
    rate = a_day() * share / DAY
    now = began
    while now < began + days * DAY:
        hour = now % DAY / HOUR
        now += chance.expovariate(rate * (1 + 0.33 * (1 if 15 <= hour < 23 else -0.5)))
        yield Request(now, asks, patience)
