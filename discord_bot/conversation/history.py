"""What part of a conversation is sent: the newest turns that fit the model's context, and always the persona. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from antiphon.events import Image, Message
from discord_bot.store.turns import Part, PartKind, Turn

ANSWER_SHARE = 0.3  # of the context is left for the answer
PER_IMAGE = 800


@dataclass(frozen=True)
class History:
    messages: list[Message]
    left_out: int  # turns that did not fit
    people: frozenset[int] = frozenset()
    """Everybody whose words are in it; an answer may repeat them."""


def tokens(text: str) -> int:
    """Approximate; letters outside of Latin cost more."""
    foreign = sum(1 for letter in text if letter > "\u024f")
    return 4 + (len(text) - foreign) // 4 + foreign // 2


def build(persona: str, turns: Sequence[Turn], context: int) -> History:
    """`turns` oldest first, the last one to be answered. If several people write, each part is labelled with its author."""
    budget = int(context * (1 - ANSWER_SHARE)) - tokens(persona)
    named = len({part.author_id for turn in turns for part in turn.parts if part.kind is PartKind.SAID}) > 1
    pairs: list[list[Message]] = []
    people: set[int] = set()
    for number, turn in enumerate(reversed(turns)):
        text = prompt_of(turn.parts, named=named)
        cost = tokens(text) + tokens(turn.answer) + PER_IMAGE * len(turn.images)
        if pairs and cost > budget:
            break
        budget -= cost
        people |= turn.people
        pair = [Message.user(text, *(Image(image.mime, image.data) for image in turn.images))]
        if number and turn.answer:
            pair.append(Message.assistant(turn.answer))
        pairs.append(pair)
    system = [Message.system(persona)] if persona else []
    messages = [*system, *(message for pair in reversed(pairs) for message in pair)]
    return History(messages, len(turns) - len(pairs), frozenset(people))


def prompt_of(parts: Sequence[Part], *, named: bool) -> str:
    """The parts as one text. Quotes always name their author; messages do so if several people write."""
    return "\n\n".join(_shown(part, named=named) for part in parts)


def _shown(part: Part, *, named: bool) -> str:
    name = " ".join(part.author_name.split())
    match part.kind:
        case PartKind.QUOTED:
            quoted = part.text.replace("\n", "\n> ")
            return f"{name} wrote:\n> {quoted}" if name else f"> {quoted}"
        case PartKind.CONTEXT:
            return f"[said before] {name}: {part.text}"
        case PartKind.SAID if named and name:
            return f"{name}: {part.text}"
        case _:
            return part.text
