"""What pools and breakers are asked, and what is reported to them, in this process or in Redis.

Moments are epoch seconds, so that processes and machines mean the same; durations are seconds.
"""

from enum import StrEnum
from typing import Protocol

from msgspec import Struct

from inference_service.failures import Scope
from inference_service.quotas import LimitFact


class PoolSpec(Struct, frozen=True):
    """A provider's pool. Ids are digests of secrets: the same token is the same credential in every process."""

    name: str
    credentials: tuple[str, ...]
    groups: tuple[str, ...]  # of each credential; an own name where it shares with none
    max_concurrent: int = 0  # calls at once on one credential; 0: no bound


class BreakerSpec(Struct, frozen=True):
    failures: int = 2
    window: float = 60.0
    probe_interval: float = 20.0
    bench: float = 86_400.0  # the longest pause between two probes of a model that is gone


class Ask(Struct, frozen=True):
    """A credential of `pool` is wanted for one call to `deployment`, whose upstream model is `model`.

    caller, tenant: for fairness. tokens: estimate of what the call will read and write, 0: unknown.
    conversation: turns of one conversation prefer the same credential. last: no other deployment can answer.
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
    credential: str
    lease: str


class Why(StrEnum):
    BREAKER = "breaker"
    BENCHED = "benched"  # its provider calls the model gone
    RESTING = "resting"
    BUSY = "busy"  # every credential has its calls at once
    NONE = "none"  # every credential is quarantined


class Denied(Struct, frozen=True):
    """No credential now. `wait`: seconds until it makes sense to ask again; `told`: the provider named that time."""

    why: Why
    wait: float | None = None
    reason: str = ""
    told: bool = False


class Vote(StrEnum):
    """What a call says about its deployment."""

    GOOD = "good"
    BAD = "bad"
    GONE = "gone"
    DOUBT = "doubt"  # a refusal that nobody understands
    SILENT = "silent"  # nothing: a loser of a hedge, a fault of the request or of the credential


class Verdict(Struct, frozen=True):
    """What a call taught, reported when it ends."""

    vote: Vote = Vote.SILENT
    reason: str = ""  # a FailureKind value
    cooldown: float | None = None  # the credential rests this long
    told: bool = False  # the provider named the time of the cooldown
    backoff: bool = False  # it rests, nobody said how long: exponentially, with jitter
    quarantine: bool = False
    scope: Scope = Scope.CREDENTIAL_MODEL
    good_credential: bool = False  # the credential was accepted
    limit: LimitFact | None = None  # the limit that refused the call
    used_tokens: int | None = None  # read and written; None: not known
    sent: bool = True  # the call left this process


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

    def configure(self, pool: PoolSpec) -> None:
        """Makes a pool known, or changes it; what is known about its credentials stays."""
        ...

    async def acquire(self, ask: Ask) -> Grant | Denied: ...

    async def release(self, ask: Ask, grant: Grant, verdict: Verdict) -> None:
        """Ends a lease, also when whoever waits for it is cancelled. Never raises else: bookkeeping fails no answer."""
        ...

    async def report(self, ask: Ask, grant: Grant, limits: tuple[LimitFact, ...]) -> None: ...

    async def lift(self, pool: str) -> None:
        """Ends every quarantine of a pool and every bench of its models: a person has looked at it."""
        ...

    async def credentials(self, pool: str) -> list[CredentialView]: ...

    async def breakers(self, deployments: list[str]) -> dict[str, BreakerView]: ...

    async def close(self) -> None: ...
