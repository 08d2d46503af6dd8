"""Who may ask now: answers and tokens per hour and day, for a person and for a server; and how many at once."""

import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from antiphon.config.bot import BotQuotas
from discord_bot.store.database import Store
from discord_bot.store.usage import DAY, HOUR, Charge, Windows

PROMISE = 10.0  # seconds that a slot is reserved for an answer that is about to begin


@dataclass(frozen=True)
class Denied:
    """`key` is the message; `at` the time (epoch seconds) from which there is room again."""

    key: str
    values: dict[str, Any]
    at: float | None = None


def next_hour(now: float) -> float:
    return (int(now) // HOUR + 1) * float(HOUR)


def next_day(now: float) -> float:
    return (int(now) // DAY + 1) * float(DAY)


def decide(defaults: BotQuotas, limits: BotQuotas, used: Windows, now: float, count: int = 1) -> Denied | None:
    """Whether `count` more fit. Pure; 0 means no limit.

    The bot's own limits (`defaults`) apply to what a person uses anywhere, a server's to what is used there.
    Windows are hours and days of the clock (UTC), so the time to wait is exact.
    """
    hour, day = next_hour(now), next_day(now)
    rows = (
        ("limit-user-hour", defaults.user_requests_per_hour, used.user_hour.requests, count, hour),
        ("limit-user-day", defaults.user_requests_per_day, used.user_day.requests, count, day),
        ("limit-user-tokens-hour", defaults.user_tokens_per_hour, used.user_hour.tokens, 1, hour),
        ("limit-user-tokens", defaults.user_tokens_per_day, used.user_day.tokens, 1, day),
        ("limit-user-hour", limits.user_requests_per_hour, used.here_hour.requests, count, hour),
        ("limit-user-day", limits.user_requests_per_day, used.here_day.requests, count, day),
        ("limit-user-tokens-hour", limits.user_tokens_per_hour, used.here_hour.tokens, 1, hour),
        ("limit-user-tokens", limits.user_tokens_per_day, used.here_day.tokens, 1, day),
        ("limit-server-hour", limits.server_requests_per_hour, used.server_hour.requests, count, hour),
        ("limit-server-day", limits.server_requests_per_day, used.server_day.requests, count, day),
        ("limit-server-tokens-hour", limits.server_tokens_per_hour, used.server_hour.tokens, 1, hour),
        ("limit-server-tokens", limits.server_tokens_per_day, used.server_day.tokens, 1, day),
    )
    for key, limit, counted, more, free_at in rows:
        if limit and counted + more > limit:
            return Denied(key, {"used": min(counted, limit), "limit": limit}, free_at)
    return None


def limits_of(defaults: BotQuotas, settings: Mapping[str, Any]) -> BotQuotas:
    """The server's own limits if it has set them, capped by the operator's."""
    own = {name: int(settings[name]) for name in BotQuotas.model_fields if name in settings}
    bounded = {name: bounded_limit(value, getattr(defaults, name)) for name, value in own.items()}
    return defaults.model_copy(update=bounded)


def bounded_limit(wanted: int, highest: int) -> int:
    """0 means no limit, on either side."""
    return min(wanted or highest, highest) if highest else wanted


@dataclass
class Ticket:
    """Work that was charged to a person. `start` when it begins, `end` when it has ended, however it ended."""

    charge: Charge
    place: int
    gate: "Gate"
    running: bool = False

    @property
    def payer(self) -> int:
        return self.charge.user_id

    def start(self) -> None:
        if not self.running:
            self.running = True
            self.gate.begin(self.payer, self.place)

    def end(self) -> None:
        if self.running:
            self.running = False
            self.gate.end(self.payer)


class Gate:
    """Counts what is running; what was used is in the store."""

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
        count: int = 1,
    ) -> Denied | None:
        """Charges nothing. None reserves a slot for a moment, so that two simultaneous askers do not both get the last one."""
        limits = limits_of(self.defaults, settings)
        if not queued:
            busy = self._running[user_id] + self._others(user_id, place)
            if busy >= limits.user_concurrent:
                return Denied("limit-concurrent", {"count": busy})
            self._promised.setdefault(user_id, {})[place] = time.monotonic() + PROMISE
        now = time.time()
        used = await self._store.usage.windows(user_id, guild_id, now)
        denied = decide(self.defaults, limits, used, now, count)
        if denied is not None:
            self._forget(user_id, place)
        return denied

    async def charge(
        self,
        user_id: int,
        guild_id: int | None,
        settings: Mapping[str, Any],
        *,
        place: int = 0,
        count: int = 1,
        pictures: int = 0,
    ) -> Ticket | Denied:
        """The work starts now: it counts from here on, whatever its outcome."""
        limits = limits_of(self.defaults, settings)

        def refuse(used: Windows) -> Denied | None:
            return decide(self.defaults, limits, used, time.time(), count)

        try:
            charged = await self._store.usage.charge(user_id, guild_id, refuse, requests=count, pictures=pictures)
        except BaseException:
            self.release(user_id, place)
            raise
        if isinstance(charged, Denied):
            self._forget(user_id, place)
            return charged
        return Ticket(charged, place, self)

    def _others(self, user_id: int, place: int) -> int:
        """Slots reserved for answers that have not begun yet."""
        now = time.monotonic()
        kept = {slot: until for slot, until in self._promised.get(user_id, {}).items() if until > now}
        if kept:
            self._promised[user_id] = kept
        else:
            self._promised.pop(user_id, None)
        return len(kept) - (place in kept)

    def release(self, user_id: int, place: int) -> None:
        """Nothing begins there after all."""
        self._forget(user_id, place)

    def _forget(self, user_id: int, place: int) -> None:
        kept = self._promised.get(user_id, {})
        kept.pop(place, None)
        if not kept:
            self._promised.pop(user_id, None)

    def begin(self, user_id: int, place: int = 0) -> None:
        """Takes the reserved slot. Its place may not have been known then, so it takes the oldest."""
        kept = self._promised.get(user_id, {})
        self._forget(user_id, place if place in kept else next(iter(kept), place))
        self._running[user_id] += 1

    def end(self, user_id: int) -> None:
        self._running[user_id] -= 1
        if self._running[user_id] <= 0:
            del self._running[user_id]
