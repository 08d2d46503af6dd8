"""A process's copy of a shared pool: events of the log, from any process, applied to the rules in order."""

from collections import deque
from typing import Any

import msgspec

from inference_service.credentials.broker import Broker
from inference_service.credentials.saved import Rows, dump, load
from inference_service.credentials.types import Ask, Cooldown, Grant, Verdict
from inference_service.quotas import LimitFact
from inference_service.state.clock import elapsed
from inference_service.state.log import Event


class News(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What every event may carry besides: calls that their provider accepted, and how many seconds before the event."""

    accepted: dict[str, float] = {}


class Take(News, tag="take"):
    owner: str
    lease: str
    deployment: str
    model: str
    tokens: int = 0
    pictures: int = 0
    last: bool = False
    who: str = ""  # digest of caller and tenant


class Give(News, tag="give"):
    lease: str
    deployment: str
    model: str
    credential: str
    verdict: Verdict


class Told(News, tag="told"):
    """`limits`: the counts of the provider when it accepted the call, which `accepted` has."""

    lease: str
    limits: tuple[LimitFact, ...]


class Lift(News, tag="lift"):
    pass


class Beat(News, tag="beat"):
    owner: str


class Restore(News, tag="restore"):
    """What a process knows that the log may not: rests, its calls under way with their credentials, leases that ended."""

    rests: list[Cooldown]
    calls: list[tuple[str, Take]]
    ended: list[str]


class Snapshot(msgspec.Struct):
    number: int
    rows: dict[str, str]
    calls: list[tuple[str, Take]]


MOST_ENDED = 10_000
Body = Take | Give | Told | Lift | Beat | Restore
DECODER = msgspec.json.Decoder(Body)


def encode(body: Body, accepted: dict[str, float]) -> str:
    body.accepted = accepted
    return msgspec.json.encode(body).decode()


class Replica:
    """`seen`: the number of the last applied event. `calls`: the running calls of all processes, by lease.

    owner: this process, as events name it.
    """

    def __init__(self, pool: str, broker: Broker, owner: str, silence: float) -> None:
        self.pool, self._broker, self.owner, self._silence = pool, broker, owner, silence
        self.seen = 0
        self.calls: dict[str, tuple[str, Take]] = {}
        self.ended: deque[str] = deque(maxlen=MOST_ENDED)  # leases of this process whose end the log may not know
        self.orphans: list[tuple[str, Take]] = []  # such leases that the log has counted nevertheless
        self._alive: dict[str, float] = {}
        self._accepted: dict[str, float] = {}  # calls of this process of which the log does not know it; when it was

    def accept(self, lease: str) -> None:
        """The provider has accepted a call of this process now; the next event says so."""
        self._accepted[lease] = elapsed()

    def news(self) -> dict[str, float]:
        """For the next event. An acceptance may seem later than it was, never earlier."""
        now = elapsed()
        return {lease: now - at for lease, at in self._accepted.items()}

    def apply(self, events: list[Event]) -> None:
        for event in events:
            if event.number > self.seen:
                self.seen = event.number
                self._apply(event)

    def alone(self, body: str, at: float, credential: str = "-") -> None:
        """An event of this process that the log does not know of."""
        self._apply(Event(self.seen, at, credential, body), alone=True)

    def _apply(self, event: Event, *, alone: bool = False) -> None:
        try:
            body: Any = DECODER.decode(event.body)
        except msgspec.MsgspecError:
            return  # of another version of this program
        for lease, seconds in body.accepted.items():
            limits = body.limits if isinstance(body, Told) and body.lease == lease else ()
            self._broker.pools[self.pool].report(lease, limits, event.at, event.at - seconds)
            self._accepted.pop(lease, None)
        match body:
            case Take():
                self._take(event.credential, body, event.at)
            case Give():
                ask = Ask(self.pool, body.deployment, body.model)
                if alone:
                    self.ended.append(body.lease)
                if self.calls.pop(body.lease, None) is None and (alone or body.lease not in self.ended):
                    self._broker.pools[self.pool].follow(ask, body.credential, body.lease, event.at)
                self._broker.release(ask, Grant(body.credential, body.lease), body.verdict, event.at)
            case Lift():
                self._broker.lift(self.pool, event.at)
            case Beat():
                self._alive[body.owner] = event.at
                self._bury(event.at)
            case Restore():
                self._restore(body, event.at)

    def _take(self, credential: str, body: Take, at: float) -> None:
        self._alive[body.owner] = at
        if body.lease in self.calls:
            return
        if body.lease in self.ended:
            self.orphans.append((credential, body))
            return
        self.calls[body.lease] = credential, body
        if body.owner != self.owner:
            self._broker.served_elsewhere(self.pool, body.model, body.who)
        ask = Ask(self.pool, body.deployment, body.model, tokens=body.tokens, pictures=body.pictures, last=body.last)
        self._broker.follow(ask, credential, body.lease, at)

    def _bury(self, at: float) -> None:
        """Calls of processes that have been silent for too long have ended with them."""
        gone = {owner for owner, beat in self._alive.items() if beat + self._silence < at}
        for lease in [lease for lease, (_, body) in self.calls.items() if body.owner in gone]:
            self._end(lease, at)
        for owner in gone:
            del self._alive[owner]

    def silent(self, now: float) -> None:
        self._bury(now)

    def _restore(self, body: Restore, at: float) -> None:
        self._broker.pools[self.pool].restore(body.rests, at)
        for credential, take in body.calls:
            self._take(credential, take, at)
        for lease in body.ended:
            self._end(lease, at)

    def _end(self, lease: str, at: float) -> None:
        if lease in self.calls:
            credential, take = self.calls.pop(lease)
            ask = Ask(self.pool, take.deployment, take.model)
            self._broker.release(ask, Grant(credential, lease), Verdict(), at)

    # --- for those who join --------------------------------------------------------------------

    def snapshot(self) -> str:
        pool = self._broker.pools[self.pool]
        rows = {key: text.decode() for key, text in dump(pool, pool.everything()).items()}
        return msgspec.json.encode(Snapshot(self.seen, rows, list(self.calls.values()))).decode()

    def begin(self, snapshot: str, now: float) -> None:
        """Starts from a snapshot of another process."""
        try:
            stored = msgspec.json.decode(snapshot, type=Snapshot)
        except msgspec.MsgspecError:
            return
        rows: Rows = {key: text.encode() for key, text in stored.rows.items()}
        load(self._broker.pools[self.pool], rows, now)
        self.seen = stored.number
        for credential, take in stored.calls:
            self._take(credential, take, now)

    def mine(self) -> list[tuple[str, Take]]:
        return [call for call in self.calls.values() if call[1].owner == self.owner]
