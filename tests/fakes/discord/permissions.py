"""Permission bits and how they add up for one person in one channel (documentation: topics/permissions)."""

from enum import IntFlag
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.fakes.discord.model import Channel, Guild, User


class Permission(IntFlag):
    ADMINISTRATOR = 1 << 3
    MANAGE_CHANNELS = 1 << 4
    MANAGE_GUILD = 1 << 5
    ADD_REACTIONS = 1 << 6
    VIEW_AUDIT_LOG = 1 << 7
    VIEW_CHANNEL = 1 << 10
    SEND_MESSAGES = 1 << 11
    MANAGE_MESSAGES = 1 << 13
    EMBED_LINKS = 1 << 14
    ATTACH_FILES = 1 << 15
    READ_MESSAGE_HISTORY = 1 << 16
    MENTION_EVERYONE = 1 << 17
    USE_EXTERNAL_EMOJIS = 1 << 18
    MANAGE_ROLES = 1 << 28
    MANAGE_WEBHOOKS = 1 << 29
    USE_APPLICATION_COMMANDS = 1 << 31
    MANAGE_THREADS = 1 << 34
    CREATE_PUBLIC_THREADS = 1 << 35
    CREATE_PRIVATE_THREADS = 1 << 36
    SEND_MESSAGES_IN_THREADS = 1 << 38
    USE_EXTERNAL_APPS = 1 << 50


P = Permission
ALL = (1 << 53) - 1
# What a fresh server gives everyone and an app that is invited with the usual bits.
DEFAULT = (
    P.ADD_REACTIONS
    | P.VIEW_CHANNEL
    | P.SEND_MESSAGES
    | P.EMBED_LINKS
    | P.ATTACH_FILES
    | P.READ_MESSAGE_HISTORY
    | P.USE_EXTERNAL_EMOJIS
    | P.USE_APPLICATION_COMMANDS
    | P.CREATE_PUBLIC_THREADS
    | P.CREATE_PRIVATE_THREADS
    | P.SEND_MESSAGES_IN_THREADS
    | P.USE_EXTERNAL_APPS
)
# A direct message has no roles: what everybody may do there.
DIRECT = (
    P.ADD_REACTIONS
    | P.VIEW_CHANNEL
    | P.SEND_MESSAGES
    | P.EMBED_LINKS
    | P.ATTACH_FILES
    | P.READ_MESSAGE_HISTORY
    | P.USE_EXTERNAL_EMOJIS
    | P.USE_APPLICATION_COMMANDS
    | P.USE_EXTERNAL_APPS
)


def in_guild(user: "User", guild: "Guild") -> int:
    member = guild.members.get(user.id)
    if member is None:
        return 0
    if guild.owner is user:
        return ALL
    bits = guild.everyone.permissions
    for role in member.roles:
        bits |= role.permissions
    return ALL if bits & P.ADMINISTRATOR else bits


def in_channel(user: "User", channel: "Channel") -> int:
    """All bits that hold for the user there; a thread takes those of its parent. 0 for whoever cannot see it."""
    if channel.guild is None:
        return int(DIRECT) if user in channel.recipients else 0
    place = channel.parent if channel.is_thread and channel.parent else channel
    bits = in_guild(user, channel.guild)
    if bits == ALL or not bits:
        return bits
    member = channel.guild.members[user.id]
    overwrites = place.overwrites
    for allow, deny in [overwrites.get(channel.guild.id, (0, 0))]:
        bits = bits & ~deny | allow
    roles = [overwrites[role.id] for role in member.roles if role.id in overwrites]
    denied = allowed = 0
    for allow, deny in roles:
        denied, allowed = denied | deny, allowed | allow
    bits = bits & ~denied | allowed
    allow, deny = overwrites.get(user.id, (0, 0))
    bits = bits & ~deny | allow
    if not bits & P.VIEW_CHANNEL:
        return 0
    if channel.is_private and user.id not in channel.thread_members and not bits & P.MANAGE_THREADS:
        return 0
    return bits


def may(user: "User", channel: "Channel", *wanted: Permission) -> bool:
    bits = in_channel(user, channel)
    return all(bits & bit for bit in wanted)
