"""One thing that a person pressed or typed, and how it reaches the bot (documentation: receiving-and-responding)."""

import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.fakes.discord import payloads, permissions
from tests.fakes.discord.model import DM, Channel, Json, Message

if TYPE_CHECKING:
    from tests.fakes.discord.people import Person
    from tests.fakes.discord.server import FakeDiscord

COMMAND, COMPONENT, AUTOCOMPLETE, MODAL = 2, 3, 4, 5
DEFAULT_FILE_LIMIT = 10 * 1024 * 1024


@dataclass(eq=False)
class Interaction:
    """One thing that a person pressed or typed, and how the bot answered."""

    id: int
    token: str
    type: int
    user: "Person"
    channel: Channel
    data: Json
    world: "FakeDiscord"
    created_at: float
    message: Message | None = None
    user_install: bool = False
    acknowledged_at: float | None = None
    response: Message | None = None
    choices: list[Json] | None = None
    modal: Json | None = None
    follow_ups: int = 0
    followed: list[Message] = field(default_factory=list)
    owners: Json = field(default_factory=dict)

    @property
    def name(self) -> str:
        return str(self.data.get("name") or self.data.get("custom_id"))

    @property
    def ephemeral(self) -> bool:
        return self.response is not None and self.response.ephemeral

    async def acknowledged(self) -> "Interaction":
        """The bot has answered in time."""
        await self.world.wait_for(lambda: self.acknowledged_at is not None)
        return self

    async def answer(self) -> Message:
        """The bot's message, once it is more than a promise."""
        found = await self.world.wait_for(
            lambda: self.response is not None and not self.response.loading and self.response
        )
        message: Message = found
        return message

    async def reply(self) -> Message:
        """What the bot says after it has acknowledged a press that changes nothing by itself."""
        await self.world.wait_for(lambda: self.followed)
        return self.followed[0]

    @property
    def forced_private(self) -> bool:
        """An app that only the person installed answers privately where they may not use such apps openly."""
        return (
            self.user_install
            and self.channel.guild is not None
            and not permissions.may(self.user, self.channel, permissions.Permission.USE_EXTERNAL_APPS)
        )


def send(
    person: "Person",
    kind: int,
    channel: Channel,
    data: Json,
    *,
    message: Message | None = None,
    user_install: bool = False,
) -> Interaction:
    """Tells the bot of it at once and returns the record in which its answer will stand."""
    world, guild = person.world, channel.guild
    owners = {"1": str(person.id)} if user_install else {"0": str(guild.id if guild else 0)}
    interaction = Interaction(
        world.ids.next(), secrets.token_urlsafe(24), kind, person, channel, data, world, world.clock.now(), message, user_install,
        owners=owners,
    )  # fmt: skip
    world.interactions[interaction.token] = interaction
    world.gateway.emit("INTERACTION_CREATE", 0, guild, _payload(interaction))
    return interaction


def _payload(interaction: Interaction) -> Json:
    world, person, channel = interaction.world, interaction.user, interaction.channel
    guild, rights = channel.guild, str(permissions.in_channel(person, channel))
    body: Json = {
        "id": str(interaction.id),
        "application_id": str(world.application_id),
        "type": interaction.type,
        "token": interaction.token,
        "version": 1,
        "data": interaction.data,
        "channel_id": str(channel.id),
        "channel": {**payloads.channel(channel), "permissions": rights},
        "app_permissions": str(permissions.in_channel(world.bot, channel)),
        "locale": person.locale,
        "entitlements": [],
        "authorizing_integration_owners": interaction.owners,
        "context": 1 if channel.type == DM else 0,
        "attachment_size_limit": guild.file_limit if guild else DEFAULT_FILE_LIMIT,
    }
    if guild is not None:
        body |= {
            "guild_id": str(guild.id),
            "guild": {"id": str(guild.id), "features": [], "locale": guild.locale},
            "guild_locale": guild.locale,
            "member": {**payloads.member(guild.members[person.id]), "permissions": rights},
        }
    else:
        body["user"] = payloads.user(person)
    if interaction.message is not None:
        body["message"] = payloads.message(interaction.message, world.bot)
    return body
