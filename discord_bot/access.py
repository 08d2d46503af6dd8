"""Who may use the bot where: pure decisions over a server's settings."""

from collections.abc import Collection
from dataclasses import dataclass


@dataclass(frozen=True)
class Asker:
    """What the rules look at. In direct messages `guild` is None and nothing is restricted."""

    user: int
    guild: int | None
    channel: int
    parent: int | None = None
    """The channel of a thread."""
    category: int | None = None
    roles: frozenset[int] = frozenset()
    manager: bool = False
    """May manage the server; never locked out of the own settings."""


def refusal(asker: Asker, allowed_channels: Collection[int], allowed_roles: Collection[int]) -> str | None:
    """The key of the sentence that refuses, or None. Empty lists allow everybody everywhere."""
    if asker.guild is None:
        return None
    places = {asker.channel, asker.parent, asker.category}
    if allowed_channels and places.isdisjoint(allowed_channels):
        return "access-channel"
    # The role with the server's own id is @everyone.
    if allowed_roles and not asker.manager and (asker.roles | {asker.guild}).isdisjoint(allowed_roles):
        return "access-role"
    return None


def may_control(asker: Asker, owner: int, *, moderator: bool) -> bool:
    """Stop, regenerate, delete: whoever asked, or a moderator of the channel."""
    return asker.user == owner or moderator
