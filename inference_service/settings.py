"""The settings of a request, in one table: name → contract field → configuration → the wire's usual name.

Everything that handles a setting reads this table: the API reads it from the contract and checks its range, routing drops
or refuses what a deployment does not honour, configuration names it (`drop_settings`), adapters put it on the wire. A new
setting is a row here and a field of the contract; a provider that takes it declares it.

A setting's field ("sampling.top_k") is its name everywhere outside of its message: in `Capabilities.settings`, notices,
errors and configuration.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from msgspec import Struct

Value = float | int | str | tuple[Any, ...]
Violation = tuple[str, str]


class Setting(Struct, frozen=True):
    """One setting. `low` to `high` is allowed, `low` itself only if `above` is False.

    most: the maximum number of texts in a list; each is then `low` to `high` characters long. 0: not a list.
    choices: the words of an enum, in the order of its numbers from 1. flag: it is a boolean.
    wire: the name that most APIs use; empty: none. common: every OpenAI-compatible server accepts it.
    """

    field: str
    low: float = 0
    high: float = 2**64 - 1
    above: bool = False
    most: int = 0
    choices: tuple[str, ...] = ()
    flag: bool = False
    wire: str = ""
    common: bool = True
    number: bool = True

    @property
    def name(self) -> str:
        return self.field.rpartition(".")[2]


CHAT = (
    Setting("sampling.temperature", 0, 2, wire="temperature"),
    Setting("sampling.top_p", 0, 1, above=True, wire="top_p"),
    Setting("sampling.top_k", 1, 1_000, wire="top_k", common=False),
    Setting("sampling.max_tokens", 1, 1_000_000, wire="max_tokens"),
    Setting("sampling.stop", 1, 256, most=4, wire="stop"),
    Setting("sampling.seed", wire="seed"),
    Setting("sampling.frequency_penalty", -2, 2, wire="frequency_penalty"),
    Setting("sampling.presence_penalty", -2, 2, wire="presence_penalty"),
    Setting("sampling.reasoning_effort", choices=("none", "low", "medium", "high"), wire="reasoning_effort"),
    Setting("sampling.top_logprobs", 0, 20, wire="top_logprobs", common=False),
    Setting("parallel_tool_calls", flag=True, wire="parallel_tool_calls"),
)
IMAGE = (
    Setting("negative_prompt", wire="negative_prompt", number=False),
    Setting("size", number=False),  # adapters get a size that fits, see `ImageCall.size`
    Setting("aspect_ratio", number=False),
    Setting("seed", wire="seed"),
    Setting("steps", 1, 150, wire="num_inference_steps"),
    Setting("guidance_scale", 0, 50, wire="guidance_scale"),
)
CHAT_FIELDS = frozenset(setting.field for setting in CHAT)
FIELDS = CHAT_FIELDS | {setting.field for setting in IMAGE}
CHAT_SETTINGS = frozenset(setting.field for setting in CHAT if setting.common)
IMAGE_SETTINGS = frozenset(setting.field for setting in IMAGE)
OPENAI_NAMES = {setting.field: setting.wire for setting in CHAT}
_BY_NAME = {setting.name: setting for setting in CHAT}
_UNSET: tuple[Any, ...] = (None, "", ())


class Sampling(Struct, frozen=True):
    """The caller's settings, by their names in the table. Everything else is left to the deployment."""

    values: Mapping[str, Value] = {}

    def get(self, name: str) -> Any:
        """The value of a setting; None if it is not set."""
        return self.values.get(name)

    def without(self, fields: Iterable[str]) -> "Sampling":
        gone = {field.rpartition(".")[2] for field in fields}
        return Sampling({name: value for name, value in self.values.items() if name not in gone})


# --- the contract ------------------------------------------------------------------------------


def taken(request: Any) -> Sampling:
    """The settings of a request in the contract, which has a field for every row of CHAT."""
    chosen: dict[str, Value] = {}
    for setting in CHAT:
        message = request.sampling if setting.field != setting.name else request
        value = getattr(message, setting.name)
        if setting.most:
            if texts := tuple(value):
                chosen[setting.name] = texts
        elif setting.choices:
            if value:  # a number that this version does not know is kept and refused
                chosen[setting.name] = setting.choices[value - 1] if value <= len(setting.choices) else value
        elif message.HasField(setting.name):
            chosen[setting.name] = value
    return Sampling(chosen)


def violations(chosen: Sampling) -> Iterator[Violation]:
    """(field, what is wrong and what is allowed) for every value out of range."""
    for name, value in chosen.values.items():
        yield from violation(_BY_NAME[name], value)


def image_violations(message: Any) -> Iterator[Violation]:
    """The same for the numbers of an image request. Its strings and shapes are validated elsewhere."""
    for setting in IMAGE:
        if setting.number and message.HasField(setting.name):
            yield from violation(setting, getattr(message, setting.name))


def violation(setting: Setting, value: Any) -> Iterator[Violation]:
    if setting.choices or setting.flag:
        if value not in (setting.choices or (True, False)):
            yield setting.field, f"is not one of {', '.join(word.upper() for word in setting.choices)}"
    elif setting.most:
        if len(value) > setting.most:
            yield setting.field, f"has {len(value)} texts; at most {setting.most} are allowed"
        for number, text in enumerate(value):
            if not setting.low <= len(text) <= setting.high:
                allowed = f"{setting.low:,} to {setting.high:,}"
                yield f"{setting.field}[{number}]", f"has {len(text)} characters; {allowed} are allowed"
    # Written so that NaN counts as out of range.
    elif not setting.low <= value <= setting.high or (setting.above and value == setting.low):
        above = "above " if setting.above else ""
        yield setting.field, f"is {value:g}; {above}{setting.low:,} to {setting.high:,} is allowed"


# --- routing -----------------------------------------------------------------------------------


def wanted(chosen: Sampling) -> frozenset[str]:
    """The fields that the caller has set."""
    return frozenset(_BY_NAME[name].field for name in chosen.values)


def wanted_of_image(request: Any) -> frozenset[str]:
    """The same for an image request, whose settings are fields of the request itself."""
    return frozenset(setting.field for setting in IMAGE if getattr(request, setting.name) not in _UNSET)


def unset(field: str) -> Any:
    """The value that means "not set" for a setting of an image request."""
    return "" if field == "negative_prompt" else None


# --- the wire ----------------------------------------------------------------------------------


class Wire(Struct, frozen=True):
    """How one API accepts a setting: its name, and its range if that is narrower than the contract's."""

    name: str
    low: float | None = None
    high: float | None = None
    convert: Callable[[Any], Any] | None = None


def on_wire(chosen: Sampling, names: Mapping[str, str | Wire]) -> dict[str, Any]:
    """The settings as part of a request body. `names`: field → name on the wire."""
    body: dict[str, Any] = {}
    for name, value in chosen.values.items():
        wire = names.get(_BY_NAME[name].field)
        if wire is None:
            continue
        if isinstance(wire, str):
            wire = Wire(wire)
        fitted = _fitted(value, wire)
        body[wire.name] = wire.convert(fitted) if wire.convert is not None else fitted
    return body


def changed(chosen: Sampling, names: Mapping[str, str | Wire]) -> dict[str, Value]:
    """Field → the value that `on_wire` uses instead of the requested one."""
    adjusted = {}
    for name, value in chosen.values.items():
        field = _BY_NAME[name].field
        wire = names.get(field)
        if isinstance(wire, Wire) and (fitted := _fitted(value, wire)) != _listed(value):
            adjusted[field] = fitted
    return adjusted


def _fitted(value: Any, wire: Wire) -> Any:
    if isinstance(value, tuple):
        return list(value)
    if isinstance(value, str | bool):
        return value
    low = value if wire.low is None else max(value, wire.low)
    return low if wire.high is None else min(low, wire.high)


def _listed(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
