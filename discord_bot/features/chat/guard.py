"""Stops two bots from talking to each other endlessly, and one account from flooding."""

from collections import deque

EXCHANGES = 20
WINDOW = 60.0
PAUSE = 60.0
MOST_ACCOUNTS = 10_000


class LoopGuard:
    """Counts exchanges by conversation and account; pure, `now` in seconds."""

    def __init__(self, exchanges: int = EXCHANGES, window: float = WINDOW, pause: float = PAUSE) -> None:
        self._exchanges, self._window, self._pause = exchanges, window, pause
        self._seen: dict[tuple[int, int], deque[float]] = {}
        self._paused: dict[tuple[int, int], float] = {}
        self._told: set[tuple[int, int]] = set()

    def allows(self, channel: int, account: int, now: float) -> bool:
        """Counts one exchange. False: too many; the pair is ignored for a minute."""
        key = (channel, account)
        if now < self._paused.get(key, now):
            return False
        self._paused.pop(key, None)
        self._told.discard(key)
        times = self._seen.setdefault(key, deque())
        while times and times[0] <= now - self._window:
            times.popleft()
        times.append(now)
        if len(self._seen) > MOST_ACCOUNTS:
            self._forget(now)
        if len(times) > self._exchanges:
            self._paused[key] = now + self._pause
            del self._seen[key]
            return False
        return True

    def tells(self, channel: int, account: int, now: float) -> bool:
        """Whether to announce the pause now: only once, because the announcement would keep the loop alive."""
        key = (channel, account)
        first = key not in self._told and now < self._paused.get(key, now)
        self._told.add(key)
        return first

    def _forget(self, now: float) -> None:
        for key in [key for key, times in self._seen.items() if times[-1] <= now - self._window]:
            del self._seen[key]
        for key in [key for key, until in self._paused.items() if until <= now]:
            del self._paused[key]
            self._told.discard(key)
