"""Why no credential can take a call now, and when one may. Pure."""

from inference_service.credentials.lane import Hindrance, Kind, Lane, Lot
from inference_service.credentials.types import Ask, Denied, Why


def denial(lane: Lane, ask: Ask, now: float) -> Denied:
    """`lane` has found none for `ask`."""
    if ask.exclude or ask.tokens:
        return _looked_at_each(lane, ask, now)
    waking = lane.next_wake()
    busy = any(_is_busy(lot, now) for lot in lane.busy.values())
    if waking is not None:
        at, kind, lot = waking
        return _until(kind, at - now, lot, busy=busy)
    if busy:
        return Denied(Why.BUSY, None, "busy")
    if lane.quarantined and not lane.busy:
        return Denied(Why.NONE, None, next(iter(lane.quarantined.values())).credential.reason)
    return _looked_at_each(lane, ask, now)


def _is_busy(lot: Lot, now: float) -> bool:
    found = lot.hindrance(1, 1, now)
    return found is not None and found.kind is Kind.BUSY


def _until(kind: Kind, seconds: float, lot: Lot, *, busy: bool) -> Denied:
    wait = max(0.0, seconds)
    if busy:
        return Denied(Why.BUSY, wait, "busy")
    if kind is Kind.REST:
        return Denied(Why.RESTING, wait, lot.credential.reason, told=lot.credential.told)
    return Denied(Why.BUSY, wait, "rate_limited", told=True)


def _looked_at_each(lane: Lane, ask: Ask, now: float) -> Denied:
    """Every credential may have a reason of its own."""
    found: list[tuple[Hindrance, Lot]] = [
        (one, lot)
        for lot in lane.lots.values()
        if lot.credential.id not in ask.exclude
        if (one := lot.hindrance(ask.tokens, ask.pictures, now)) is not None
    ]
    busy = any(one.kind is Kind.BUSY for one, _ in found)
    timed = [(one, lot) for one, lot in found if one.kind in (Kind.REST, Kind.WINDOW)]
    if timed:
        one, lot = min(timed, key=lambda pair: pair[0].at)
        return _until(one.kind, one.at - now, lot, busy=busy)
    if busy:
        return Denied(Why.BUSY, None, "busy")
    limits = [one.limit for one, _ in found if one.kind is Kind.LARGE and one.limit]
    if limits:
        return Denied(Why.TOO_LARGE, None, "too_large", max(limits))
    if not found and not lane.lots.keys() <= ask.exclude:
        return Denied(Why.BUSY, None, "busy")  # there is room, and others are before
    reasons = [lot.credential.reason or "no_quota" for _, lot in found]
    return Denied(Why.NONE, None, reasons[0] if reasons else "")
