"""A conversation as one text, for an app that accepts one question and keeps no history. Pure.

Each turn is a JSON object on its own line. Line breaks and quotes in a person's text are escaped, so nobody can fake an
assistant's turn inside their own message.
"""

from collections.abc import Sequence

import msgspec

from inference_service.domain import Message

HEAD = "This is a conversation, one JSON object for each turn. Answer the last turn; reply with plain text only."


def as_question(turns: Sequence[Message]) -> str:
    if len(turns) == 1:
        return turns[0].text
    lines = (msgspec.json.encode({"role": turn.role.value, "content": turn.text}).decode() for turn in turns)
    return "\n".join((HEAD, *lines))
