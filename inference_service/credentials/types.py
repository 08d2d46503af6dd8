"""The interface of pools and breakers, in this process or in Redis.

Moments are epoch seconds, comparable between processes and machines; durations are seconds.
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
    groups: tuple[str, ...]  # of each credential; its own name if it shares with none
    max_concurrent: int = 0  # concurrent calls per credential; 0: no limit
    quotas: tuple[Quota, ...] = ()  # declared, by configuration or catalogue
    models: tuple[str, ...] = ()  # upstream models known in advance, for the forecast


class BreakerSpec(Struct, frozen=True):
    failures: int = 2
    window: float = 60.0
    probe_interval: float = 20.0
    bench: float = 86_400.0  # the longest pause between two probes of a model that is gone


class Ask(Struct, frozen=True):
    """A request to `pool` for a credential, for one call to `deployment`, whose upstream model is `model`.

    caller, tenant: for whom; callers and their tenants get fair shares.
    tokens: what the call will probably read and write, reserved until it ends; 0: unknown.
    conversation: turns of one conversation prefer the same credential while that costs no wait.
    last: no other deployment can answer, so even a benched model is tried.
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
    """`scout`: the call tests how many calls the credential can take, so its acceptance should be reported at once."""

    credential: str
    lease: str
    scout: bool = False


class Why(StrEnum):
    BREAKER = "breaker"
    BENCHED = "benched"  # its provider reports the model as gone
    RESTING = "resting"  # for a time that was reported or counted
    BUSY = "busy"  # as many concurrent calls as it can take, its quota is used up for now, or others are waiting
    NONE = "none"  # all tried, or quarantined
    TOO_LARGE = "too_large"  # more tokens than the limit of any credential; see `limit`


class Denied(Struct, frozen=True):
    """No credential now. `told`: the provider stated the wait or it was counted, not guessed."""

    why: Why
    wait: float | None = None  # seconds after which asking again makes sense
    reason: str = ""
    limit: int = 0  # for TOO_LARGE, the most tokens that one call may take
    told: bool = False


class Vote(StrEnum):
    """What a call says about its deployment."""

    GOOD = "good"
    BAD = "bad"
    GONE = "gone"
    DOUBT = "doubt"  # a refusal without a recognised reason
    SILENT = "silent"  # nothing: the loser of a hedge, or a fault of the request or the credential


class Verdict(Struct, frozen=True):
    """What a call taught, reported when it ends.

    told: the provider stated the length of the cooldown.
    limit: the limit that was reached, if the upstream named it.
    used_tokens, used_money: what the call has actually used; None: the estimate stands.
    sent: False for a call that was never sent; it has used nothing.
    """

    vote: Vote = Vote.SILENT
    reason: str = ""  # a FailureKind value
    cooldown: float | None = None  # the credential rests for this long
    told: bool = False
    backoff: bool = False  # it rests for an unknown time: exponentially, with jitter
    quarantine: bool = False
    scope: Scope = Scope.CREDENTIAL_MODEL
    good_credential: bool = False  # the credential was accepted
    limit: LimitFact | None = None
    used_tokens: int | None = None
    used_money: int | None = None  # micro-units
    sent: bool = True


class CredentialView(Struct, frozen=True):
    """The state of a credential, for the status."""

    id: str
    in_flight: int
    wakes_at: float  # 0: ready
    quarantined: bool
    reason: str
    calls: int
    remaining: int | None
    model_rests: dict[str, float]


class Cooldown(Struct, frozen=True):
    """A cooldown in progress, to be copied to another store. An empty `model` means all models."""

    credential: str
    model: str
    until: float
    reason: str
    refused: int = 0  # consecutive refusals of the credential; above 0: in quarantine


class QuotaView(Struct, frozen=True):
    """One quota of a pool, summed over the accounts that have it. Moments are epoch seconds."""

    unit: Unit
    model: str  # empty: all
    window: float  # seconds; 0: concurrent calls
    clock: Clock
    limit: int
    used: int
    left: int
    refills_at: float | None = None  # when there is more again
    runs_out_at: float | None = None  # at the pace of this window; None: not before it refills
    declared: bool = True  # else learned, or reported by the provider


class BreakerView(Struct, frozen=True):
    state: str  # closed, open, half_open, benched
    probe_at: float  # 0: closed
    reason: str


class Backend(StrEnum):
    MEMORY = "memory"
    REDIS = "redis"
    REDIS_LOST = "redis_lost"


class StateStore(Protocol):
    """One round trip each for acquire and release."""

    @property
    def backend(self) -> Backend: ...

    @property
    def problem(self) -> str:
        """A sentence for people if the memory of limits has a problem; empty: it has none."""
        ...

    def configure(self, pool: PoolSpec) -> None:
        """Registers or changes a pool; what is known about its credentials is kept."""
        ...

    def prefer(self, asks: Sequence[Ask]) -> list[Ask]:
        """Equal deployments in the order to try them, as far as local knowledge goes."""
        ...

    async def acquire(self, ask: Ask) -> Grant | Denied: ...

    async def release(self, ask: Ask, grant: Grant, verdict: Verdict) -> None:
        """Ends a lease, even if its waiter is cancelled. Never raises otherwise: bookkeeping must not fail an answer."""
        ...

    async def wait(
        self, asks: Sequence[Ask], deadline: float, progress: Callable[[int, float | None], None] | None = None
    ) -> tuple[Ask, Grant] | Denied:
        """The first grant for one of `asks`, as soon as it is this caller's turn.

        deadline: in the event loop's time. Denied at once if no grant can be expected before it, or if the queue is
        full; `wait` is then the earliest sensible moment. `progress` gets place (1: next) and estimated seconds.
        Cancelling leaves the line at once.
        """
        ...

    async def report(self, ask: Ask, grant: Grant, limits: tuple[LimitFact, ...]) -> None:
        """The provider has accepted the call; `limits`: what its headers report."""
        ...

    async def lift(self, pool: str) -> None:
        """Ends every quarantine of a pool and every bench of its models, on an operator's request."""
        ...

    async def credentials(self, pool: str) -> list[CredentialView]: ...

    async def quotas(self, pool: str) -> list[QuotaView]:
        """Declared and learned quotas of a pool, with what is left of them."""
        ...

    async def breakers(self, deployments: list[str]) -> dict[str, BreakerView]: ...

    async def recall(self, topic: str) -> dict[str, str]:
        """What `remember` has stored under a topic, also before a restart and by other replicas."""
        ...

    async def remember(self, topic: str, key: str, value: str) -> None:
        """Stores a short fact. Never raises: whatever is lost can be learned again."""
        ...

    async def close(self) -> None: ...
