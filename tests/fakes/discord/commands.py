"""Application commands: their shape, their limits, the sum of a command (documentation: application-commands)."""

import re
from dataclasses import dataclass
from typing import Any

from tests.fakes.discord.errors import bad_length, invalid, required, too_many_commands
from tests.fakes.discord.model import Json

CHAT, USER, MESSAGE = 1, 2, 3
SUBCOMMAND, GROUP, STRING, INTEGER, NUMBER, ATTACHMENT = 1, 2, 3, 4, 10, 11
LIMITS = {CHAT: 100, USER: 15, MESSAGE: 15}
COMMAND_SUM = 8000
NAME = re.compile(r"^[-_'\w]{1,32}$", re.UNICODE)
LOCALES = frozenset(
    [
        "id",
        "da",
        "de",
        "en-GB",
        "en-US",
        "es-ES",
        "es-419",
        "fr",
        "hr",
        "it",
        "lt",
        "hu",
        "nl",
        "no",
        "pl",
        "pt-BR",
        "ro",
        "fi",
        "sv-SE",
        "vi",
        "tr",
        "cs",
        "el",
        "bg",
        "ru",
        "uk",
        "hi",
        "th",
        "zh-CN",
        "ja",
        "zh-TW",
        "ko",
    ]
)


@dataclass(eq=False)
class Command:
    """A registered command; `body` is what the bot sent. `guild_id` is None for a global one."""

    id: int
    version: int
    application_id: int
    guild_id: int | None
    body: Json

    @property
    def name(self) -> str:
        return str(self.body["name"])

    @property
    def type(self) -> int:
        return int(self.body.get("type") or CHAT)

    def json(self) -> Json:
        body: Json = {
            "description": "",
            "options": [],
            "nsfw": False,
            "default_member_permissions": None,
            "name_localizations": None,
            "description_localizations": None,
            "integration_types": [0],
            "contexts": None,
            **self.body,
            "type": self.type,
            "id": str(self.id),
            "version": str(self.version),
            "application_id": str(self.application_id),
        }
        if self.guild_id is not None:
            body["guild_id"] = str(self.guild_id)
        return body


def key(body: Json) -> tuple[str, int]:
    """What tells commands of one scope apart."""
    return str(body["name"]), int(body.get("type") or CHAT)


def check_set(bodies: list[Json]) -> None:
    """All commands of one scope together. Raises ApiError."""
    keys = [key(body) for body in bodies]
    if len(keys) != len(set(keys)):
        raise invalid("_", "APPLICATION_COMMANDS_DUPLICATE_NAME", "Application command names must be unique")
    for kind, most in LIMITS.items():
        if sum(one == kind for _, one in keys) > most:
            raise too_many_commands(most)


def check(body: Any, path: str = "") -> None:
    """Raises 50035 (ApiError) at the first thing that Discord would refuse."""
    if not isinstance(body, dict):
        raise invalid(path or "_", "DICT_TYPE_CONVERT", "Only dictionaries may be used in a DictType")
    kind = body.get("type") or CHAT
    if kind not in LIMITS:
        raise invalid(f"{path}type", "BASE_TYPE_CHOICES", "Value must be one of {1, 2, 3}.")
    _name(body, path, chat=kind == CHAT)
    if kind == CHAT:
        _described(body, path, 1, 100)
        _options(body, path, depth=0)
    elif body.get("description") or body.get("options"):
        raise invalid(f"{path}description", "APPLICATION_COMMAND_INVALID", "A menu has no description and no options")
    permissions = body.get("default_member_permissions")
    if permissions is not None and not str(permissions).isdigit():
        raise invalid(f"{path}default_member_permissions", "BITFIELD_TYPE_CONVERT", "Not a bit field.")
    for name, allowed in (("contexts", {0, 1, 2}), ("integration_types", {0, 1})):
        if not set(body.get(name) or []) <= allowed:
            raise invalid(f"{path}{name}", "BASE_TYPE_CHOICES", f"Value must be one of {allowed}.")
    if (size := weight(body)) > COMMAND_SUM:
        raise invalid(path.rstrip(".") or "options", "APPLICATION_COMMAND_TOO_LARGE", f"{size} exceeds {COMMAND_SUM}")


def _name(body: Json, path: str, *, chat: bool) -> None:
    names = [("name", body.get("name")), *_localized(body, "name", path)]
    for at, name in names:
        if name is None:
            raise required(f"{path}{at}")
        if not 1 <= len(name) <= 32:
            raise bad_length(f"{path}{at}", 1, 32)
        if chat and (not NAME.match(name) or name != name.lower()):
            raise invalid(f"{path}{at}", "APPLICATION_COMMAND_INVALID_NAME", "Command name is invalid")


def _localized(body: Json, name: str, path: str) -> list[tuple[str, str]]:
    translations = body.get(f"{name}_localizations") or {}
    for locale in translations:
        if locale not in LOCALES:
            raise invalid(f"{path}{name}_localizations.{locale}", "LOCALE_INVALID", f"{locale} is no known locale")
    return [(f"{name}_localizations.{locale}", text) for locale, text in translations.items()]


def _described(body: Json, path: str, least: int, most: int) -> None:
    texts = [("description", body.get("description")), *_localized(body, "description", path)]
    for at, description in texts:
        if description is None:
            raise required(f"{path}{at}")
        if not least <= len(description) <= most:
            raise bad_length(f"{path}{at}", least, most)


def _options(body: Json, path: str, depth: int) -> None:
    options = body.get("options") or []
    if len(options) > 25:
        raise bad_length(f"{path}options", 0, 25)
    names = [option.get("name") for option in options]
    if len(names) != len(set(names)):
        raise invalid(f"{path}options", "APPLICATION_COMMAND_OPTIONS_NAME_INVALID", "Option names must be unique")
    optional_seen = False
    for index, option in enumerate(options):
        at = f"{path}options.{index}."
        _name(option, at, chat=True)
        _described(option, at, 1, 100)
        kind = option.get("type")
        if kind not in range(1, 12):
            raise invalid(f"{at}type", "BASE_TYPE_CHOICES", "Value must be between 1 and 11.")
        if kind in (SUBCOMMAND, GROUP):
            if depth > (0 if kind == GROUP else 1):
                raise invalid(f"{at}type", "APPLICATION_COMMAND_INVALID", "Groups nest one level deep")
            _options(option, at, 1 if kind == GROUP else 2)
            continue
        if option.get("required") and optional_seen:
            raise invalid(at.rstrip("."), "APPLICATION_COMMAND_OPTIONS_REQUIRED_INVALID", "Required options come first")
        optional_seen = optional_seen or not option.get("required")
        _choices(option, at)


def _choices(option: Json, path: str) -> None:
    choices = option.get("choices") or []
    if len(choices) > 25:
        raise bad_length(f"{path}choices", 0, 25)
    if choices and option.get("autocomplete"):
        raise invalid(
            f"{path}autocomplete", "APPLICATION_COMMAND_INVALID", "Choices and autocomplete exclude each other"
        )
    check_choices(choices, option["type"], path)
    for name in ("min_length", "max_length"):
        if not 0 <= (option.get(name) or 0) <= 6000:
            raise invalid(f"{path}{name}", "NUMBER_TYPE_MAX", "int value should be less than or equal to 6000.")


def check_choices(choices: list[Json], kind: int, path: str = "data.") -> None:
    """Choices of an option or of an autocomplete answer: at most 25, names 1–100, string values 1–100."""
    if len(choices) > 25:
        raise bad_length(f"{path}choices", 0, 25)
    for index, choice in enumerate(choices):
        at = f"{path}choices.{index}."
        for where, name in [("name", choice.get("name")), *_localized(choice, "name", at)]:
            if not isinstance(name, str) or not 1 <= len(name) <= 100:
                raise bad_length(f"{at}{where}", 1, 100)
        value = choice.get("value")
        if kind == STRING and (not isinstance(value, str) or not 1 <= len(value) <= 100):
            raise bad_length(f"{at}value", 1, 100)
        if kind in (INTEGER, NUMBER) and (isinstance(value, bool) or not isinstance(value, int | float)):
            raise invalid(f"{at}value", "NUMBER_TYPE_COERCE", f"Value '{value}' is not a number.")


def weight(body: Json) -> int:
    """The sum over names, descriptions and values of a command; the longest localization counts."""
    total = 0
    for name in ("name", "description"):
        translations = (body.get(f"{name}_localizations") or {}).values()
        total += max([len(body.get(name) or ""), *(len(text) for text in translations)])
    if isinstance(body.get("value"), str):
        total += len(body["value"])
    children = [*(body.get("options") or []), *(body.get("choices") or [])]
    return total + sum(weight(child) for child in children)
