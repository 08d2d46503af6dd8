"""The buttons under an answer. Their ids hold kind, version and database row, so they never expire."""

from dataclasses import dataclass
from typing import Any

import discord

from discord_bot.i18n import t
from discord_bot.store.turns import Turn


@dataclass(frozen=True)
class Offer:
    """Which buttons an ended answer has."""

    retry: bool = False
    resume: bool = False
    regenerate: bool = False
    reasoning: bool = False
    file: bool = False
    picture: bool = False
    share: bool = False
    reply: bool = False
    fork: bool = False


LABELS = {
    "stop": "button-stop",
    "retry": "button-retry",
    "resume": "button-continue",
    "regenerate": "button-regenerate",
    "reasoning": "button-reasoning",
    "file": "button-file",
    "picture": "button-picture",
    "share": "button-share",
    "reply": "button-reply",
    "answer": "button-answer-now",
    "fork": "button-fork",
    "allow": "button-allow",
    "deny": "button-deny",
}
IN_PLACE = ("retry", "resume", "regenerate", "reply", "picture", "reasoning", "file", "fork")
STYLES = {
    "stop": discord.ButtonStyle.danger,
    "retry": discord.ButtonStyle.primary,
    "resume": discord.ButtonStyle.primary,
    "answer": discord.ButtonStyle.primary,
    "allow": discord.ButtonStyle.success,
}


PATTERN = r"turn:1:(?P<action>[a-z]+):(?P<turn>\d+)"


def turn_button(action: str, turn_id: int, locale: str) -> discord.ui.Button[Any]:
    style = STYLES.get(action, discord.ButtonStyle.secondary)
    return discord.ui.Button(label=t(locale, LABELS[action]), style=style, custom_id=f"turn:1:{action}:{turn_id}")


def view_of(*items: discord.ui.Item[Any]) -> discord.ui.View | None:
    if not items:
        return None
    view = discord.ui.View(timeout=None)
    for item in items:
        view.add_item(item)
    # The ids hold everything: this view needs no memory.
    view.stop()
    return view


def live(turn: Turn, *, asks: bool = False) -> discord.ui.View | None:
    """`asks`: a tool is waiting for the person's permission."""
    names = ("allow", "deny", "stop") if asks else ("stop",)
    return view_of(*(turn_button(name, turn.id, turn.locale) for name in names))


def ended(turn: Turn, offer: Offer, *, passing: bool = False) -> discord.ui.View | None:
    """`passing`: the answer lives in an interaction; nothing below it can be continued or overwritten later."""
    names = ("retry", "regenerate", "share") if passing else IN_PLACE
    return view_of(*(turn_button(name, turn.id, turn.locale) for name in names if getattr(offer, name)))


def offline(turn: Turn) -> discord.ui.View | None:
    return view_of(turn_button("answer", turn.id, turn.locale))
