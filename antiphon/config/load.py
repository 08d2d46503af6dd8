"""Reads `antiphon.toml` and the environment into one checked `Config`, or reports all problems at once."""

import difflib
import os
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, get_args
from urllib.parse import parse_qsl, urlsplit

from pydantic import BaseModel, ValidationError

from antiphon.config.keys import HIDDEN, KEY_NAMES, is_certainly_key, looks_like_key, redacted, shown
from antiphon.config.model import Config
from antiphon.config.secrets import config_home

PREFIX = "ANTIPHON__"
DEFAULT_FILE = "antiphon.toml"
SECRETS_ELSEWHERE = (
    "This looks like a secret, and secrets do not belong in the configuration: put it in an environment variable, such "
    "as GROQ_API_KEY, or name a file that holds it in GROQ_API_KEY_FILE"
)


class ConfigError(Exception):
    """The configuration cannot be used. `problems` are (key, text); the message names file, key, value and what is allowed."""

    def __init__(self, source: str, problems: list[tuple[str, str]]) -> None:
        # A key in the wrong place must not end up in a log, or in a question that a person posts elsewhere.
        self.source, self.problems = source, [(redacted(key), redacted(text)) for key, text in problems]
        super().__init__(
            "\n".join(f"{source}: {key}: {text}" if key else f"{source}: {text}" for key, text in self.problems)
        )


def config_path(environ: Mapping[str, str]) -> Path | None:
    """$ANTIPHON_CONFIG, else ./antiphon.toml, else ~/.config/antiphon/antiphon.toml; None if there is none."""
    if named := environ.get("ANTIPHON_CONFIG"):
        return Path(named)
    home = config_home(environ)
    candidates = [Path(DEFAULT_FILE), *([home / DEFAULT_FILE] if home is not None else [])]
    return next((path for path in candidates if path.exists()), None)


def load_config(path: Path | None = None, environ: Mapping[str, str] | None = None) -> Config:
    """The configuration of this process. Raises ConfigError."""
    surroundings = os.environ if environ is None else environ
    place = path or config_path(surroundings)
    source = str(place) if place else "configuration"
    values = _read(place) if place else {}
    overrides = _overrides(surroundings)
    for keys, text in overrides:
        _put(values, keys, text, source)
    if misplaced := list(_misplaced_keys(values, ())):
        raise ConfigError(source, misplaced)
    try:
        return _checked(values, overrides)
    except ValidationError as error:
        from_environment = {".".join(keys): PREFIX + "__".join(keys).upper() for keys, _ in overrides}
        problems = [_problem(detail, values, from_environment) for detail in error.errors(include_url=False)]
        raise ConfigError(source, _each_field_once(problems)) from None


def _misplaced_keys(values: Any, place: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """Every table name, key and value of the file that looks like a secret: each could be listed or logged later."""
    if isinstance(values, dict):
        for key, value in values.items():
            if looks_like_key(key):
                yield ".".join((*place, HIDDEN)), SECRETS_ELSEWHERE
            else:
                yield from _misplaced_keys(value, (*place, key))
    elif isinstance(values, list):
        for number, value in enumerate(values):
            yield from _misplaced_keys(value, (*place, str(number)))
    elif isinstance(values, str) and _holds_key(values):
        yield ".".join(place), SECRETS_ELSEWHERE


def _holds_key(text: str) -> bool:
    if "://" not in text:
        return is_certainly_key(text)
    try:
        address = urlsplit(text)
        parts = [address.username, address.password, *(value for _, value in parse_qsl(address.query))]
    except ValueError:  # not a URL after all; the check of its field reports that
        parts = [text]
    return any(is_certainly_key(part) for part in parts if part)


def _checked(values: dict[str, Any], overrides: list[tuple[list[str], str]]) -> Config:
    """Takes a variable such as `…__CHAT_MODEL=7` as text where the field is text. Raises ValidationError."""
    try:
        return Config.model_validate(values)
    except ValidationError as error:
        places = {detail["loc"] for detail in error.errors(include_url=False) if detail["type"] == "string_type"}
        textual = [(keys, text) for keys, text in overrides if tuple(keys) in places]
        for keys, text in textual:
            _put(values, keys, text, "", parsed=False)
        if not textual:
            raise
        return Config.model_validate(values)


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))  # Windows editors write a byte-order mark
    except OSError as error:
        raise ConfigError(str(path), [("", f"cannot be read: {error.strerror}")]) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(str(path), [("", f"is not valid TOML: {error}")]) from None  # the error text may repeat a key


def _overrides(environ: Mapping[str, str]) -> list[tuple[list[str], str]]:
    """`ANTIPHON__SERVICE__PORT=0` → (["service", "port"], "0"). An empty value overrides nothing."""
    return [
        ([key.lower() for key in name.removeprefix(PREFIX).split("__")], text)
        for name, text in sorted(environ.items())
        if name.startswith(PREFIX) and text.strip()
    ]


def _put(values: dict[str, Any], keys: list[str], text: str, source: str, *, parsed: bool = True) -> None:
    place: Any = values
    for key in keys[:-1]:
        place = place.setdefault(key, {})
        if not isinstance(place, dict):
            raise ConfigError(
                source, [(".".join(keys), "the environment overrides a part of something that is not a table")]
            )
    place[keys[-1]] = _parsed(text) if parsed else text


def _parsed(text: str) -> Any:
    """Parses numbers, lists and tables as TOML; anything else is text."""
    try:
        return tomllib.loads(f"x = {text}")["x"]
    except tomllib.TOMLDecodeError:
        return text


def _problem(error: Any, values: dict[str, Any], from_environment: Mapping[str, str]) -> tuple[str, str]:
    place = _real_place(error, values)
    key = ".".join(str(step) for step in place)
    text = str(error["msg"]).removeprefix("Value error, ")
    if error["type"] == "extra_forbidden":
        near = difflib.get_close_matches(str(place[-1]), _siblings(place), n=1)
        if KEY_NAMES.fullmatch(str(place[-1])):
            text = f"there is no such key. {SECRETS_ELSEWHERE}"
        else:
            text = "there is no such key" + (f"; did you mean {near[0]!r}?" if near else "")
    else:
        # A number is never a key, whatever it is called: "first_token" is a time.
        secret = isinstance(error.get("input"), str) and any(
            str(step).endswith("_env") or KEY_NAMES.fullmatch(str(step)) for step in place
        )
        value = "" if secret or error["type"] == "missing" else shown(error.get("input"))
        text = text[:1].lower() + text[1:] + (f" (it is {value})" if value else "")
    if key in from_environment:
        text += f"; set by {from_environment[key]}"
    return key, text


def _real_place(error: Any, values: dict[str, Any]) -> tuple[Any, ...]:
    """The location without pydantic's own steps, such as the name of a union's member."""
    inner: Any = values
    for number, step in enumerate(error["loc"]):
        if (isinstance(inner, dict) and step in inner) or (
            isinstance(inner, list) and isinstance(step, int) and step < len(inner)
        ):
            inner = inner[step]
        else:
            return tuple(error["loc"][: number + (error["type"] == "missing")])
    return tuple(error["loc"])


def _each_field_once(problems: list[tuple[str, str]]) -> list[tuple[str, str]]:
    texts: dict[str, list[str]] = {}
    for key, text in problems:
        texts.setdefault(key, []).append(text)
    return [(key, ", or ".join(dict.fromkeys(said))) for key, said in texts.items()]


def _siblings(place: tuple[Any, ...]) -> list[str]:
    """The keys that are allowed where an unknown one was found."""
    model: Any = Config
    for step in place[:-1]:
        if not (isinstance(model, type) and issubclass(model, BaseModel)):
            return []
        if step not in model.model_fields:
            continue  # the name of a table among many, such as providers.NAME
        annotation = model.model_fields[step].annotation
        inner = [
            kind for kind in (annotation, *_flat(annotation)) if isinstance(kind, type) and issubclass(kind, BaseModel)
        ]
        model = inner[0] if inner else None
    return list(model.model_fields) if isinstance(model, type) and issubclass(model, BaseModel) else []


def _flat(annotation: Any) -> list[Any]:
    return [kind for argument in get_args(annotation) for kind in (argument, *_flat(argument))]
