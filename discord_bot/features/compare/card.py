"""The card under two answers that people compare. Pure."""

from collections.abc import Mapping
from typing import Any

import discord

from discord_bot.features.chat.buttons import view_of
from discord_bot.i18n import t
from discord_bot.store.contests import Contest, Vote

PATTERN = r"vote:1:(?P<action>first|second|tie):(?P<contest>\d+)"
SHOWN_MODEL = 24  # characters of its name on a button


def side(model: str) -> str:
    """A model's name, shortened to fit a button; for a deployment, the end says more."""
    return model if len(model) <= SHOWN_MODEL else f"…{model[-SHOWN_MODEL + 1 :]}"


def text(contest: Contest, counts: Mapping[Vote, int], locale: str) -> str:
    names = {"first": f"**A** {contest.first_model}", "second": f"**B** {contest.second_model}"}
    return "\n".join(
        [t(locale, "compare-question", **names), f"-# {t(locale, 'compare-votes', count=sum(counts.values()))}"]
    )


def view(contest: Contest, counts: Mapping[Vote, int], locale: str) -> discord.ui.View | None:
    faces = {
        Vote.FIRST: f"A: {side(contest.first_model)}",
        Vote.SECOND: f"B: {side(contest.second_model)}",
        Vote.TIE: t(locale, "compare-tie"),
    }
    return view_of(*(_button(contest, vote, face, counts.get(vote, 0)) for vote, face in faces.items()))


def _button(contest: Contest, vote: Vote, face: str, count: int) -> discord.ui.Button[Any]:
    label = f"{face} · {count}" if count else face
    return discord.ui.Button(label=label, custom_id=f"vote:1:{vote}:{contest.id}")
