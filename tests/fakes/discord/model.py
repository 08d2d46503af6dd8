"""What exists in the fake: people, servers, channels and threads, messages with all their revisions.

These are plain records; the rules live in the modules beside. Fields that tests read often:
`Message.content`, `.history`, `.buttons`, `.attachments`; `Channel.shown_to(user)`, `.names`; `Guild.members`.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.fakes.discord import clock

if TYPE_CHECKING:
    from tests.fakes.discord.server import FakeDiscord

Json = dict[str, Any]

TEXT, DM, VOICE, ANNOUNCEMENT, STAGE, FORUM = 0, 1, 2, 5, 13, 15
ANNOUNCEMENT_THREAD, PUBLIC_THREAD, PRIVATE_THREAD = 10, 11, 12
THREADS = (ANNOUNCEMENT_THREAD, PUBLIC_THREAD, PRIVATE_THREAD)

SUPPRESS_EMBEDS, HAS_THREAD, EPHEMERAL, LOADING = 1 << 2, 1 << 5, 1 << 6, 1 << 7
SUPPRESS_NOTIFICATIONS, VOICE_MESSAGE, COMPONENTS_V2 = 1 << 12, 1 << 13, 1 << 15
# Message types that people write or that answer a command; all others are lines of the system.
WRITTEN = (0, 19, 20, 23)


@dataclass(eq=False)
class User:
    id: int
    name: str
    locale: str = "en-US"
    bot: bool = False
    accepts_dms: bool = True

    @property
    def mention(self) -> str:
        return f"<@{self.id}>"


@dataclass(eq=False)
class Role:
    id: int
    name: str
    permissions: int = 0
    managed: bool = False
    bot_id: int | None = None
    """Of the role that comes with a bot."""
    mentionable: bool = False


@dataclass(eq=False)
class Member:
    user: User
    roles: list[Role] = field(default_factory=list)
    joined_at: float = 0.0
    nick: str | None = None


@dataclass(eq=False)
class Guild:
    id: int
    name: str
    locale: str
    world: "FakeDiscord"
    owner: User
    everyone: Role
    roles: list[Role] = field(default_factory=list)
    members: dict[int, Member] = field(default_factory=dict)
    channels: dict[int, "Channel"] = field(default_factory=dict)
    inviter: User | None = None
    system_channel: "Channel | None" = None
    file_limit: int = 10 * 1024 * 1024
    has_bot: bool = True
    indexed: bool = True
    """Its messages can be searched."""

    @property
    def threads(self) -> list["Channel"]:
        return [channel for channel in self.channels.values() if channel.is_thread]

    def channel(self, name: str) -> "Channel":
        """The channel or thread of that name; KeyError if there is none."""
        for channel in self.channels.values():
            if channel.name == name:
                return channel
        raise KeyError(name)


@dataclass(eq=False)
class Channel:
    """A channel, a thread or a direct message. `names` holds every name with the time it was given."""

    id: int
    type: int
    name: str
    world: "FakeDiscord"
    guild: Guild | None = None
    parent: "Channel | None" = None
    owner: User | None = None
    topic: str | None = None
    nsfw: bool = False
    default_auto_archive: int | None = None
    overwrites: dict[int, tuple[int, int]] = field(default_factory=dict)
    recipients: list[User] = field(default_factory=list)
    messages: dict[int, "Message"] = field(default_factory=dict)
    removed: list["Message"] = field(default_factory=list)
    typing: list[tuple[float, User]] = field(default_factory=list)
    deleted: bool = False
    # Threads only.
    names: list[tuple[float, str]] = field(default_factory=list)
    archived: bool = False
    locked: bool = False
    invitable: bool = True
    auto_archive: int = 1440
    thread_members: dict[int, float] = field(default_factory=dict)
    archive_changed: float = 0.0
    applied_tags: list[int] = field(default_factory=list)
    old_edits: list[float] = field(default_factory=list)

    @property
    def is_thread(self) -> bool:
        return self.type in THREADS

    @property
    def is_private(self) -> bool:
        return self.type == PRIVATE_THREAD

    @property
    def mention(self) -> str:
        return f"<#{self.id}>"

    @property
    def written(self) -> list["Message"]:
        """Messages by people and apps in their order, private ones too, without lines of the system."""
        return [message for message in self.messages.values() if message.type in WRITTEN]

    @property
    def from_bot(self) -> list["Message"]:
        """What the bot wrote here that everybody in the channel can see."""
        return [m for m in self.written if m.author is self.world.bot and not m.ephemeral]

    @property
    def texts(self) -> list[str]:
        return [message.content for message in self.written]

    def shown_to(self, user: User) -> list["Message"]:
        return [message for message in self.written if message.ephemeral_to in (None, user)]

    @property
    def last(self) -> "Message":
        """The newest written message; IndexError in an empty channel."""
        return self.written[-1]


@dataclass(frozen=True)
class File:
    """A file as a person or the bot brings it. `description` is the alt text."""

    name: str
    content: bytes
    content_type: str = "application/octet-stream"
    description: str | None = None


@dataclass(eq=False)
class Attachment:
    id: int
    file: File
    url: str
    description: str | None = None
    width: int | None = None
    height: int | None = None
    ephemeral: bool = False
    seconds: float | None = None
    """Of a voice message."""

    @property
    def filename(self) -> str:
        return self.file.name

    @property
    def content(self) -> bytes:
        return self.file.content


@dataclass(frozen=True)
class Revision:
    """What a message showed from `t` (Unix seconds) on."""

    t: float
    content: str
    components: list[Json]
    attachments: tuple[Attachment, ...]
    embeds: list[Json]
    flags: int


@dataclass(eq=False)
class Message:
    id: int
    channel: Channel
    author: User
    content: str = ""
    type: int = 0
    flags: int = 0
    embeds: list[Json] = field(default_factory=list)
    components: list[Json] = field(default_factory=list)
    attachments: list[Attachment] = field(default_factory=list)
    nonce: str | None = None
    reference: "Message | None" = None
    interaction: Any = None
    ephemeral_to: User | None = None
    edited_at: float | None = None
    deleted_at: float | None = None
    pinged: list[User] = field(default_factory=list)
    mentions: list[User] = field(default_factory=list)
    mention_roles: list[Role] = field(default_factory=list)
    mention_everyone: bool = False
    reactions: dict[str, list[User]] = field(default_factory=dict)
    thread: Channel | None = None
    poll: Json | None = None
    stickers: list[str] = field(default_factory=list)
    forwarded: "Message | None" = None
    """Of a forward: the message whose snapshot it shows."""
    webhook_id: int | None = None
    history: list[Revision] = field(default_factory=list)

    @property
    def created_at(self) -> float:
        return clock.created(self.id)

    @property
    def ephemeral(self) -> bool:
        return bool(self.flags & EPHEMERAL)

    @property
    def loading(self) -> bool:
        """A deferred answer that has no content yet ("is thinking…")."""
        return bool(self.flags & LOADING)

    def record(self, now: float) -> None:
        """Keeps the present state as a revision."""
        self.history.append(
            Revision(now, self.content, self.components, tuple(self.attachments), self.embeds, self.flags)
        )

    def walk(self) -> Iterator[Json]:
        """Every component of the message, nested ones included."""
        yield from walk(self.components)

    @property
    def buttons(self) -> list[str]:
        """The labels of all buttons that can be pressed now (a button with an emoji alone shows the emoji)."""
        return [face(c) for c in self.walk() if c["type"] == 2 and not c.get("disabled")]

    @property
    def text(self) -> str:
        """All text a reader sees: content, text displays and embeds, in this order, joined by newlines."""
        parts = [self.content, *(c["content"] for c in self.walk() if c["type"] == 10)]
        for embed in self.embeds:
            parts += [embed.get("title", ""), embed.get("description", "")]
            parts += [f"{f['name']}\n{f['value']}" for f in embed.get("fields", [])]
            parts.append(embed.get("footer", {}).get("text", ""))
        return "\n".join(part for part in parts if part)


def walk(components: list[Json]) -> Iterator[Json]:
    for component in components:
        yield component
        yield from walk(component.get("components", []))
        for key in ("accessory", "component"):
            if key in component:
                yield from walk([component[key]])


def face(button: Json) -> str:
    return str(button.get("label") or button.get("emoji", {}).get("name") or "")
