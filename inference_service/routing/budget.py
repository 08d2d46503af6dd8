"""Budgets that keep an outage from becoming a storm. Pure: `now` is an argument, in seconds."""

from collections import deque


class StormBudget:
    """Extra calls (retries, hedges) are a share of the requests of the last ten seconds, with a floor."""

    WINDOW = 10.0

    def __init__(self, share: float, floor: int) -> None:
        self._share, self._floor = share, floor
        self._requests: deque[float] = deque()
        self._spent: deque[float] = deque()

    def request(self, now: float) -> None:
        self._requests.append(now)
        self._trim(now)

    def take(self, now: float) -> bool:
        """Whether another extra call is within the budget; counts it if so."""
        self._trim(now)
        if self._share <= 0 or len(self._spent) >= max(self._floor, self._share * len(self._requests)):
            return False
        self._spent.append(now)
        return True

    def _trim(self, now: float) -> None:
        for moments in (self._requests, self._spent):
            while moments and moments[0] <= now - self.WINDOW:
                moments.popleft()


class Percentile:
    """The 95th percentile of the latest observations; None below ten of them."""

    KEPT, NEEDED = 128, 10

    def __init__(self) -> None:
        self._seen: deque[float] = deque(maxlen=self.KEPT)

    def add(self, seconds: float) -> None:
        self._seen.append(seconds)

    def p95(self) -> float | None:
        if len(self._seen) < self.NEEDED:
            return None
        ordered = sorted(self._seen)
        return ordered[min(len(ordered) - 1, int(len(ordered) * 0.95))]

    def median(self) -> float | None:
        return sorted(self._seen)[len(self._seen) // 2] if self._seen else None
