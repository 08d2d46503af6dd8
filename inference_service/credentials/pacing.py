"""What an account can take if its provider reports nothing: learned from accepted and refused calls. Pure.

Concurrency starts small and grows by half while calls are accepted, tried on one account of the pool at a time. A
refusal is explained by the shortest limit that the evidence allows: first the number of concurrent calls, then calls
per second, ten seconds, a minute and so on. A number that was accepted before cannot be the reason. What one account
teaches holds for the others of its pool until they prove better. A learned limit is tried one higher now and then.
"""

from bisect import bisect_right
from collections import Counter, deque
from typing import Any

from inference_service.credentials.quota import NEVER, Window
from inference_service.quotas import Clock, Quota, Unit

LINGER = 0.05  # seconds for which a call that has ended for us may still be running at its provider
AT_FIRST = 4  # concurrent calls on an account of which nothing is known
WALL_LENGTHS = frozenset({60.0, 3_600.0, 86_400.0})  # windows that may be aligned to the clock
LENGTHS = (1.0, 10.0, 60.0, 300.0, 3_600.0, 18_000.0, 86_400.0)
LADDER = (
    1.0,
    2.0,
    15.0,
    30.0,
    60.0,
    300.0,
    3_600.0,
)  # seconds to rest after consecutive refusals that nothing explains
REMEMBERED = 4_000  # calls
PATIENCE = 60.0  # seconds until a learned concurrency is tried one higher
FULL_WINDOWS = 3.0  # windows until a learned window is tried one higher
MOST_PATIENCE = 64.0  # as a multiple


Key = tuple[float, Clock]  # a window's length and clock
AT_ONCE: Key = (0.0, Clock.ROLLING)


class Norm:
    """What applies to a model on all accounts of a pool."""

    __slots__ = ("at_once", "limits", "proven", "scout")

    def __init__(self) -> None:
        self.proven = 0  # most concurrent calls that an account has accepted
        self.at_once = 0  # as learned from a refusal; 0: not known
        self.limits: dict[Key, int] = {}  # calls
        self.scout = ""  # the account that is testing more than is proven


class Raise:
    """When a learned limit may be tried higher, and by how much. `trusted`: the highest value kept without a refusal."""

    __slots__ = ("at", "own", "patience", "step", "trusted")

    def __init__(self, at: float, trusted: int = 0, *, own: bool = True) -> None:
        self.at, self.trusted, self.own = at, trusted, own
        self.patience, self.step = 1.0, 1

    def failed(self, now: float, period: float) -> None:
        self.patience = min(MOST_PATIENCE, self.patience * 2)
        self.step = 1
        self.at = now + period * self.patience

    def went_well(self, now: float, period: float) -> None:
        self.step *= 2
        self.at = now + period * self.patience


NO_RAISE = Raise(NEVER)


class Pacing:
    """One account and one model."""

    __slots__ = (
        "at_once",
        "contradictions",
        "doubt",
        "ends",
        "flying",
        "holding",
        "key",
        "norm",
        "quiet",
        "raises",
        "sent",
        "slow",
        "strikes",
        "struck_at",
        "windows",
    )

    def __init__(self, key: str, norm: Norm) -> None:
        self.key, self.norm = key, norm
        self.flying = 0  # calls under way
        self.holding = 0  # those that the provider is known to have accepted
        self.quiet: Any = None  # the latest call whose acceptance nobody will report
        self.at_once = 0  # learned on this account; 0: the norm applies
        self.slow = 0  # concurrent calls while it ramps up after a rest; 0: it does not
        self.sent: deque[float] = deque(maxlen=REMEMBERED)  # calls that were not refused
        self.ends: deque[float] = deque(maxlen=64)  # of calls that were accepted
        self.windows: dict[Key, Window] = {}
        self.raises: dict[Key, Raise] = {}  # AT_ONCE: concurrent calls
        self.doubt: Key | None = None  # the latest explanation, until a call is accepted under it
        self.strikes = 0
        self.struck_at = 0.0
        self.contradictions: deque[float] = deque(maxlen=3)  # refusals although declared quotas were kept

    # --- calls at once -------------------------------------------------------------------------

    def allowed(self, now: float) -> int:
        """How many calls may run at once: what is proven, and on one account of the pool half as many more."""
        norm = self.norm
        proven = self.at_once or norm.at_once
        most = max(AT_FIRST, norm.proven)
        if norm.scout in ("", self.key):
            if not proven:
                most += most // 2 if norm.proven >= AT_FIRST else 0
            elif norm.proven >= proven and now >= (attempt := self.raises.get(AT_ONCE, NO_RAISE)).at:
                proven += min(attempt.step, proven)
                most = max(most, proven)
        if proven:
            most = min(most, proven)
        return min(most, self.slow) if self.slow else most

    @property
    def known(self) -> int:
        """How many concurrent calls it can take, as learned from a refusal; 0: unknown."""
        return self.at_once or self.norm.at_once

    def opens_at(self) -> float:
        """When more concurrent calls are tried again even if none has returned; NEVER: time alone does not decide."""
        learned = self.at_once or self.norm.at_once
        return self.raises.get(AT_ONCE, NO_RAISE).at if learned and self.norm.proven >= learned else NEVER

    def took(self, now: float) -> int:
        """A call begins. Returns the number of concurrent calls."""
        self.flying += 1
        self.sent.append(now)
        if self.flying > max(AT_FIRST, self.norm.proven):
            self.norm.scout = self.key
        for key, window in self.windows.items():
            attempt = self.raises[key]
            if window.used >= window.limit and now >= attempt.at:
                _limit(window, window.limit + min(attempt.step, max(1, window.limit // 4)))
                attempt.went_well(now, key[0] * FULL_WINDOWS)
        return self.flying

    def accepted(self, now: float) -> bool:
        """The provider has accepted a call. True if more is allowed now."""
        norm = self.norm
        before = self.slow, norm.proven, self.at_once
        self.holding += 1
        self.strikes = 0
        self.doubt = None
        if self.slow:
            self.slow = 0 if self.slow >= self._usual() else self.slow * 2
        norm.proven = max(norm.proven, self.holding)
        most = self.at_once or norm.at_once
        if most and self.holding > most:
            self.at_once = self.holding
            self._raise(AT_ONCE, now).went_well(now, PATIENCE)
        for key, window in self.windows.items():
            attempt = self.raises[key]
            attempt.trusted = max(attempt.trusted, min(int(window.used) - self.flying + self.holding, window.limit))
        scouted = norm.scout == self.key and self.flying <= max(norm.proven, AT_FIRST)
        if scouted:
            norm.scout = ""
        return scouted or before != (self.slow, norm.proven, self.at_once)

    def _usual(self) -> int:
        return self.at_once or self.norm.at_once or max(AT_FIRST, self.norm.proven)

    def _raise(self, key: Key, now: float, trusted: int = 0, *, own: bool = True) -> Raise:
        if key not in self.raises:
            self.raises[key] = Raise(now + (key[0] * FULL_WINDOWS or PATIENCE), trusted, own=own)
        return self.raises[key]

    def over(self, now: float, *, held: bool) -> None:
        """A call has ended, accepted by the provider (`held`) or not."""
        if held:
            self.holding = max(0, self.holding - 1)
            self.ends.append(now)

    def landed(self) -> None:
        """It has ended for its provider as well."""
        self.flying = max(0, self.flying - 1)
        if self.norm.scout == self.key and self.flying <= max(self.norm.proven, AT_FIRST):
            self.norm.scout = ""

    def forget(self, began: float) -> None:
        """A call was refused, or never sent: it is no evidence of what is accepted."""
        place = bisect_right(self.sent, began) - 1
        if place >= 0 and self.sent[place] == began:
            del self.sent[place]

    # --- refusals ------------------------------------------------------------------------------

    def beside(self, began: float) -> int:
        """Calls that overlapped with one that began then and is over now."""
        return self.flying - 1 + len(self.ends) - bisect_right(self.ends, began)

    def refused_at_once(self, others: int, now: float) -> None:
        """Refused while `others` were running: no more than these at once."""
        most = max(1, others)
        learned = self.at_once or self.norm.at_once
        attempt = self._raise(AT_ONCE, now)
        if learned and most >= learned:
            attempt.failed(now, PATIENCE)
            most = learned
        else:
            attempt.at = now + PATIENCE * attempt.patience
        self.at_once = self.norm.at_once = most
        self.norm.scout = ""

    def explain(self, others: int, now: float, *, at_least: float = 0.0) -> float:
        """Learns from a refusal that names no limit, while `others` were running. Returns extra seconds to rest, 0 for none.

        `at_least`: the wait that the provider stated; a window is no shorter.
        """
        self._undo()
        for key, window in self.windows.items():
            attempt = self.raises[key]
            if key[0] >= at_least and attempt.trusted and self._counts(*key, now)[0] >= attempt.trusted:
                attempt.failed(now, key[0] * FULL_WINDOWS)
                _limit(window, attempt.trusted)
                return 0.0
        if others and not at_least and others >= self.norm.proven:
            self.refused_at_once(others, now)
            self.doubt = AT_ONCE
            return LADDER[0]
        for length in LENGTHS:
            if length < at_least:
                continue
            for clock in (Clock.ROLLING, Clock.WALL) if length in WALL_LENGTHS else (Clock.ROLLING,):
                count, peak = self._counts(length, clock, now)
                if count and count >= peak and (length, clock) not in self.windows:
                    self._learn((length, clock), count, now)
                    return 0.0
        return LADDER[min(max(0, self.strikes - 1), len(LADDER) - 1)]

    def _undo(self) -> None:
        """The latest explanation was wrong: a call was refused again before one was accepted."""
        doubt, self.doubt = self.doubt, None
        if doubt == AT_ONCE:
            self.at_once = self.norm.at_once = 0
        elif doubt is not None:
            self.windows.pop(doubt, None)
            self.raises.pop(doubt, None)
            self.norm.limits.pop(doubt, None)

    def _counts(self, length: float, clock: Clock, now: float) -> tuple[int, int]:
        """Calls in the window that ends now, and the most that any such window has accepted."""
        if clock is Clock.WALL:
            by_window = Counter(int(at // length) for at in self.sent)
            return by_window[int(now // length)], max(by_window.values(), default=0)
        most = first = 0
        for last, at in enumerate(self.sent):
            while self.sent[first] <= at - length:
                first += 1
            most = max(most, last - first + 1)
        return len(self.sent) - bisect_right(self.sent, now - length), most

    def _learn(self, key: Key, count: int, now: float) -> None:
        self.windows[key] = self._window(key, count, now)
        self.raises.pop(key, None)
        self._raise(key, now, count)
        self.norm.limits[key] = count
        self.doubt = key

    def adopt(self, now: float) -> None:
        """Adopts what other accounts of the pool have taught, unless this one has proven better."""
        for key in [key for key in self.windows if key not in self.norm.limits and not self.raises[key].own]:
            del self.windows[key], self.raises[key]
        for key, count in self.norm.limits.items():
            if key not in self.windows:
                most = max(count, self._counts(*key, now)[1])
                self.windows[key] = self._window(key, most, now)
                self._raise(key, now, most, own=False)

    def shift(self, by: float, now: float) -> None:
        """The clock was moved."""
        self.sent = deque((at + by for at in self.sent), maxlen=REMEMBERED)
        self.ends = deque((at + by for at in self.ends), maxlen=64)
        self.struck_at += by
        self.contradictions = deque((at + by for at in self.contradictions), maxlen=self.contradictions.maxlen)
        for attempt in self.raises.values():
            attempt.at += by
        for window in self.windows.values():
            window.shift(by, now)

    def _window(self, key: Key, count: int, now: float) -> Window:
        window = Window(Quota(Unit.REQUESTS, count, *key))
        for at in self.sent:
            if at > now - key[0] - 1:
                window.count(1.0, at)
        window.roll(now)
        return window


def _limit(window: Window, limit: int) -> None:
    quota = window.quota
    window.quota = Quota(quota.unit, limit, quota.window, quota.clock, quota.scope, quota.models, firm=quota.firm)
