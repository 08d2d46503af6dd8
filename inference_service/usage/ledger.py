"""Usage by hour, caller, tenant, user and deployment. Numbers only, kept for at most 31 days.

Kept in memory, and also in Redis if the state is shared. Losing Redis loses nothing of this process.
"""

import asyncio
import json
import math
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from inference_service.domain import Caller, UsageRecord

if TYPE_CHECKING:  # Redis is loaded only where replicas share
    from inference_service.usage.shared import SharedUsage

HOUR, KEPT_HOURS = 3_600, 31 * 24
MOST_ROWS = 200_000
MOST_SHARED = 200_000  # values per hour in Redis; beyond that, tenants and users are summed up
BATCH = 2_000  # rows at once
Key = tuple[int, str, str, str, str, str]  # hour, caller, tenant, user, deployment, model


@dataclass
class Sums:
    requests: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    images: int = 0
    estimated_tokens: int = 0
    discarded_tokens: int = 0
    cached_tokens: int = 0
    reasoning_tokens: int = 0
    audio_tokens: int = 0
    audio_seconds: int = 0
    cost_micros: int = 0  # of US dollars
    questions: int = (
        0  # requests that ended with this deployment: each request counts once, however many deployments took part
    )

    def add(self, other: "Sums") -> None:
        for name in NUMBERS:
            setattr(self, name, getattr(self, name) + getattr(other, name))


NUMBERS = tuple(one.name for one in fields(Sums))
COUNTED = frozenset(NUMBERS)
CURRENCY = "USD"
LARGEST_SUM = 2**63 - 1  # of a row in the contract


def sums_of(records: Iterable[UsageRecord]) -> dict[str, Sums]:
    """Sums by deployment. Each request counts for one deployment, however many wrote parts of the answer."""
    by_deployment: dict[str, Sums] = {}
    for record in records:
        tokens = record.usage.prompt_tokens + record.usage.completion_tokens
        sums = by_deployment.setdefault(record.deployment, Sums(requests=1))
        sums.add(
            Sums(
                0,
                record.usage.prompt_tokens,
                record.usage.completion_tokens,
                record.usage.images,
                tokens if record.estimated else 0,
                tokens if record.discarded else 0,
                record.usage.cached_tokens,
                record.usage.reasoning_tokens,
                record.usage.audio_tokens,
                math.ceil(record.usage.audio_seconds),
                record.cost.micros if record.cost is not None and record.cost.currency == CURRENCY else 0,
            )
        )
    if by_deployment:
        by_deployment[record.deployment].questions = 1
    return by_deployment


class UsageLedger:
    """`clock` gives epoch seconds. With `shared`, counts go to Redis about once a second."""

    def __init__(self, shared: "SharedUsage | None" = None, clock: Callable[[], float] = time.time) -> None:
        self._clock, self._shared = clock, shared
        self._rows: dict[Key, Sums] = {}
        self._pending: dict[Key, Sums] = {}  # counted, but not in Redis yet
        self._flushing = asyncio.Lock()
        self._began = clock()

    def record(self, caller: Caller, records: Iterable[UsageRecord], model: str = "") -> None:
        """`model`: the public name that was requested."""
        hour = int(self._clock()) // HOUR
        for deployment, sums in sums_of(records).items():
            key = (hour, caller.name, caller.tenant_id, caller.user_id, deployment, model)
            self._rows.setdefault(key, Sums()).add(sums)
            if self._shared is not None:
                self._pending.setdefault(key, Sums()).add(sums)
        if len(self._rows) > MOST_ROWS or (self._rows and next(iter(self._rows))[0] < hour - KEPT_HOURS):
            self._rows = self._kept(self._rows, hour)
        if len(self._pending) > MOST_ROWS:
            self._pending = self._kept(self._pending, hour)

    @staticmethod
    def _kept(rows: dict[Key, Sums], hour: int) -> dict[Key, Sums]:
        kept = [(key, sums) for key, sums in rows.items() if key[0] >= hour - KEPT_HOURS]
        return dict(kept[-MOST_ROWS // 2 :] if len(kept) > MOST_ROWS else kept)

    async def flush_all(self) -> None:
        """Writes everything pending to Redis, as long as Redis accepts it."""
        while self._pending and await self.flush():
            pass

    async def flush(self) -> bool:
        """Writes a batch of pending counts to Redis. Keeps what Redis does not accept for the next time."""
        if self._shared is None:
            return False
        async with self._flushing:
            by_hour: dict[int, dict[Key, Sums]] = {}
            for key in list(self._pending)[:BATCH]:
                by_hour.setdefault(key[0], {})[key] = self._pending.pop(key)
            whole = True
            for hour, rows in by_hour.items():
                if not await self._shared.add(hour, _fields(rows), KEPT_HOURS * HOUR, MOST_SHARED):
                    whole = False
                    for key, sums in rows.items():
                        self._pending.setdefault(key, Sums()).add(sums)
            return whole

    async def began(self) -> float:
        """When counting began, in epoch seconds."""
        shared = await self._shared.began(self._began) if self._shared is not None else None
        return self._began if shared is None else shared

    async def rows(
        self, *, caller: str | None, tenant: str, user: str, since: float, until: float = math.inf
    ) -> list[tuple[Key, Sums]]:
        """Every row from the hour of `since` to before `until`. `caller` None: of all callers; empty ids: of all."""
        first = int(since) // HOUR
        return [
            (key, sums)
            for key, sums in await self._all(first)
            if first <= key[0]
            and key[0] * HOUR < until
            and (caller is None or key[1] == caller)
            and (not tenant or key[2] == tenant)
            and (not user or key[3] == user)
        ]

    async def _all(self, first: int) -> Iterable[tuple[Key, Sums]]:
        """The rows of all replicas, or of this process while Redis is unreachable."""
        if self._shared is not None and await self.flush():
            hours = await self._shared.rows(range(first, int(self._clock()) // HOUR + 1))
            if hours is not None:
                return [row for hour, fields_ in hours for row in _parsed(hour, fields_)]
        return list(self._rows.items())


def _fields(rows: dict[Key, Sums]) -> dict[str, tuple[str, int]]:
    """Each number of each row as a field of the hour's hash, and where it goes when the hash is full."""
    rows_: dict[str, tuple[str, int]] = {}
    for (_, name, tenant, user, deployment, model), sums in rows.items():
        for column in NUMBERS:
            number = getattr(sums, column)
            if number:
                field = json.dumps([name, tenant, user, deployment, column, model])
                rows_[field] = (json.dumps([name, "", "", deployment, column, model]), number)
    return rows_


def _parsed(hour: int, numbers: dict[str, str]) -> Iterable[tuple[Key, Sums]]:
    for field, number in numbers.items():
        try:
            name, tenant, user, deployment, what, *model = json.loads(field)  # the first releases counted no models
            count = int(number)
        except (ValueError, TypeError):
            continue  # another program wrote into this Redis; one odd row must not hide the others
        sums = Sums()
        if isinstance(what, str) and what in COUNTED and count >= 0:  # a newer replica may count more
            setattr(sums, what, min(count, LARGEST_SUM))
            yield (hour, str(name), str(tenant), str(user), str(deployment), str(model[0]) if model else ""), sums
