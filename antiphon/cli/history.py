"""What the terminal chat remembers between two runs: the last conversation and the typed questions.

Both are files in the user's state directory that only the user can read. `--private` writes neither.
"""

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, get_args

from antiphon.events import Message, Text

Role = Literal["system", "user", "assistant"]
CONVERSATION, PROMPTS = "conversation.json", "prompts"


def state_home(environ: Mapping[str, str]) -> Path | None:
    """Antiphon's state directory of this user; None if the environment names no home directory."""
    if base := environ.get("XDG_STATE_HOME", "").strip() or environ.get("LOCALAPPDATA", "").strip():
        return Path(base) / "antiphon"
    home = environ.get("HOME", "").strip() or environ.get("USERPROFILE", "").strip()
    return Path(home) / ".local" / "state" / "antiphon" if home else None


def prompts_file(environ: Mapping[str, str]) -> Path | None:
    """The file of typed questions, created so that only the user can read it; None if that is not possible."""
    home = state_home(environ)
    if home is None:
        return None
    path = home / PROMPTS
    try:
        _touch(path)
    except OSError:
        return None
    return path


def save(turns: Sequence[Message], model: str, environ: Mapping[str, str]) -> None:
    """Stores the conversation for `antiphon chat --continue`. Pictures are not stored. Raises OSError."""
    home = state_home(environ)
    if home is None:
        return
    rows = [{"role": turn.role, "text": turn.text} for turn in turns]
    path = home / CONVERSATION
    fresh = path.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    _touch(fresh)
    fresh.write_text(json.dumps({"model": model, "turns": rows}, ensure_ascii=False), encoding="utf-8")
    fresh.replace(path)


def load(environ: Mapping[str, str]) -> tuple[list[Message], str] | None:
    """The last conversation and its model; None if there is none that can be read."""
    home = state_home(environ)
    if home is None:
        return None
    try:
        stored = json.loads((home / CONVERSATION).read_text(encoding="utf-8"))
        turns = [Message(_role(row["role"]), (Text(str(row["text"])),)) for row in stored["turns"]]
        return turns, str(stored["model"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _role(name: str) -> Role:
    if name not in get_args(Role):
        raise ValueError(name)
    return name  # type: ignore[return-value] # checked above


def _touch(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600))
