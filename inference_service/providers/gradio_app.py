"""What a Gradio app says about itself: its version of the protocol, its functions, their inputs and outputs.

Source: `GET /config` and `GET {prefix}/info` as Gradio 4.19 to 6 answer them; recorded answers.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from inference_service.domain import Notice, NoticeKind
from inference_service.failures import FailureKind, UpstreamFailure
from inference_service.providers import errors

STATE = ("state", "browserstate")


class Input(Struct, frozen=True):
    """One input of a function. `name` is its parameter's, else the label's words; bounds are a slider's."""

    name: str
    kind: str
    default: Any = None
    minimum: float | None = None
    maximum: float | None = None
    step: float | None = None


class Function(Struct, frozen=True):
    index: int
    name: str
    inputs: tuple[Input, ...]
    outputs: tuple[str, ...]  # labels, in lower case


class App(Struct, frozen=True):
    prefix: str
    version: str
    functions: Mapping[str, Function]

    def find(self, name: str) -> Function:
        """Raises UpstreamFailure(MODEL_NOT_FOUND) when the app has no such function."""
        found = self.functions.get(name.strip("/"))
        if found is None:
            known = ", ".join(list(self.functions)[:6])
            raise UpstreamFailure(
                FailureKind.MODEL_NOT_FOUND, f"the Space has no function {name!r}; it has {known}", status=200
            )
        return found


def read_app(config: Any, info: Any) -> App:
    """Raises UpstreamFailure(BAD_RESPONSE) for what is no description of an app."""
    try:
        parts = {part["id"]: part for part in config["components"]}
        parameters = (info or {}).get("named_endpoints") or {}
        functions = {}
        for place, one in enumerate(config["dependencies"]):
            name = one.get("api_name")
            if isinstance(name, str) and name:
                named = (parameters.get(f"/{name}") or {}).get("parameters") or []
                functions[name] = _function(one, one.get("id", place), name, parts, named)
        return App(str(config.get("api_prefix") or ""), str(config.get("version", "")), functions)
    except (KeyError, TypeError, AttributeError) as error:
        raise errors.failure(FailureKind.BAD_RESPONSE, status=200) from error


def _function(
    one: Mapping[str, Any], index: int, name: str, parts: Mapping[int, Any], parameters: Sequence[Any]
) -> Function:
    told = iter(parameters)
    inputs = []
    for part_id in one["inputs"]:
        part = parts[part_id]
        props, kind = part.get("props") or {}, str(part.get("type", ""))
        # State is not among the parameters that the app tells.
        about: Mapping[str, Any] = next(told, {}) if kind not in STATE else {}
        words = about.get("parameter_name") or props.get("label") or ""
        default = about.get("parameter_default", props.get("value"))
        inputs.append(
            Input(
                _name(str(words)), kind, default, *(_number(props.get(key)) for key in ("minimum", "maximum", "step"))
            )
        )
    outputs = tuple(str((parts[part_id].get("props") or {}).get("label") or "").lower() for part_id in one["outputs"])
    return Function(index, name, tuple(inputs), outputs)


def _name(words: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", words.lower()).strip("_")


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def arguments(function: Function, wanted: Mapping[str, Any]) -> tuple[list[Any], list[Notice], frozenset[str]]:
    """The function's arguments in their order, notices for changed ones, and which of `wanted` were used.

    What is not wanted keeps the app's default; numbers are brought within a slider's bounds and onto its steps.
    """
    values: list[Any] = []
    notices: list[Notice] = []
    used: set[str] = set()
    for one in function.inputs:
        if one.kind in STATE:
            values.append(None)
            continue
        if one.name not in wanted or wanted[one.name] is None:
            values.append(one.default)
            continue
        used.add(one.name)
        value = wanted[one.name]
        fitted = _fitted(one, value)
        if fitted != value:
            notices.append(
                Notice(NoticeKind.CHANGED, one.name, f"The Space does not take {one.name} {value}; {fitted} was used.")
            )
        values.append(fitted)
    return values, notices, frozenset(used)


def _fitted(one: Input, value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value
    number = float(value)
    if one.step and one.minimum is not None:
        number = one.minimum + round((number - one.minimum) / one.step) * one.step
    if one.minimum is not None:
        number = max(number, one.minimum)
    if one.maximum is not None:
        number = min(number, one.maximum)
    return int(number) if number.is_integer() else number


def decode(data: bytes) -> Any:
    try:
        return msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise errors.failure(FailureKind.BAD_RESPONSE, status=200) from error
