"""The queue for a credential of one pool and model: fair, bounded, first in first out among equals. Pure.

Callers and their tenants are classes; each class is first in, first out, and classes take turns (start-time fair
queuing), so an occasional caller never waits behind the flood of another. If a class's turn has come but its
request is too large for what is free, others may pass a few times, then all wait for it.
"""

import heapq
from collections import deque
from hashlib import blake2b

from inference_service.credentials.types import Ask

LONGEST_LINE = 1_000
MOST_PASSES = 16


class Ticket:
    """One waiting request; it may wait in several queues. `order` grows with the time of joining."""

    __slots__ = ("asks", "deadline", "gone", "joined", "order", "passed")

    def __init__(self, asks: tuple[Ask, ...], deadline: float, joined: float, order: int) -> None:
        self.asks, self.deadline, self.joined, self.order = asks, deadline, joined, order
        self.passed = 0
        self.gone = False

    @property
    def owner(self) -> tuple[str, str]:
        return self.asks[0].caller, self.asks[0].tenant


def digest(owner: tuple[str, str]) -> str:
    """The digest by which other processes may know a caller and its tenant."""
    return blake2b("\0".join(owner).encode(), digest_size=6).hexdigest()


class _Class:
    __slots__ = ("tag", "tickets")

    def __init__(self, tag: float) -> None:
        self.tag = tag  # the virtual time of its next ticket
        self.tickets: deque[tuple[Ticket, Ask]] = deque()


class Line:
    def __init__(self) -> None:
        self._classes: dict[tuple[str, str], _Class] = {}
        self._turns: list[
            tuple[float, int, tuple[str, str]]
        ] = []  # classes that are waiting, by tag and order of their first ticket
        self._time = 0.0
        self._count = 0
        self.latest: Ticket | None = None  # the latest to join
        self._elsewhere: dict[str, float] = {}  # tags of classes that only other processes have served

    def __len__(self) -> int:
        return self._count

    def join(self, ticket: Ticket, ask: Ask) -> Ticket | None:
        """Takes a place. Returns the ticket that must leave if the queue is full: the last of the longest class."""
        waiting = self._classes.get(ticket.owner)
        if waiting is None:
            tag = self._elsewhere.pop(digest(ticket.owner), 0.0) if self._elsewhere else 0.0
            waiting = self._classes[ticket.owner] = _Class(max(self._time, tag))
        out = None
        if self._count >= LONGEST_LINE:
            longest = max(self._classes.values(), key=lambda other: len(other.tickets))
            if len(waiting.tickets) + 1 >= len(longest.tickets):
                return ticket
            out = longest.tickets[-1][0]
        if not waiting.tickets:
            waiting.tag = max(waiting.tag, self._time)
            heapq.heappush(self._turns, (waiting.tag, ticket.order, ticket.owner))
        waiting.tickets.append((ticket, ask))
        self.latest = ticket
        self._count += 1
        return out

    def leave(self, ticket: Ticket) -> None:
        waiting = self._classes.get(ticket.owner)
        if waiting is None:
            return
        kept = deque(pair for pair in waiting.tickets if pair[0] is not ticket)
        self._count -= len(waiting.tickets) - len(kept)
        waiting.tickets = kept
        if not kept:
            self._forget(ticket.owner, waiting)

    def served(self, ticket: Ticket) -> None:
        """This ticket's class has had its turn."""
        waiting = self._classes[ticket.owner]
        self._time = max(self._time, waiting.tag)
        waiting.tag = max(waiting.tag, self._time) + 1.0
        self.leave(ticket)
        if waiting.tickets:
            heapq.heappush(self._turns, (waiting.tag, waiting.tickets[0][0].order, ticket.owner))

    def served_elsewhere(self, who: str) -> None:
        """Another process has served a class, known by its digest: that counts as a turn here, too."""
        for owner, waiting in self._classes.items():
            if digest(owner) == who:
                waiting.tag = max(waiting.tag, self._time) + 1.0
                if waiting.tickets:
                    heapq.heappush(self._turns, (waiting.tag, waiting.tickets[0][0].order, owner))
                return
        if who in self._elsewhere or len(self._elsewhere) < LONGEST_LINE:
            self._elsewhere[who] = max(self._elsewhere.get(who, 0.0), self._time) + 1.0

    def _forget(self, owner: tuple[str, str], waiting: _Class) -> None:
        """A class without tickets is kept only while it is ahead of its share and others are waiting."""
        if not self._count:
            self._classes.clear()
            self._turns.clear()
            self._elsewhere.clear()
            self.latest = None
            return
        if waiting.tag <= self._time:
            del self._classes[owner]
        for name in [n for n, other in self._classes.items() if not other.tickets and other.tag <= self._time]:
            del self._classes[name]

    def heads(self) -> list[tuple[Ticket, Ask]]:
        """The first ticket of each class, in the order of their turns."""
        kept: list[tuple[float, int, tuple[str, str]]] = []
        heads: list[tuple[Ticket, Ask]] = []
        owners = set()
        while self._turns and len(heads) <= MOST_PASSES:
            turn = heapq.heappop(self._turns)
            waiting = self._classes.get(turn[2])
            if waiting is None or not waiting.tickets or turn[0] != waiting.tag or turn[2] in owners:
                continue
            owners.add(turn[2])
            kept.append(turn)
            heads.append(waiting.tickets[0])
        for turn in kept:
            heapq.heappush(self._turns, turn)
        return heads

    def ahead_of(self, owner: tuple[str, str], place: int | None = None) -> int:
        """How many are served before the `place`-th ticket of a class; None: before a caller that joins now."""
        mine = self._classes.get(owner)
        index = place if place is not None else len(mine.tickets) if mine else 0
        start = max(mine.tag, self._time) if mine else self._time
        turn = start + index
        ahead = index
        for name, other in self._classes.items():
            if name != owner and other.tickets:
                ahead += max(0, min(len(other.tickets), int(turn - other.tag) + 1))
        return ahead

    def places(self) -> list[tuple[Ticket, Ask, int]]:
        """Every ticket with the number of those before it."""
        turns = [
            (waiting.tag + index, ticket.order, ticket, ask)
            for waiting in self._classes.values()
            for index, (ticket, ask) in enumerate(waiting.tickets)
        ]
        turns.sort(key=lambda turn: turn[:2])
        return [(ticket, ask, place) for place, (_, _, ticket, ask) in enumerate(turns)]
