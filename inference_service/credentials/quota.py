"""One counted limit: what is used of it, what is left, and when there is room again. Pure: `now` is an argument.

A call is counted from the moment at which its credential is picked, but the provider counts it on arrival, by its own
clock. `slack` covers both: a window ends for us a little later than it may for the provider, and a call close to that
moment is counted on both sides of it. So a limit that is declared is never overrun.
"""

from collections import deque
from collections.abc import Callable

from inference_service.quotas import Clock, LimitFact, Quota, Unit, window_end

SLOTS = 600  # entries of a rolling window; calls that are closer together share one
LONGEST_SLACK = 1.0
NEVER = float("inf")
SMOOTHING = 0.2  # weight of the newest call in what a call typically takes


def slack_of(length: float) -> float:
    """How far our clock and the provider's may be apart, with the way between them."""
    return min(LONGEST_SLACK, max(0.05, length / 60))


class Window:
    """One limit of one owner: a credential or a quota group, for one model or for all."""

    __slots__ = ("ends", "firm", "held_until", "late", "log", "quota", "typical", "used")

    def __init__(self, quota: Quota) -> None:
        self.quota = quota
        self.firm = quota.firm  # declared by a person: what an upstream says may lower it, not raise it
        self.used = 0.0
        self.ends = 0.0  # of a fixed window
        self.late = 0.0  # the part of `used` that may fall into the provider's next window already
        self.log: deque[list[float]] = deque()  # of a rolling window: leaves at, amount, the first of them at
        self.held_until = 0.0  # the provider says that nothing fits before
        self.typical = 0.0  # what a call takes that does not say so beforehand

    @property
    def limit(self) -> int:
        return self.quota.limit

    @property
    def rolling(self) -> bool:
        return self.quota.clock is Clock.ROLLING

    # --- counting ------------------------------------------------------------------------------

    def roll(self, now: float) -> None:
        """Drops what has left the window."""
        if self.quota.unit is Unit.CONCURRENT:
            return
        if self.rolling:
            log = self.log
            while log and log[0][0] <= now:
                self.used -= log.popleft()[1]
            if not log:
                self.used = 0.0
        elif self.ends and now >= self.ends:
            old = self.ends
            self.used = self.late if now < old + self.quota.window - slack_of(self.quota.window) else 0.0
            self.late = 0.0
            self.ends = self._end(now, old if self.used else now)

    def _end(self, now: float, began: float) -> float:
        slack = slack_of(self.quota.window)
        if self.quota.clock is Clock.FIRST_USE:
            return began + self.quota.window + slack if self.used else 0.0
        return window_end(self.quota.clock, self.quota.window, now - slack) + slack

    def take(self, amount: float, now: float) -> float:
        """Counts a call; gives back the mark by which `settle` finds it again."""
        if self.quota.unit is Unit.CONCURRENT:
            self.used += amount
            return 0.0
        self.roll(now)
        self.used += amount
        length = self.quota.window
        slack = slack_of(length)
        if self.rolling:
            leaves = now + length + slack
            if self.log and leaves - self.log[-1][2] < length / SLOTS:
                self.log[-1][0] = leaves  # the latest of them decides
                self.log[-1][1] += amount
            else:
                self.log.append([leaves, amount, leaves])
            return leaves
        if not self.ends:
            self.ends = self._end(now, now)
        if now >= self.ends - 2 * slack:
            self.late += amount
        return self.ends

    def settle(self, mark: float, taken: float, used: float) -> None:
        """The call has taken `used` instead of `taken`. One that has left the window changes nothing."""
        difference = used - taken
        if self.quota.unit is Unit.CONCURRENT:
            self.used = max(0.0, self.used + difference)
        elif self.rolling:
            entry = next((one for one in reversed(self.log) if one[2] <= mark), None)
            if entry is not None and entry[0] >= mark:
                difference = max(difference, -entry[1])
                entry[1] += difference
                self.used += difference
        elif mark == self.ends:
            self.used = max(0.0, self.used + difference)
            self.late = min(self.late, self.used)
        if used > 0:
            self.typical = used if not self.typical else self.typical + SMOOTHING * (used - self.typical)

    # --- asking --------------------------------------------------------------------------------

    def amount(self, tokens: int, pictures: int) -> float:
        """What a call takes of this limit, as far as it is known."""
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

    def fits(self, amount: float, now: float) -> bool:
        if now < self.held_until:
            return False
        self.roll(now)
        if self.quota.unit in (Unit.TOKENS, Unit.MONEY) and not amount:
            return self.used < self.limit
        return self.used + amount <= self.limit

    def room_at(self, amount: float, now: float) -> float:
        """When `amount` fits, as far as time alone decides; NEVER when it cannot, or when only a returning call helps."""
        self.roll(now)
        limit = self.limit
        if amount > limit or not limit:
            return NEVER
        if self.quota.unit is Unit.CONCURRENT:
            return now if self.used + amount <= limit else NEVER
        over = self.used + max(amount, 1e-9) - limit
        if over <= 0:
            return max(now, self.held_until)
        if not self.rolling:
            at = self.ends if self.late + amount <= limit else self.ends + self.quota.window
            return max(at, self.held_until)
        at = now
        for leaves, part, _ in self.log:
            over -= part
            at = leaves
            if over <= 1e-6:
                break
        return max(at, self.held_until)

    def nth_at(self, count: int, amount: float, now: float, lasting: float) -> float:
        """When the `count`-th next call of `amount` each fits, if nobody else calls; `lasting`: how long a call takes."""
        limit, amount = self.limit, max(amount, 1e-9)
        if amount > limit:
            return NEVER
        self.roll(now)
        free = max(0, int((limit - self.used) / amount + 1e-9)) if now >= self.held_until else 0
        if count <= free:
            return now
        whole = int(limit / amount)
        if self.quota.unit is Unit.CONCURRENT:
            return now + lasting * -(-(count - free) // whole)
        if not self.rolling:
            ends = self.ends or now + self.quota.window
            return max(self.held_until, ends + self.quota.window * ((count - free - 1) // whole))
        turns, rest = divmod(count - 1, whole)
        needed = self.used + (rest + 1) * amount - limit
        at = now
        for leaves, part, _ in self.log if needed > 1e-6 else ():
            needed -= part
            at = leaves
            if needed <= 1e-6:
                break
        return max(at, self.held_until) + turns * (self.quota.window + slack_of(self.quota.window))

    def spend_by(self, now: float, rate: float) -> float:
        """The moment from which what is left can no longer be used up; `rate`: units a second that other limits allow.

        A rolling window loses what it does not use as soon as it is full again.
        """
        self.roll(now)
        limit = max(1, self.limit)
        if self.rolling:
            return now + self.used * self.quota.window / limit
        ends = self.ends or (NEVER if self.quota.clock is Clock.FIRST_USE else self._end(now, now))
        return ends - (limit - self.used) / rate

    # --- what the provider says ----------------------------------------------------------------

    def correct(
        self, fact: LimitFact, flying: float, now: float, bound: Callable[[float], float], *, refused: bool = False
    ) -> None:
        """Takes the provider's own count. `flying`: what calls under way have taken that it may not have counted yet.

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
        told = max(0.0, float(self.limit - fact.remaining))
        if told > self.used:
            self._add(told - self.used, now, fact.resets_after)
        elif not self.firm and told + flying < self.used:
            self._drop(self.used - told - flying)
        if fact.remaining == 0 and fact.resets_after is not None and (refused or not self.rolling):
            self.held_until = max(self.held_until, now + bound(fact.resets_after))

    def _add(self, amount: float, now: float, resets_after: float | None) -> None:
        """Calls that we do not know of; when they leave the window only the provider can say."""
        self.used += amount
        if self.rolling:
            length = self.quota.window
            leaves = now + min(length if resets_after is None else resets_after, length)
            place = next((i for i, one in enumerate(self.log) if one[0] >= leaves), len(self.log))
            self.log.insert(place, [leaves, amount, leaves])
        elif not self.ends:
            self.ends = self._end(now, now)

    def _drop(self, amount: float) -> None:
        self.used = max(0.0, self.used - amount)
        while self.rolling and amount > 0 and self.log:
            part = min(amount, self.log[0][1])
            self.log[0][1] -= part
            amount -= part
            if self.log[0][1] <= 0:
                self.log.popleft()
        self.late = min(self.late, self.used)

    # --- memory --------------------------------------------------------------------------------

    def shift(self, by: float, now: float) -> None:
        """The clock was moved: what has been counted stays counted for as long as it would have been."""
        for entry in self.log:
            entry[0] += by
            entry[2] += by
        if self.held_until:
            self.held_until += by
        if self.ends:
            self.ends = self.ends + by if self.quota.clock is Clock.FIRST_USE else self._end(now, now)

    def dump(self) -> list[float]:
        log = [number for leaves, amount, _ in self.log for number in (leaves, amount)]
        return [self.used, self.ends, self.late, self.held_until, self.typical, *log]

    def load(self, stored: list[float], now: float) -> None:
        """Nothing is kept for longer than a window, whatever the clock did meanwhile."""
        self.used, ends, self.late, held, self.typical, *log = stored
        length = self.quota.window + 2 * slack_of(self.quota.window)
        pairs = zip(log[::2], log[1::2], strict=True)
        self.log = deque([at := min(leaves, now + length), amount, at] for leaves, amount in pairs)
        self.ends = min(ends, now + length + 86_400.0 if self.quota.window > 86_400.0 else now + length + 3_700.0)
        self.held_until = min(held, now + length)
        self.roll(now)
