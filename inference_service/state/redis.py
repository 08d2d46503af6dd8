"""Pools and breakers in Redis: several processes behave as one. See `scripts.py` for the rules.

Every method raises `redis.RedisError` or `TimeoutError` when Redis cannot answer in time; `shared.py` handles that.
"""

import random
import secrets
import time
from collections.abc import Callable
from typing import Any

import msgspec
from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import NoScriptError

from antiphon.config.model import State
from inference_service.credentials.pool import AT_ONCE, SHORTEST_REST, quarantine
from inference_service.credentials.types import (
    Ask,
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
from inference_service.quotas import LimitFact, Unit
from inference_service.state import scripts

FIRST_BACKOFF, LONGEST_BACKOFF = 2.0, 300.0
# Each call holds a connection for less than a millisecond; whoever finds none free waits for one.
CONNECTIONS = 32


class RedisStore:
    """`remembered` gives the rests of a pool that this process knows: a Redis that has restarted is told them."""

    def __init__(
        self, url: str, settings: State, breaker: BreakerSpec, remembered: Callable[[str], list[Rest]]
    ) -> None:
        self._settings, self._breaker, self._remembered = settings, breaker, remembered
        self._redis: Redis = Redis.from_pool(
            BlockingConnectionPool.from_url(
                url,
                max_connections=CONNECTIONS,
                timeout=settings.timeout,
                decode_responses=True,
                socket_timeout=settings.timeout,
                socket_connect_timeout=settings.timeout,
                retry=Retry(NoBackoff(), 0),  # memory is the second try, and it does not keep anybody waiting
            )
        )
        self._scripts: dict[str, str] = {}  # text → digest, of the Redis that is there now
        self._pools: dict[str, PoolSpec] = {}
        self._calls: dict[str, tuple[str, str]] = {}  # lease → pool, credential: our calls that are under way
        self.given_up: dict[str, Ask] = {}  # leases that Redis may have granted when nobody waited for them any more
        # Strikes and refusals as last seen, for the length of the next rest; the truth is in Redis.
        self._strikes: dict[tuple[str, str], int] = {}
        self._refusals: dict[tuple[str, str], int] = {}

    async def reconnect(self) -> None:
        """Drops every connection: what comes next opens a new one."""
        await self._redis.connection_pool.disconnect()

    async def join(self) -> None:
        """Tells Redis the rules and what is remembered here."""
        for text in scripts.ALL:
            self._scripts[text] = await self._redis.script_load(text)
        for pool in self._pools:
            await self._restore(pool)

    async def _run(self, text: str, keys: list[str], arguments: list[Any]) -> Any:
        """One round trip, but for a Redis that is new."""
        if text not in self._scripts:
            await self.join()
        try:
            return await self._redis.evalsha(self._scripts[text], len(keys), *keys, *arguments)
        except NoScriptError:
            # It has restarted, perhaps empty, between two of our calls.
            await self.join()
            return await self._redis.evalsha(self._scripts[text], len(keys), *keys, *arguments)

    async def _restore(self, pool: str) -> None:
        spec = self._pools[pool]
        groups = dict(zip(spec.credentials, spec.groups, strict=True))
        rests = [one for one in self._remembered(pool) if one.credential in groups]
        arguments: list[Any] = [len(rests)]
        for one in rests:
            arguments += [one.credential, groups[one.credential], one.model, one.until, one.reason, one.refused]
        until = time.time() + self._settings.lease
        for lease, (where, credential) in self._calls.items():
            if where == pool and credential in groups:
                arguments += [credential, groups[credential], lease, until]
        if len(arguments) > 1:
            await self._run(scripts.RESTORE, self._keys(pool)[:1], arguments)

    async def renew(self) -> None:
        """Keeps the leases of calls that are under way; those of a process that is no more end by themselves."""
        until = time.time() + self._settings.lease
        held: dict[str, list[str]] = {}
        for lease, (pool, credential) in self._calls.items():
            held.setdefault(pool, []).extend((credential, lease))
        for pool, pairs in held.items():
            await self._run(scripts.RENEW, self._keys(pool)[:1], [until, *pairs])

    def configure(self, pool: PoolSpec) -> None:
        self._pools[pool.name] = pool

    def _keys(self, pool: str, deployment: str = "") -> list[str]:
        tag = f"{{{self._settings.prefix}:{pool}}}"
        return [f"{tag}:credentials", f"{tag}:breaker:{deployment}"]

    async def acquire(self, ask: Ask) -> Grant | Denied:
        spec, lease = self._pools[ask.pool], secrets.token_hex(8)
        members = [text for pair in zip(spec.credentials, spec.groups, strict=True) for text in pair]
        arguments = [
            time.time(),
            lease,
            self._settings.lease,
            self._breaker.probe_interval,
            ask.model,
            spec.max_concurrent,
            msgspec.json.encode(sorted(ask.exclude)).decode(),
            *members,
        ]
        try:
            answer = await self._run(scripts.ACQUIRE, self._keys(ask.pool, ask.deployment), arguments)
        except BaseException:
            self.given_up[lease] = ask
            raise
        if answer[0] == "grant":
            self._calls[lease] = ask.pool, answer[1]
            return Grant(answer[1], lease, answer[2] == "1")
        return Denied(Why(answer[1]), float(answer[2]) if answer[2] else None, answer[3])

    async def settle(self) -> None:
        """Takes back what `acquire` may have taken when it was given up."""
        for lease, ask in list(self.given_up.items()):
            await self._run(scripts.FORGET, self._keys(ask.pool, ask.deployment), [lease])
            self.given_up.pop(lease, None)

    def ended(self, grant: Grant) -> None:
        """The call is over, whether Redis can be told or not."""
        self._calls.pop(grant.lease, None)

    async def release(self, ask: Ask, grant: Grant, verdict: Verdict) -> None:
        self.ended(grant)
        now, key = time.time(), (ask.pool, grant.credential)
        until = 0.0
        if verdict.cooldown is not None or verdict.backoff:
            rest = (
                verdict.cooldown
                if verdict.cooldown is not None
                else backoff(self._strikes.get(key, 0), random.random())
            )
            until = now + not_at_once(rest)
        refused = 0.0
        if verdict.quarantine:
            times = self._refusals.get(key, 0)
            self._refusals[key] = times + 1
            refused = now + quarantine(times)
        elif verdict.good_credential:
            self._refusals.pop(key, None)
        strikes = await self._run(
            scripts.RELEASE,
            self._keys(ask.pool, ask.deployment),
            [
                now,
                grant.lease,
                grant.credential,
                ask.model,
                verdict.vote.value,
                verdict.reason,
                until,
                verdict.scope.value,
                refused,
                int(verdict.good_credential),
                self._breaker.failures,
                self._breaker.window,
                self._breaker.probe_interval,
                self._breaker.bench,
            ],
        )
        self._strikes[key] = int(float(strikes))

    async def report(self, ask: Ask, grant: Grant, limits: tuple[LimitFact, ...]) -> None:
        now = time.time()
        for fact in limits:
            if fact.unit is Unit.REQUESTS and fact.remaining is not None and fact.resets_after:
                arguments = [now, grant.credential, ask.model, fact.remaining, now + fact.resets_after]
                await self._run(scripts.REPORT, self._keys(ask.pool)[:1], arguments)

    async def lift(self, pool: str) -> None:
        await self._run(scripts.LIFT, self._keys(pool)[:1], [])

    async def credentials(self, pool: str) -> list[CredentialView]:
        now = time.time()
        stored: Any = await self._redis.hgetall(self._keys(pool)[0])
        return [
            _view(name, msgspec.json.decode(stored[name]) if name in stored else {}, now)
            for name in self._pools[pool].credentials
        ]

    async def breakers(self, deployments: list[str]) -> dict[str, BreakerView]:
        if not deployments:
            return {}
        async with self._redis.pipeline(transaction=False) as pipe:
            for name in deployments:
                pipe.get(self._keys(name.partition("/")[0], name)[1])
            found = await pipe.execute()
        return {
            name: _breaker_view(msgspec.json.decode(text) if text else None, time.time())
            for name, text in zip(deployments, found, strict=True)
        }

    async def close(self) -> None:
        await self._redis.aclose(close_connection_pool=True)


def _view(name: str, stored: dict[str, Any], now: float) -> CredentialView:
    # An empty table of Lua is encoded as a list or an object; both are empty here.
    leases, rests, quotas = (stored.get(key) or {} for key in ("leases", "model_rests", "quotas"))
    resting = stored.get("rests", 0) > now
    limited = {model: until for model, until in dict(rests).items() if until > now}
    left = min((one["left"] for one in dict(quotas).values() if one["resets"] > now), default=None)
    quarantined = bool(stored.get("quarantined"))
    return CredentialView(
        name,
        sum(until > now for until in dict(leases).values()),
        stored["rests"] if resting else 0.0,
        quarantined,
        stored.get("reason", "") if resting or limited or quarantined else "",
        stored.get("calls", 0),
        None if left is None else int(left),
        limited,
    )


def _breaker_view(stored: dict[str, Any] | None, now: float) -> BreakerView:
    if stored is None or not stored["probe_at"]:
        return BreakerView("closed", 0.0, "")
    if stored["benched"]:
        return BreakerView("benched", stored["probe_at"], stored["reason"])
    half = bool(stored["probing"]) and now < stored["probing_until"]
    return BreakerView("half_open" if half else "open", stored["probe_at"], stored["reason"])


def backoff(strikes: int, chance: float) -> float:
    """Seconds to rest after `strikes` refusals in a row without a time; `chance` 0 to 1 spreads by a fifth."""
    return min(LONGEST_BACKOFF, FIRST_BACKOFF * 2.0 ** min(strikes, 16)) * (0.8 + 0.4 * chance)


def not_at_once(rest: float) -> float:
    """A rest that is one."""
    return rest if rest > AT_ONCE else SHORTEST_REST
