"""Who may ask now: answers and tokens by hour and day, for a person and for a server; and how many at once."""

import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from antiphon.config.model import BotQuotas
from discord_bot.store.database import Store
from discord_bot.store.usage import HOUR, Used

DAY = 24 * HOUR
PROMISE = 10.0  # seconds that a place is kept for an answer that is about to begin


@dataclass(frozen=True)
class Denied:
    """`key` is the sentence; `at` the moment (epoch seconds) from which there is a free one."""

    key: str
    values: dict[str, Any]
    at: float | None = None


def next_hour(now: float) -> float:
    return (int(now) // HOUR + 1) * float(HOUR)


def next_day(now: float) -> float:
    return (int(now) // DAY + 1) * float(DAY)


def decide(
    limits: BotQuotas, user_hour: Used, user_day: Used, server_hour: Used, server_day: Used, now: float
) -> Denied | None:
    """Pure. 0 is no limit. Windows are hours and days of the clock (UTC), so the time to wait is exact."""
    rows = (
        ("limit-user-hour", limits.user_requests_per_hour, user_hour.requests, next_hour(now)),
        ("limit-user-day", limits.user_requests_per_day, user_day.requests, next_day(now)),
        ("limit-user-tokens-hour", limits.user_tokens_per_hour, user_hour.tokens, next_hour(now)),
        ("limit-user-tokens", limits.user_tokens_per_day, user_day.tokens, next_day(now)),
        ("limit-server-hour", limits.server_requests_per_hour, server_hour.requests, next_hour(now)),
        ("limit-server-day", limits.server_requests_per_day, server_day.requests, next_day(now)),
        ("limit-server-tokens-hour", limits.server_tokens_per_hour, server_hour.tokens, next_hour(now)),
        ("limit-server-tokens", limits.server_tokens_per_day, server_day.tokens, next_day(now)),
    )
    for key, limit, used, free_at in rows:
        if limit and used >= limit:
            return Denied(key, {"used": used, "limit": limit}, free_at)
    return None


def limits_of(defaults: BotQuotas, settings: Mapping[str, Any]) -> BotQuotas:
    """The server's own limits where it has set them; those of whoever runs the bot are the highest."""
    own = {name: int(settings[name]) for name in BotQuotas.model_fields if name in settings}
    bounded = {name: bounded_limit(value, getattr(defaults, name)) for name, value in own.items()}
    return defaults.model_copy(update=bounded)


def bounded_limit(wanted: int, highest: int) -> int:
    """0 is no limit, for both."""
    return min(wanted or highest, highest) if highest else wanted


class Gate:
    """Counts what runs, and asks the store what was used."""

    def __init__(self, defaults: BotQuotas, store: Store) -> None:
        self.defaults, self._store = defaults, store
        self._running: Counter[int] = Counter()
        self._promised: dict[int, dict[int, float]] = {}

    async def check(
        self,
        user_id: int,
        guild_id: int | None,
        settings: Mapping[str, Any],
        *,
        place: int = 0,
        queued: bool = False,
    ) -> Denied | None:
        """None keeps a place for a moment, so that two who ask at once are not both the last one."""
        limits = limits_of(self.defaults, settings)
        if not queued:
            count = self._running[user_id] + self._others(user_id, place)
            if count >= limits.user_concurrent:
                return Denied("limit-concurrent", {"count": count})
            self._promised.setdefault(user_id, {})[place] = time.monotonic() + PROMISE
        denied = await self._used_up(user_id, guild_id, limits)
        if denied is not None:
            self._forget(user_id, place)
        return denied

    async def _used_up(self, user_id: int, guild_id: int | None, limits: BotQuotas) -> Denied | None:
        """The bot's own limits hold for what a person uses anywhere, a server's for what is used there."""
        now, usage = time.time(), self._store.usage
        hour, day = now - now % HOUR, now - now % DAY
        server_hour = await usage.used(hour, guild_id=guild_id) if guild_id else Used()
        server_day = await usage.used(day, guild_id=guild_id) if guild_id else Used()
        user_hour, user_day = await usage.used(hour, user_id=user_id), await usage.used(day, user_id=user_id)
        denied = decide(self.defaults, user_hour, user_day, server_hour, server_day, now)
        if denied is not None or guild_id is None or limits == self.defaults:
            return denied
        user_hour = await usage.used(hour, user_id=user_id, guild_id=guild_id)
        user_day = await usage.used(day, user_id=user_id, guild_id=guild_id)
        return decide(limits, user_hour, user_day, server_hour, server_day, now)

    def _others(self, user_id: int, place: int) -> int:
        """Places that are kept for answers that have not begun yet."""
        now = time.monotonic()
        kept = {one: until for one, until in self._promised.get(user_id, {}).items() if until > now}
        if kept:
            self._promised[user_id] = kept
        else:
            self._promised.pop(user_id, None)
        return len(kept) - (place in kept)

    def _forget(self, user_id: int, place: int) -> None:
        kept = self._promised.get(user_id, {})
        kept.pop(place, None)
        if not kept:
            self._promised.pop(user_id, None)

    def begin(self, user_id: int, place: int = 0) -> None:
        """Takes the place that was kept. Where it begins may not have been known then; so it takes the oldest."""
        kept = self._promised.get(user_id, {})
        self._forget(user_id, place if place in kept else next(iter(kept), place))
        self._running[user_id] += 1

    def end(self, user_id: int) -> None:
        self._running[user_id] -= 1
        if self._running[user_id] <= 0:
            del self._running[user_id]
