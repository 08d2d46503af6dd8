"""Answering a person who pressed or typed something: always, once, and privately unless said otherwise."""

import contextlib
import uuid
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any, TypeAlias

import discord
import structlog

from discord_bot.access import Asker
from discord_bot.problems import describe, short_reference, utcnow
from discord_bot.tracing import began

if TYPE_CHECKING:
    from discord_bot.bot import AntiphonBot

    BotInteraction: TypeAlias = discord.Interaction[AntiphonBot]
else:
    BotInteraction = discord.Interaction

log = structlog.get_logger(__name__)

# Discord no longer knows the interaction (3 s or 15 min are over), or somebody answered it before us.
UNKNOWN_INTERACTION, ANSWERED_ALREADY, TOKEN_EXPIRED = 10062, 40060, 50027


async def private(interaction: BotInteraction, text: str, **more: Any) -> None:
    """Say something to the person alone, whether or not the interaction was answered before."""
    if interaction.response.is_done():
        await interaction.followup.send(text, ephemeral=True, **more)
    else:
        await interaction.response.send_message(text, ephemeral=True, **more)


@contextlib.asynccontextmanager
async def answered(interaction: BotInteraction, where: str) -> AsyncIterator[None]:
    """Whatever happens inside, the person gets a sentence and the log gets an id to find it by."""
    try:
        with began(interaction.client.inference, where):
            yield
    except Exception as error:  # noqa: BLE001 - the outermost place; the error is logged and told
        await explain(interaction, error, where)


async def explain(interaction: BotInteraction, error: BaseException, where: str) -> None:
    reference = short_reference(uuid.uuid4().hex)
    interaction.client.metrics.errors.labels(where).inc()
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
        # Member.roles needs the cache of roles; the ids alone came with the payload.
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
