"""Pools and breakers of one process."""

import itertools
import time
from collections.abc import Callable

from inference_service.credentials.breaker import Breaker
from inference_service.credentials.pool import Pool
from inference_service.credentials.types import (
    Ask,
    Backend,
    BreakerSpec,
    BreakerView,
    CredentialView,
    Denied,
    Grant,
    PoolSpec,
    Rest,
    Verdict,
    Why,
)
from inference_service.quotas import LimitFact

# In memory a lease ends with its holder, so a long one only guards against a bug of ours.
LEASE_TIME = 3_600.0


class MemoryStore:
    """`clock` gives epoch seconds; tests turn it."""

    def __init__(self, breaker: BreakerSpec, clock: Callable[[], float] = time.time) -> None:
        self._breaker_spec = breaker
        self._clock = clock
        self._leases = itertools.count(1)
        self._pools: dict[str, Pool] = {}
        self._breakers: dict[str, Breaker] = {}

    @property
    def backend(self) -> Backend:
        return Backend.MEMORY

    def configure(self, pool: PoolSpec) -> None:
        if pool.name in self._pools:
            self._pools[pool.name].configure(pool)
        else:
            self._pools[pool.name] = Pool(pool, lease_time=LEASE_TIME)

    def _breaker(self, deployment: str) -> Breaker:
        if deployment not in self._breakers:
            self._breakers[deployment] = Breaker(self._breaker_spec)
        return self._breakers[deployment]

    async def acquire(self, ask: Ask) -> Grant | Denied:
        now, lease = self._clock(), f"{next(self._leases):x}"
        breaker = self._breaker(ask.deployment)
        admitted = breaker.admit(lease, now, LEASE_TIME, last=ask.last)
        if admitted is not True:
            view = breaker.view(now)
            return Denied(Why.BENCHED if view.state == "benched" else Why.BREAKER, float(admitted), view.reason)
        picked = self._pools[ask.pool].pick(ask.model, lease, now)
        if isinstance(picked, Denied):
            breaker.withdraw(lease)
            return picked
        return Grant(picked, lease)

    async def release(self, ask: Ask, grant: Grant, verdict: Verdict) -> None:
        now = self._clock()
        self._breaker(ask.deployment).vote(grant.lease, verdict.vote, verdict.reason, now)
        self._pools[ask.pool].release(grant.credential, ask.model, grant.lease, verdict, now)

    async def report(self, ask: Ask, grant: Grant, limits: tuple[LimitFact, ...]) -> None:
        self._pools[ask.pool].report(grant.credential, ask.model, limits, self._clock())

    def rests(self, pool: str) -> list[Rest]:
        return self._pools[pool].rests(self._clock())

    async def lift(self, pool: str) -> None:
        self._pools[pool].lift()
        for deployment, breaker in self._breakers.items():
            if deployment.partition("/")[0] == pool:
                breaker.lift()

    async def credentials(self, pool: str) -> list[CredentialView]:
        return self._pools[pool].views(self._clock())

    async def breakers(self, deployments: list[str]) -> dict[str, BreakerView]:
        return {name: self._breaker(name).view(self._clock()) for name in deployments}

    async def close(self) -> None:
        return None
