"""What each button under a picture does, and the form behind one of them."""

import re
from typing import Any

import discord

from discord_bot.access import may_control
from discord_bot.features.image.buttons import LABELS, PATTERN
from discord_bot.features.image.feature import ImageFeature
from discord_bot.features.image.options import BadOption, Wish, clean_prompt, parse_seed, parse_shape
from discord_bot.i18n import t
from discord_bot.interactions import BotInteraction, answered, asker_of, pressable, private

NEW_MESSAGE = ("again", "seed", "input", "retry")
"""Buttons that answer with a message of its own."""


def picture_buttons(image: ImageFeature) -> type[discord.ui.DynamicItem[Any]]:
    async def press(interaction: BotInteraction, match: "re.Match[str]", _: list[Any]) -> None:
        await _press(image, interaction, match["action"], int(match["order"]))

    return pressable(PATTERN, press, "picture")


async def _press(image: ImageFeature, interaction: BotInteraction, action: str, order_id: int) -> None:
    locale = interaction.locale.value
    await _acknowledge(interaction, action)
    order = await image.services.store.pictures.get(order_id)
    if order is None or action not in LABELS:
        await _tell(interaction, t(locale, "stale"))
        return
    moderator = interaction.permissions.manage_messages if interaction.guild_id else False
    if action in ("cancel", "delete") and not may_control(asker_of(interaction), order.owner_id, moderator=moderator):
        await _tell(interaction, t(locale, "access-control"))
        return
    match action:
        case "cancel":
            if not image.cancel(order_id):
                await _tell(interaction, t(locale, "nothing-to-stop"))
        case "delete":
            await interaction.delete_original_response()
            await image.services.store.pictures.erase(order_id)
        case _:
            await _draw_again(image, interaction, action, order_id, image.wish_of(order, interaction.message))


async def _acknowledge(interaction: BotInteraction, action: str) -> None:
    """Answers before anything is looked up: Discord waits three seconds, whatever the database does."""
    if action in NEW_MESSAGE:
        await interaction.response.defer(thinking=True)
    elif action != "edit":  # a form must be the first response
        await interaction.response.defer()


async def _tell(interaction: BotInteraction, text: str) -> None:
    """To the person alone; the announced message is removed."""
    if interaction.response.type is discord.InteractionResponseType.deferred_channel_message:
        await interaction.delete_original_response()
    await private(interaction, text)


async def _draw_again(image: ImageFeature, interaction: BotInteraction, action: str, order_id: int, wish: Wish) -> None:
    locale = interaction.locale.value
    if action == "edit":
        await interaction.response.send_modal(EditPrompt(image, wish, locale, order_id))
        return
    if not wish.prompt:
        # If a person's words are not stored, they are read from Discord, or have to be typed again.
        await _tell(interaction, t(locale, "image-empty-prompt"))
        return
    if action == "input":
        standing = interaction.message.attachments if interaction.message else []
        if standing:
            await image.begin_from(interaction, wish, standing[0])
        else:
            await _tell(interaction, t(locale, "nothing-here"))
        return
    wish = wish.with_new_seed() if action == "seed" else wish
    await image.begin(interaction, wish, await image.beginning(order_id))


class EditPrompt(discord.ui.Modal):
    """Change the prompt, and draw again."""

    def __init__(self, image: ImageFeature, wish: Wish, locale: str, order_id: int) -> None:
        super().__init__(title=t(locale, "image-modal-title"))
        self._image, self._wish, self._order_id = image, wish, order_id
        style = discord.TextStyle.paragraph
        self.prompt: discord.ui.TextInput[Any] = discord.ui.TextInput(
            label=t(locale, "image-modal-prompt"), style=style, default=wish.prompt or None, max_length=4_000
        )
        self.negative: discord.ui.TextInput[Any] = discord.ui.TextInput(
            label=t(locale, "image-modal-negative"), required=False, default=wish.negative or None, max_length=1_000
        )
        self.shape: discord.ui.TextInput[Any] = discord.ui.TextInput(
            label=t(locale, "image-modal-shape"), required=False, default=wish.shape_text() or None, max_length=20
        )
        self.seed: discord.ui.TextInput[Any] = discord.ui.TextInput(
            label=t(locale, "image-modal-seed"),
            required=False,
            default=None if wish.seed is None else str(wish.seed),
            max_length=20,
        )
        for item in (self.prompt, self.negative, self.shape, self.seed):
            self.add_item(item)

    async def on_submit(self, interaction: Any, /) -> None:
        chosen: BotInteraction = interaction
        async with answered(chosen, "picture:edited"):
            try:
                size, aspect = parse_shape(self.shape.value)
                wish = Wish(
                    prompt=clean_prompt(self.prompt.value), size=size, aspect=aspect, count=self._wish.count, negative=self.negative.value.strip(),
                    model=self._wish.model, seed=parse_seed(self.seed.value), steps=self._wish.steps, spoiler=self._wish.spoiler, authors=self._wish.authors,
                )  # fmt: skip
            except BadOption as bad:
                await private(chosen, t(chosen.locale.value, bad.key))
                return
            await self._image.begin(chosen, wish, await self._image.beginning(self._order_id))
