"""Why no credential can take a call now, and when one may. Pure."""

from collections.abc import Iterable
from itertools import islice

from inference_service.credentials.lane import Kind, Lane, Lot
from inference_service.credentials.types import Ask, Denied, Why

MOST_LOOKED_AT = 64  # credentials of a large pool whose reasons are examined


def denial(lane: Lane, ask: Ask, now: float, lingering: Iterable[tuple[float, Lot]] = ()) -> Denied:
    """`lane` has no credential for `ask` now. `lingering`: calls that make room in a moment, which is worth the wait."""
    found = _denial(lane, ask, now)
    if found.why is Why.BUSY:
        for at, lot in lingering:
            own = lane.lots.get(lot.credential.id)
            hindrance = own.hindrance(ask.tokens, ask.pictures, now) if own is not None else None
            if hindrance is not None and hindrance.kind is Kind.BUSY:
                return Denied(Why.BUSY, max(0.0, at - now), "busy", told=True)
    return found


def _denial(lane: Lane, ask: Ask, now: float) -> Denied:
    if ask.tokens:
        return _by_size(lane, ask, now)
    waking = lane.next_wake()
    busy = any(_is_busy(lot, now) for lot in islice(lane.busy.values(), MOST_LOOKED_AT))
    if waking is not None:
        at, kind, lot = waking
        return _until(kind, at - now, lot, busy=busy)
    if busy:
        return Denied(Why.BUSY, None, "busy")
    if lane.quarantined and not lane.busy:
        return Denied(Why.NONE, None, next(iter(lane.quarantined.values())).credential.reason)
    return _looked_at(lane.lots.values(), ask, now)


def _by_size(lane: Lane, ask: Ask, now: float) -> Denied:
    """A call of known size may find room in other places, and later, than a small one."""
    if len(lane.lots) > MOST_LOOKED_AT:
        some = _looked_at(lane.soonest(MOST_LOOKED_AT), ask, now)
        if some.why is not Why.TOO_LARGE:
            return some
    return _looked_at(lane.lots.values(), ask, now)


def _is_busy(lot: Lot, now: float) -> bool:
    hindrance = lot.hindrance(1, 1, now)
    return hindrance is not None and hindrance.kind is Kind.BUSY


def _until(kind: Kind, seconds: float, lot: Lot, *, busy: bool) -> Denied:
    wait = max(0.0, seconds)
    if busy:
        return Denied(Why.BUSY, wait, "busy")
    if kind is Kind.REST:
        return Denied(Why.RESTING, wait, lot.credential.reason, told=lot.credential.told)
    return Denied(Why.BUSY, wait, "rate_limited", told=True)


def _looked_at(lots: Iterable[Lot], ask: Ask, now: float) -> Denied:
    """Each credential may have a different reason."""
    hindrances = [(lot.hindrance(ask.tokens, ask.pictures, now), lot) for lot in lots]
    hindered = [(hindrance, lot) for hindrance, lot in hindrances if hindrance is not None]
    busy = any(hindrance.kind is Kind.BUSY for hindrance, _ in hindered)
    timed = [(hindrance, lot) for hindrance, lot in hindered if hindrance.kind in (Kind.REST, Kind.WINDOW)]
    if timed:
        first, lot = min(timed, key=lambda pair: pair[0].at)
        return _until(first.kind, first.at - now, lot, busy=busy)
    if busy or (hindrances and not hindered):  # there is room, but others are first in line
        return Denied(Why.BUSY, None, "busy")
    limits = [hindrance.limit for hindrance, _ in hindered if hindrance.kind is Kind.LARGE and hindrance.limit]
    if limits:
        return Denied(Why.TOO_LARGE, None, "too_large", max(limits))
    return Denied(Why.NONE, None, next((lot.credential.reason or "no_quota" for _, lot in hindered), ""))
