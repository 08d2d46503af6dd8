"""The buttons under a picture, and the form behind one of them."""

import re
from typing import Any, Self

import discord

from discord_bot.features.chat.buttons import view_of
from discord_bot.features.image.options import BadOption, Wish, clean_prompt, parse_seed, parse_shape
from discord_bot.i18n import t
from discord_bot.interactions import BotInteraction, answered, private

LABELS = {
    "cancel": "button-cancel",
    "again": "button-again",
    "seed": "button-new-seed",
    "edit": "button-edit-prompt",
    "input": "button-use-input",
    "delete": "button-delete",
    "retry": "button-retry",
}


class PictureButton(
    discord.ui.DynamicItem[discord.ui.Button[Any]], template=r"picture:1:(?P<action>[a-z]+):(?P<order>\d+)"
):
    def __init__(self, action: str, order_id: int, locale: str = "en") -> None:
        self.action, self.order_id = action, order_id
        style = discord.ButtonStyle.danger if action in ("cancel", "delete") else discord.ButtonStyle.secondary
        super().__init__(
            discord.ui.Button(label=t(locale, LABELS[action]), style=style, custom_id=f"picture:1:{action}:{order_id}")
        )

    @classmethod
    async def from_custom_id(cls, interaction: Any, item: Any, match: "re.Match[str]", /) -> Self:  # noqa: ARG003 - the library's signature
        return cls(match["action"] if match["action"] in LABELS else "cancel", int(match["order"]))

    async def callback(self, interaction: Any) -> None:
        chosen: BotInteraction = interaction
        async with answered(chosen, f"picture:{self.action}"):
            await chosen.client.image.on_button(chosen, self.action, self.order_id)


def running(order_id: int, locale: str) -> discord.ui.View | None:
    return view_of(PictureButton("cancel", order_id, locale))


def finished(order_id: int, locale: str, *, takes_input: bool) -> discord.ui.View | None:
    names = ["again", "seed", "edit", *(["input"] if takes_input else []), "delete"]
    return view_of(*(PictureButton(name, order_id, locale) for name in names))


def failed(order_id: int, locale: str, *, retry: bool, edit: bool) -> discord.ui.View | None:
    names = [*(["retry"] if retry else []), *(["edit"] if edit else [])]
    return view_of(*(PictureButton(name, order_id, locale) for name in names))


class EditPrompt(discord.ui.Modal):
    """Change what is drawn, and draw again."""

    def __init__(self, wish: Wish, locale: str, order_id: int) -> None:
        super().__init__(title=t(locale, "image-modal-title"))
        self._wish, self._order_id = wish, order_id
        style = discord.TextStyle.paragraph
        self.prompt: discord.ui.TextInput[Any] = discord.ui.TextInput(
            label=t(locale, "image-modal-prompt"), style=style, default=wish.prompt, max_length=4_000
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
                    model=self._wish.model, seed=parse_seed(self.seed.value), steps=self._wish.steps, spoiler=self._wish.spoiler,
                )  # fmt: skip
            except BadOption as bad:
                await private(chosen, t(chosen.locale.value, bad.key))
                return
            image = chosen.client.image
            await image.begin(chosen, wish, await image.beginning(self._order_id))
