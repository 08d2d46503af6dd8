"""Hedging: after a delay a second deployment starts too. The first valid content wins, never an error.

The loser is cancelled at once, its credential returns, its cost is recorded, and its breaker learns nothing.
"""

import asyncio
from collections.abc import Callable
from typing import Any

from antiphon.config.model import Hedge
from inference_service.failures import RequestFailure, UpstreamFailure
from inference_service.routing.attempt import Attempt
from inference_service.routing.budget import Percentile, StormBudget
from inference_service.routing.observer import Observer
from inference_service.routing.plan import Deployment
from inference_service.routing.search import Found, Open, Pause, Search

UNKNOWN_P95 = 2.0  # seconds, until enough answers were seen


class _Racer:
    """One attempt on its way to its first content."""

    def __init__(self, deployment: Deployment, attempt: Attempt, prefix: str) -> None:
        self.deployment, self.attempt, self.prefix = deployment, attempt, prefix
        self.task = asyncio.create_task(Search.peek(attempt, eager=False), name=f"hedge:{deployment.name}")


class Hedger:
    """Of one route; keeps what its deployments' first tokens usually take."""

    def __init__(self, hedge: Hedge, observer: Observer) -> None:
        self._hedge = hedge
        self._observer = observer
        self._budget = StormBudget(hedge.budget, floor=1)
        self._seen: dict[str, Percentile] = {}

    def _delay(self, deployment: str) -> float:
        if self._hedge.after != "p95":
            return self._hedge.after
        seen = self._seen.get(deployment)
        observed = seen.p95() if seen is not None else None
        return max(self._hedge.minimum, UNKNOWN_P95 if observed is None else observed)

    async def next(
        self, search: Search, open_: Open, prefix_for: Callable[[Deployment], str], lost: Callable[[Attempt], None]
    ) -> Found | Pause:
        """As `Search.next`, with at most one more attempt beside the first. Raises RequestFailure."""
        loop = asyncio.get_running_loop()
        self._budget.request(loop.time())
        while True:
            leased = await search.lease()
            if isinstance(leased, Pause):
                return leased
            racers = [self._start(search, leased, open_, prefix_for)]
            try:
                winner = await self._race(search, racers, open_, prefix_for)
            finally:
                await self._end_others(racers, search, lost)
            if winner is not None:
                return winner

    @staticmethod
    def _start(
        search: Search, leased: tuple[Deployment, Any], open_: Open, prefix_for: Callable[[Deployment], str]
    ) -> _Racer:
        deployment, lease = leased
        attempt, prefix = search.begin(deployment, lease, open_, prefix_for)
        return _Racer(deployment, attempt, prefix)

    async def _race(
        self, search: Search, racers: list[_Racer], open_: Open, prefix_for: Callable[[Deployment], str]
    ) -> Found | None:
        """The winner, or None when all have failed and the search goes on."""
        delay: float | None = self._delay(racers[0].deployment.name)
        while racers:
            done, _ = await asyncio.wait(
                [one.task for one in racers], timeout=delay, return_when=asyncio.FIRST_COMPLETED
            )
            if not done:
                delay = None
                await self._add_second(search, racers, open_, prefix_for)
                continue
            for one in [one for one in racers if one.task in done]:
                racers.remove(one)
                try:
                    one.task.result()
                except UpstreamFailure as failure:
                    await one.attempt.close()
                    await search.note(one.attempt, one.deployment, failure)
                    continue
                self._seen.setdefault(one.deployment.name, Percentile()).add(one.attempt.duration)
                if one.attempt.hedge:
                    self._observer.hedged(search.terms.request_id, one.deployment.name, won=True)
                return Found(one.attempt, one.deployment, one.prefix)
        return None

    async def _add_second(
        self, search: Search, racers: list[_Racer], open_: Open, prefix_for: Callable[[Deployment], str]
    ) -> None:
        if not self._budget.take(asyncio.get_running_loop().time()):
            return
        try:
            leased = await search.lease(besides=frozenset(one.deployment.name for one in racers))
        except RequestFailure:
            return  # nobody else; the first one is still on its way
        if isinstance(leased, Pause):
            return
        second = self._start(search, leased, open_, prefix_for)
        second.attempt.hedge = True
        racers.append(second)

    async def _end_others(self, racers: list[_Racer], search: Search, lost: Callable[[Attempt], None]) -> None:
        for one in racers:
            one.task.cancel()
        for one in racers:
            await asyncio.wait([one.task])
            failure = one.attempt.failure
            if failure is not None:  # it had failed in the very moment that the other one won
                search.record(one.attempt, one.deployment, failure)
            await one.attempt.close(lost=failure is None)
            lost(one.attempt)
            if one.attempt.hedge:
                self._observer.hedged(search.terms.request_id, one.deployment.name, won=False)
