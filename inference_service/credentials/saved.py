"""What a pool remembers over a restart, as rows of text by key. Pure.

Running calls are not saved: they end with the process, and what they have used is counted already.
"""

from contextlib import suppress
from typing import Any

import msgspec

from inference_service.credentials.lane import Lot
from inference_service.credentials.pacing import Key, Norm, Pacing, Raise
from inference_service.credentials.pool import Pool
from inference_service.credentials.quota import Window
from inference_service.quotas import Clock, Quota, Unit

Rows = dict[str, bytes]
QuotaRow = tuple[Unit, int, float, Clock, str, tuple[str, ...], bool]


class CredentialRow(msgspec.Struct, array_like=True):
    rests: dict[str, float]
    reason: str
    quarantined: bool
    refused: int
    calls: int
    told: bool


class WindowRow(msgspec.Struct, array_like=True):
    declared: bool
    quota: QuotaRow
    numbers: list[float]


class LearnedRow(msgspec.Struct, array_like=True):
    length: float
    clock: Clock
    limit: int
    trusted: int
    own: bool
    patience: float
    numbers: list[float]


class PacingRow(msgspec.Struct, array_like=True):
    at_once: int
    learned: list[LearnedRow]


class NormRow(msgspec.Struct, array_like=True):
    proven: int
    at_once: int
    limits: list[tuple[float, Clock, int]]


def dump(pool: Pool, lots: set[Lot]) -> Rows:
    """The rows that calls on these credentials may have changed."""
    rows: dict[str, Any] = {}
    kept = {id(window): (key, declared) for declared, windows in _books(pool) for key, window in windows.items()}
    for lot in lots:
        credential, pacing = lot.credential, lot.pacing
        rows[f"credential|{credential.id}"] = CredentialRow(
            credential.rests,
            credential.reason,
            credential.quarantined,
            credential.refused,
            credential.calls,
            credential.told,
        )
        for window in lot.windows:
            if window.quota.unit is not Unit.CONCURRENT and id(window) in kept:
                key, declared = kept[id(window)]
                rows[f"window|{key}"] = WindowRow(declared, _quota_row(window.quota), window.dump())
        rows[f"pacing|{pacing.key}|{lot.model}"] = PacingRow(pacing.at_once, _learned(pacing))
        norm = pacing.norm
        limits = [(length, clock, limit) for (length, clock), limit in norm.limits.items()]
        rows[f"norm|{lot.model}"] = NormRow(norm.proven, norm.at_once, limits)
    return {key: msgspec.json.encode(row) for key, row in rows.items()}


def load(pool: Pool, rows: Rows, now: float) -> None:
    """Restores what `dump` returned; rows of removed credentials, quotas and groups are skipped."""
    for key, text in rows.items():
        with suppress(msgspec.MsgspecError, ValueError):  # an unreadable row is dropped
            _load_row(pool, key, text, now)
    pool.rebuild(now)


def _load_row(pool: Pool, key: str, text: bytes, now: float) -> None:
    kind, _, rest = key.partition("|")
    match kind:
        case "credential":
            _load_credential(pool, rest, msgspec.json.decode(text, type=CredentialRow), now)
        case "window":
            _load_window(pool, rest, msgspec.json.decode(text, type=WindowRow), now)
        case "norm":
            row = msgspec.json.decode(text, type=NormRow)
            norm = pool.norms.setdefault(rest, Norm())
            norm.proven, norm.at_once = row.proven, row.at_once
            norm.limits = {(length, clock): limit for length, clock, limit in row.limits}
        case "pacing":
            group, _, model = rest.partition("|")
            _load_pacing(pool.pacing(group, model), msgspec.json.decode(text, type=PacingRow), now)


def _books(pool: Pool) -> tuple[tuple[bool, dict[str, Window]], ...]:
    return (True, pool.books.declared), (False, pool.books.told)


def _quota_row(quota: Quota) -> QuotaRow:
    return quota.unit, quota.limit, quota.window, quota.clock, quota.scope, quota.models, quota.firm


def _learned(pacing: Pacing) -> list[LearnedRow]:
    limits = []
    for (length, clock), window in pacing.windows.items():
        attempt = pacing.raises[length, clock]
        limits.append(
            LearnedRow(length, clock, window.limit, attempt.trusted, attempt.own, attempt.patience, window.dump())
        )
    return limits


def _load_credential(pool: Pool, name: str, row: CredentialRow, now: float) -> None:
    credential = pool.credential(name)
    if credential is None:
        return
    longest = now + 32 * 86_400.0
    credential.rests = {model: min(until, longest) for model, until in row.rests.items() if until > now}
    credential.reason, credential.refused, credential.calls = row.reason, row.refused, row.calls
    credential.quarantined, credential.told = row.quarantined, row.told


def _load_window(pool: Pool, key: str, row: WindowRow, now: float) -> None:
    unit, limit, length, clock, scope, models, firm = row.quota
    window = Window(Quota(unit, limit, length, clock, scope, models, firm=firm))
    window.load(row.numbers, now)
    if not row.declared:
        pool.books.told[key] = window
    else:
        pool.books.recall(key, window)


def _load_pacing(pacing: Pacing, row: PacingRow, now: float) -> None:
    pacing.at_once = row.at_once
    for limit in row.learned:
        key: Key = (limit.length, limit.clock)
        window = Window(Quota(Unit.REQUESTS, limit.limit, *key))
        window.load(limit.numbers, now)
        pacing.windows[key] = window
        pacing.raises[key] = Raise(now + limit.length, limit.trusted, own=limit.own)
        pacing.raises[key].patience = limit.patience
