"""One provider's pool: which credential may make the next call. Pure: `now` is an argument.

Of the usable ones the one with the fewest calls in flight is picked, then the one with most known quota left,
then the longest rested. A credential that rests is never picked. `state/redis.py` has the same rules as a
script; the tests hold both against each other.
"""

import random
from dataclasses import dataclass, field

from inference_service.credentials.types import CredentialView, Denied, PoolSpec, Rest, Verdict, Why
from inference_service.failures import Scope
from inference_service.quotas import LimitFact, Unit

FIRST_BACKOFF, LONGEST_BACKOFF = 2.0, 300.0
SHORTEST_REST, AT_ONCE = 0.5, 0.05  # a provider that says "0 seconds" means "not at once"
FIRST_QUARANTINE, QUARANTINE_GROWTH, LONGEST_QUARANTINE = 300.0, 4.0, 6 * 3_600.0
UNKNOWN = 1 << 30  # quota left where the provider does not tell


def backoff(strikes: int, chance: float) -> float:
    """Seconds to rest after `strikes` refusals in a row without a time; `chance` 0 to 1 spreads by a fifth."""
    return min(LONGEST_BACKOFF, FIRST_BACKOFF * 2.0 ** min(strikes, 16)) * (0.8 + 0.4 * chance)


def not_at_once(rest: float) -> float:
    """A rest that is one."""
    return rest if rest > AT_ONCE else SHORTEST_REST


def quarantine(times: int) -> float:
    """Seconds until a refused credential is probed, growing with each refusal."""
    return min(LONGEST_QUARANTINE, FIRST_QUARANTINE * QUARANTINE_GROWTH ** min(times, 8))


@dataclass
class Quota:
    left: int
    resets_at: float


@dataclass
class Credential:
    id: str
    group: str
    leases: dict[str, float] = field(default_factory=dict)  # lease → moment at which it expires
    rests_until: float = 0.0
    reason: str = ""
    told: bool = False  # the provider named the time of the latest rest
    model_rests: dict[str, float] = field(default_factory=dict)
    quotas: dict[str, Quota] = field(default_factory=dict)  # by model; "" for all
    strikes: int = 0
    refused: int = 0  # times in quarantine, in a row
    quarantined: bool = False
    last_used: float = 0.0
    calls: int = 0

    def wakes_at(self, model: str) -> float:
        return max(self.rests_until, self.model_rests.get(model, 0.0)) if self.model_rests else self.rests_until

    def quota_left(self, model: str, now: float) -> int:
        if not self.quotas:
            return UNKNOWN
        known = [q.left for key in ("", model) if (q := self.quotas.get(key)) is not None and q.resets_at > now]
        return min(known, default=UNKNOWN)

    def expire(self, now: float) -> None:
        """Leases of crashed holders end by themselves."""
        for lease in [lease for lease, until in self.leases.items() if until <= now]:
            del self.leases[lease]


class Pool:
    """Mutable, for one process at a time."""

    def __init__(self, spec: PoolSpec, *, lease_time: float, chance: random.Random | None = None) -> None:
        self.spec = spec
        self._lease_time = lease_time
        self._chance = chance or random.Random()
        self._credentials: dict[str, Credential] = {}
        self.configure(spec)

    def configure(self, spec: PoolSpec) -> None:
        """Takes a changed list of credentials; what stays keeps its state."""
        known, self.spec = self._credentials, spec
        self._credentials = {}
        for name, group in zip(spec.credentials, spec.groups, strict=True):
            kept = known.get(name) or Credential(name, group)
            kept.group = group
            self._credentials[name] = kept

    def pick(self, model: str, lease: str, now: float) -> str | Denied:
        """The credential for the next call, now on `lease`; or why there is none and for how long."""
        best: Credential | None = None
        least: tuple[bool, int, int, float] | None = None
        waits: list[tuple[float, bool]] = []
        busy = False
        reason = ""
        for one in self._credentials.values():
            if one.leases:
                one.expire(now)
            wakes = one.wakes_at(model)
            if wakes > now:
                reason = reason or one.reason
                if not one.quarantined:
                    waits.append((wakes - now, one.told))
            elif one.quarantined and one.leases:
                continue  # its one probe is under way
            elif self.spec.max_concurrent and len(one.leases) >= self.spec.max_concurrent:
                busy = True
            else:
                # A probe that is due goes first: it costs one refusal at worst, and else nobody would ever find out.
                rank = (not one.quarantined, len(one.leases), -one.quota_left(model, now), one.last_used)
                if least is None or rank < least:
                    best, least = one, rank
        if best is not None:
            self._take(best, model, lease, now)
            return best.id
        if busy:
            return Denied(Why.BUSY, reason="busy")
        if not waits:
            return Denied(Why.NONE, None, reason)
        wait, told = min(waits)
        return Denied(Why.RESTING, wait, reason, told)

    def _take(self, one: Credential, model: str, lease: str, now: float) -> None:
        one.leases[lease] = now + self._lease_time
        one.last_used = now
        one.calls += 1
        for key in ("", model):
            quota = one.quotas.get(key)
            if quota is not None and quota.resets_at > now:
                quota.left = max(0, quota.left - 1)
                if quota.left == 0:
                    self._rest(one, key, quota.resets_at, "rate_limited")

    def release(self, credential: str, model: str, lease: str, verdict: Verdict, now: float) -> None:
        """Ends a lease with what the call taught. An unknown credential (removed meanwhile) is nothing."""
        one = self._credentials.get(credential)
        if one is None:
            return
        one.leases.pop(lease, None)
        if verdict.quarantine:
            one.quarantined = True
            one.rests_until = now + quarantine(one.refused)
            one.refused += 1
            one.reason = verdict.reason
        elif verdict.cooldown is not None or verdict.backoff:
            rest = verdict.cooldown if verdict.cooldown is not None else backoff(one.strikes, self._chance.random())
            one.strikes += 1
            one.told = verdict.told
            self._spread(one, model, verdict, now + not_at_once(rest))
        elif verdict.good_credential:
            one.strikes = one.refused = 0
            one.quarantined = False
            if one.rests_until <= now:
                one.reason = ""

    def _spread(self, one: Credential, model: str, verdict: Verdict, until: float) -> None:
        """Each limit rests at its real scope."""
        match verdict.scope:
            case Scope.CREDENTIAL_MODEL | Scope.GROUP_MODEL:
                key = model
            case Scope.CREDENTIAL | Scope.GROUP:
                key = ""
        for other in self._credentials.values():
            if other.group == one.group:  # an account of its own has one member
                self._rest(other, key, until, verdict.reason)

    def _rest(self, one: Credential, model: str, until: float, reason: str) -> None:
        if model:
            one.model_rests[model] = max(one.model_rests.get(model, 0.0), until)
        else:
            one.rests_until = max(one.rests_until, until)
        one.reason = reason

    def report(self, credential: str, model: str, limits: tuple[LimitFact, ...], now: float) -> None:
        """The provider's own count; calls that are in flight are in it already."""
        one = self._credentials.get(credential)
        if one is None:
            return
        for fact in limits:
            if fact.remaining is None or not fact.resets_after or (fact.unit is not Unit.REQUESTS and fact.remaining):
                continue
            known, left = one.quotas.get(model), fact.remaining
            if known is not None and known.resets_at > now:
                left = min(left, known.left)  # answers overtake each other; the lower count is the later one
            one.quotas[model] = Quota(left, now + fact.resets_after)
            if left == 0:
                self._rest(one, model, now + fact.resets_after, "rate_limited")

    def rests(self, now: float) -> list[Rest]:
        """Every rest that is not over."""
        found = []
        for one in self._credentials.values():
            times = one.refused if one.quarantined else 0
            both = {"": one.rests_until, **one.model_rests}
            found += [Rest(one.id, model, until, one.reason, times) for model, until in both.items() if until > now]
        return found

    def lift(self) -> None:
        for one in self._credentials.values():
            if one.quarantined:
                one.quarantined, one.refused, one.rests_until, one.reason = False, 0, 0.0, ""

    def views(self, now: float) -> list[CredentialView]:
        found = []
        for one in self._credentials.values():
            one.expire(now)
            left = min((q.left for q in one.quotas.values() if q.resets_at > now), default=None)
            rests = {model: until for model, until in one.model_rests.items() if until > now}
            resting = one.rests_until > now
            found.append(
                CredentialView(
                    one.id,
                    len(one.leases),
                    one.rests_until if resting else 0.0,
                    one.quarantined,
                    one.reason if resting or rests or one.quarantined else "",
                    one.calls,
                    left,
                    rests,
                )
            )
        return found
