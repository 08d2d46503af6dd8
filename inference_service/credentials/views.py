"""The state of the credentials of a pool, for the status. Pure."""

from collections.abc import Iterable

from inference_service.credentials.lane import Credential, Lane
from inference_service.credentials.types import Cooldown, CredentialView
from inference_service.quotas import Unit


def credential_views(credentials: Iterable[Credential], lanes: Iterable[Lane], now: float) -> list[CredentialView]:
    lanes = list(lanes)
    views = []
    for credential in credentials:
        lots = [lane.lots[credential.id] for lane in lanes if credential.id in lane.lots]
        left = [int(window.left(now)) for lot in lots for window in lot.counted() if window.quota.unit is Unit.REQUESTS]
        rests = {model: until for model, until in credential.rests.items() if model and until > now}
        resting = credential.rests.get("", 0.0) > now
        views.append(
            CredentialView(
                credential.id,
                credential.flying,
                credential.rests.get("", 0.0) if resting else 0.0,
                credential.quarantined,
                credential.reason if resting or rests or credential.quarantined else "",
                credential.calls,
                min(left, default=None),
                rests,
            )
        )
    return views


def open_rests(credentials: Iterable[Credential], now: float) -> list[Cooldown]:
    """Every cooldown in progress."""
    rests = []
    for credential in credentials:
        times = credential.refused if credential.quarantined else 0
        rests += [
            Cooldown(credential.id, model, until, credential.reason, times)
            for model, until in credential.rests.items()
            if until > now
        ]
    return rests
