"""A message that orders a picture, in the shape of an interaction: the picture comes as a reply to it."""

from typing import Any

import discord

REFUSAL_SHOWN = 20.0  # seconds; a message cannot be answered privately
SMALLEST_LIMIT = 10 * 1024 * 1024


class MessageJob:
    """What the picture feature asks of an interaction. The first thing that is shown is sent, all others are edits."""

    def __init__(self, message: discord.Message, locale: str) -> None:
        self.message, self.user, self.channel = message, message.author, message.channel
        self.id = message.channel.id  # the place that was kept for the answer when the message arrived
        self.guild, self.guild_id = message.guild, message.guild.id if message.guild else None
        self.channel_id = message.channel.id
        self.locale = (
            discord.Locale(locale)
            if locale in {one.value for one in discord.Locale}
            else discord.Locale.american_english
        )
        self.filesize_limit = message.guild.filesize_limit if message.guild else SMALLEST_LIMIT
        self.response, self.followup = self, self
        self._shown: discord.Message | None = None
        self._deferred = False

    def is_done(self) -> bool:
        return self._deferred or self._shown is not None

    async def defer(self, **_: Any) -> None:
        """The sign of life; the reply itself comes with something to say."""
        self._deferred = True
        await self.message.channel.typing()

    async def send_message(self, text: str, *, ephemeral: bool = False, **more: Any) -> None:
        if ephemeral:
            await self.send(text)
        else:
            self._shown = await self.message.reply(text, mention_author=False, suppress_embeds=True, **more)

    async def send(self, text: str, **_: Any) -> None:
        """To the person: it goes away by itself."""
        await self.message.reply(text, mention_author=False, silent=True, delete_after=REFUSAL_SHOWN)

    async def original_response(self) -> discord.Message:
        assert self._shown is not None  # noqa: S101 - it is asked for after it was sent
        return self._shown

    async def edit_original_response(self, *, content: str, view: Any = None, attachments: Any = ()) -> None:
        if self._shown is None and view is None:
            await self.send(content)  # a refusal
        elif self._shown is None:
            await self.send_message(content, view=view)
        else:
            await self._shown.edit(content=content, view=view, attachments=attachments, suppress=True)
