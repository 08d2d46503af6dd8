"""Secrets come from the environment or from files that it names; never from the configuration file.

A name stands for a pool: "HF_TOKEN" finds HF_TOKEN, HF_TOKEN1, HF_TOKEN2, … in any number and with gaps, and for
each of them a variable with "_FILE" behind it that names a file. Empty means: not there.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

SHOWN, LONG_ENOUGH = 4, 12
_LINE = re.compile(r"(?:export\s+)?([A-Za-z_]\w*)\s*=\s*(.*)")


class SecretProblem(ValueError):
    """A file that should hold a secret cannot be read. The text names variable and file."""


class Secret:
    """A secret that does not show itself."""

    __slots__ = ("name", "value")

    def __init__(self, name: str, value: str) -> None:
        self.name, self.value = name, value

    @property
    def label(self) -> str:
        """Where it came from and its last characters: "HF_TOKEN2 …x7Qa"; the end only of long ones."""
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
            if value:
                check_shape(match[0], value)
            if value and value not in found:
                found[value] = Secret(match[0].removesuffix("_FILE"), value)
    return list(found.values())


def check_shape(name: str, value: str) -> None:
    """A key is one word of printable ASCII. Raises SecretProblem, without the value."""
    if any(character.isspace() for character in value):
        raise SecretProblem(f"{name}: there is a space or a line break inside the key: copy it again, in one piece")
    if not (value.isascii() and value.isprintable()):
        raise SecretProblem(f"{name}: there is a character in the key that no key has: copy it again")


def find_secret(name: str, environ: Mapping[str, str]) -> Secret | None:
    """The one secret of exactly this name, or of its file. Raises SecretProblem."""
    for key in (name, f"{name}_FILE"):
        if key in environ and (value := _value(key, environ)):
            return Secret(name, value)
    return None


def surroundings(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment, completed by the keys of `antiphon keys` and of a `.env` file beside antiphon.toml.

    A variable that is set in the environment goes before both files. Raises SecretProblem.
    """
    found: dict[str, str] = {}
    for path in (stored_keys(environ), dotenv_path(environ)):
        if path is not None and path.is_file():
            found |= read_dotenv(path)
    return found | {name: value for name, value in environ.items() if value.strip() or name not in found}


def config_home(environ: Mapping[str, str]) -> Path | None:
    """The user's configuration directory of Antiphon; None where the environment names no home."""
    if base := environ.get("XDG_CONFIG_HOME", "").strip():
        return Path(base) / "antiphon"
    home = environ.get("HOME", "").strip() or environ.get("USERPROFILE", "").strip()
    return Path(home) / ".config" / "antiphon" if home else None


def stored_keys(environ: Mapping[str, str]) -> Path | None:
    """The file in which `antiphon keys` keeps what it was given."""
    home = config_home(environ)
    return home / "keys.env" if home else None


def dotenv_path(environ: Mapping[str, str]) -> Path | None:
    """`.env` beside the configuration file."""
    named = environ.get("ANTIPHON_CONFIG", "").strip()
    if named:
        return Path(named).parent / ".env"
    return Path(".env") if Path("antiphon.toml").exists() else None


def read_dotenv(path: Path) -> dict[str, str]:
    """`NAME=value` lines; quotation marks around a value and `export` in front of a name are left out."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise SecretProblem(f"the file {path} cannot be read: {reason}") from error
    found = {}
    for line in lines:
        match = _LINE.fullmatch(line.strip())
        if match is not None:
            value = match[2].strip()
            quoted = len(value) >= 2 and value[0] == value[-1] and value[0] in "'\""
            found[match[1]] = value[1:-1] if quoted else value.partition(" #")[0].strip()
    return found


def _value(key: str, environ: Mapping[str, str]) -> str:
    given = environ[key].strip()
    if not key.endswith("_FILE") or not given:
        return given
    try:
        return Path(given).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise SecretProblem(f"{key}: the file {given} cannot be read: {reason}") from error
