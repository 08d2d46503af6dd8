"""The buttons under a picture."""

from typing import Any

import discord

from discord_bot.features.chat.buttons import view_of
from discord_bot.i18n import t

LABELS = {
    "cancel": "button-cancel",
    "again": "button-again",
    "seed": "button-new-seed",
    "edit": "button-edit-prompt",
    "input": "button-use-input",
    "delete": "button-delete",
    "retry": "button-retry",
}


PATTERN = r"picture:1:(?P<action>[a-z]+):(?P<order>\d+)"


def picture_button(action: str, order_id: int, locale: str) -> discord.ui.Button[Any]:
    style = discord.ButtonStyle.danger if action in ("cancel", "delete") else discord.ButtonStyle.secondary
    return discord.ui.Button(label=t(locale, LABELS[action]), style=style, custom_id=f"picture:1:{action}:{order_id}")


def running(order_id: int, locale: str) -> discord.ui.View | None:
    return view_of(picture_button("cancel", order_id, locale))


def finished(order_id: int, locale: str, *, takes_input: bool) -> discord.ui.View | None:
    names = ["again", "seed", "edit", *(["input"] if takes_input else []), "delete"]
    return view_of(*(picture_button(name, order_id, locale) for name in names))


def failed(order_id: int, locale: str, *, retry: bool, edit: bool) -> discord.ui.View | None:
    names = [*(["retry"] if retry else []), *(["edit"] if edit else [])]
    return view_of(*(picture_button(name, order_id, locale) for name in names))
