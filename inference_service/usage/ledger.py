"""What was used, by hour, caller, tenant, user and deployment. Numbers only, at most 31 days.

Kept in memory, and in Redis too where the state is shared; Redis being gone loses nothing of this process.
"""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields

from inference_service.domain import Caller, UsageRecord

HOUR, KEPT_HOURS = 3_600, 31 * 24
MOST_ROWS = 200_000
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
        for one in fields(self):
            setattr(self, one.name, getattr(self, one.name) + getattr(other, one.name))


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
    """`clock` gives epoch seconds."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._rows: dict[Key, Sums] = {}
        self.began = clock()

    def record(self, caller: Caller, records: Iterable[UsageRecord]) -> None:
        hour = int(self._clock()) // HOUR
        for deployment, sums in sums_of(records).items():
            key = (hour, caller.name, caller.tenant_id, caller.user_id, deployment)
            self._rows.setdefault(key, Sums()).add(sums)
        if len(self._rows) > MOST_ROWS or (self._rows and next(iter(self._rows))[0] < hour - KEPT_HOURS):
            self._forget(hour)

    def _forget(self, hour: int) -> None:
        oldest = hour - KEPT_HOURS
        kept = [(key, sums) for key, sums in self._rows.items() if key[0] >= oldest]
        self._rows = dict(kept[-MOST_ROWS // 2 :] if len(kept) > MOST_ROWS else kept)

    def rows(self, *, caller: str | None, tenant: str, user: str, since: float) -> list[tuple[str, Sums]]:
        """(deployment, sums), most requests first. `caller` None: of all callers; empty ids: of all."""
        first = int(since) // HOUR
        found: dict[str, Sums] = {}
        for (hour, name, tenant_id, user_id, deployment), sums in self._rows.items():
            if hour < first or (caller is not None and name != caller):
                continue
            if (tenant and tenant_id != tenant) or (user and user_id != user):
                continue
            found.setdefault(deployment, Sums()).add(sums)
        return sorted(found.items(), key=lambda row: -row[1].requests)
