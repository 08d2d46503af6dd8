"""What was used, by hour, caller, tenant, user and deployment. Numbers only, at most 31 days.

Kept in memory, and in Redis too where the state is shared; Redis being gone loses nothing of this process.
"""

import asyncio
import json
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields

from inference_service.domain import Caller, UsageRecord
from inference_service.usage.shared import SharedUsage

HOUR, KEPT_HOURS = 3_600, 31 * 24
MOST_ROWS = 200_000
MOST_SHARED = 200_000  # numbers by hour in Redis; beyond it tenants and users are no longer told apart
BATCH = 2_000  # rows at once
Key = tuple[int, str, str, str, str]  # hour, caller, tenant, user, deployment


@dataclass
class Sums:
    requests: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    images: int = 0
    estimated_tokens: int = 0
    discarded_tokens: int = 0

    def add(self, other: "Sums") -> None:
        self.requests += other.requests
        self.prompt_tokens += other.prompt_tokens
        self.completion_tokens += other.completion_tokens
        self.images += other.images
        self.estimated_tokens += other.estimated_tokens
        self.discarded_tokens += other.discarded_tokens


COUNTED = frozenset(one.name for one in fields(Sums))
LARGEST_SUM = 2**63 - 1  # of a row in the contract


def sums_of(records: Iterable[UsageRecord]) -> dict[str, Sums]:
    """By deployment; a deployment counts one request however many parts of it it said."""
    found: dict[str, Sums] = {}
    for record in records:
        tokens = record.usage.prompt_tokens + record.usage.completion_tokens
        one = found.setdefault(record.deployment, Sums(requests=1))
        one.add(
            Sums(
                0,
                record.usage.prompt_tokens,
                record.usage.completion_tokens,
                record.usage.images,
                tokens if record.estimated else 0,
                tokens if record.discarded else 0,
            )
        )
    return found


class Ledger:
    """`clock` gives epoch seconds. With `shared` what was counted is given to Redis about once a second."""

    def __init__(self, shared: SharedUsage | None = None, clock: Callable[[], float] = time.time) -> None:
        self._clock, self._shared = clock, shared
        self._rows: dict[Key, Sums] = {}
        self._owed: dict[Key, Sums] = {}  # not yet in Redis
        self._flushing = asyncio.Lock()
        self._began = clock()

    def record(self, caller: Caller, records: Iterable[UsageRecord]) -> None:
        hour = int(self._clock()) // HOUR
        for deployment, sums in sums_of(records).items():
            key = (hour, caller.name, caller.tenant_id, caller.user_id, deployment)
            self._rows.setdefault(key, Sums()).add(sums)
            if self._shared is not None:
                self._owed.setdefault(key, Sums()).add(sums)
        if len(self._rows) > MOST_ROWS or (self._rows and next(iter(self._rows))[0] < hour - KEPT_HOURS):
            self._rows = self._kept(self._rows, hour)
        if len(self._owed) > MOST_ROWS:
            self._owed = self._kept(self._owed, hour)

    @staticmethod
    def _kept(rows: dict[Key, Sums], hour: int) -> dict[Key, Sums]:
        kept = [(key, sums) for key, sums in rows.items() if key[0] >= hour - KEPT_HOURS]
        return dict(kept[-MOST_ROWS // 2 :] if len(kept) > MOST_ROWS else kept)

    async def flush_all(self) -> None:
        """Gives Redis everything that is owed, as long as it takes it."""
        while self._owed and await self.flush():
            pass

    async def flush(self) -> bool:
        """Gives Redis a batch of what it does not have; what it does not take is kept for the next time."""
        if self._shared is None:
            return False
        async with self._flushing:
            by_hour: dict[int, dict[Key, Sums]] = {}
            for key in list(self._owed)[:BATCH]:
                by_hour.setdefault(key[0], {})[key] = self._owed.pop(key)
            whole = True
            for hour, rows in by_hour.items():
                if not await self._shared.add(hour, _fields(rows), KEPT_HOURS * HOUR, MOST_SHARED):
                    whole = False
                    for key, sums in rows.items():
                        self._owed.setdefault(key, Sums()).add(sums)
            return whole

    async def began(self) -> float:
        """Since when usage is counted, in epoch seconds."""
        shared = await self._shared.began(self._began) if self._shared is not None else None
        return self._began if shared is None else shared

    async def rows(self, *, caller: str | None, tenant: str, user: str, since: float) -> list[tuple[str, Sums]]:
        """(deployment, sums), most requests first. `caller` None: of all callers; empty ids: of all."""
        found: dict[str, Sums] = {}
        for (hour, name, tenant_id, user_id, deployment), sums in await self._all(int(since) // HOUR):
            if hour < int(since) // HOUR or (caller is not None and name != caller):
                continue
            if (tenant and tenant_id != tenant) or (user and user_id != user):
                continue
            found.setdefault(deployment, Sums()).add(sums)
        return sorted(found.items(), key=lambda row: -row[1].requests)

    async def _all(self, first: int) -> Iterable[tuple[Key, Sums]]:
        """Of all replicas, or of this process while Redis is gone."""
        if self._shared is not None and await self.flush():
            hours = await self._shared.rows(range(first, int(self._clock()) // HOUR + 1))
            if hours is not None:
                return [row for hour, fields_ in hours for row in _parsed(hour, fields_)]
        return list(self._rows.items())


def _fields(rows: dict[Key, Sums]) -> dict[str, tuple[str, int]]:
    """Each number of each row as a field of the hour's hash, and where it goes when the hash is full."""
    made: dict[str, tuple[str, int]] = {}
    for (_, name, tenant, user, deployment), sums in rows.items():
        for one in fields(sums):
            number = getattr(sums, one.name)
            if number:
                field = json.dumps([name, tenant, user, deployment, one.name])
                made[field] = (json.dumps([name, "", "", deployment, one.name]), number)
    return made


def _parsed(hour: int, found: dict[str, str]) -> Iterable[tuple[Key, Sums]]:
    for field, number in found.items():
        try:
            name, tenant, user, deployment, what = json.loads(field)
            count = int(number)
        except (ValueError, TypeError):
            continue  # somebody else wrote into our Redis; one odd row must not hide the others
        sums = Sums()
        if isinstance(what, str) and what in COUNTED and count >= 0:  # a newer replica may count more
            setattr(sums, what, min(count, LARGEST_SUM))
            yield (hour, str(name), str(tenant), str(user), str(deployment)), sums
