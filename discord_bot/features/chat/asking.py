"""A question on its way to an answer: its asker, its words, and the channel for the answer."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import discord

from discord_bot.access import Asker
from discord_bot.features.chat.question import Question
from discord_bot.features.chat.sign import Sign

Tell = Callable[[str], Awaitable[Any]]
"""Reaches the asker alone."""


@dataclass
class Asking:
    who: Asker
    question: Question
    locale: str
    channel: Any
    channel_id: int
    tell: Tell
    reply_to: discord.MessageReference | None = None
    parent: int | None = None
    """The turn that the question follows; None: the newest one of the conversation."""
    sign: Sign | None = None
