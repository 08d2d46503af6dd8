"""Which credential is next for one model, in time that grows with the logarithm of the pool size. Pure.

Usable credentials wait in a heap by rank; resting ones and those with a full window in a heap by the moment at which
that ends. One with as many running calls as it can take is looked at again when a call returns.
"""

import heapq
import itertools
from enum import Enum, auto
from typing import NamedTuple

from inference_service.credentials.books import rate_of
from inference_service.credentials.foresight import Durations, Foresight
from inference_service.credentials.pacing import Pacing
from inference_service.credentials.quota import NEVER, Window
from inference_service.credentials.types import Ask
from inference_service.quotas import Unit

FORESIGHT = 0.25  # seconds for which the turns of a long queue, or in a large pool, are reused
SHORT_LINE = 32
EXPIRY_PERIOD = 30.0  # seconds


class Rank(NamedTuple):
    """The smallest is next: a due probe, few calls under way, quota that expires soonest, most left."""

    usual: bool  # no probe
    flying: int
    perishes: float  # 0: no quota that expires
    missing: float  # what is left, negated
    last_used: float


class Kind(Enum):
    """Why a credential cannot take a call."""

    REST = auto()
    QUARANTINE = auto()
    WINDOW = auto()
    BUSY = auto()
    LARGE = auto()


class Hindrance(NamedTuple):
    kind: Kind
    at: float  # when it may be over; NEVER: time alone does not end it
    limit: int = 0


class Credential:
    """One token, over all models."""

    __slots__ = ("calls", "flying", "group", "id", "last_used", "quarantined", "reason", "refused", "rests", "told")

    def __init__(self, name: str, group: str) -> None:
        self.id, self.group = name, group
        self.rests: dict[str, float] = {}  # by model; "" for all
        self.reason = ""
        self.told = False  # the provider stated the length of the latest cooldown
        self.quarantined = False
        self.refused = 0  # consecutive quarantines
        self.flying = 0
        self.calls = 0
        self.last_used = 0.0

    def wakes_at(self, model: str) -> float:
        rests = self.rests
        return max(rests.get("", 0.0), rests.get(model, 0.0)) if rests else 0.0


class Lot:
    """A credential as seen by one model."""

    __slots__ = ("_expiry", "credential", "full", "model", "pacing", "stamp", "windows")

    def __init__(self, credential: Credential, model: str, pacing: Pacing, windows: list[Window]) -> None:
        self.credential, self.model, self.pacing, self.windows = credential, model, pacing, windows
        self.stamp = 0
        self._expiry = (-1, 0.0, 0.0)  # stamp and moment at which it was computed, and the result
        self.full = False  # a window had no room at the last look

    def counted(self) -> list[Window]:
        """Declared windows, windows the provider reported, and learned ones."""
        return [*self.windows, *self.pacing.windows.values()] if self.pacing.windows else self.windows

    def hindrance(self, tokens: int, pictures: int, now: float) -> Hindrance | None:
        credential = self.credential
        wakes = credential.wakes_at(self.model)
        if wakes > now:
            return Hindrance(Kind.QUARANTINE if credential.quarantined else Kind.REST, wakes)
        if credential.quarantined and credential.flying:
            return Hindrance(Kind.QUARANTINE, NEVER)  # its one probe is under way
        if self.pacing.flying >= self.pacing.allowed(now):
            opens = self.pacing.opens_at()
            return Hindrance(Kind.BUSY, opens if opens > now else NEVER)
        latest = 0.0
        for window in self.counted():
            amount = window.amount(tokens, pictures)
            if not window.fits(amount, now):
                latest = max(latest, window.room_at(amount, now))
                if latest == NEVER:
                    return self._never(window, amount)
        return Hindrance(Kind.WINDOW, latest) if latest else None

    @staticmethod
    def _never(window: Window, amount: float) -> Hindrance:
        if window.quota.unit is Unit.CONCURRENT and window.limit:
            return Hindrance(Kind.BUSY, NEVER)
        return Hindrance(Kind.LARGE, NEVER, window.limit if amount > window.limit else 0)

    def perishes(self, now: float) -> float:
        """When unused quota expires; 0: there is none."""
        windows = self.counted()
        soonest = 0.0
        for window in windows:
            if window.quota.unit is not Unit.CONCURRENT:
                rate = rate_of(windows, window) if len(windows) > 1 and not window.rolling else NEVER
                soonest = max(soonest, window.spend_by(now, rate))
        return soonest

    def expiry(self, now: float) -> float:
        """As `perishes`; computed again after a call, or when it may have changed by time."""
        if self._expiry[0] != self.stamp or now - self._expiry[1] > EXPIRY_PERIOD:
            self._expiry = self.stamp, now, self.perishes(now)
        return self._expiry[2]

    def rank(self, now: float) -> Rank:
        credential = self.credential
        counted = (window for window in self.counted() if window.quota.unit is not Unit.CONCURRENT)
        left = min((window.left(now) for window in counted), default=NEVER)
        return Rank(not credential.quarantined, credential.flying, self.perishes(now), -left, credential.last_used)


class Lane:
    """All credentials of a pool for one model."""

    def __init__(self, model: str) -> None:
        self.model = model
        self.lots: dict[str, Lot] = {}
        self.durations = Durations()
        self._order = itertools.count()
        self._ready: list[tuple[Rank, int, int, Lot]] = []
        self._asleep: list[tuple[float, int, int, Lot, Kind]] = []
        self.busy: dict[str, Lot] = {}
        self.quarantined: dict[str, Lot] = {}
        self.ways = Durations()  # until the provider accepts a call
        self._foresight: Foresight | None = None
        self._begun = 0  # calls since that foresight

    def refresh(self, lot: Lot, now: float) -> None:
        """Puts a credential into the right heap."""
        lot.stamp += 1
        if self._foresight is not None:
            self._foresight.stale = True
        name = lot.credential.id
        self.busy.pop(name, None)
        self.quarantined.pop(name, None)
        hindrance = lot.hindrance(1, 1, now)
        lot.full = hindrance is not None and hindrance.kind is Kind.WINDOW
        if hindrance is None:
            heapq.heappush(self._ready, (lot.rank(now), next(self._order), lot.stamp, lot))
            return
        if hindrance.kind is Kind.QUARANTINE:
            self.quarantined[name] = lot
        elif hindrance.kind is Kind.BUSY or hindrance.at == NEVER:
            self.busy[name] = lot
        if hindrance.at != NEVER:
            heapq.heappush(self._asleep, (hindrance.at, next(self._order), lot.stamp, lot, hindrance.kind))

    def begin(self, lot: Lot, now: float) -> None:
        """A call of this lane has begun: the first turn is taken."""
        self._begun += 1
        self.refresh(lot, now)

    def wake(self, now: float) -> None:
        asleep = self._asleep
        while asleep and (asleep[0][0] <= now or asleep[0][2] != asleep[0][3].stamp):
            _, _, stamp, lot, _ = heapq.heappop(asleep)
            if stamp == lot.stamp:
                self.refresh(lot, now)

    def best(self, ask: Ask, now: float, most: int = 1) -> list[Lot]:
        """Credentials that can take the call, best first."""
        self.wake(now)
        passed: list[tuple[Rank, int, int, Lot]] = []
        chosen: list[Lot] = []
        while self._ready and len(chosen) < most:
            entry = heapq.heappop(self._ready)
            rank, _, stamp, lot = entry
            if stamp != lot.stamp:
                continue
            if rank.flying != lot.credential.flying:  # calls to other models came in between
                self.refresh(lot, now)
                continue
            if lot.hindrance(ask.tokens, ask.pictures, now) is None:
                chosen.append(lot)
            elif lot.hindrance(1, 1, now) is not None:
                self.refresh(lot, now)
                continue
            passed.append(entry)  # there is room, if only for a smaller call
        for entry in passed:
            heapq.heappush(self._ready, entry)
        return chosen

    def soonest(self, most: int) -> list[Lot]:
        """Some credentials of a large pool, among them those that can be used, or become ready, before most others."""
        asleep = [entry[3] for entry in self._asleep[:most] if entry[2] == entry[3].stamp]
        ready = [entry[3] for entry in self._ready[:most] if entry[2] == entry[3].stamp]
        return [*asleep, *ready, *itertools.islice(self.busy.values(), most)]

    def perishes(self, now: float) -> float | None:
        """When quota of the next credential expires, NEVER if it has none; None: no credential is usable."""
        self.wake(now)
        ready = self._ready
        while ready and ready[0][2] != ready[0][3].stamp:
            heapq.heappop(ready)
        return (ready[0][3].expiry(now) or NEVER) if ready else None

    def next_moment(self) -> float:
        """When time alone may make a credential usable."""
        asleep = self._asleep
        while asleep and (asleep[0][2] != asleep[0][3].stamp):
            heapq.heappop(asleep)
        return asleep[0][0] if asleep else NEVER

    def next_wake(self) -> tuple[float, Kind, Lot] | None:
        """When the first cooldown ends or the first window has room; refused and busy credentials do not count."""
        if self.next_moment() == NEVER:
            return None
        asleep = self._asleep
        if asleep[0][4] in (Kind.REST, Kind.WINDOW):
            return asleep[0][0], asleep[0][4], asleep[0][3]
        usual = [entry for entry in asleep if entry[2] == entry[3].stamp and entry[4] in (Kind.REST, Kind.WINDOW)]
        first = min(usual, key=lambda entry: entry[0], default=None)
        return None if first is None else (first[0], first[4], first[3])

    def turns(self, ask: Ask, count: int, now: float) -> list[float]:
        """When the next `count` calls like `ask` can begin, soonest first, if nobody else calls.

        In long queues the foresight may be slightly stale: not every caller who joins may examine all places again.
        """
        seen = self._foresight
        large = seen is not None and max(len(seen.begins), len(self.lots)) > SHORT_LINE
        fresh = seen is not None and 0 <= now - seen.at < FORESIGHT and (large or not seen.stale)
        if seen is None or not fresh or seen.size != (ask.tokens, ask.pictures):
            seen = self._foresight = Foresight(self.lots.values(), ask, now, self.durations, self.ways)
            self._begun = 0
        return seen.turns(self._begun + count)[self._begun :]
