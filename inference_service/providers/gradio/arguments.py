"""The arguments of an app's function, from what a request wants and from what the function takes. Pure.

Values are matched by the parameter's name, then by the label that people see. What is asked (a text), what is looked
at (a picture) and what was said before (turns) also find the first input of their kind, whatever its name.
"""

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from inference_service.domain import Message, Notice, NoticeKind
from inference_service.providers.gradio.app import STATE, TEXTS, Function, Input

QUESTIONS = ("question", "prompt", "message", "text", "inputs", "input", "query")
PICTURES = ("image", "imageeditor", "file")
BOTH = "multimodaltextbox"


class Wanted(Struct, frozen=True):
    """`picture` is a file's value as the app takes it; `named` are settings by their usual names."""

    text: str
    picture: Any = None
    history: tuple[Message, ...] = ()
    named: Mapping[str, Any] = {}


def arguments(function: Function, wanted: Wanted) -> tuple[list[Any], list[Notice]]:
    """In the function's order, with a notice for each value that had to be changed.

    What is not wanted keeps the app's default; numbers are brought within a slider's bounds and onto its steps.
    """
    values: list[Any] = []
    notices: list[Notice] = []
    asked = asks(function)
    pictured = next((one for one in function.inputs if one.kind in PICTURES), None)
    for one in function.inputs:
        if one.kind in STATE:
            values.append(None)
        elif one is asked:
            files = [wanted.picture] if wanted.picture is not None else []
            values.append({"text": wanted.text, "files": files} if one.kind == BOTH else wanted.text)
        elif one is pictured:
            values.append(one.default if wanted.picture is None else wanted.picture)
        elif one.kind == "chatbot":
            values.append(turns(wanted.history, one.turns))
        else:
            value = _setting(one, wanted.named)
            fitted = one.default if value is None else _fitted(one, value)
            if value is not None and fitted != value:
                words = f"The Space does not take {one.name or one.label} {value}; {fitted} was used."
                notices.append(Notice(NoticeKind.CHANGED, one.name, words))
            values.append(fitted)
    return values, notices


def asks(function: Function) -> Input | None:
    """The input that the question goes into."""
    texts = [one for one in function.inputs if one.kind in TEXTS]
    for name in QUESTIONS:
        for one in texts:
            if name in (one.name, one.label):
                return one
    return texts[0] if texts else None


def takes_picture(function: Function) -> bool:
    return any(one.kind in (*PICTURES, BOTH) for one in function.inputs)


def takes_history(function: Function) -> bool:
    return any(one.kind == "chatbot" for one in function.inputs)


def turns(history: tuple[Message, ...], form: str) -> list[Any]:
    """What a chatbot shows, in one of its forms: messages with a role, or pairs of question and answer."""
    if form == "parts":
        return [{"role": turn.role.value, "content": [{"type": "text", "text": turn.text}]} for turn in history]
    if form == "messages":
        return [{"role": turn.role.value, "content": turn.text} for turn in history]
    pairs: list[list[str | None]] = []
    for turn in history:
        if turn.role.value == "assistant" and pairs and pairs[-1][1] is None:
            pairs[-1][1] = turn.text
        else:
            pairs.append([turn.text, None])
    return pairs


def _setting(one: Input, named: Mapping[str, Any]) -> Any:
    value = named.get(one.name)
    return named.get(one.label) if value is None else value


def _fitted(one: Input, value: Any) -> Any:
    if one.choices:
        return value if value in one.choices else one.default
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value
    number = float(value)
    if one.step and one.minimum is not None:
        number = one.minimum + round((number - one.minimum) / one.step) * one.step
    if one.minimum is not None:
        number = max(number, one.minimum)
    if one.maximum is not None:
        number = min(number, one.maximum)
    return int(number) if number.is_integer() else round(number, 10)
