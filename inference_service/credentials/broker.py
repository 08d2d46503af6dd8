"""Pools, breakers and queues of one process: who gets a credential, who waits, who is refused. Pure: `now` is an argument.

`state/memory.py` gives it a clock and wakes waiting callers; the simulations in `tests/` and `antiphon rehearse`
advance its clock themselves.
"""

import itertools
from collections.abc import Sequence

from inference_service.credentials import outlook
from inference_service.credentials.affinity import score
from inference_service.credentials.breaker import Breaker
from inference_service.credentials.outlook import Prospect
from inference_service.credentials.pool import Pool
from inference_service.credentials.queue import MOST_PASSES, Line, Ticket
from inference_service.credentials.quota import NEVER
from inference_service.credentials.types import Ask, BreakerSpec, Denied, Grant, PoolSpec, Verdict, Why

# A lease ends with its holder; this long bound only guards against a bug in the service.
LEASE_TIME = 3_600.0
MOST_FORESEEN = 4_000  # places in a queue whose turn is computed
REVIEW_PERIOD = 0.5  # seconds between two searches for callers who wait in vain
SHORT_LINE = 64  # joining a longer queue leaves it to the next review to find out who would wait too long
Served = tuple[Ticket, Ask, Grant]


class Broker:
    def __init__(self, breaker: BreakerSpec) -> None:
        self._breaker_spec = breaker
        self._serial = itertools.count(1)
        self._joined = itertools.count(1)
        self.pools: dict[str, Pool] = {}
        self._breakers: dict[str, Breaker] = {}
        self._lines: dict[tuple[str, str], Line] = {}
        self._reviewed_at = 0.0

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
        """The clock was moved. Breakers start afresh: one probe too many is better than an hour of silence."""
        for pool in self.pools.values():
            pool.shift(by, now)
        self._breakers.clear()
        for line in self._lines.values():
            for ticket, _, _ in line.places():
                ticket.deadline += by

    # --- at once -------------------------------------------------------------------------------

    def acquire(self, ask: Ask, now: float) -> Grant | Denied:
        """Callers who are already waiting go first."""
        line = self._lines.get((ask.pool, ask.model))
        if line is not None and len(line):
            turns = self._turns(ask, 1, now)  # the queue itself knows when it would be this caller's turn
            return Denied(Why.BUSY, turns[0] - now if turns else None, "others wait")
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
        return Grant(picked, lease, pool.is_scout(lease))

    def follow(self, ask: Ask, credential: str, lease: str, now: float) -> None:
        """A call that another store granted is counted here, too."""
        self.breaker(ask.deployment).admit(lease, now, LEASE_TIME, last=ask.last)
        self.pools[ask.pool].follow(ask, credential, lease, now)

    def candidates(self, ask: Ask, now: float) -> tuple[list[tuple[str, str]], bool] | Denied:
        """Credentials with their accounts that could take the call, best first, and whether it would be a probe."""
        breaker = self.breaker(ask.deployment)
        admitted = breaker.admit("candidate", now, LEASE_TIME, last=ask.last)
        probe = breaker.is_probe("candidate")
        breaker.withdraw("candidate")
        if admitted is not True:
            view = breaker.view(now)
            return Denied(Why.BENCHED if view.state == "benched" else Why.BREAKER, float(admitted), view.reason)
        candidates = self.pools[ask.pool].candidates(ask, now)
        return candidates if isinstance(candidates, Denied) else (candidates, probe)

    def release(self, ask: Ask, grant: Grant, verdict: Verdict, now: float) -> None:
        self.breaker(ask.deployment).vote(grant.lease, verdict.vote, verdict.reason, now)
        self.pools[ask.pool].release(grant.lease, verdict, now)

    def lift(self, pool: str, now: float) -> None:
        """An operator has stepped in: quarantines and benches end."""
        self.pools[pool].lift(now)
        for deployment, breaker in self._breakers.items():
            if deployment.partition("/")[0] == pool:
                breaker.lift()

    # --- in line -------------------------------------------------------------------------------

    def join(
        self, asks: Sequence[Ask], deadline: float, now: float
    ) -> tuple[Ticket, list[tuple[Ticket, Denied]]] | Denied:
        """A ticket, and those it displaces; or why waiting is pointless, and until when."""
        owner = asks[0].caller, asks[0].tenant
        lines = [self._lines.setdefault((ask.pool, ask.model), Line()) for ask in asks]
        place = outlook.ahead(lines, owner)
        turns = [self._turns(ask, place + 1, now) for ask in asks]
        at = outlook.nth(turns, place)
        needed, margin = self._needed(asks, now)
        if at is None or at + needed + margin > deadline:
            wait = None if at is None else at - now
            return soonest([self.why(ask, wait, now) for ask in asks])
        ticket = Ticket(tuple(asks), deadline, now, next(self._joined))
        out: list[tuple[Ticket, Denied]] = []
        joined = overtakes = False
        for ask, line, own in zip(asks, lines, turns, strict=True):
            if not own:
                continue
            overtakes = overtakes or (line.ahead_of(owner) < len(line) <= SHORT_LINE)
            leaving = line.join(ticket, ask)
            joined = joined or leaving is not ticket
            if leaving is not None and leaving is not ticket:
                out.append((leaving, self.why(leaving.asks[0], at - now, now)))
                self.leave(leaving)
        if not joined:
            return Denied(Why.BUSY, at - now, "the line is full")
        if overtakes:
            out += self._review(now)
        return (ticket, out) if not ticket.gone else out[-1][1]

    def _needed(self, asks: Sequence[Ask], now: float) -> tuple[float, float]:
        """Seconds that a call takes once it is its turn, and by how much earlier calls may overrun."""
        lanes = [self.pools[ask.pool].lane(ask.model, now) for ask in asks]
        quickest = min(
            (lane.durations for lane in lanes), key=lambda durations: durations.mean if durations.known else 0.0
        )
        return (quickest.mean, quickest.margin) if quickest.known else (0.0, 0.0)

    def review(self, now: float) -> list[tuple[Ticket, Denied]]:
        """Removes waiting callers who can no longer be served in time, because capacity turned out smaller than expected."""
        if now - self._reviewed_at < REVIEW_PERIOD or not self.waiting():
            return []
        return self._review(now)

    def _review(self, now: float) -> list[tuple[Ticket, Denied]]:
        self._reviewed_at = now
        out = []
        for ticket, prospect in self.prospects(now).items():
            if prospect.at is None or prospect.at + self._needed(ticket.asks, now)[0] > ticket.deadline:
                wait = None if prospect.at is None else prospect.at - now
                out.append((ticket, soonest([self.why(ask, wait, now) for ask in ticket.asks])))
        for ticket, _ in out:
            self.leave(ticket)
        return out

    def why(self, ask: Ask, wait: float | None, now: float) -> Denied:
        """Why nobody is served now, with the wait until this caller's own turn."""
        breaker = self.breaker(ask.deployment).view(now)
        if breaker.probe_at > now:
            why = Why.BENCHED if breaker.state == "benched" else Why.BREAKER
            return Denied(why, breaker.probe_at - now, breaker.reason)
        denial = self.pools[ask.pool].denial(ask, now)
        return Denied(denial.why, denial.wait if wait is None else wait, denial.reason, denial.limit, denial.told)

    def _turns(self, ask: Ask, count: int, now: float) -> list[float]:
        """When the next `count` calls for `ask` can begin; fewer if no more are foreseeable."""
        self.pools[ask.pool].tick(now)
        turns = self.pools[ask.pool].lane(ask.model, now).turns(ask, min(count, MOST_FORESEEN), now)
        opens = self.breaker(ask.deployment).view(now).probe_at
        return [max(at, opens) for at in turns] if opens > now else turns

    def leave(self, ticket: Ticket) -> None:
        ticket.gone = True
        for ask in ticket.asks:
            line = self._lines.get((ask.pool, ask.model))
            if line is not None:
                line.leave(ticket)

    def pump(self, now: float, pool: str | None = None) -> list[Served]:
        """Admits the longest-waiting callers one by one while there is room."""
        served: list[Served] = []
        for (name, _), line in list(self._lines.items()):
            if pool is not None and name != pool:
                continue
            while len(line):
                ticket = self._next(line, now)
                if ticket is None:
                    break
                served.append(ticket)
        return served

    def heads(self) -> list[tuple[Ticket, Ask]]:
        """The head of every queue."""
        lines = [line.heads() for line in self._lines.values() if len(line)]
        return [heads[0] for heads in lines if heads]

    def served(self, ticket: Ticket, ask: Ask) -> None:
        """Another store has granted its call."""
        self._lines[ask.pool, ask.model].served(ticket)
        self.leave(ticket)

    def served_elsewhere(self, pool: str, model: str, who: str) -> None:
        """Another process has made a call for a caller; callers who wait here have not had a turn by it."""
        line = self._lines.get((pool, model))
        if who and line is not None and len(line):
            line.served_elsewhere(who)

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
        """Equal deployments in the order to try them. Those that can answer at once come first.

        Among these, turns of a conversation always get the same one, in every process; other requests get the one
        whose quota expires soonest.
        """
        return sorted(asks, key=lambda ask: self._preference(ask, now))

    def _preference(self, ask: Ask, now: float) -> tuple[bool, float]:
        perishes = self.pools[ask.pool].perishes(ask, now)
        closed = self.breaker(ask.deployment).view(now).probe_at > now
        waits = perishes is None or closed or self.others_wait(ask)
        own = -score(ask.conversation, ask.deployment) if ask.conversation else perishes
        return waits, NEVER if own is None else own

    def waiting(self) -> int:
        return sum(len(line) for line in self._lines.values())

    def next_change(self, now: float) -> float:
        """The next moment at which time alone may admit a caller."""
        moments = [NEVER]
        for (pool, model), line in self._lines.items():
            if not len(line):
                continue
            moments.append(self.pools[pool].next_change(model, now))
            opens = (self.breaker(ask.deployment).view(now).probe_at for _, ask in line.heads()[:1])
            moments += [at for at in opens if at > now]
        return min(moments)

    def prospects(self, now: float) -> dict[Ticket, Prospect]:
        """Place and expected turn of every waiting caller."""
        lines = []
        for line in self._lines.values():
            if len(line):
                places = line.places()
                lines.append((places, self._turns(places[0][1], len(places), now)))
        return outlook.prospects(lines)


def soonest(denied: list[Denied]) -> Denied:
    """The denial with the shortest wait."""
    return min(denied, key=lambda denial: NEVER if denial.wait is None else denial.wait, default=Denied(Why.NONE))
