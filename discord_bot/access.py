"""Who may use the bot where: pure decisions over the operator's rules and a server's settings."""

from collections.abc import Collection
from dataclasses import dataclass

from antiphon.config.bot import BotAccess


@dataclass(frozen=True)
class Asker:
    """What the rules look at. In direct messages `guild` is None and roles are unknown."""

    user: int
    guild: int | None
    channel: int
    parent: int | None = None
    """The channel of a thread."""
    category: int | None = None
    roles: frozenset[int] = frozenset()
    manager: bool = False
    """May manage the server; never locked out of the own settings."""


@dataclass(frozen=True)
class ServerRules:
    """What the managers of a server have configured. Empty lists allow everybody everywhere."""

    channels: Collection[int] = ()
    roles: Collection[int] = ()
    blocked_channels: Collection[int] = ()
    blocked_roles: Collection[int] = ()


def refusal(asker: Asker, rules: ServerRules) -> str | None:
    """The message key of a refusal by the server's rules, or None."""
    if asker.guild is None:
        return None
    places = {asker.channel, asker.parent, asker.category}
    if not places.isdisjoint(rules.blocked_channels):
        return "access-channel"
    if rules.channels and places.isdisjoint(rules.channels):
        return "access-channel"
    # The role whose id equals the server's is @everyone.
    roles = asker.roles | {asker.guild}
    if not asker.manager and not roles.isdisjoint(rules.blocked_roles):
        return "access-role-blocked"
    if rules.roles and not asker.manager and roles.isdisjoint(rules.roles):
        return "access-role"
    return None


def operator_refusal(asker: Asker, access: BotAccess, operators: Collection[int]) -> str | None:
    """The message key of a refusal by the operator's rules, or None. Operators are never refused."""
    if asker.user in operators:
        return None
    if asker.user in access.blocked_users:
        return "access-person"
    if asker.guild is None:
        return _refusal_in_private(asker, access)
    if asker.guild in access.blocked_servers or (access.allowed_servers and asker.guild not in access.allowed_servers):
        return "access-server"
    if not asker.roles.isdisjoint(access.blocked_roles):
        return "access-person"
    if not access.allowed_users and not access.allowed_roles:
        return None
    allowed = asker.user in access.allowed_users or not asker.roles.isdisjoint(access.allowed_roles)
    return None if allowed else "access-person"


def _refusal_in_private(asker: Asker, access: BotAccess) -> str | None:
    """Rules about servers and roles cannot be checked here, so only people named by id pass them."""
    if asker.user in access.allowed_users:
        return None
    if not access.direct_messages or access.allowed_servers or access.allowed_roles or access.blocked_roles:
        return "access-direct"
    return "access-person" if access.allowed_users else None


def may_control(asker: Asker, owner: int, *, moderator: bool) -> bool:
    """Stop, regenerate, delete: allowed for the asker, or a moderator of the channel."""
    return asker.user == owner or moderator
