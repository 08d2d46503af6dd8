"""When a second deployment starts next to a silent first one. Pure: `now` is an argument, in seconds."""

from antiphon.config.model import Hedge
from inference_service.routing.budget import Percentile, StormBudget

UNKNOWN_P95 = 2.0  # seconds, until enough answers were seen


class Hedger:
    """For one route; keeps how long its deployments usually take to the first token."""

    def __init__(self, hedge: Hedge) -> None:
        self._hedge = hedge
        self._budget = StormBudget(hedge.budget, floor=1)
        self._seen: dict[str, Percentile] = {}

    def request(self, now: float) -> None:
        """Counts a request; the budget is a share of these."""
        self._budget.request(now)

    def delay(self, deployment: str) -> float:
        """Seconds of silence of this deployment after which the next one starts as well."""
        if self._hedge.after != "p95":
            return self._hedge.after
        times = self._seen.get(deployment)
        observed = times.p95() if times is not None else None
        return max(self._hedge.minimum, UNKNOWN_P95 if observed is None else observed)

    def take(self, now: float) -> bool:
        """Whether another hedge is within the budget; counts it if so."""
        return self._budget.take(now)

    def observe(self, deployment: str, seconds: float) -> None:
        """The time to first content of a call that won."""
        self._seen.setdefault(deployment, Percentile()).add(seconds)
