"""Builds the arguments of an app's function from a request. Pure.

Values are matched by the parameter's name, then by the displayed label. The question, pictures and earlier turns also
match the first input of their kind, whatever its name. What matches no input is missing from `honoured`.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct

from inference_service.domain import Message, Notice, NoticeKind
from inference_service.failures import FailureKind, UpstreamFailure
from inference_service.providers.gradio.app import STATE, TEXTS, Function, Input

QUESTIONS = ("question", "prompt", "message", "text", "inputs", "input", "query")
PICTURES = ("image", "imageeditor", "file")
BOTH = "multimodaltextbox"
SYSTEM = "system"
# Setting of a request → the names that apps use for it.
NAMES: Mapping[str, tuple[str, ...]] = {
    SYSTEM: ("system_message", "system_prompt", "system", "system_instruction", "system_instructions"),
    "sampling.temperature": ("temperature", "temp"),
    "sampling.top_p": ("top_p", "top_p_sampling", "nucleus_sampling"),
    "sampling.top_k": ("top_k", "top_k_sampling"),
    "sampling.max_tokens": (
        "max_tokens", "max_new_tokens", "max_output_tokens", "maximum_tokens", "maximum_new_tokens", "max_length",
    ),
    "sampling.seed": ("seed", "random_seed"),
    "negative_prompt": ("negative_prompt", "neg_prompt", "negative"),
    "seed": ("seed", "random_seed"),
    "width": ("width", "image_width"),
    "height": ("height", "image_height"),
    "aspect_ratio": ("aspect_ratio", "ratio", "aspect"),
    "steps": (
        "num_inference_steps", "steps", "number_of_inference_steps", "inference_steps", "num_steps", "sampling_steps",
    ),
    "guidance_scale": ("guidance_scale", "guidance", "cfg_weight", "cfg_scale", "cfg"),
}  # fmt: skip
SEEDS = frozenset({"seed", "sampling.seed"})
RANDOM = ("randomize_seed", "randomise_seed", "random_seed", "randomize", "use_random_seed")
CONTRACT = {"width": "size", "height": "size"}  # the field that a notice names, if it differs


class Wanted(Struct, frozen=True):
    """`pictures` are files as the app accepts them; `named` are values by the keys of NAMES, None if not set.

    strict: raise instead of changing a value.
    """

    text: str
    pictures: tuple[Any, ...] = ()
    history: tuple[Message, ...] = ()
    named: Mapping[str, Any] = {}
    strict: bool = False


def arguments(function: Function, wanted: Wanted) -> tuple[list[Any], list[Notice]]:
    """In the function's order, with a notice for each changed value.

    Unset values keep the app's default; numbers are clamped to a slider's range and snapped to its steps.
    Raises UpstreamFailure for a value that a strict caller would lose.
    """
    question, pictured = asks(function), picture_input(function)
    fields = {at: field for field, at in placed(function).items() if wanted.named.get(field) is not None}
    sends_seed = bool(SEEDS & set(fields.values()))
    values: list[Any] = []
    notices: list[Notice] = []
    for at, part in enumerate(function.inputs):
        value = part.default
        if part.kind in STATE:
            value = None
        elif at == question:
            value = {"text": wanted.text, "files": list(wanted.pictures)} if part.kind == BOTH else wanted.text
        elif at == pictured:
            value = wanted.pictures[-1] if wanted.pictures else part.default
        elif part.kind == "chatbot":
            value = turns(wanted.history, part.turns)
        elif at in fields:
            value, notice = _fitted(part, fields[at], wanted)
            notices += [notice] if notice else []
        elif sends_seed and part.kind == "checkbox" and (part.name in RANDOM or part.label in RANDOM):
            value = False
        values.append(value)
    return values, notices


def asks(function: Function) -> int | None:
    """Which input takes the question."""
    texts = [(at, part) for at, part in enumerate(function.inputs) if part.kind in TEXTS]
    for name in QUESTIONS:
        for at, part in texts:
            if name in (part.name, part.label):
                return at
    return texts[0][0] if texts else None


def picture_input(function: Function) -> int | None:
    """Which input takes a picture, besides those that take it together with the question."""
    return next((at for at, part in enumerate(function.inputs) if part.kind in PICTURES), None)


def most_pictures(function: Function) -> int:
    """How many pictures the function accepts: none, one, or any number."""
    question = asks(function)
    if question is not None and function.inputs[question].kind == BOTH:
        return 1_000
    return 0 if picture_input(function) is None else 1


def takes_history(function: Function) -> bool:
    return any(part.kind == "chatbot" for part in function.inputs)


def placed(function: Function) -> dict[str, int]:
    """Which input takes which setting."""
    taken = {asks(function), picture_input(function)}
    free = [
        (at, part)
        for at, part in enumerate(function.inputs)
        if at not in taken and part.kind not in (*STATE, "chatbot")
    ]
    places: dict[str, int] = {}
    for field, names in NAMES.items():
        kinds = [(at, part) for at, part in free if part.kind != "checkbox"]
        at = next((at for name in names for at, part in kinds if name in (part.name, part.label)), None)
        if at is not None:
            places[field] = at
    return places


def honoured(function: Function) -> frozenset[str]:
    """The settings of a request, by the contract's names, that this function has an input for."""
    fields = set(placed(function))
    if fields >= {"width", "height"}:
        fields |= {"size", "aspect_ratio"}
    return frozenset(fields - {"width", "height", SYSTEM})


def turns(history: Sequence[Message], form: str) -> list[Any]:
    """The history in a chatbot's format: messages with a role, or pairs of question and answer."""
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


def _fitted(part: Input, field: str, wanted: Wanted) -> tuple[Any, Notice | None]:
    """The value in the input's form, and a notice if it had to change."""
    value = wanted.named[field]
    fitted = _choice(part, value) if part.choices else _number(part, value)
    if part.kind in TEXTS:
        return str(value), None
    if fitted == value or (part.choices and fitted is not None):
        return fitted, None
    used = part.default if fitted is None else fitted
    name = CONTRACT.get(field, field)
    if wanted.strict:
        raise UpstreamFailure(FailureKind.FIELD_REFUSED, f"the Space does not take {name} {value}", field=name)
    words = f"The Space does not take {name} {value}; {used} was used."
    return used, Notice(NoticeKind.CHANGED, name, words)


def _choice(part: Input, value: Any) -> Any:
    """The choice that contains this value: "16:9" matches "Wide (16:9)"."""
    if value in part.choices:
        return value
    pattern = re.compile(rf"(?<![\d.]){re.escape(str(value)).replace(':', '[:/x×]')}(?![\d.])")
    for meaning, shown in zip(part.choices, part.shown, strict=False):
        if pattern.search(str(meaning)) or pattern.search(shown):
            return meaning
    return None


def _number(part: Input, value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value
    number = float(value)
    if part.step and part.minimum is not None:
        number = part.minimum + round((number - part.minimum) / part.step) * part.step
    if part.minimum is not None:
        number = max(number, part.minimum)
    if part.maximum is not None:
        number = min(number, part.maximum)
    if number == value:
        return value
    return int(number) if float(number).is_integer() else round(number, 10)
