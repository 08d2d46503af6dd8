"""Secrets come from the environment or from files that it names; never from the configuration file.

A name means a pool: "HF_TOKEN" finds HF_TOKEN, HF_TOKEN1, HF_TOKEN2, … any number of them, with gaps, and for
each of them a variable with the suffix "_FILE" that names a file. An empty value counts as missing.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

SHOWN, LONG_ENOUGH = 4, 12
_LINE = re.compile(r"(?:export\s+)?([A-Za-z_]\w*)\s*=\s*(.*)")


class SecretProblem(ValueError):
    """A file that should hold a secret cannot be read. The text names variable and file."""


class Secret:
    """A secret whose repr does not show its value."""

    __slots__ = ("name", "value")

    def __init__(self, name: str, value: str) -> None:
        self.name, self.value = name, value

    @property
    def label(self) -> str:
        """Its variable and last characters: "HF_TOKEN2 …x7Qa". Short secrets do not show their end."""
        return f"{self.name} …{self.value[-SHOWN:]}" if len(self.value) >= LONG_ENOUGH else self.name

    def __repr__(self) -> str:
        return f"Secret({self.name})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and (self.name, self.value) == (other.name, other.value)

    def __hash__(self) -> int:
        return hash((self.name, self.value))


def find_secrets(names: Sequence[str], environ: Mapping[str, str]) -> list[Secret]:
    """All secrets of these pools, ordered by name and number, without duplicate values. Raises SecretProblem."""
    secrets: dict[str, Secret] = {}
    for name in names:
        pattern = re.compile(re.escape(name) + r"(\d*)(_FILE)?")
        matches = [match for key in environ if (match := pattern.fullmatch(key))]
        for match in sorted(matches, key=lambda match: (int(match[1] or 0), match[2] or "")):
            value = _value(match[0], environ)
            if value:
                check_shape(match[0], value)
            if value and value not in secrets:
                secrets[value] = Secret(match[0].removesuffix("_FILE"), value)
    return list(secrets.values())


def check_shape(name: str, value: str) -> None:
    """A key is one word of printable ASCII. Raises SecretProblem, without the value."""
    if any(character.isspace() for character in value):
        raise SecretProblem(f"{name}: the key contains a space or a line break: copy it again in one piece")
    if not (value.isascii() and value.isprintable()):
        raise SecretProblem(f"{name}: the key contains a character that no key has: copy it again")


def find_secret(name: str, environ: Mapping[str, str]) -> Secret | None:
    """The secret with exactly this name, or from its file. Raises SecretProblem."""
    for key in (name, f"{name}_FILE"):
        if key in environ and (value := _value(key, environ)):
            return Secret(name, value)
    return None


def surroundings(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment, plus the keys from `antiphon keys` and from a `.env` file next to antiphon.toml.

    Variables in the environment take precedence over both files. Raises SecretProblem.
    """
    variables: dict[str, str] = {}
    for path in (stored_keys(environ), dotenv_path(environ)):
        if path is not None and path.is_file():
            variables |= read_dotenv(path)
    return variables | {name: value for name, value in environ.items() if value.strip() or name not in variables}


def config_home(environ: Mapping[str, str]) -> Path | None:
    """Antiphon's configuration directory of this user; None if the environment names no home directory."""
    if base := environ.get("XDG_CONFIG_HOME", "").strip():
        return Path(base) / "antiphon"
    home = environ.get("HOME", "").strip() or environ.get("USERPROFILE", "").strip()
    return Path(home) / ".config" / "antiphon" if home else None


def stored_keys(environ: Mapping[str, str]) -> Path | None:
    """The file in which `antiphon keys` stores keys."""
    home = config_home(environ)
    return home / "keys.env" if home else None


def dotenv_path(environ: Mapping[str, str]) -> Path | None:
    """`.env` next to the configuration file."""
    named = environ.get("ANTIPHON_CONFIG", "").strip()
    if named:
        return Path(named).parent / ".env"
    if Path("antiphon.toml").exists():
        return Path(".env")
    home = config_home(environ)
    return home / ".env" if home is not None and (home / "antiphon.toml").exists() else None


def read_dotenv(path: Path) -> dict[str, str]:
    """Parses `NAME=value` lines. Quotation marks around a value and a leading `export` are removed."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise SecretProblem(f"the file {path} cannot be read: {reason}") from error
    variables = {}
    for line in lines:
        match = _LINE.fullmatch(line.strip())
        if match is not None:
            value = match[2].strip()
            quoted = len(value) >= 2 and value[0] == value[-1] and value[0] in "'\""
            variables[match[1]] = value[1:-1] if quoted else value.partition(" #")[0].strip()
    return variables


def _value(key: str, environ: Mapping[str, str]) -> str:
    text = environ[key].strip()
    if not key.endswith("_FILE") or not text:
        return text
    try:
        return Path(text).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise SecretProblem(f"{key}: the file {text} cannot be read: {reason}") from error
