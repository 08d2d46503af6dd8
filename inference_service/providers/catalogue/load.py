"""Reads the shipped rows and the user's own, once. A mistake becomes one line: which file, row and key, and what to do."""

import difflib
import re
import tomllib
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from antiphon.config.secrets import config_home
from inference_service.providers.catalogue.row import Row, mistakes

SHIPPED = Path(__file__).parent
_UNKNOWN = re.compile(r"unknown field `(\w+)`")


class CatalogueProblem(ValueError):
    """Rows that cannot be used; one line each."""

    def __init__(self, lines: list[str]) -> None:
        self.lines = lines
        super().__init__("\n".join(lines))


@cache
def shipped() -> Mapping[str, Row]:
    """The rows that come with Antiphon."""
    return read(sorted(SHIPPED.glob("*.toml")))


def directories(environ: Mapping[str, str], configured: Path | None) -> list[Path]:
    """Directories of the user's own rows: the user's configuration directory, then what `catalogue_dir` names."""
    folders = [home / "providers"] if (home := config_home(environ)) else []
    return [*folders, configured] if configured else folders


def load(*places: Path) -> Mapping[str, Row]:
    """The shipped rows and those of the directories; a later row of the same name replaces an earlier one.

    Raises CatalogueProblem.
    """
    files = [path for directory in places if directory.is_dir() for path in sorted(directory.glob("*.toml"))]
    return {**shipped(), **read(files)} if files else shipped()


def read(files: Iterable[Path]) -> dict[str, Row]:
    rows: dict[str, Row] = {}
    lines: list[str] = []
    for path in files:
        try:
            tables = tomllib.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            lines.append(f"{path}: cannot be read ({error.strerror}): look at its permissions or remove it")
            continue
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            lines.append(f"{path}: is not valid TOML: {error}")
            continue
        for name, table in tables.items():
            row = _row(path, name, table, lines)
            if row is not None:
                rows[name] = row
    if lines:
        raise CatalogueProblem(lines)
    return rows


def _row(path: Path, name: str, table: Any, lines: list[str]) -> Row | None:
    where = f"{path}: [{name}]"
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]*", name):
        lines.append(f"{where}: is not a valid provider name: use lower-case letters, digits and hyphens")
        return None
    if not isinstance(table, dict):
        lines.append(f"{where}: must be a table: begin it with [{name}]")
        return None
    try:
        row = msgspec.convert(table, Row)
    except msgspec.ValidationError as error:
        lines.append(f"{where}: {_said(str(error))}")
        return None
    wrong = mistakes(row)
    lines += [f"{where}: {key}: {text}" for key, text in wrong]
    return None if wrong else row


def _said(text: str) -> str:
    """msgspec's message with the key in front and, for an unknown key, the nearest known."""
    sentence, _, place = text.partition(" - at `$.")
    key = place.rstrip("`")
    if match := _UNKNOWN.search(sentence):
        near = difflib.get_close_matches(match[1], Row.__struct_fields__, n=1)
        hint = f"did you mean {near[0]!r}?" if near else "remove it; the guide lists the keys"
        inside = f"{key}." if key else ""
        return f"{inside}{match[1]}: there is no such key; {hint}"
    if "missing required field" in sentence:
        missing = sentence.rpartition("`")[0].rpartition("`")[2]
        return f"{missing}: is missing: add it"
    return f"{key}: {sentence[:1].lower()}{sentence[1:]}: correct the value" if key else sentence
