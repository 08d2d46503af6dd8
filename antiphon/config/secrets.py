"""Secrets come from the environment or from files that it names; never from the configuration file.

A name stands for a pool: "GIT_TOKEN" finds GIT_TOKEN, GIT_TOKEN1, GIT_TOKEN2, … in any number and with gaps, and for
each of them a variable with "_FILE" behind it that names a file. Empty means: not there.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

SHOWN, LONG_ENOUGH = 4, 12


class SecretProblem(ValueError):
    """A file that should hold a secret cannot be read. The text names variable and file."""


class Secret:
    """A secret that does not show itself."""

    __slots__ = ("name", "value")

    def __init__(self, name: str, value: str) -> None:
        self.name, self.value = name, value

    @property
    def label(self) -> str:
        """Where it came from and its last characters: "GIT_TOKEN2 …x7Qa"; the end only of long ones."""
        return f"{self.name} …{self.value[-SHOWN:]}" if len(self.value) >= LONG_ENOUGH else self.name

    def __repr__(self) -> str:
        return f"Secret({self.name})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and (self.name, self.value) == (other.name, other.value)

    def __hash__(self) -> int:
        return hash((self.name, self.value))


def find_secrets(names: Sequence[str], environ: Mapping[str, str]) -> list[Secret]:
    """All secrets of these pools, by name and then number; the same value twice counts once. Raises SecretProblem."""
    found: dict[str, Secret] = {}
    for name in names:
        pattern = re.compile(re.escape(name) + r"(\d*)(_FILE)?")
        matches = [match for key in environ if (match := pattern.fullmatch(key))]
        for match in sorted(matches, key=lambda match: (int(match[1] or 0), match[2] or "")):
            value = _value(match[0], environ)
            if value and value not in found:
                found[value] = Secret(match[0].removesuffix("_FILE"), value)
    return list(found.values())


def find_secret(name: str, environ: Mapping[str, str]) -> Secret | None:
    """The one secret of exactly this name, or of its file. Raises SecretProblem."""
    for key in (name, f"{name}_FILE"):
        if key in environ and (value := _value(key, environ)):
            return Secret(name, value)
    return None


def _value(key: str, environ: Mapping[str, str]) -> str:
    given = environ[key].strip()
    if not key.endswith("_FILE") or not given:
        return given
    try:
        return Path(given).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise SecretProblem(f"{key}: the file {given} cannot be read: {reason}") from error
