"""Pools, breakers and lines of one process: who gets a credential, who waits, who is refused. Pure: `now` is an argument.

`state/memory.py` gives it a clock and wakes the waiting; the simulations in `tests/` and `antiphon rehearse` turn its clock
themselves.
"""

import itertools
from collections.abc import Sequence

from inference_service.credentials.breaker import Breaker
from inference_service.credentials.pool import Pool
from inference_service.credentials.queue import MOST_PASSES, Line, Ticket
from inference_service.credentials.quota import NEVER
from inference_service.credentials.types import Ask, BreakerSpec, Denied, Grant, PoolSpec, Verdict, Why

# A lease ends with its holder, so a long one only guards against a bug of ours.
LEASE_TIME = 3_600.0
MOST_FORESEEN = 4_000  # places in a line whose turn is computed
Served = tuple[Ticket, Ask, Grant]


class Broker:
    def __init__(self, breaker: BreakerSpec) -> None:
        self._breaker_spec = breaker
        self._serial = itertools.count(1)
        self._joined = itertools.count(1)
        self.pools: dict[str, Pool] = {}
        self._breakers: dict[str, Breaker] = {}
        self._lines: dict[tuple[str, str], Line] = {}

    def configure(self, spec: PoolSpec) -> None:
        if spec.name in self.pools:
            self.pools[spec.name].configure(spec)
        else:
            self.pools[spec.name] = Pool(spec, lease_time=LEASE_TIME)

    def breaker(self, deployment: str) -> Breaker:
        if deployment not in self._breakers:
            self._breakers[deployment] = Breaker(self._breaker_spec)
        return self._breakers[deployment]

    def shift(self, by: float, now: float) -> None:
        """The clock was moved. Breakers forget: a probe too many is better than an hour of silence."""
        for pool in self.pools.values():
            pool.shift(by, now)
        self._breakers.clear()
        for line in self._lines.values():
            for ticket, _, _ in line.places():
                ticket.deadline += by

    # --- at once -------------------------------------------------------------------------------

    def acquire(self, ask: Ask, now: float) -> Grant | Denied:
        """Those who wait go first."""
        line = self._lines.get((ask.pool, ask.model))
        if line is not None and len(line):
            return Denied(Why.BUSY, self._turn(ask, line.ahead_of((ask.caller, ask.tenant)), now), "others wait")
        return self._grant(ask, now)

    def _grant(self, ask: Ask, now: float) -> Grant | Denied:
        lease = f"{next(self._serial):x}"
        breaker = self.breaker(ask.deployment)
        admitted = breaker.admit(lease, now, LEASE_TIME, last=ask.last)
        if admitted is not True:
            view = breaker.view(now)
            return Denied(Why.BENCHED if view.state == "benched" else Why.BREAKER, float(admitted), view.reason)
        pool = self.pools[ask.pool]
        picked = pool.pick(ask, lease, now)
        if isinstance(picked, Denied):
            breaker.withdraw(lease)
            return picked
        return Grant(picked, lease, breaker.is_probe(lease), pool.is_scout(lease))

    def follow(self, ask: Ask, credential: str, lease: str, now: float) -> None:
        """A call that was granted elsewhere is counted here, too."""
        self.breaker(ask.deployment).admit(lease, now, LEASE_TIME, last=ask.last)
        self.pools[ask.pool].follow(ask, credential, lease, now)

    def candidates(self, ask: Ask, now: float) -> tuple[list[tuple[str, str]], bool] | Denied:
        """Credentials with their accounts that could take the call, the best first, and whether it would be a probe."""
        breaker = self.breaker(ask.deployment)
        admitted = breaker.admit("candidate", now, LEASE_TIME, last=ask.last)
        probe = breaker.is_probe("candidate")
        breaker.withdraw("candidate")
        if admitted is not True:
            view = breaker.view(now)
            return Denied(Why.BENCHED if view.state == "benched" else Why.BREAKER, float(admitted), view.reason)
        found = self.pools[ask.pool].candidates(ask, now)
        return found if isinstance(found, Denied) else (found, probe)

    def release(self, ask: Ask, grant: Grant, verdict: Verdict, now: float) -> None:
        self.breaker(ask.deployment).vote(grant.lease, verdict.vote, verdict.reason, now)
        self.pools[ask.pool].release(grant.lease, verdict, now)

    def lift(self, pool: str, now: float) -> None:
        """A person has looked at the pool: quarantines and benches end."""
        self.pools[pool].lift(now)
        for deployment, breaker in self._breakers.items():
            if deployment.partition("/")[0] == pool:
                breaker.lift()

    # --- in line -------------------------------------------------------------------------------

    def join(self, asks: Sequence[Ask], deadline: float, now: float) -> tuple[Ticket, list[Ticket]] | Denied:
        """A ticket, and those that lose their place to it; or why waiting is in vain, and until when."""
        ticket = Ticket(tuple(asks), deadline, now, next(self._joined))
        denied: list[Denied] = []
        out: list[Ticket] = []
        joined = False
        for ask in asks:
            refused = self._in_vain(ask, deadline, now)
            if refused is not None:
                denied.append(refused)
                continue
            line = self._lines.setdefault((ask.pool, ask.model), Line())
            leaving = line.join(ticket, ask)
            if leaving is ticket:
                wait = self._turn(ask, len(line), now)
                denied.append(Denied(Why.BUSY, wait, "the line is full"))
                continue
            joined = True
            if leaving is not None:
                out.append(leaving)
                self.leave(leaving)
        return (ticket, out) if joined else soonest(denied)

    def _in_vain(self, ask: Ask, deadline: float, now: float) -> Denied | None:
        """Why `ask` cannot be served before its deadline."""
        line = self._lines.get((ask.pool, ask.model))
        ahead = line.ahead_of((ask.caller, ask.tenant)) if line is not None else 0
        wait = self._turn(ask, ahead, now)
        if wait is not None and now + wait <= deadline:
            return None
        return self.why(ask, wait, now)

    def why(self, ask: Ask, wait: float | None, now: float) -> Denied:
        """The reason for which nobody is served now, with the wait for this one's own turn."""
        breaker = self.breaker(ask.deployment).view(now)
        if breaker.probe_at > now:
            why = Why.BENCHED if breaker.state == "benched" else Why.BREAKER
            return Denied(why, breaker.probe_at - now, breaker.reason)
        found = self.pools[ask.pool].denial(ask, now)
        return Denied(found.why, found.wait if wait is None else wait, found.reason, found.limit, found.told)

    def _turn(self, ask: Ask, ahead: int, now: float) -> float | None:
        """Seconds until the credential that is the turn of one with `ahead` before it; None: not by time alone."""
        turns = self.pools[ask.pool].lane(ask.model, now).turns(ask, min(ahead + 1, MOST_FORESEEN), now)
        if len(turns) <= min(ahead, MOST_FORESEEN - 1):
            return None
        opens = self.breaker(ask.deployment).view(now).probe_at
        return max(turns[-1], opens) - now

    def leave(self, ticket: Ticket) -> None:
        ticket.gone = True
        for ask in ticket.asks:
            line = self._lines.get((ask.pool, ask.model))
            if line is not None:
                line.leave(ticket)

    def pump(self, now: float, pool: str | None = None) -> list[Served]:
        """Lets in whoever has waited longest, one by one, while there is room."""
        served: list[Served] = []
        for (name, _), line in list(self._lines.items()):
            if pool is not None and name != pool:
                continue
            while len(line):
                found = self._next(line, now)
                if found is None:
                    break
                served.append(found)
        return served

    def heads(self) -> list[tuple[Ticket, Ask]]:
        """The first of every line."""
        found = [line.heads() for line in self._lines.values() if len(line)]
        return [heads[0] for heads in found if heads]

    def served(self, ticket: Ticket, ask: Ask) -> None:
        """Another store has granted it a call."""
        self._lines[ask.pool, ask.model].served(ticket)
        self.leave(ticket)

    def others_wait(self, ask: Ask) -> bool:
        line = self._lines.get((ask.pool, ask.model))
        return line is not None and bool(len(line))

    def _next(self, line: Line, now: float) -> Served | None:
        passed: list[Ticket] = []
        for ticket, ask in line.heads():
            answer = self._grant(ask, now)
            if isinstance(answer, Grant):
                for other in passed:
                    other.passed += 1
                line.served(ticket)
                self.leave(ticket)
                return ticket, ask, answer
            if ticket.passed >= MOST_PASSES or not ask.tokens or answer.why is not Why.BUSY:
                return None
            passed.append(ticket)
        return None

    def prefer(self, asks: Sequence[Ask], now: float) -> list[Ask]:
        """Equal deployments, the one first whose quota would be lost soonest."""
        ranks = [(self.pools[ask.pool].perishes(ask, now), number) for number, ask in enumerate(asks)]
        return [asks[number] for _, number in sorted(ranks)]

    def waiting(self) -> int:
        return sum(len(line) for line in self._lines.values())

    def next_change(self, now: float) -> float:
        """The next moment at which time alone may let somebody in."""
        moments = [NEVER]
        for (pool, model), line in self._lines.items():
            if not len(line):
                continue
            moments.append(self.pools[pool].next_change(model, now))
            opens = (self.breaker(ask.deployment).view(now).probe_at for _, ask in line.heads()[:1])
            moments += [at for at in opens if at > now]
        return min(moments)

    def places(self, now: float) -> dict[Ticket, tuple[int, float | None]]:
        """Place and estimated seconds of everybody who waits; the best of their lines."""
        found: dict[Ticket, tuple[int, float | None]] = {}
        for (pool, model), line in self._lines.items():
            if not len(line):
                continue
            everybody = line.places()
            turns = self.pools[pool].lane(model, now).turns(everybody[0][1], len(everybody), now)
            for ticket, _, place in everybody:
                eta = turns[place] - now if place < len(turns) else None
                best = found.get(ticket)
                if best is None or best[1] is None or (eta is not None and eta < best[1]):
                    found[ticket] = place + 1, eta
        return found


def soonest(denied: list[Denied]) -> Denied:
    """The one that says to come back first."""
    return min(denied, key=lambda one: NEVER if one.wait is None else one.wait, default=Denied(Why.NONE))
