"""What of a conversation is sent: the newest turns that fit the model's context; the persona always. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from antiphon.events import Image, Message
from discord_bot.store.conversations import Turn

ANSWER_SHARE = 0.3  # of the context is left for the answer
PER_IMAGE = 800


@dataclass(frozen=True)
class History:
    messages: list[Message]
    left_out: int  # turns that did not fit


def tokens(text: str) -> int:
    """About; letters outside Latin cost more."""
    foreign = sum(1 for letter in text if letter > "\u024f")
    return 4 + (len(text) - foreign) // 4 + foreign // 2


def build(
    persona: str,
    turns: Sequence[Turn],
    images: Mapping[int, list[tuple[str, bytes]]],
    context: int,
    *,
    several: bool = False,
) -> History:
    """`turns` oldest first, the last one to be answered; `several`: more than one person writes, so names are shown."""
    budget = int(context * (1 - ANSWER_SHARE)) - tokens(persona)
    chosen: list[list[Message]] = []
    for number, turn in enumerate(reversed(turns)):
        pictures = [Image(mime, data) for mime, data in images.get(turn.id, [])]
        cost = tokens(turn.question) + tokens(turn.answer) + PER_IMAGE * len(pictures)
        if chosen and cost > budget:
            break
        budget -= cost
        text = f"{turn.asker_name}: {turn.question}" if several and turn.asker_name else turn.question
        pair = [Message.user(text, *pictures)]
        if number and turn.answer:
            pair.append(Message.assistant(turn.answer))
        chosen.append(pair)
    system = [Message.system(persona)] if persona else []
    messages = [*system, *(message for pair in reversed(chosen) for message in pair)]
    return History(messages, len(turns) - len(chosen))
