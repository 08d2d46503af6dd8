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
    asked, pictured = asks(function), picture_input(function)
    fields = {at: field for field, at in placed(function).items() if wanted.named.get(field) is not None}
    sends_seed = bool(SEEDS & set(fields.values()))
    values: list[Any] = []
    notices: list[Notice] = []
    for at, one in enumerate(function.inputs):
        value = one.default
        if one.kind in STATE:
            value = None
        elif at == asked:
            value = {"text": wanted.text, "files": list(wanted.pictures)} if one.kind == BOTH else wanted.text
        elif at == pictured:
            value = wanted.pictures[-1] if wanted.pictures else one.default
        elif one.kind == "chatbot":
            value = turns(wanted.history, one.turns)
        elif at in fields:
            value, notice = _fitted(one, fields[at], wanted)
            notices += [notice] if notice else []
        elif sends_seed and one.kind == "checkbox" and (one.name in RANDOM or one.label in RANDOM):
            value = False
        values.append(value)
    return values, notices


def asks(function: Function) -> int | None:
    """Which input takes the question."""
    texts = [(at, one) for at, one in enumerate(function.inputs) if one.kind in TEXTS]
    for name in QUESTIONS:
        for at, one in texts:
            if name in (one.name, one.label):
                return at
    return texts[0][0] if texts else None


def picture_input(function: Function) -> int | None:
    """Which input takes a picture, besides those that take it together with the question."""
    return next((at for at, one in enumerate(function.inputs) if one.kind in PICTURES), None)


def most_pictures(function: Function) -> int:
    """How many pictures the function accepts: none, one, or any number."""
    asked = asks(function)
    if asked is not None and function.inputs[asked].kind == BOTH:
        return 1_000
    return 0 if picture_input(function) is None else 1


def takes_history(function: Function) -> bool:
    return any(one.kind == "chatbot" for one in function.inputs)


def placed(function: Function) -> dict[str, int]:
    """Which input takes which setting."""
    taken = {asks(function), picture_input(function)}
    free = [
        (at, one) for at, one in enumerate(function.inputs) if at not in taken and one.kind not in (*STATE, "chatbot")
    ]
    found: dict[str, int] = {}
    for field, names in NAMES.items():
        kinds = [(at, one) for at, one in free if one.kind != "checkbox"]
        at = next((at for name in names for at, one in kinds if name in (one.name, one.label)), None)
        if at is not None:
            found[field] = at
    return found


def honoured(function: Function) -> frozenset[str]:
    """The settings of a request, by the contract's names, that this function has an input for."""
    found = set(placed(function))
    if found >= {"width", "height"}:
        found |= {"size", "aspect_ratio"}
    return frozenset(found - {"width", "height", SYSTEM})


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


def _fitted(one: Input, field: str, wanted: Wanted) -> tuple[Any, Notice | None]:
    """The value in the input's form, and a notice if it had to change."""
    value = wanted.named[field]
    fitted = _choice(one, value) if one.choices else _number(one, value)
    if one.kind in TEXTS:
        return str(value), None
    if fitted == value or (one.choices and fitted is not None):
        return fitted, None
    used = one.default if fitted is None else fitted
    name = CONTRACT.get(field, field)
    if wanted.strict:
        raise UpstreamFailure(FailureKind.FIELD_REFUSED, f"the Space does not take {name} {value}", field=name)
    words = f"The Space does not take {name} {value}; {used} was used."
    return used, Notice(NoticeKind.CHANGED, name, words)


def _choice(one: Input, value: Any) -> Any:
    """The choice that contains this value: "16:9" matches "Wide (16:9)"."""
    if value in one.choices:
        return value
    pattern = re.compile(rf"(?<![\d.]){re.escape(str(value)).replace(':', '[:/x×]')}(?![\d.])")
    for meaning, shown in zip(one.choices, one.shown, strict=False):
        if pattern.search(str(meaning)) or pattern.search(shown):
            return meaning
    return None


def _number(one: Input, value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value
    number = float(value)
    if one.step and one.minimum is not None:
        number = one.minimum + round((number - one.minimum) / one.step) * one.step
    if one.minimum is not None:
        number = max(number, one.minimum)
    if one.maximum is not None:
        number = min(number, one.maximum)
    if number == value:
        return value
    return int(number) if float(number).is_integer() else round(number, 10)
