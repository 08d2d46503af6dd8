"""What is to be answered: the turn, the place, who pays, and which messages exist already."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import discord

from discord_bot.features.chat.asking import Tell
from discord_bot.quotas import Ticket
from discord_bot.rendering.view import MOST_SEGMENTS
from discord_bot.store.conversations import PASSING, Conversation
from discord_bot.store.turns import Turn

MOST_IN_INTERACTION = 4  # messages; an interaction allows five follow-ups


@dataclass(frozen=True)
class Request:
    conversation: Conversation
    turn: Turn
    ticket: Ticket
    channel: Any
    reply_to: discord.MessageReference | None = None
    before: str = ""
    """The half answer that is continued."""
    known: list[int] | None = None
    """Messages to write over."""
    notices: Sequence[str] = ()
    tell: Tell | None = None
    sign_at: float = 0.0
    """When (of the loop's clock) a state is shown if no text has come."""

    @property
    def passing(self) -> bool:
        """The answer lives in an interaction."""
        return self.conversation.kind in PASSING

    @property
    def most(self) -> int:
        """The number of messages that the answer may use."""
        return MOST_IN_INTERACTION if self.passing else MOST_SEGMENTS
