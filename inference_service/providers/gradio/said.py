"""What an app says, in whichever component it says it. Pure.

Source: the values of Gradio's Textbox, Markdown, Chatbot (pairs, messages, messages of parts) and JSON, 3.50 to 6.
"""

from collections.abc import Sequence
from typing import Any

from inference_service.providers.gradio.app import SAYING

CURSORS = "▌▍█▋▊|"


def said_in(values: Sequence[Any], kinds: Sequence[str]) -> str:
    """The answer among a function's outputs: the newest words of a chatbot, else the first text."""
    pairs = list(zip(values, kinds, strict=False))
    for wanted in (("chatbot",), SAYING, ("",)):
        for value, kind in pairs:
            if (kind in wanted or wanted == ("",)) and (text := _text(value)):
                return text
    return ""


def without_cursor(text: str) -> str:
    """Of a text that still grows: demos like to draw a cursor behind it."""
    return text.rstrip(CURSORS) if text[-1:] in CURSORS else text


def _text(value: Any) -> str:
    match value:
        case str():
            return value
        case {"content": content}:
            return _text(content)
        case {"text": str(text)}:
            return text
        case {"value": inner}:
            return _text(inner)
        case [*_, [_, str() as answer]]:  # pairs of question and answer
            return answer
        case [*_, {"role": "assistant"} as last]:
            return _text(last)
        case [{"text": str()}, *_] as parts:
            return "".join(_text(part) for part in parts)
    return ""
