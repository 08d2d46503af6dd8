"""The state of the credentials of a pool, for the status. Pure."""

from collections.abc import Iterable

from inference_service.credentials.lane import Credential, Lane
from inference_service.credentials.types import CredentialView, Rest
from inference_service.quotas import Unit


def credential_views(credentials: Iterable[Credential], lanes: Iterable[Lane], now: float) -> list[CredentialView]:
    lanes = list(lanes)
    found = []
    for one in credentials:
        lots = [lane.lots[one.id] for lane in lanes if one.id in lane.lots]
        left = [int(window.left(now)) for lot in lots for window in lot.counted() if window.quota.unit is Unit.REQUESTS]
        rests = {model: until for model, until in one.rests.items() if model and until > now}
        resting = one.rests.get("", 0.0) > now
        found.append(
            CredentialView(
                one.id,
                one.flying,
                one.rests.get("", 0.0) if resting else 0.0,
                one.quarantined,
                one.reason if resting or rests or one.quarantined else "",
                one.calls,
                min(left, default=None),
                rests,
            )
        )
    return found


def open_rests(credentials: Iterable[Credential], now: float) -> list[Rest]:
    """Every cooldown in progress."""
    found = []
    for one in credentials:
        times = one.refused if one.quarantined else 0
        found += [Rest(one.id, model, until, one.reason, times) for model, until in one.rests.items() if until > now]
    return found
