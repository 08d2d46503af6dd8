"""How one provider words limits and refusals, as data: signs, declared quotas, meanings of header names.

The catalogue's rows and the adapters define dialects; `errors.py` and `limits.py` read them.
"""

from collections.abc import Mapping, Sequence

from msgspec import Struct

from inference_service.failures import FailureKind, Scope
from inference_service.quotas import Clock, LimitFact, Quota, Unit


class Sign(Struct, frozen=True):
    """These statuses (none: any) together with these words, codes included, mean that kind.

    scope: None leaves it to the dialect (limits) or to the kind (everything else).
    wake_after: if the provider documents the wait but its answer does not state it.
    limit: the limit that the words refer to, if the words alone do not show it.
    capability: for UNSUPPORTED, what is missing; such a sign counts only if the request used it.
    field: for FIELD_REFUSED, the contract's field; such a sign counts only if the request set it.
    """

    kind: FailureKind
    words: str
    statuses: tuple[int, ...] = ()
    scope: Scope | None = None
    wake_after: float | None = None
    limit: LimitFact | None = None
    capability: str = ""
    field: str = ""


class Dialect(Struct, frozen=True):
    """windows: the window that a header's name implies if it states none, such as {"requests": DAY}.

    scope: what a rate limit applies to, unless a sign or a declared quota says otherwise.
    """

    signs: tuple[Sign, ...] = ()
    quotas: tuple[Quota, ...] = ()
    windows: Mapping[str, float] = {}
    scope: Scope = Scope.CREDENTIAL_MODEL

    def clock(self, window: float | None) -> Clock | None:
        """The declared clock of a window; None if it is not declared."""
        return next((quota.clock for quota in self.quotas if quota.window == window), None)

    def scope_of(self, unit: Unit, window: float | None) -> Scope:
        """The declared scope of a limit, else the dialect's."""
        same = [quota for quota in self.quotas if quota.window == window]
        exact = next((quota for quota in same if quota.unit is unit), None) or next(iter(same), None)
        return Scope(exact.scope) if exact else self.scope


PLAIN = Dialect()
Dialects = Dialect | Sequence[Sign]


def dialect_of(dialect: Dialects) -> Dialect:
    """A plain list of signs is a dialect without any quota."""
    return dialect if isinstance(dialect, Dialect) else Dialect(signs=tuple(dialect))


class Sent(Struct, frozen=True):
    """What the refused request held, so that nothing is blamed that it did not contain.

    fields: dotted optional fields that the caller set. capabilities: "vision", "tools", "system", "audio", …
    tokens: our estimate of the prompt; output: the bound of the answer, 0 where none was sent.
    """

    fields: frozenset[str] = frozenset()
    capabilities: frozenset[str] = frozenset()
    prefix: bool = False
    tokens: int = 0
    output: int = 0
