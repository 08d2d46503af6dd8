"""How one provider words limits and refusals, as data: signs, declared quotas, meanings of header names.

The rows of the catalogue and the adapters make dialects; `errors.py` and `limits.py` read by them.
"""

from collections.abc import Mapping, Sequence

from msgspec import Struct

from inference_service.failures import FailureKind, Scope
from inference_service.quotas import Clock, LimitFact, Quota, Unit


class Sign(Struct, frozen=True):
    """These statuses (none: any) with these words, codes included, mean that kind.

    scope: None leaves it to the dialect (limits) or to the kind (everything else).
    wake_after: where the provider documents the wait and its answer does not tell it.
    limit: the limit that the words name, where the words alone do not show it.
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
    """windows: what a header's name means where it names no window, such as {"requests": DAY}.

    scope: what a rate limit speaks about, unless a sign or a declared quota says otherwise.
    """

    signs: tuple[Sign, ...] = ()
    quotas: tuple[Quota, ...] = ()
    windows: Mapping[str, float] = {}
    scope: Scope = Scope.CREDENTIAL_MODEL

    def clock(self, window: float | None) -> Clock | None:
        """The declared clock of a window; None where nobody has declared one."""
        return next((quota.clock for quota in self.quotas if quota.window == window), None)

    def scope_of(self, unit: Unit, window: float | None) -> Scope:
        """The declared scope of a limit, else the dialect's."""
        same = [quota for quota in self.quotas if quota.window == window]
        exact = next((quota for quota in same if quota.unit is unit), None) or next(iter(same), None)
        return Scope(exact.scope) if exact else self.scope


PLAIN = Dialect()
Dialects = Dialect | Sequence[Sign]


def dialect_of(given: Dialects) -> Dialect:
    """A plain list of signs is a dialect without any quota."""
    return given if isinstance(given, Dialect) else Dialect(signs=tuple(given))


class Sent(Struct, frozen=True):
    """What the refused request held, so that nothing is blamed that was not there.

    fields: dotted optional fields that the caller set. capabilities: "vision", "tools", "system", "audio", …
    tokens: our estimate of the prompt; output: the bound of the answer, 0 where none was sent.
    """

    fields: frozenset[str] = frozenset()
    capabilities: frozenset[str] = frozenset()
    prefix: bool = False
    tokens: int = 0
    output: int = 0
