"""What is left of each quota of a pool, when it refills, and when it runs out at the pace of its window. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase

from inference_service.credentials.entry import slack_of
from inference_service.credentials.pool import Pool
from inference_service.credentials.quota import NEVER, Window
from inference_service.credentials.types import QuotaView
from inference_service.quotas import Clock, Quota, Unit

SHORT = 60.0  # the first seconds of a window say nothing about its pace


def forecast(pool: Pool, now: float) -> list[QuotaView]:
    """One view per quota and model, summed over the accounts that have it; declared quotas first, then by window."""
    by_quota: dict[tuple[bool, str, str], list[Window]] = {}
    groups = set(pool.spec.groups)
    owners = {f"c:{name}" for name in pool.spec.credentials} | {f"g:{name}" for name in groups}
    for declared, windows in ((True, pool.books.declared), (False, pool.books.told)):
        for key, window in windows.items():
            owner, model, name = key.split("|", 2)
            if owner not in owners:  # of a removed credential
                continue
            by_quota.setdefault((declared, model or ",".join(window.quota.models), name), []).append(window)
    for (group, model), pacing in pool.pacings.items():
        for (length, clock), window in pacing.windows.items() if group in groups else ():
            by_quota.setdefault((False, model, f"{length}{clock}"), []).append(window)
    views = [_view(windows, model, now, declared=declared) for (declared, model, _), windows in by_quota.items()]
    return sorted(views, key=lambda view: (not view.declared, view.model, view.window, view.unit))


def _view(windows: list[Window], model: str, now: float, *, declared: bool) -> QuotaView:
    quota = windows[0].quota
    left = int(sum(window.left(now) for window in windows))
    used = int(sum(window.used for window in windows))
    limit = sum(window.limit for window in windows)
    return QuotaView(
        quota.unit,
        model,
        quota.window,
        quota.clock,
        limit,
        used,
        left,
        refills_at(windows, now),
        _runs_out(windows, left, used, now),
        declared=declared,
    )


def requests_left(
    quotas: Mapping[str, Sequence[QuotaView]], deployments: Iterable[tuple[str, str]]
) -> tuple[int | None, float | None]:
    """How many more requests (pool, model) pairs can answer at least, and when there will be more; None: unknown."""
    binding: dict[tuple[str, str, float], QuotaView] = {}
    for pool, model in deployments:
        views = [view for view in quotas.get(pool, ()) if view.unit in (Unit.REQUESTS, Unit.PICTURES)]
        mine = [view for view in views if any(fnmatchcase(model, pattern or "*") for pattern in view.model.split(","))]
        if mine:
            least = min(mine, key=lambda view: (view.left, -view.window))
            binding[pool, least.model, least.window] = least  # a quota shared by several models counts once
    if not binding:
        return None, None
    refills = [view.refills_at for view in binding.values() if view.refills_at is not None]
    return sum(view.left for view in binding.values()), min(refills, default=None)


def refills_at(windows: Iterable[Window], now: float) -> float | None:
    """When more will be left than now, as far as time decides."""
    moments = []
    for window in windows:
        if window.quota.unit is Unit.CONCURRENT or not window.used:
            continue
        at = window.log[0].leaves if window.rolling and window.log else window.ends
        moments.append(max(at, window.held_until))
    return min((at for at in moments if at > now), default=None)


def _began(window: Window, now: float) -> float:
    if window.rolling:
        slack = slack_of(window.quota.window)
        return window.log[0].leaves - window.quota.window - slack if window.log else now
    return window.ends - _length(window.quota, window.ends) if window.ends else now


def _length(quota: Quota, ends: float) -> float:
    """Calendar months differ in length; for the pace an approximation will do."""
    return min(quota.window, ends) if quota.clock is not Clock.FIRST_USE else quota.window


def _runs_out(windows: list[Window], left: int, used: int, now: float) -> float | None:
    """When nothing is left if the window continues at its pace; None if it refills first."""
    if windows[0].quota.unit is Unit.CONCURRENT or not used:
        return None
    if not left:
        return now
    elapsed = max(now - min(_began(window, now) for window in windows), min(SHORT, windows[0].quota.window))
    at = now + left * elapsed / used
    ends = max((window.ends for window in windows if not window.rolling), default=0.0)
    horizon = ends or now + windows[0].quota.window * left / max(1, left + used)
    return at if at < horizon and at < NEVER else None
