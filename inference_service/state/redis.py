"""Pools and breakers in Redis: several processes behave as one. See `scripts.py` for the rules.

Every method raises `redis.RedisError` or `TimeoutError` when Redis cannot answer in time; `shared.py` handles that.
"""

import random
import secrets
import time
from typing import Any

import msgspec
from redis.asyncio import Redis

from antiphon.config.model import State
from inference_service.credentials.pool import backoff, not_at_once, quarantine
from inference_service.credentials.types import (
    Ask,
    BreakerSpec,
    BreakerView,
    CredentialView,
    Denied,
    Grant,
    PoolSpec,
    Remaining,
    Verdict,
    Why,
)
from inference_service.state import scripts


class RedisStore:
    def __init__(self, url: str, settings: State, breaker: BreakerSpec) -> None:
        self._settings, self._breaker = settings, breaker
        self._redis: Redis = Redis.from_url(
            url,
            decode_responses=True,
            socket_timeout=settings.timeout,
            socket_connect_timeout=settings.timeout,
            health_check_interval=15,
        )
        self._acquire = self._redis.register_script(scripts.ACQUIRE)
        self._release = self._redis.register_script(scripts.RELEASE)
        self._report = self._redis.register_script(scripts.REPORT)
        self._lift = self._redis.register_script(scripts.LIFT)
        self._pools: dict[str, PoolSpec] = {}
        # Strikes and refusals as last seen, for the length of the next rest; the truth is in Redis.
        self._strikes: dict[tuple[str, str], int] = {}
        self._refusals: dict[tuple[str, str], int] = {}

    async def ping(self) -> None:
        await self._redis.ping()

    def configure(self, pool: PoolSpec) -> None:
        self._pools[pool.name] = pool

    def _keys(self, pool: str, deployment: str = "") -> list[str]:
        tag = f"{{{self._settings.prefix}:{pool}}}"
        return [f"{tag}:credentials", f"{tag}:breaker:{deployment}"]

    async def acquire(self, ask: Ask) -> Grant | Denied:
        spec, lease = self._pools[ask.pool], secrets.token_hex(8)
        members = [text for pair in zip(spec.credentials, spec.groups, strict=True) for text in pair]
        answer = await self._acquire(
            keys=self._keys(ask.pool, ask.deployment),
            args=[
                time.time(),
                lease,
                self._settings.lease,
                self._breaker.probe_interval,
                ask.model,
                spec.max_concurrent,
                msgspec.json.encode(sorted(ask.exclude)).decode(),
                *members,
            ],
        )
        if answer[0] == "grant":
            return Grant(answer[1], lease, answer[2] == "1")
        return Denied(Why(answer[1]), float(answer[2]) if answer[2] else None, answer[3])

    async def release(self, ask: Ask, grant: Grant, verdict: Verdict) -> None:
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
        strikes = await self._release(
            keys=self._keys(ask.pool, ask.deployment),
            args=[
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

    async def report(self, ask: Ask, grant: Grant, remaining: Remaining) -> None:
        now, key = time.time(), ask.model if remaining.per_model else "*"
        await self._report(
            keys=self._keys(ask.pool)[:1],
            args=[now, grant.credential, key, remaining.requests, now + remaining.resets_after],
        )

    async def lift(self, pool: str) -> None:
        await self._lift(keys=self._keys(pool)[:1])

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
        await self._redis.aclose()


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
