"""Every window of a pool, by owner: a credential or its quota group, for one model or for all. Pure."""

from collections.abc import Collection
from fnmatch import fnmatchcase

from inference_service.credentials.quota import NEVER, Window
from inference_service.failures import Scope
from inference_service.quotas import DAY, MINUTE, MONTH, Clock, LimitFact, Quota, Unit

STANDARD = (MINUTE, 3_600.0, 5 * 3_600.0, DAY, 7 * DAY, MONTH)
LONGEST_TOLD = 32 * DAY
LONGEST_UNNAMED = DAY  # a wait that names no window is capped at this


def believed(seconds: float, window: float | None) -> float:
    """The wait that the provider stated, capped to a plausible length."""
    longest = LONGEST_UNNAMED if window is None else LONGEST_TOLD if window >= MONTH else window + min(window, 60.0)
    return min(max(seconds, 0.0), longest)


class Books:
    """`declared` keeps its counts over every reload; `told` holds windows that only the provider has named."""

    def __init__(self) -> None:
        self._quotas: tuple[Quota, ...] = ()
        self.declared: dict[str, Window] = {}
        self.told: dict[str, Window] = {}

    def configure(self, quotas: tuple[Quota, ...], max_concurrent: int) -> None:
        if max_concurrent:
            at_once = Quota(Unit.CONCURRENT, max_concurrent, 0.0, Clock.ROLLING, Scope.CREDENTIAL.value, firm=True)
            quotas = (*quotas, at_once)
        self._quotas = quotas
        wanted = {_name(quota): quota for quota in quotas}
        for key in list(self.declared):
            name = key.split("|", 2)[2]
            if name not in wanted:
                del self.declared[key]
            elif self.declared[key].firm or wanted[name].firm:
                self.declared[key].quota, self.declared[key].firm = wanted[name], wanted[name].firm

    def windows(self, credential: str, group: str, model: str) -> list[Window]:
        """Every window in which a call with this credential to this model is counted."""
        windows = []
        for quota in self._quotas:
            if not covers(quota, model):
                continue
            owner, of = _owner(Scope(quota.scope), credential, group, model)
            windows.append(self._window(self.declared, f"{owner}|{of}|{_name(quota)}", quota))
        # An upstream may correct what the catalogue declares, and add to it.
        for owner, of in {
            ("c:" + credential, model),
            ("c:" + credential, ""),
            ("g:" + group, model),
            ("g:" + group, ""),
        }:
            windows += [window for key, window in self.told.items() if key.startswith(f"{owner}|{of}|")]
        return windows

    @staticmethod
    def _window(windows: dict[str, Window], key: str, quota: Quota) -> Window:
        if key not in windows:
            windows[key] = Window(quota)
        return windows[key]

    def named(
        self,
        fact: LimitFact,
        scope: Scope,
        credential: str,
        group: str,
        model: str,
        calls: Collection[float],
        now: float,
    ) -> tuple[Window | None, bool]:
        """The window that a provider refers to, and whether it is new; None if the report says too little."""
        length = fact.window if fact.window is not None else _guess(fact, len(calls))
        candidates = [
            candidate for candidate in self.windows(credential, group, model) if candidate.quota.unit is fact.unit
        ]
        for window in sorted(candidates, key=lambda candidate: candidate.quota.window):
            reaches = fact.window is None and window.quota.window >= 0.95 * (fact.resets_after or 0.0)
            if window.quota.window == length or reaches:
                return window, False
        if fact.limit is None and fact.remaining is None:
            return None, False
        owner, of = _owner(scope, credential, group, model)
        limit = fact.limit if fact.limit is not None else 0
        window = Window(Quota(fact.unit, limit, length, fact.clock or Clock.ROLLING, scope.value))
        if fact.unit is Unit.REQUESTS:
            for at in calls:
                if at > now - length - 1:
                    window.count(1.0, at)
        window.roll(now)
        if fact.limit is None:
            window.quota = Quota(
                fact.unit, int(window.used) + (fact.remaining or 0), length, window.quota.clock, scope.value
            )
        self.told[f"{owner}|{of}|{_name(window.quota)}"] = window
        return window, True

    def recall(self, key: str, window: Window) -> None:
        """Restores the count of a declared quota after a restart; the limit is the one declared now."""
        name = key.split("|", 2)[-1]
        quota = next((declared for declared in self._quotas if _name(declared) == name), None)
        if quota is None:
            return
        if quota.firm or window.firm:
            window.quota, window.firm = quota, quota.firm
        self.declared[key] = window


def covers(quota: Quota, model: str) -> bool:
    return not quota.models or any(fnmatchcase(model, pattern) for pattern in quota.models)


def rate_of(windows: list[Window], besides: Window) -> float:
    """Units per second that the other windows of a credential allow."""
    return min(
        (window.limit / window.quota.window for window in windows if window is not besides and window.quota.window),
        default=NEVER,
    )


def _guess(fact: LimitFact, calls: int) -> float:
    """The length of an unnamed window: the reset of a window that has just begun is its whole length."""
    reset = fact.resets_after or 0.0
    if fact.limit is not None and fact.remaining is not None:
        fresh = fact.remaining >= fact.limit - 1 > 0
    else:
        fresh = calls <= 1
    lengths = (1.0, 10.0, *STANDARD) if fresh and reset else STANDARD
    return next((length for length in lengths if length >= 0.95 * reset), MONTH)


def _owner(scope: Scope, credential: str, group: str, model: str) -> tuple[str, str]:
    match scope:
        case Scope.CREDENTIAL:
            return "c:" + credential, ""
        case Scope.CREDENTIAL_MODEL:
            return "c:" + credential, model
        case Scope.GROUP:
            return "g:" + group, ""
        case Scope.GROUP_MODEL:
            return "g:" + group, model


def _name(quota: Quota) -> str:
    return f"{quota.unit}|{quota.window:g}|{quota.clock}|{quota.scope}|{','.join(quota.models)}"
