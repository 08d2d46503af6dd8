"""What pools and breakers are asked and told, whoever keeps them: this process or Redis.

Moments are epoch seconds, so that processes and machines mean the same; durations are seconds.
"""

from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Protocol

from msgspec import Struct

from inference_service.failures import Scope
from inference_service.quotas import Clock, LimitFact, Quota, Unit


class PoolSpec(Struct, frozen=True):
    """A provider's pool. Ids are digests of secrets: the same token is the same credential in every process."""

    name: str
    credentials: tuple[str, ...]
    groups: tuple[str, ...]  # of each credential; an own name where it shares with none
    max_concurrent: int = 0  # calls at once on one credential; 0: no bound
    quotas: tuple[Quota, ...] = ()  # declared, by configuration or catalogue
    models: tuple[str, ...] = ()  # upstream models that are known beforehand, for the forecast


class BreakerSpec(Struct, frozen=True):
    failures: int = 2
    window: float = 60.0
    probe_interval: float = 20.0
    bench: float = 86_400.0  # the longest pause between two probes of a model that is gone


class Ask(Struct, frozen=True):
    """Wanted: a credential of `pool` for one call to `deployment`, of which it has `model`.

    caller, tenant: for whom; callers and their tenants get fair shares of what there is.
    tokens: what the call will probably read and write, reserved until it ends; 0: not known.
    conversation: turns of one conversation prefer the same credential while that costs no wait.
    last: no other deployment can answer, so a benched model is asked, too.
    """

    pool: str
    deployment: str
    model: str
    caller: str = ""
    tenant: str = ""
    tokens: int = 0
    pictures: int = 0
    conversation: str = ""
    last: bool = False


class Grant(Struct, frozen=True):
    """`scout`: the call finds out how much the credential bears, so its acceptance should be reported at once."""

    credential: str
    lease: str
    scout: bool = False


class Why(StrEnum):
    BREAKER = "breaker"
    BENCHED = "benched"  # its provider calls the model gone
    RESTING = "resting"  # for a time that was told or counted
    BUSY = "busy"  # as many calls at once as it bears, its quota is used up for now, or others wait
    NONE = "none"  # all tried, or quarantined
    TOO_LARGE = "too_large"  # more tokens than the limit of any credential; `limit` tells it


class Denied(Struct, frozen=True):
    """No credential now. `told`: the wait is known from the provider or counted, not guessed."""

    why: Why
    wait: float | None = None  # seconds until it makes sense to ask again
    reason: str = ""
    limit: int = 0  # for TOO_LARGE, the tokens that one call may take at most
    told: bool = False


class Vote(StrEnum):
    """What a call says about its deployment."""

    GOOD = "good"
    BAD = "bad"
    GONE = "gone"
    DOUBT = "doubt"  # a refusal that nobody understands
    SILENT = "silent"  # nothing: a loser of a hedge, a fault of the request or of the credential


class Verdict(Struct, frozen=True):
    """What a call taught, reported when it ends.

    told: the provider named the time of the cooldown.
    limit: the limit that was reached, where the upstream named it.
    used_tokens, used_money: what the call has really used; None: the estimate stays.
    sent: False for a call that never left; it has used nothing.
    """

    vote: Vote = Vote.SILENT
    reason: str = ""  # a FailureKind value
    cooldown: float | None = None  # the credential rests this long
    told: bool = False
    backoff: bool = False  # it rests, nobody said how long: exponentially, with jitter
    quarantine: bool = False
    scope: Scope = Scope.CREDENTIAL_MODEL
    good_credential: bool = False  # the credential was accepted
    limit: LimitFact | None = None
    used_tokens: int | None = None
    used_money: int | None = None  # micro-units
    sent: bool = True


class CredentialView(Struct, frozen=True):
    """For the status: how a credential does."""

    id: str
    in_flight: int
    wakes_at: float  # 0: awake
    quarantined: bool
    reason: str
    calls: int
    remaining: int | None
    model_rests: dict[str, float]


class Rest(Struct, frozen=True):
    """A rest that is not over, to be told to another store. `model` is empty where it holds for all of them."""

    credential: str
    model: str
    until: float
    reason: str
    refused: int = 0  # times in a row that the credential was refused; above 0: in quarantine


class QuotaView(Struct, frozen=True):
    """One quota of a pool, summed over the accounts that have it. Moments are epoch seconds."""

    unit: Unit
    model: str  # empty: all
    window: float  # seconds; 0: calls at once
    clock: Clock
    limit: int
    used: int
    left: int
    refills_at: float | None = None  # when there is more again
    runs_out_at: float | None = None  # at the pace of this window; None: not before it refills
    declared: bool = True  # else learned or told by the provider


class BreakerView(Struct, frozen=True):
    state: str  # closed, open, half_open, benched
    probe_at: float  # 0: closed
    reason: str


class Backend(StrEnum):
    MEMORY = "memory"
    REDIS = "redis"
    REDIS_LOST = "redis_lost"


class StateStore(Protocol):
    """One round trip for each of acquire and release."""

    @property
    def backend(self) -> Backend: ...

    @property
    def problem(self) -> str:
        """What people should know about the memory of limits, in a sentence; empty: nothing."""
        ...

    def configure(self, pool: PoolSpec) -> None:
        """Makes a pool known, or changes it; what is known about its credentials stays."""
        ...

    def prefer(self, asks: Sequence[Ask]) -> list[Ask]:
        """Equal deployments in the order to ask them, as far as it is known here without asking anybody."""
        ...

    async def acquire(self, ask: Ask) -> Grant | Denied: ...

    async def release(self, ask: Ask, grant: Grant, verdict: Verdict) -> None:
        """Ends a lease, also when whoever waits for it is cancelled. Never raises else: bookkeeping fails no answer."""
        ...

    async def wait(
        self, asks: Sequence[Ask], deadline: float, progress: Callable[[int, float | None], None] | None = None
    ) -> tuple[Ask, Grant] | Denied:
        """The first grant for one of `asks`, as soon as it is this caller's turn.

        deadline: in the event loop's time. Denied at once when no grant can be expected before it, or when the line is
        full; `wait` is then the earliest sensible moment. `progress` is told place (1: next) and estimated seconds.
        Cancelling leaves the line at once.
        """
        ...

    async def report(self, ask: Ask, grant: Grant, limits: tuple[LimitFact, ...]) -> None:
        """The provider has accepted the call; `limits`: what its headers tell."""
        ...

    async def lift(self, pool: str) -> None:
        """Ends every quarantine of a pool and every bench of its models: a person has looked at it."""
        ...

    async def credentials(self, pool: str) -> list[CredentialView]: ...

    async def quotas(self, pool: str) -> list[QuotaView]:
        """Declared and learned quotas of a pool, with what is left of them."""
        ...

    async def breakers(self, deployments: list[str]) -> dict[str, BreakerView]: ...

    async def recall(self, topic: str) -> dict[str, str]:
        """What `remember` has kept under a topic, also before a restart and by other replicas."""
        ...

    async def remember(self, topic: str, key: str, value: str) -> None:
        """Keeps a short fact. Never raises: what cannot be kept is found out again."""
        ...

    async def close(self) -> None: ...
