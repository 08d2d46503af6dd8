"""A conversation as one text, for an app that takes a question and keeps no turns. Pure.

Each turn is a JSON object on a line of its own. Inside it, line breaks and quotes of a person's text are escaped, so that
nobody can write a turn of the assistant's into their own message.
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
