"""Answers a person who pressed or typed something: always, once, and privately by default."""

import contextlib
import re
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Self, TypeAlias

import discord
import structlog

from discord_bot.access import Asker
from discord_bot.problems import describe, short_reference, utcnow
from discord_bot.services import services_of
from discord_bot.tracing import began
from discord_bot.underway import turn_away

BotInteraction: TypeAlias = discord.Interaction[Any]
Press: TypeAlias = Callable[[BotInteraction, "re.Match[str]", list[Any]], Awaitable[None]]

log = structlog.get_logger(__name__)

# Discord no longer knows the interaction (3 s or 15 min are over), or it was answered already.
UNKNOWN_INTERACTION, ANSWERED_ALREADY, TOKEN_EXPIRED = 10062, 40060, 50027


async def private(interaction: BotInteraction, text: str, **more: Any) -> None:
    """Tells the person alone, whether or not the interaction was answered before."""
    if interaction.response.is_done():
        await interaction.followup.send(text, ephemeral=True, **more)
    else:
        await interaction.response.send_message(text, ephemeral=True, **more)


@contextlib.asynccontextmanager
async def answered(interaction: BotInteraction, where: str) -> AsyncIterator[None]:
    """Whatever happens inside, the person gets a sentence and the log gets an id to find it by."""
    services_of(interaction).underway.add(interaction)
    try:
        with began(services_of(interaction).inference, where):
            yield
    except Exception as error:  # noqa: BLE001 - the outermost place; the error is logged and told
        await explain(interaction, error, where)


async def explain(interaction: BotInteraction, error: BaseException, where: str) -> None:
    if interaction.client.is_closed():
        return  # the process is shutting down, and every connection with it
    reference = short_reference(uuid.uuid4().hex)
    services_of(interaction).metrics.errors.labels(where).inc()
    log.error("unexpected error", where=where, reference=reference, exc_info=error)
    problem = describe(error, utcnow(), reference)
    try:
        await private(interaction, problem.text(locale_of(interaction), utcnow()))
    except discord.HTTPException as late:
        if late.code not in {UNKNOWN_INTERACTION, ANSWERED_ALREADY, TOKEN_EXPIRED}:
            log.warning("the person could not be told", where=where, code=late.code)


def locale_of(interaction: BotInteraction) -> str:
    return interaction.locale.value


def asker_of(interaction: BotInteraction) -> Asker:
    """What the access rules need to know, from the interaction alone: no request, no cache."""
    channel = interaction.channel
    return asker(interaction.user, interaction.guild_id, interaction.channel_id or 0, channel)


def asker(user: discord.abc.User, guild: int | None, channel_id: int, channel: object) -> Asker:
    roles, manager = frozenset[int](), False
    if isinstance(user, discord.Member):
        # Member.roles needs the cache of roles; the payload contains the ids.
        roles = frozenset(user._roles)  # noqa: SLF001 - ids without a cache have no public door
        manager = user.resolved_permissions.manage_guild if user.resolved_permissions else False
        manager = manager or user.guild_permissions.manage_guild
    return Asker(
        user=user.id,
        guild=guild,
        channel=channel_id,
        parent=getattr(channel, "parent_id", None),
        category=getattr(channel, "category_id", None),
        roles=roles,
        manager=manager,
    )


def pressable(pattern: str, press: Press, where: str) -> type[discord.ui.DynamicItem[Any]]:
    """Buttons and selects whose id matches the pattern; they need no memory, so they never expire.

    `press` gets the interaction, the id's fields, and the chosen values of a select.
    """

    class Pressable(discord.ui.DynamicItem[Any], template=pattern):
        def __init__(self, item: discord.ui.Item[Any], match: "re.Match[str]") -> None:
            super().__init__(item)
            self._match = match

        @classmethod
        async def from_custom_id(cls, interaction: Any, item: Any, match: "re.Match[str]", /) -> Self:  # noqa: ARG003 - the library's signature
            return cls(item, match)

        async def callback(self, interaction: Any) -> None:
            chosen: BotInteraction = interaction
            action = self._match.groupdict().get("action", "")
            if services_of(chosen).underway.closing:
                await turn_away(chosen)
                return
            async with answered(chosen, f"{where}:{action}"):
                await press(chosen, self._match, list(getattr(self.item, "values", ())))

    return Pressable
