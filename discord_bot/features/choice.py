"""A choice of model or persona, kept where it shall hold."""

from typing import TYPE_CHECKING, Literal

from discord import app_commands

from discord_bot.commands import words
from discord_bot.i18n import t
from discord_bot.interactions import BotInteraction, private

if TYPE_CHECKING:
    from discord_bot.bot import AntiphonBot

Target = Literal["conversation", "channel", "me"]
SCOPES = [app_commands.Choice(name=words(f"choice-{name}"), value=name) for name in ("conversation", "channel", "me")]


async def choose(
    bot: "AntiphonBot", interaction: BotInteraction, scope: Target, key: str, value: str | None
) -> str | None:
    """Keeps it and gives the words for where; None when the person was refused and told so."""
    locale = interaction.locale.value
    conversation = await bot.store.conversations.find(interaction.channel_id or 0)
    if scope == "conversation" and conversation is not None:
        await bot.store.conversations.change(conversation.id, **{key: value})
        return t(locale, "choice-conversation")
    if scope == "channel" and interaction.guild_id is not None:
        if not interaction.permissions.manage_channels:
            await private(interaction, t(locale, "access-manage"))
            return None
        channel_id = getattr(interaction.channel, "parent_id", None) or interaction.channel_id or 0
        await bot.store.settings.set("channel", channel_id, key, value)
        return t(locale, "choice-channel")
    await bot.store.settings.set("user", interaction.user.id, key, value)
    return t(locale, "choice-me")
