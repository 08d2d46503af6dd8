"""When silence or slowness of one upstream call becomes a failure. Pure: `now` is an argument, in seconds.

Three limits on silence follow each other: until the response headers, until the first content (counted from the
start of the call, or from the latest sign of life in a queue), and between two pieces of content. Time in which the
caller, not the provider, is slow does not count: the watch runs only while the reader waits for the upstream.
"""

from msgspec import Struct

from inference_service.failures import FailureKind

CHECK_AGAIN = 3.0  # seconds until the next look at a silent call without a replacement


class Bounds(Struct, frozen=True):
    """Seconds. `slowest`: characters per second over `window`; 0: no limit. `fixed`: limits that the operator has set."""

    headers: float
    first: float
    idle: float
    total: float
    slowest: float = 0.0
    window: float = 20.0
    fixed: frozenset[str] = frozenset()


class Silence(Struct, frozen=True):
    """A time limit has passed. `over`: the limit of the whole call, which cannot be extended."""

    kind: FailureKind
    message: str
    over: bool = False


WORDS = {
    FailureKind.TIMEOUT: "the provider did not answer in time",
    FailureKind.STALLED: "the provider fell silent in the middle of its answer",
    FailureKind.TOO_SLOW: "the provider was too slow",
}


class Watch:
    """Report what arrives; ask when to look again, and whether a limit has passed."""

    def __init__(self, bounds: Bounds, now: float) -> None:
        self._bounds = bounds
        self._alive = now  # the latest sign of life; a snooze moves it, too
        self._waiting_since: float | None = None
        self._answered = False
        self._content = False
        self._characters = 0  # of the speed's window
        self._waited = 0.0  # of the same window: time that the provider took

    def waits(self, now: float) -> None:
        """The reader starts waiting for the upstream."""
        self._waiting_since = now

    def hears(self, now: float, *, content: bool, life: bool, characters: int = 0) -> None:
        """Something arrived. `life`: a queue or a model reports progress, which restarts the limit."""
        if self._waiting_since is not None and self._content:
            self._waited += now - self._waiting_since
        self._waiting_since = None
        if content or life:
            self._alive = now
        self._answered = True
        self._content = self._content or content
        self._characters += characters

    def snooze(self, now: float) -> None:
        """This call has no replacement: look again in a while."""
        self._alive = max(self._alive, now - self._allowed() + CHECK_AGAIN)
        self._characters, self._waited = 0, 0.0

    def _allowed(self) -> float:
        bounds = self._bounds
        return bounds.idle if self._content else bounds.first if self._answered else bounds.headers

    def _silent_at(self) -> float:
        """When the limit on silence passes, if nothing arrives."""
        since = self._alive if self._waiting_since is None else max(self._alive, self._waiting_since)
        if self._content:
            return since + self._bounds.idle
        if not self._answered:
            return min(self._alive + self._bounds.headers, self._first_at())
        return self._first_at()

    def _first_at(self) -> float:
        # Response headers are no reason to wait longer for the first word; a queue that moves is.
        return self._alive + self._bounds.first

    def next_look(self, now: float) -> float:
        """When `silence` may have something to report."""
        if self._waiting_since is None:
            return now + min(self._bounds.headers, self._bounds.first, self._bounds.idle)
        if not self._measures_speed():
            return self._silent_at()
        return min(self._silent_at(), self._waiting_since + max(0.0, self._bounds.window - self._waited))

    def _measures_speed(self) -> bool:
        return self._content and self._bounds.slowest > 0

    def silence(self, now: float) -> Silence | None:
        """Whether the call is overdue."""
        if self._waiting_since is None:
            return None
        if now >= self._silent_at():
            kind = FailureKind.STALLED if self._content else FailureKind.TIMEOUT
            return Silence(kind, WORDS[kind])
        if self._measures_speed():
            waited = self._waited + (now - self._waiting_since)
            if waited >= self._bounds.window:
                slow = self._characters / waited < self._bounds.slowest
                self._characters, self._waited = 0, -(now - self._waiting_since)
                if slow:
                    return Silence(FailureKind.TOO_SLOW, WORDS[FailureKind.TOO_SLOW])
        return None

    def is_serious(self, now: float) -> bool:
        """Silence for half of the limit counts against the provider, however soon the caller's deadline is."""
        if self._waiting_since is None:
            return False
        return now - max(self._alive, self._waiting_since) >= self._allowed() / 2
