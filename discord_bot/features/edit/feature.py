"""Edit in words: "make it night" in reply to a picture of the bot, or in the thread under it, draws from that picture."""

from dataclasses import dataclass, replace
from typing import Any, cast

import discord

from discord_bot.features.chat.composing import own_text
from discord_bot.features.chat.hearing import locale_for
from discord_bot.features.edit.message_job import ChannelJob
from discord_bot.features.edit.wording import asks_for_change, changed_prompt
from discord_bot.features.image.feature import ImageFeature
from discord_bot.features.image.options import LONGEST_PROMPT, BadOption, Wish, clean_prompt
from discord_bot.i18n import t
from discord_bot.interactions import BotInteraction
from discord_bot.store.pictures import PictureOrder


@dataclass(frozen=True)
class Target:
    """A picture that the bot has drawn, and where it is."""

    message: discord.Message
    order: PictureOrder | None


class Editing:
    def __init__(self, image: ImageFeature) -> None:
        self._image, self._services = image, image.services

    async def take(self, message: discord.Message) -> bool:
        """True: the message asked for a change of a picture, and was answered. Runs until the picture is posted."""
        instruction = own_text(self._services, message)
        if not asks_for_change(instruction):
            return False
        target = await self._target(message)
        if target is None:
            return False
        locale = await locale_for(self._services, message)
        job = ChannelJob(message.author, message.guild, message.channel, locale, reply_to=message)
        try:
            wish = await self._wish(target, clean_prompt(instruction), message)
        except BadOption as bad:
            await job.send(t(job.locale.value, bad.key))
            return True
        picture = next(attachment for attachment in target.message.attachments if _is_picture(attachment))
        drawing = self._image.begin_from(cast("BotInteraction", job), wish, picture)
        self._services.tasks.spawn(drawing, "edit")
        return True

    async def _target(self, message: discord.Message) -> Target | None:
        if message.reference is not None and message.reference.message_id is not None:
            replied: Any = message.reference.resolved
            if not isinstance(replied, discord.Message):
                return None
            return await self._drawn(replied)
        return await self._above(message)

    async def _above(self, message: discord.Message) -> Target | None:
        """In the thread under a picture: the newest picture there, else the one that the thread is attached to."""
        thread = message.channel
        if not isinstance(thread, discord.Thread) or thread.parent is None:
            return None
        store = self._services.store.pictures
        first = await store.by_message(thread.parent_id, thread.id)
        if first is None:
            return None
        newest = await store.newest_in(thread.id)
        try:
            if newest is not None and newest.message_id is not None:
                return await self._drawn(await thread.fetch_message(newest.message_id))
            return await self._drawn(await thread.parent.fetch_message(thread.id))  # type: ignore[union-attr] # a text channel
        except discord.HTTPException:
            return None

    async def _drawn(self, message: discord.Message) -> Target | None:
        if message.author.id != self._services.me or not any(map(_is_picture, message.attachments)):
            return None
        order = await self._services.store.pictures.by_message(message.channel.id, message.id)
        # Pictures in Discord outlive their orders in the database.
        return Target(message, order) if order is not None or _has_buttons(message) else None

    async def _wish(self, target: Target, instruction: str, message: discord.Message) -> Wish:
        former = self._image.wish_of(target.order, target.message) if target.order is not None else Wish("")
        prompt = changed_prompt(former.prompt, instruction, LONGEST_PROMPT)
        model = await self._model(former.model, message)
        return replace(former, prompt=prompt, count=1, seed=None, model=model)

    async def _model(self, former: str, message: discord.Message) -> str:
        """A model that can start from a picture, if any is known to; else the service decides."""
        services = self._services
        guild = await services.store.settings.guild(message.guild.id if message.guild else None)
        usual = former or guild.image_model or services.config.bot.image_model
        model = await services.catalogue.find(usual, "image")
        if model is None or model.capabilities.input_image:
            return former
        able = [
            candidate for candidate in await services.catalogue.models("image") if candidate.capabilities.input_image
        ]
        return able[0].name if able else former


def _is_picture(attachment: discord.Attachment) -> bool:
    return (attachment.content_type or "").startswith("image/")


def _has_buttons(message: discord.Message) -> bool:
    ids = [getattr(item, "custom_id", "") or "" for row in message.components for item in getattr(row, "children", ())]
    return any(button_id.startswith("picture:1:") for button_id in ids)
