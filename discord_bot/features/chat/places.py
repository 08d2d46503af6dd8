"""Where an answer goes: a new thread, the channel, or the private answer of an interaction."""

from typing import Any

import discord

from discord_bot.conversation.title import shorten, thread_name
from discord_bot.interactions import BotInteraction
from discord_bot.store.settings import GuildSettings

SHOWN_QUESTION = 1_500
THREAD_PERMISSIONS = ("create_public_threads", "send_messages_in_threads")


async def thread_on(message: discord.Message, question: str, settings: GuildSettings) -> discord.Thread | None:
    """A thread on the message; None if threads are off or not possible."""
    if not settings.threads or not may_have_thread(message.channel, message.guild):
        return None
    try:
        return await message.create_thread(
            name=thread_name(question),
            auto_archive_duration=settings.archive_hours * 60,  # type: ignore[arg-type] # one of Discord's four
        )
    except discord.HTTPException:
        return None


def may_have_thread(channel: object, guild: discord.Guild | None) -> bool:
    if not isinstance(channel, discord.TextChannel) or guild is None:
        return False
    mine = channel.permissions_for(guild.me)
    return all(getattr(mine, name) for name in THREAD_PERMISSIONS)


def is_home(interaction: BotInteraction) -> bool:
    """Whether the bot is in the place itself. Installed by a person alone, it sees nothing of it and may only answer.

    That holds for direct messages and groups of other people, too.
    """
    if interaction.guild_id is None:
        return not interaction.context.private_channel
    return interaction.is_guild_integration()


def settings_channel(channel: object, channel_id: int) -> int:
    """The channel whose settings apply: for a thread, the one above it."""
    return getattr(channel, "parent_id", None) or channel_id


def announcement(name: str, question: str, files: int = 0) -> str:
    """The message in the channel above the thread: the question, as far as it fits."""
    safe = discord.utils.escape_markdown(discord.utils.escape_mentions(name))
    return f"**{safe}:** {shorten(question, SHOWN_QUESTION)}" + (f" 📎 {files}" if files else "")


def announced(content: str) -> str:
    """The question in such a message."""
    return content.partition(":** ")[2]


class FollowupMessage:
    """An interaction's message that looks like any other to the writer."""

    def __init__(self, message: discord.WebhookMessage) -> None:
        self._message = message
        self.id, self.content = message.id, message.content

    async def edit(
        self, *, content: str = "", view: Any = None, suppress: bool = True, attachments: Any = None
    ) -> "FollowupMessage":
        del suppress  # these messages show no previews
        more = {} if attachments is None else {"attachments": attachments}
        if attachments is None:
            more |= {"content": content, "view": view}
        return FollowupMessage(await self._message.edit(**more))

    async def delete(self) -> None:
        await self._message.delete()


class FollowupChannel:
    """Sends into an interaction: only the person sees it, for at most 15 minutes."""

    def __init__(self, interaction: BotInteraction, *, ephemeral: bool) -> None:
        self.interaction, self._ephemeral = interaction, ephemeral

    @property
    def parent_id(self) -> int | None:
        """The place of the interaction, if that is a thread."""
        return getattr(self.interaction.channel, "parent_id", None)

    async def send(self, content: str, **more: Any) -> FollowupMessage:
        view = more.get("view")
        options = {} if view is None else {"view": view}
        sent = await self.interaction.followup.send(
            content, ephemeral=self._ephemeral, wait=True, suppress_embeds=True, **options
        )
        return FollowupMessage(sent)
