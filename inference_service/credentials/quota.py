"""One counted limit: how much of it is used and left, and when there is room again. Pure: `now` is an argument.

A call is counted when its credential is picked, but its provider counts it on arrival and by its own clock. A call has
arrived between the moment at which it was counted here and the one at which the provider accepted it, or it ended:

- rolling: it leaves a window after it was accepted, and never before.
- by the clock (full minute, midnight): a window begins a slack later, because clocks differ. A call that may have
  arrived after the end counts in the next window, too.
- from the first use: the window ends a window after the first call was accepted; it may have ended as early as a window
  after that call was counted. In between no call is sent, because nobody could tell which window it falls into. One that
  was sent before, and may have arrived after that, counts in the next window, too.

So a declared limit is never overrun, however long a call is on its way.
"""

import itertools
from collections import deque

from inference_service.credentials.entry import FAR, GONE, Entry, slack_of
from inference_service.quotas import Clock, Quota, Unit, window_end

SLOTS = 600  # entries in the log of a window; calls that are closer together share one
DRIFT = 2_000.0  # our clock and the provider's may differ by this part of a window
NEVER = float("inf")
JUST_LEFT = 16  # entries
SMOOTHING = 0.2  # weight of the newest call in what a call typically takes


class Window:
    """One limit of one owner: a credential or a quota group, for one model or for all."""

    __slots__ = ("ends", "firm", "held_until", "just_left", "late", "log", "quota", "since", "typical", "used")

    def __init__(self, quota: Quota) -> None:
        self.quota = quota
        self.firm = quota.firm  # declared by the operator: an upstream's report may lower it but not raise it
        self.used = 0.0
        self.ends = 0.0  # of a fixed window
        self.since = 0.0  # the earliest moment at which the provider's window by the clock may have begun
        self.late: set[Entry] = set()  # of a window by the clock: calls that may fall into the next one
        self.log: deque[Entry] = deque()  # of a window that depends on the moments of its calls
        self.just_left: deque[tuple[float, float]] = deque(
            maxlen=JUST_LEFT
        )  # when and how much has left a rolling window
        self.held_until = 0.0  # the provider says that nothing fits before
        self.typical = 0.0  # what a call takes that does not say so beforehand

    @property
    def limit(self) -> int:
        return self.quota.limit

    @property
    def rolling(self) -> bool:
        return self.quota.clock is Clock.ROLLING

    @property
    def logs(self) -> bool:
        return self.quota.clock in (Clock.ROLLING, Clock.FIRST_USE)

    @property
    def drift(self) -> float:
        return min(slack_of(self.quota.window), self.quota.window / DRIFT)

    # --- counting ------------------------------------------------------------------------------

    def roll(self, now: float) -> None:
        """Drops what has left the window."""
        quota = self.quota
        if quota.unit is Unit.CONCURRENT:
            return
        if quota.clock is Clock.ROLLING:
            log = self.log
            while log and log[0].leaves <= now:
                self._leave(log.popleft(), now)
            if not log:
                self.used = 0.0
        elif quota.clock is Clock.FIRST_USE:
            while self.ends and now >= self.ends:
                self._begin_with_next(now)
        elif self.ends and now >= self.ends:
            self._begin_by_clock(now)

    def _leave(self, entry: Entry, now: float) -> None:
        if entry.unaccepted:  # it may arrive as late as now
            entry.leaves = now + self.quota.window + slack_of(self.quota.window)
            self.log.append(entry)
            return
        self.used -= entry.amount
        self.just_left.append((entry.leaves, entry.amount))
        entry.leaves = GONE

    def _begin_by_clock(self, now: float) -> None:
        length, slack = self.quota.window, slack_of(self.quota.window)
        follows = now < self.ends + length - slack
        self.since = self.ends - 2 * slack
        self.ends = self.end_after(now)
        counted = {entry for entry in self.late if entry.unaccepted or follows}
        self.used = min(self.used, sum(entry.amount for entry in counted))
        for entry in counted:
            entry.leaves = self.ends
        self.late = {entry for entry in counted if entry.unaccepted}

    def _begin_with_next(self, now: float) -> None:
        length = self.quota.window
        first = self._first()
        if first is None or first.unaccepted:  # it may begin as late as now
            self.ends = now + length + slack_of(length)
            return
        earliest = self.log[0].began + length
        counted = [entry for entry in self.log if entry.unaccepted or entry.accepted_at >= earliest]
        for entry in self.log:
            entry.leaves = GONE
        for entry in counted:
            entry.began = max(entry.began, earliest)
            begins = now if entry.unaccepted else entry.accepted_at
            entry.leaves = begins + length + slack_of(length)
        self.since = self.ends
        self.log = deque(counted)
        self.used = float(sum(entry.amount for entry in counted))
        self.follow_log()

    def take(self, amount: float, now: float) -> Entry | None:
        """Counts a call; gives back the entry by which `settle` and `confirm` find it again."""
        if self.quota.unit is Unit.CONCURRENT:
            self.used += amount
            return None
        self.roll(now)
        self.used += amount
        length = self.quota.window
        if not self.logs:
            if not self.ends:
                self.ends = self.end_after(now)
            entry = Entry(amount, now, self.ends, unaccepted=1)
            self.late.add(entry)
            return entry
        leaves = now + length + slack_of(length)
        if self.log and now - self.log[-1].began < length / SLOTS:
            entry = self.log[-1]
            entry.leaves = leaves  # the latest of them decides
            entry.amount += amount
            entry.unaccepted += 1
        else:
            entry = Entry(amount, now, leaves, unaccepted=1)
            self.log.append(entry)
        self.follow_log()
        return entry

    def count(self, amount: float, at: float) -> None:
        """Counts a call of the past, which had arrived within the slack."""
        late = slack_of(self.quota.window) - self.drift if self.logs else 0.0
        self.confirm(self.take(amount, at), at + late)

    def follow_log(self) -> None:
        """A window from the first use ends a window after one of its first calls was accepted."""
        if self.quota.clock is Clock.FIRST_USE:
            first = self._first()
            self.ends = first.leaves if first is not None else 0.0

    def _first(self) -> Entry | None:
        """The entry that tells when a window from the first use ends: one that has begun it at the latest, if any has.

        Those that may have counted in the window before tell it only when there is no other.
        """
        own = [entry for entry in self.log if entry.began >= self.since] or self.log
        return next((entry for entry in own if not entry.unaccepted), own[0] if own else None)

    def confirm(self, entry: Entry | None, at: float) -> None:
        """The provider has accepted the call, or it is over: if it was counted, it was so by then."""
        if entry is None or not entry.unaccepted:
            return
        entry.unaccepted -= 1
        entry.accepted_at = max(entry.accepted_at, at)
        if entry.unaccepted or entry.leaves == GONE:
            return
        length, slack = self.quota.window, slack_of(self.quota.window)
        if not self.logs:
            if entry.leaves == self.ends and entry.accepted_at < self.since:
                self._forget(entry)
            if entry.accepted_at < self.ends - 2 * slack:
                self.late.discard(entry)
            return
        before, entry.leaves = entry.leaves, entry.accepted_at + length + self.drift
        if self.quota.clock is Clock.FIRST_USE:
            if entry.accepted_at < entry.began:
                self._forget(entry)
            else:
                self.follow_log()
        elif entry.leaves > before or entry.began + length + slack < before:
            self.log.remove(entry)
            self.insert(entry)

    def _forget(self, entry: Entry) -> None:
        """It has not counted in this window."""
        self.used = max(0.0, self.used - entry.amount)
        entry.amount = 0.0
        self.late.discard(entry)
        if self.quota.clock is Clock.FIRST_USE:
            entry.leaves = GONE
            self.log.remove(entry)
            self.follow_log()

    def insert(self, entry: Entry) -> None:
        place = len(self.log)
        while place and self.log[place - 1].leaves > entry.leaves:
            place -= 1
        self.log.insert(place, entry)

    def settle(self, entry: Entry | None, taken: float, used: float) -> None:
        """The call has taken `used` instead of `taken`. One that has left the window changes nothing."""
        difference = used - taken
        if self.quota.unit is Unit.CONCURRENT:
            self.used = max(0.0, self.used + difference)
        elif entry is not None and (entry.leaves != GONE if self.logs else entry.leaves == self.ends):
            difference = max(difference, -entry.amount)
            entry.amount += difference
            self.used = max(0.0, self.used + difference)
            if self.quota.clock is Clock.FIRST_USE and used <= 0 >= entry.amount:
                self._forget(entry)  # it never counted, so the window began with the next one
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

    def _carried(self) -> float:
        """What is expected to count in the next window, too."""
        length = self.quota.window
        if self.quota.clock is Clock.FIRST_USE:
            if not self.log:
                return 0.0
            earliest, entries = self.log[0].began + length, reversed(self.log)
            near = itertools.takewhile(lambda entry: max(entry.began, entry.accepted_at) >= earliest, entries)
            return float(sum(entry.amount for entry in near))
        changes = self.ends - 2 * slack_of(length)
        return float(sum(entry.amount for entry in self.late if max(entry.began, entry.accepted_at) >= changes))

    def changes_at(self) -> float:
        """From when a call may fall into the next window from the first use; NEVER: into no other."""
        if self.quota.clock is not Clock.FIRST_USE or not self.log:
            return NEVER
        return self.log[0].began + self.quota.window - slack_of(self.quota.window) / 4

    def fits(self, amount: float, now: float) -> bool:
        if now < self.held_until:
            return False
        self.roll(now)
        if now >= self.changes_at():
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
        if over <= 0 and now < self.changes_at():
            return max(now, self.held_until)
        if not self.rolling:
            at = self.ends if self._carried() + amount <= limit else self.ends + self.quota.window
            return max(at, self.held_until)
        return max(self._left_at(over, now), self.held_until)

    def _left_at(self, amount: float, now: float) -> float:
        """When enough has left a rolling window. Entries leave in order, even if a later one could go earlier."""
        at = now
        for entry in self.log:
            amount -= entry.amount
            at = max(at, entry.leaves)
            if amount <= 1e-6:
                break
        return at

    def room(self, now: float) -> float:
        """What is free now; negative if more is used than the limit."""
        self.roll(now)
        return self.limit - self.used

    def coming(self, at: float, way: float) -> list[tuple[float, float]]:
        """What was not free at a moment, which has just passed at most, with the moments at which it comes back.

        way: seconds until a call is usually accepted.
        """
        if self.rolling:
            before = [entry for entry in self.log if entry.began <= at]
            return [(self._expected(entry, way), entry.amount) for entry in before]
        if not self.ends:
            return []
        carried = self._carried()
        if self.quota.clock is not Clock.FIRST_USE:
            return [(self.ends, self.used - carried), (self.end_after(self.ends), carried)]
        ends = self.expected_end(way)
        return [(ends, self.used - carried), (ends + self.quota.window, carried)]

    def expected_end(self, way: float) -> float:
        """Of a window from the first use; 0: it has not begun."""
        first = self._first()
        return self._expected(first, way) if first is not None and first.unaccepted else self.ends

    def _expected(self, entry: Entry, way: float) -> float:
        """When an entry will probably leave; no call is taken to be on its way for longer than the slack."""
        return (
            entry.leaves - max(0.0, slack_of(self.quota.window) - way - self.drift)
            if entry.unaccepted
            else entry.leaves
        )

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

    # --- memory --------------------------------------------------------------------------------

    def shift(self, by: float, now: float) -> None:
        """The clock was moved: whatever is counted stays counted for its remaining time."""
        for entry in self.log:
            entry.began += by
            entry.leaves += by
            entry.accepted_at += by
        if self.held_until:
            self.held_until += by
        if self.ends:
            self.ends = self.ends + by if self.quota.clock is Clock.FIRST_USE else self.end_after(now)
        self.since = 0.0
        for entry in self.late:
            entry.leaves = self.ends

    def dump(self) -> list[float]:
        on_way = self.rolling  # nobody knows yet when these leave
        log = [
            number
            for entry in self.log
            for number in (FAR if on_way and entry.unaccepted else entry.leaves, entry.amount)
        ]
        return [self.used, self.ends, sum(entry.amount for entry in self.late), self.held_until, self.typical, *log]

    def load(self, stored: list[float], now: float) -> None:
        """Nothing is kept for longer than a window, whatever the clock did meanwhile."""
        self.used, ends, late, held, self.typical, *log = stored
        length, slack = self.quota.window, slack_of(self.quota.window)
        longest = now + length + 2 * slack
        pairs = zip(log[::2], log[1::2], strict=True)
        self.log = deque(
            Entry(amount, at - length - slack, at)
            for at, amount in ((min(leaves, longest), amount) for leaves, amount in pairs)
        )
        self.ends = min(ends, longest + 86_400.0 if length > 86_400.0 else longest + 3_700.0)
        self.late = {Entry(late, self.ends, self.ends)} if late else set()
        self.held_until = min(held, longest)
        self.roll(now)
