"""A picture order that came by a message, in the shape of an interaction: its answer is a message."""

from typing import Any

import discord

REFUSAL_SHOWN = 20.0  # seconds; a channel cannot answer privately
SMALLEST_LIMIT = 10 * 1024 * 1024
LOCALES = {one.value: one for one in discord.Locale}


class ChannelJob:
    """What the picture feature needs from an interaction. The first state is sent, all others are edits."""

    def __init__(
        self, person: Any, guild: Any, channel: Any, locale: str, *, reply_to: discord.Message | None = None
    ) -> None:
        self.user, self.guild, self.channel, self._reply_to = person, guild, channel, reply_to
        self.guild_id, self.channel_id = guild.id if guild is not None else None, channel.id
        self.id = channel.id  # the slot that was reserved when the message arrived
        self.locale = LOCALES.get(locale, discord.Locale.american_english)
        self.filesize_limit = guild.filesize_limit if guild is not None else SMALLEST_LIMIT
        self.response, self.followup = self, self
        self._shown: discord.Message | None = None
        self._deferred = False

    def is_done(self) -> bool:
        return self._deferred or self._shown is not None

    async def defer(self, **_: Any) -> None:
        """The sign of life; the message itself follows when there is something to say."""
        self._deferred = True
        await self.channel.typing()

    async def send_message(self, text: str, *, ephemeral: bool = False, view: Any = None, **_: Any) -> None:
        if ephemeral:
            await self.send(text)
            return
        more = {"view": view} if view else {}
        self._shown = await self._say(text, suppress_embeds=True, **more)

    async def send(self, text: str, **_: Any) -> None:
        """For the person: it disappears by itself."""
        await self._say(text, silent=True, delete_after=REFUSAL_SHOWN)

    async def _say(self, text: str, **more: Any) -> discord.Message:
        if self._reply_to is not None:
            return await self._reply_to.reply(text, mention_author=False, **more)
        said: discord.Message = await self.channel.send(text, **more)
        return said

    async def original_response(self) -> discord.Message:
        assert self._shown is not None  # noqa: S101 - it is asked for after it was sent
        return self._shown

    async def delete_original_response(self) -> None:
        if self._shown is not None:
            await self._shown.delete()
            self._shown = None

    async def edit_original_response(self, *, content: str, view: Any = None, attachments: Any = ()) -> None:
        if self._shown is None and view is None:
            await self.send(content)  # a refusal
        elif self._shown is None:
            await self.send_message(content, view=view)
        else:
            await self._shown.edit(content=content, view=view, attachments=attachments, suppress=True)
