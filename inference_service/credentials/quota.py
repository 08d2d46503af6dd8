"""One counted limit: how much of it is used and left, and when there is room again. Pure: `now` is an argument.

A call is counted when its credential is picked, but its provider counts it on arrival and by its own clock. `slack`
covers the difference:

rolling: a call leaves the window a slack later. Once the provider has accepted it, it was counted by then, and leaves
at the latest one window after that moment.
- by the clock (full minute, midnight): a window begins a slack later, and a call close to the end counts in both windows.
- from the first use: the window ends when its first call has left it. Around that moment no call is sent, because nobody
- from the first use: the window ends when its first call has left it. Around that moment no call is sent, because it
is unknown into which window it would fall.
So a declared limit is never overrun.
"""

from collections import deque
from collections.abc import Callable

from inference_service.quotas import Clock, LimitFact, Quota, Unit, window_end

SLOTS = 600  # entries in the log of a window; calls that are closer together share one
LONGEST_SLACK = 1.0
DRIFT = 2_000.0  # the two clocks may differ by this fraction of a window
NEVER = float("inf")
SMOOTHING = 0.2  # weight of the newest call in the estimate of a call's size


def slack_of(length: float) -> float:
    """How far our clock and the provider's may be apart, network delay included."""
    return min(LONGEST_SLACK, max(0.05, length / 20))


class Window:
    """One limit of one owner: a credential or a quota group, for one model or for all."""

    __slots__ = ("ends", "firm", "held_until", "late", "log", "quota", "typical", "used")

    def __init__(self, quota: Quota) -> None:
        self.quota = quota
        self.firm = quota.firm  # declared by the operator: an upstream's report may lower it but not raise it
        self.used = 0.0
        self.ends = 0.0  # of a fixed window
        self.late = 0.0  # the part of `used` that may already fall into the provider's next window
        # Of a window that depends on the moments of its calls: leaves at, amount, first and last mark of the calls that
        # share the entry, how many of them the provider has not accepted yet, when it accepted the latest one.
        self.log: deque[list[float]] = deque()
        self.held_until = 0.0  # the provider says that nothing fits before then
        self.typical = 0.0  # estimate for a call whose size is not known in advance

    @property
    def limit(self) -> int:
        return self.quota.limit

    @property
    def rolling(self) -> bool:
        return self.quota.clock is Clock.ROLLING

    @property
    def _logs(self) -> bool:
        return self.quota.clock in (Clock.ROLLING, Clock.FIRST_USE)

    # --- counting ------------------------------------------------------------------------------

    def roll(self, now: float) -> None:
        """Drops what has left the window."""
        quota = self.quota
        if quota.unit is Unit.CONCURRENT:
            return
        if quota.clock is Clock.ROLLING:
            log = self.log
            while log and log[0][0] <= now:
                self.used -= log.popleft()[1]
            if not log:
                self.used = 0.0
        elif self.ends and now >= self.ends:
            if self.quota.clock is Clock.FIRST_USE:
                self.used, self.ends = 0.0, 0.0
                self.log.clear()
                return
            old = self.ends
            self.used = self.late if now < old + self.quota.window - slack_of(self.quota.window) else 0.0
            self.late = 0.0
            self.ends = self.end_after(now)

    def take(self, amount: float, now: float) -> float:
        """Counts a call; returns the mark by which `settle` and `confirm` find it."""
        if self.quota.unit is Unit.CONCURRENT:
            self.used += amount
            return 0.0
        self.roll(now)
        self.used += amount
        length = self.quota.window
        slack = slack_of(length)
        if self._logs:
            leaves = now + length + slack
            if self.log and leaves - self.log[-1][2] < length / SLOTS:
                last = self.log[-1]
                last[0] = last[3] = leaves  # the latest of them decides
                last[1] += amount
                last[4] += 1
            else:
                self.log.append([leaves, amount, leaves, leaves, 1, 0.0])
            self._follow_log()
            return leaves
        if not self.ends:
            self.ends = self.end_after(now)
        if now >= self.ends - 2 * slack:
            self.late += amount
        return self.ends

    def _follow_log(self) -> None:
        """A window from the first use lasts until its first call leaves it."""
        if self.quota.clock is Clock.FIRST_USE:
            while self.log and self.log[0][1] <= 0 and self.used > 0:
                self.log.popleft()  # that call never counted, so the window began with the next call
            self.ends = self.log[0][0] if self.log and self.used > 0 else 0.0
            if not self.ends:
                self.log.clear()

    def _entry(self, mark: float) -> list[float] | None:
        entry = next((entry for entry in reversed(self.log) if entry[2] <= mark), None)
        return entry if entry is not None and entry[3] >= mark else None

    def confirm(self, mark: float, now: float) -> None:
        """The provider has accepted the call, so it was counted by `now`."""
        if not self._logs or (entry := self._entry(mark)) is None:
            return
        entry[4] -= 1
        entry[5] = max(entry[5], now)
        if entry[4] <= 0:
            length = self.quota.window
            entry[0] = min(entry[0], entry[5] + length + min(slack_of(length), length / DRIFT))
            self._follow_log()

    def settle(self, mark: float, taken: float, used: float) -> None:
        """The call has used `used` instead of `taken`. A call that has left the window changes nothing."""
        difference = used - taken
        if self.quota.unit is Unit.CONCURRENT:
            self.used = max(0.0, self.used + difference)
        elif self._logs:
            entry = self._entry(mark)
            if entry is not None:
                difference = max(difference, -entry[1])
                entry[1] += difference
                self.used += difference
                self._follow_log()
        elif mark == self.ends:
            self.used = max(0.0, self.used + difference)
            self.late = min(self.late, self.used)
        if used > 0:
            self.typical = used if not self.typical else self.typical + SMOOTHING * (used - self.typical)

    # --- asking --------------------------------------------------------------------------------

    def amount(self, tokens: int, pictures: int) -> float:
        """How much of this limit a call takes, as far as it is known."""
        match self.quota.unit:
            case Unit.TOKENS:
                return float(tokens) if tokens else min(self.typical, float(self.limit))
            case Unit.PICTURES:
                return float(pictures)
            case Unit.MONEY:
                return min(self.typical, float(self.limit))
            case _:
                return 1.0

    def left(self, now: float) -> float:
        self.roll(now)
        return 0.0 if now < self.held_until else max(0.0, self.limit - self.used)

    def _changing(self, now: float) -> bool:
        """The window is about to end; a call sent now may fall into it or into the next."""
        if self.quota.clock is not Clock.FIRST_USE or not self.ends:
            return False
        began = self.log[0][2] if self.log else self.ends
        return now >= min(began, self.ends) - 2 * slack_of(self.quota.window)

    def fits(self, amount: float, now: float) -> bool:
        if now < self.held_until:
            return False
        self.roll(now)
        if self._changing(now):
            return False
        if self.quota.unit in (Unit.TOKENS, Unit.MONEY) and not amount:
            return self.used < self.limit
        return self.used + amount <= self.limit

    def room_at(self, amount: float, now: float) -> float:
        """When `amount` fits, as far as time alone decides; NEVER if it cannot, or if only a returning call helps."""
        self.roll(now)
        limit = self.limit
        if amount > limit or not limit:
            return NEVER
        if self.quota.unit is Unit.CONCURRENT:
            return now if self.used + amount <= limit else NEVER
        over = self.used + max(amount, 1e-9) - limit
        if over <= 0 and not self._changing(now):
            return max(now, self.held_until)
        if not self.rolling:
            at = self.ends if self.late + amount <= limit else self.ends + self.quota.window
            return max(at, self.held_until)
        return max(self._left_at(over, now), self.held_until)

    def _left_at(self, amount: float, now: float) -> float:
        """When enough has left a rolling window. Entries leave in order, even if a later one could go earlier."""
        at = now
        for leaves, part, *_ in self.log:
            amount -= part
            at = max(at, leaves)
            if amount <= 1e-6:
                break
        return at

    def room(self, now: float) -> float:
        """What is free now; negative if more is used than the limit."""
        self.roll(now)
        return min(0.0, self.limit - self.used) if self._changing(now) else self.limit - self.used

    def coming(self, now: float) -> list[tuple[float, float]]:
        """What is not free, with the moments at which it comes back."""
        if self.rolling:
            return [(leaves, amount) for leaves, amount, *_ in self.log]
        if not self.ends:
            return []
        if self.quota.clock is Clock.FIRST_USE:
            return [(self.ends, max(self.used, float(self.limit)) if self._changing(now) else self.used)]
        return [(self.ends, self.used - self.late), (self.end_after(self.ends), self.late)]

    def end_after(self, now: float) -> float:
        """The end of the clock-aligned window that contains `now`."""
        slack = slack_of(self.quota.window)
        return window_end(self.quota.clock, self.quota.window, now - slack) + slack

    def spend_by(self, now: float, rate: float) -> float:
        """When it becomes impossible to use up what is left; `rate`: units per second that other limits allow.

        A rolling window wastes quota as soon as it is full again.
        """
        self.roll(now)
        limit = max(1, self.limit)
        if self.rolling:
            return now + self.used * self.quota.window / limit
        begins_now = self.quota.clock is Clock.FIRST_USE  # the later it begins, the later it is full again
        ends = self.ends or (now + self.quota.window if begins_now else self.end_after(now))
        return ends - (limit - self.used) / rate

    # --- what the provider says ----------------------------------------------------------------

    def correct(
        self, fact: LimitFact, flying: float, now: float, bound: Callable[[float], float], *, refused: bool = False
    ) -> None:
        """Adopts the provider's own count. `flying`: what running calls have taken that it may not have counted yet.

        When it accepts a call, the reset of a rolling window is the time until it is empty, not a wait.
        """
        if fact.limit is not None and fact.limit >= 0 and (not self.firm or fact.limit < self.limit):
            self.quota = Quota(
                self.quota.unit,
                fact.limit,
                self.quota.window,
                self.quota.clock,
                self.quota.scope,
                self.quota.models,
                firm=self.firm,
            )
        if fact.remaining is None:
            return
        self.roll(now)
        reported = max(0.0, float(self.limit - fact.remaining))
        if reported > self.used:
            self._add(reported - self.used, now, fact.resets_after)
        elif not self.firm and reported + flying < self.used:
            self._drop(self.used - reported - flying)
        if fact.remaining == 0 and fact.resets_after is not None and (refused or not self.rolling):
            self.held_until = max(self.held_until, now + bound(fact.resets_after))

    def _add(self, amount: float, now: float, resets_after: float | None) -> None:
        """Calls made elsewhere; only the provider knows when they leave the window."""
        self.used += amount
        if self._logs:
            length = self.quota.window
            leaves = now + min(length if resets_after is None else resets_after, length)
            place = next((i for i, entry in enumerate(self.log) if entry[0] >= leaves), len(self.log))
            self.log.insert(place, [leaves, amount, leaves, leaves, 0, now])
            self._follow_log()
        elif not self.ends:
            self.ends = self.end_after(now)

    def _drop(self, amount: float) -> None:
        """The provider has counted fewer: the oldest have left, or, in a window that continues, the latest were never counted."""
        self.used = max(0.0, self.used - amount)
        end = 0 if self.rolling else -1
        while amount > 0 and self.log:
            part = min(amount, self.log[end][1])
            self.log[end][1] -= part
            amount -= part
            if self.log[end][1] <= 0:
                del self.log[end]
        self._follow_log()
        self.late = min(self.late, self.used)

    # --- memory --------------------------------------------------------------------------------

    def shift(self, by: float, now: float) -> None:
        """The clock was moved: whatever is counted stays counted for its remaining time."""
        for entry in self.log:
            for moment in (0, 2, 3, 5):
                entry[moment] += by
        if self.held_until:
            self.held_until += by
        if self.ends:
            self.ends = self.ends + by if self.quota.clock is Clock.FIRST_USE else self.end_after(now)

    def dump(self) -> list[float]:
        log = [number for leaves, amount, *_ in self.log for number in (leaves, amount)]
        return [self.used, self.ends, self.late, self.held_until, self.typical, *log]

    def load(self, stored: list[float], now: float) -> None:
        """Nothing is kept for longer than a window, however the clock was moved."""
        self.used, ends, self.late, held, self.typical, *log = stored
        length = self.quota.window + 2 * slack_of(self.quota.window)
        pairs = zip(log[::2], log[1::2], strict=True)
        self.log = deque([at := min(leaves, now + length), amount, at, at, 0, 0.0] for leaves, amount in pairs)
        self.ends = min(ends, now + length + 86_400.0 if self.quota.window > 86_400.0 else now + length + 3_700.0)
        self.held_until = min(held, now + length)
        self.roll(now)
