"""What a request does next, from the facts so far. Pure: `now` is an argument, in seconds of loop time.

`Facts` is everything that one request knows; `learn_failure` and `learn_denial` write into it, `next_step` reads it.
The rules, in their order:

1. A refusal of the content is reported to the caller. With no time or no calls left, the request ends.
2. Deployments are tried in the order of the route. The preferred one is waited for only if its provider has stated
a rest of at most `short_wait`; every other denial leads to the next deployment at once.
3. A deployment with a failure that may pass is tried once more, if no other can answer.
4. When every deployment is resting, the request waits for the first to become ready, if that is before its deadline.
"""

from dataclasses import dataclass, field

from msgspec import Struct

from inference_service.credentials.types import Denied, Why
from inference_service.failures import FailureKind, Outcome, UpstreamFailure
from inference_service.routing.classify import TABLE, Next

K = FailureKind
LEAST_TIME = 0.02  # seconds before the deadline from which a new call is pointless
HOPELESS = 3_600.0  # a longer rest is not worth waiting for
FIRST_RETRY = 0.1  # seconds; spread by the caller of `learn_failure`


class Candidate(Struct, frozen=True):
    """A deployment that may answer. `context`: tokens it can read, 0: unknown."""

    name: str
    context: int = 0


@dataclass
class Standing:
    """What this request knows about one deployment."""

    left: bool = False  # not tried again, or only if no other can answer (`again_at`)
    again_at: float | None = None
    asked_again: bool = False
    voted: bool = False  # each request counts once against a deployment
    waited: bool = False  # waited for, because its provider stated the rest
    forced: bool = False  # tried although benched, because no other could answer
    without: frozenset[str] = frozenset()  # fields that it refuses
    no_prefill: bool = False
    mended: bool = False  # the adapter has changed its request, and has had its second chance
    denied: Denied | None = None
    denied_at: float = 0.0


@dataclass
class Facts:
    """Everything that decides the next step of one request. `deadline` in loop time."""

    candidates: list[Candidate]
    deadline: float
    attempts: int  # the most upstream calls
    short_wait: float
    failed: int = 0  # calls that failed
    kinds: list[FailureKind] = field(default_factory=list)
    last: UpstreamFailure | None = None
    standings: dict[str, Standing] = field(default_factory=dict)
    line_closed: bool = False  # no place in a queue leads to a credential before the deadline

    def of(self, name: str) -> Standing:
        return self.standings.setdefault(name, Standing())

    def open(self) -> list[Candidate]:
        """Deployments that may be tried, in the order of the route."""
        return [candidate for candidate in self.candidates if not self.of(candidate.name).left]


# --- steps ---------------------------------------------------------------------------------------


class Acquire(Struct, frozen=True):
    """Ask for a credential of this deployment. `last`: no other can answer, so even a benched model is tried."""

    deployment: str
    last: bool = False


class Sleep(Struct, frozen=True):
    """Wait for this deployment, then look again. `retry`: it is tried once more after a failure."""

    deployment: str
    seconds: float
    retry: bool = False


class Queue(Struct, frozen=True):
    """Wait in the queue for the first of these. `seconds`: the estimate until then."""

    deployments: tuple[str, ...]
    seconds: float


class Fail(Struct, frozen=True):
    """The request cannot be answered."""

    outcome: Outcome
    message: str
    retry_after: float | None = None
    field: str = ""
    reason: str = ""  # a FailureKind value: why the deployments are resting


Step = Acquire | Sleep | Queue | Fail


def next_step(facts: Facts, now: float) -> Step:
    """Every denial in the facts counts as fresh; clear them (`look_again`) after a wait or a call."""
    if facts.last is not None and TABLE[facts.last.kind].then is Next.CALLER:
        return Fail(Outcome.REFUSED, facts.last.message)
    if facts.deadline - now <= LEAST_TIME:
        return Fail(Outcome.DEADLINE, "the deadline passed before an answer was complete", retry_after(facts, now))
    if facts.failed >= facts.attempts:
        return failure(facts, now)
    candidates = facts.open()
    for place, candidate in enumerate(candidates):
        standing = facts.of(candidate.name)
        if standing.denied is None:
            return Acquire(candidate.name)
        if place == 0 and (wait := told_wait(facts, standing, now)) is not None:
            return Sleep(candidate.name, wait)
    return again(facts, now) or forced(facts, candidates) or line(facts, candidates, now) or failure(facts, now)


def told_wait(facts: Facts, standing: Standing, now: float) -> float | None:
    """Seconds to wait for the preferred deployment, if its provider stated a short rest."""
    denied = standing.denied
    if denied is None or denied.wait is None or not denied.told or standing.waited:
        return None
    seconds = standing.denied_at + denied.wait - now
    return max(0.0, seconds) if seconds <= min(facts.short_wait, facts.deadline - now - LEAST_TIME) else None


def again(facts: Facts, now: float) -> Step | None:
    """A deployment whose failure may have passed."""
    waits = [
        (standing.again_at, candidate.name)
        for candidate in facts.candidates
        if (standing := facts.of(candidate.name)).left and standing.again_at is not None
    ]
    if not waits:
        return None
    at, name = min(waits)
    if at > facts.deadline - LEAST_TIME:
        return None
    return Sleep(name, max(0.0, at - now), retry=True)


def forced(facts: Facts, candidates: list[Candidate]) -> Step | None:
    """Never bench the last deployment of a route: the first benched one is tried anyway, once."""
    for candidate in candidates:
        standing = facts.of(candidate.name)
        if standing.denied is not None and standing.denied.why is Why.BENCHED and not standing.forced:
            return Acquire(candidate.name, last=True)
    return None


def line(facts: Facts, candidates: list[Candidate], now: float) -> Step | None:
    """Waiting in the queue, if that can help before the deadline."""
    if facts.line_closed:
        return None
    waits = {
        candidate.name: wakes_at
        for candidate in candidates
        if (wakes_at := wake(facts.of(candidate.name), now)) is not None and wakes_at < facts.deadline - LEAST_TIME
    }
    if not waits:
        return None
    return Queue(tuple(waits), max(0.0, min(waits.values()) - now))


def wake(standing: Standing, now: float) -> float | None:
    """When a denied deployment may be tried again; None: unknown."""
    denied = standing.denied
    if denied is None or denied.why is Why.NONE:
        return None
    if denied.wait is None:
        return now if denied.why is Why.BUSY else None
    return standing.denied_at + denied.wait if denied.wait < HOPELESS else None


# --- learning ------------------------------------------------------------------------------------


def learn_denial(facts: Facts, name: str, denied: Denied, now: float) -> None:
    """No credential was free. A rest that turns out longer than stated is not waited for again."""
    standing = facts.of(name)
    standing.denied, standing.denied_at = denied, now


def learn_line_denial(facts: Facts, names: tuple[str, ...], denied: Denied, now: float) -> None:
    """Waiting is pointless: `denied.wait` is the earliest moment at which another request makes sense."""
    facts.line_closed = True
    for name in names:
        learn_denial(facts, name, denied, now)


def look_again(facts: Facts) -> None:
    """Time has passed: what was denied may be granted now."""
    for standing in facts.standings.values():
        standing.denied = None


def learn_failure(
    facts: Facts, name: str, failed: UpstreamFailure, now: float, *, began: bool, wanted: frozenset[str], spread: float
) -> None:
    """The one place in which a failure changes what the request does next.

    began: words of the answer have left, and this call sent some. wanted: optional fields that the caller set. spread: 0 to 1, by chance.
    """
    facts.last = failed
    facts.failed += 1
    facts.kinds.append(failed.kind)
    standing = facts.of(name)
    if failed.mended and not standing.mended:
        standing.mended = True
        standing.without |= wanted.intersection(failed.fields)
        look_again(facts)
        return
    match TABLE[failed.kind].then:
        case Next.CALLER:
            pass
        case Next.CREDENTIAL:
            standing.left = must_leave_calls(facts, name)
        case Next.RESTART:
            standing.left, standing.no_prefill = standing.no_prefill, True
        case Next.WITHOUT_FIELD:
            droppable = bool(wanted.intersection(failed.fields) - standing.without)
            standing.left, standing.without = not droppable, standing.without.union(failed.fields)
        case Next.LARGER:
            larger_only(facts, name)
        case Next.LATER:
            standing.left = True
            pause = failed.wake_after if failed.wake_after is not None else FIRST_RETRY * (1 + spread)
            standing.again_at = None if standing.asked_again else now + pause
        case Next.DEPLOYMENT:
            standing.left, standing.again_at = True, None
    if began and failed.kind in (K.STALLED, K.TOO_SLOW, K.BAD_RESPONSE) and not standing.asked_again:
        standing.again_at = now  # if no other is left, the same deployment may finish what it began
    look_again(facts)


def ask_again(facts: Facts, name: str) -> None:
    """The deployment gets its second chance."""
    standing = facts.of(name)
    standing.left, standing.again_at, standing.asked_again = False, None, True


def give_up(facts: Facts, name: str) -> None:
    """No second chance, for example because too many requests are retrying already."""
    facts.of(name).again_at = None


def must_leave_calls(facts: Facts, name: str) -> bool:
    """Refused credentials may use up the calls of a request only while one remains for every other deployment."""
    others = sum(1 for candidate in facts.open() if candidate.name != name)
    return facts.attempts - facts.failed <= others


def larger_only(facts: Facts, name: str) -> None:
    """Too long for this one: too long for all that read no more."""
    size = next(candidate.context for candidate in facts.candidates if candidate.name == name)
    for candidate in facts.candidates:
        smaller = bool(size) and 0 < candidate.context <= size
        if candidate.name == name or smaller:
            facts.of(candidate.name).left = True


# --- giving up -----------------------------------------------------------------------------------


def retry_after(facts: Facts, now: float) -> float | None:
    """Seconds until a retry makes sense; None if unknown."""
    wakes = []
    for standing in facts.standings.values():
        if standing.again_at is not None:
            wakes.append(standing.again_at)
        elif standing.denied is not None and standing.denied.wait is not None:
            wakes.append(standing.denied_at + standing.denied.wait)
    return min((max(0.0, at - now) for at in wakes), default=None)


LIMITS = frozenset({K.RATE_LIMITED, K.QUOTA_EXHAUSTED})
# Seconds after which a retry makes sense if nobody stated a time, by reason.
UNTOLD = {
    K.QUOTA_EXHAUSTED: 3_600.0, K.RATE_LIMITED: 60.0, K.UNAUTHENTICATED: 300.0, K.FORBIDDEN: 60.0, K.MODEL_FORBIDDEN: 3_600.0,
    K.MODEL_NOT_FOUND: 60.0, K.RETIRED: 3_600.0, K.BLOCKED: 300.0,
}  # fmt: skip
USUAL = 10.0
REASONS = frozenset(kind.value for kind in K)
CREDENTIALS = LIMITS | {K.UNAUTHENTICATED, K.FORBIDDEN, K.MODEL_FORBIDDEN}


def failure(facts: Facts, now: float) -> Fail:
    """The one error that the caller gets."""
    kinds = set(facts.kinds)
    wait = retry_after(facts, now)
    said = facts.last.message if facts.last else ""
    reason = why(facts)
    if not kinds and (limit := largest_limit(facts)):
        text = f"the request needs more tokens than any credential has in one window: at most {limit:,} fit"
        return Fail(Outcome.INVALID, text, field="messages")
    if kinds and all(TABLE[kind].request for kind in kinds):
        return request_failure(kinds, facts)
    resting = any(
        standing.denied is not None and standing.denied.why in (Why.RESTING, Why.BUSY)
        for standing in facts.standings.values()
    )
    if wait is None:
        wait = UNTOLD.get(K(reason), USUAL) if reason in REASONS else USUAL
    if kinds <= CREDENTIALS and (resting or reason in LIMITS):
        text = f"every credential is resting: {said or words(reason)}; the first is ready in {duration(wait)}"
        return Fail(Outcome.EXHAUSTED, text, wait, reason=reason)
    if said:
        text = f"no deployment could answer; the last one reported: {said}"
    elif reason:
        text = f"no deployment can answer now: {words(reason)}"
    else:
        text = "no deployment can answer now"
    return Fail(Outcome.UNAVAILABLE, text, wait, reason=reason)


def request_failure(kinds: set[FailureKind], facts: Facts) -> Fail:
    """Every deployment that was tried refuses this request: the caller has to change it."""
    said = facts.last.message if facts.last else ""
    if kinds == {K.UNSUPPORTED}:
        return Fail(Outcome.UNSUPPORTED, said, field="messages")
    too_long = kinds == {K.CONTEXT_TOO_LONG}
    name = "messages" if too_long else facts.last.field if facts.last else ""
    return Fail(Outcome.INVALID, said or "the request is not valid for any deployment", field=name)


def largest_limit(facts: Facts) -> int:
    """The most tokens that one call may take, if every deployment finds the request too large; else 0."""
    denials = [facts.of(candidate.name).denied for candidate in facts.open()]
    if not denials or any(denied is None or denied.why is not Why.TOO_LARGE for denied in denials):
        return 0
    return max(denied.limit for denied in denials if denied is not None)


def why(facts: Facts) -> str:
    """The known reason, also if this request met only cooldowns that earlier requests caused."""
    if facts.last is not None:
        return facts.last.kind.value
    reasons = [standing.denied.reason for standing in facts.standings.values() if standing.denied is not None]
    return next((reason for reason in reasons if reason), "")


def words(reason: str) -> str:
    return reason.replace("_", " ") or "no room"


def duration(seconds: float) -> str:
    """For people: "40 s", "5 min", "3 h"."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return f"{round(seconds / 60)} min" if seconds < 5_400 else f"{round(seconds / 3_600)} h"
