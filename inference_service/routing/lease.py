"""What an upstream call runs on: a credential for one deployment, and its secret.

The secret travels with the lease: nothing looks it up a second time, so a reload cannot mix two configurations.
"""

from msgspec import Struct

from inference_service.credentials.types import Ask, Grant


class Lease(Struct, frozen=True):
    """`label` is the credential's masked name; `secret` never appears in a representation."""

    ask: Ask
    grant: Grant
    label: str
    secret: str | None

    def __repr__(self) -> str:
        return f"Lease({self.ask.deployment}, {self.label})"


class Keyring:
    """Secrets and labels by credential id, for every configuration that a request may still run on.

    Ids are digests of secrets, so an id means the same token in every configuration.
    """

    def __init__(self) -> None:
        self._keys: dict[str, dict[tuple[str, str], tuple[str | None, str]]] = {}

    def add(self, generation: str, keys: dict[tuple[str, str], tuple[str | None, str]]) -> None:
        """`keys`: (pool, credential id) → (secret, masked name)."""
        self._keys[generation] = keys

    def discard(self, generation: str) -> None:
        self._keys.pop(generation, None)

    def lease(self, ask: Ask, grant: Grant) -> Lease:
        """Raises LookupError for a credential of no configuration in use, which would be a bug in the service."""
        place = (ask.pool, grant.credential)
        for keys in reversed(self._keys.values()):
            if place in keys:
                secret, label = keys[place]
                return Lease(ask, grant, label, secret)
        raise LookupError(f"no configuration has the credential {grant.credential} of the pool {ask.pool}")

    def __repr__(self) -> str:
        return "Keyring(…)"
