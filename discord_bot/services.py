"""What every feature shares. A feature receives this and nothing of the Discord client but the rooms it speaks in."""

from dataclasses import dataclass
from typing import Any, Protocol

import discord

from antiphon.client import InferenceClient
from antiphon.config.model import Config
from discord_bot.admission import Admission
from discord_bot.catalogue import Catalogue
from discord_bot.commands import CommandMentions
from discord_bot.ledger import WriteRetries
from discord_bot.metrics import BotMetrics
from discord_bot.rendering.pacing import Paces
from discord_bot.store.database import Store
from discord_bot.tasks import Tasks
from discord_bot.underway import Underway


class Rooms(Protocol):
    """Channels by their ids, and the bot's own account."""

    @property
    def user(self) -> discord.ClientUser | None: ...

    @property
    def http(self) -> Any: ...

    async def fetch_user(self, user_id: int, /) -> Any: ...

    async def create_dm(self, user: Any) -> Any: ...

    def get_channel(self, id: int, /) -> Any: ...  # noqa: A002 - the library's own name

    async def fetch_channel(self, channel_id: int, /) -> Any: ...

    def get_partial_messageable(self, id: int) -> Any: ...  # noqa: A002 - the library's own name


@dataclass(frozen=True)
class Services:
    config: Config
    """As it holds for this connection: without the message content intent when Discord refused it."""
    store: Store
    inference: InferenceClient
    metrics: BotMetrics
    rooms: Rooms
    paces: Paces
    catalogue: Catalogue
    admission: Admission
    ledger: WriteRetries
    tasks: Tasks
    commands: CommandMentions
    underway: Underway

    @property
    def me(self) -> int:
        return self.rooms.user.id if self.rooms.user else 0


def services_of(interaction: discord.Interaction[Any]) -> Services:
    """For buttons and forms, which the library makes from their ids."""
    services: Services = interaction.client.services
    return services
