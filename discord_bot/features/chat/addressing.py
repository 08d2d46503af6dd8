"""Whether a message is meant for the bot: pure rules over Discord's data."""

import re
from dataclasses import dataclass
from enum import Enum


class For(Enum):
    NOBODY = "nobody"
    """Not for the bot."""
    THREAD = "thread"
    """Continues the conversation of the thread it is in."""
    CHAIN = "chain"
    """Continues from the bot's message that it replies to."""
    MENTION = "mention"
    """Begins a conversation here."""
    DIRECT = "direct"
    """A direct message: one conversation a person."""
    AWAY = "away"
    """For the bot, but without the content intent it cannot be read."""


@dataclass(frozen=True)
class Seen:
    by_machine: bool
    """The author is a bot, a webhook or Discord itself."""
    direct: bool
    own_thread: bool
    """The channel is a thread in which a conversation lives."""
    mentions_me: bool
    opens_with_other: bool
    """The text begins with a mention of another account."""
    replies_to_me: bool
    replies_to_other: bool
    readable: bool
    """There is text or an attachment to read."""


def judge(message: Seen, *, leave_people_alone: bool = True) -> For:
    """`leave_people_alone`: in a thread, messages between people are not for the bot."""
    if message.by_machine:
        return For.NOBODY
    if not message.readable and not message.mentions_me:
        return For.AWAY if message.own_thread or message.direct else For.NOBODY
    if message.direct:
        return For.DIRECT
    if message.own_thread:
        to_others = message.replies_to_other or message.opens_with_other
        if to_others and leave_people_alone and not message.mentions_me:
            return For.NOBODY
        return For.THREAD
    if message.replies_to_me:
        return For.CHAIN
    return For.MENTION if message.mentions_me else For.NOBODY


_LEADING_MENTION = re.compile(r"^\s*<@!?(\d+)>")


def opening_mention(text: str) -> int | None:
    """The account that the text mentions first, if it starts with a mention."""
    match = _LEADING_MENTION.match(text)
    return int(match[1]) if match else None


def without_mention(text: str, *accounts: int) -> str:
    """The prompt: the text without mentions of the bot itself and of its role."""
    named = "|".join(map(str, accounts))
    pieces = re.split(rf"<@[!&]?(?:{named})>[,:]?", text)
    return " ".join(stripped for piece in pieces if (stripped := piece.strip()))


# Zero-width and direction-changing characters alone are not a question.
_NOTHING = re.compile(r"[\s\u200b-\u200f\u2028-\u202e\u2060-\u2064\u2066-\u2069\ufeff\u00ad\u180e\u3164\u115f\u1160]+")


def says_something(text: str) -> bool:
    return bool(_NOTHING.sub("", text))
