"""What a refusal teaches a pool: how long to rest, at which scope, and which limit caused it. Pure."""

from typing import TYPE_CHECKING

from inference_service.credentials.books import believed
from inference_service.credentials.calls import Call
from inference_service.credentials.pacing import AT_ONCE as AT_ONCE_KEY
from inference_service.credentials.pacing import LADDER
from inference_service.credentials.types import Verdict
from inference_service.failures import FailureKind, Scope
from inference_service.quotas import LimitFact, Unit

if TYPE_CHECKING:
    from inference_service.credentials.pool import Pool

SHORTEST_REST, AT_ONCE = 0.5, 0.05  # a provider that says "0 seconds" means "not immediately"
LONGEST_REST = 86_400.0
CONTRADICTED_WITHIN = 3_600.0
# Refusals that say nothing about how many concurrent calls a credential can take.
NO_LIMIT = frozenset({FailureKind.FORBIDDEN, FailureKind.MODEL_FORBIDDEN})


def refused(pool: "Pool", call: Call, verdict: Verdict, now: float) -> None:
    """Refusals of calls that ran at the same time are one strike. A refusal that is not about a limit only causes a cooldown."""
    if verdict.reason in NO_LIMIT:
        pool.spread(call.lot, verdict, now + _bounded(verdict.cooldown or LONGEST_REST, verdict, call.chance))
        return
    pacing = call.lot.pacing
    others = pacing.beside(call.began)
    first = call.began > pacing.struck_at or not pacing.strikes
    if first:
        pacing.strikes += 1
        pacing.struck_at = now
    cooldown, limit = verdict.cooldown, verdict.limit
    rest = 0.0
    if limit is not None and limit.unit is Unit.CONCURRENT:
        pacing.refused_at_once(others, now)
        pacing.doubt = AT_ONCE_KEY
        rest = min(cooldown, LADDER[0]) if cooldown is not None else 0.0
    elif limit is not None:
        pacing.doubt = None
        _reached(pool, call, limit, verdict.scope, now)
        rest = believed(cooldown, limit.window) if cooldown is not None else 0.0
    elif verdict.backoff or verdict.reason == FailureKind.RATE_LIMITED:
        rest = _explain(pool, call, others, cooldown, now, first=first)
    elif cooldown is not None:
        rest = cooldown
    if cooldown is not None and first and pacing.strikes > 1:
        rest *= 2.0 ** min(pacing.strikes - 1, 10)  # the wait that was stated before was too short
    if cooldown is not None or rest:
        if pacing.doubt != AT_ONCE_KEY:
            pacing.slow = 1
        pool.spread(call.lot, verdict, now + _bounded(rest, verdict, call.chance))


def _bounded(rest: float, verdict: Verdict, chance: float) -> float:
    longest = LONGEST_REST if verdict.limit is None else 32 * LONGEST_REST
    rest = min(max(rest, SHORTEST_REST) if rest <= AT_ONCE else rest, longest)
    return rest * (0.8 + 0.4 * chance) if verdict.cooldown is None else rest


def _contradicts(call: Call, now: float) -> bool:
    """Whether refusals continue although the operator's quotas are kept. A single one may come from calls made elsewhere."""
    if not any(window.firm and window.quota.unit is Unit.REQUESTS for window in call.lot.windows):
        return True
    contradictions = call.lot.pacing.contradictions
    contradictions.append(now)
    return len(contradictions) == contradictions.maxlen and now - contradictions[0] < CONTRADICTED_WITHIN


def _explain(pool: "Pool", call: Call, others: int, stated: float | None, now: float, *, first: bool) -> float:
    pacing = call.lot.pacing
    if first and not _contradicts(call, now):
        return stated or LADDER[min(pacing.strikes - 1, len(LADDER) - 1)]
    if not first:  # it repeats the one before
        if pacing.doubt == AT_ONCE_KEY:
            pacing.refused_at_once(others, now)
        return stated or 0.0
    before = dict(pacing.norm.limits), pacing.norm.at_once
    learned = pacing.explain(others, now, at_least=stated or 0.0)
    if before != (pacing.norm.limits, pacing.norm.at_once):
        lane = pool.lane(call.lot.model, now)
        for lot in lane.lots.values():
            lot.pacing.adopt(now)
            lane.refresh(lot, now)
    return believed(stated, None) if stated is not None else learned


def _reached(pool: "Pool", call: Call, fact: LimitFact, scope: Scope, now: float) -> None:
    """The provider has named the limit: nothing is left of it."""
    reached = LimitFact(fact.unit, fact.window, fact.clock, fact.limit, 0, fact.resets_after)
    pool.correct(call.lot, reached, scope, 0, now, refused=True)
