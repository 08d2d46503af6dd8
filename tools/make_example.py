"""Writes antiphon.example.toml: every key of the configuration with its default and its words; --check as the others."""

import sys
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from antiphon.config import bot, model  # noqa: E402 - the path comes first

TARGET = ROOT / "antiphon.example.toml"
# Tables that are named by the operator, with an example each.
NAMED: dict[str, tuple[str, type[BaseModel]]] = {
    "service.callers": ("bot", model.CallerConfig),
    "bot.personas": ("pirate", bot.Persona),
    "providers": ("mistral", model.ProviderConfig),
    "providers.mistral.model": ('"mistral-large-latest"', model.ModelConfig),
    "routes": ("fast", model.RouteConfig),
}
OPTIONAL: dict[str, type[BaseModel]] = {
    "service.tls": model.Tls,
    "routes.fast.timeouts": model.Timeouts,
    "routes.fast.image_timeouts": model.ImageTimeouts,
    "routes.fast.hedge": model.Hedge,
}
# Tables that may be repeated.
REPEATED: dict[str, type[BaseModel]] = {"providers.mistral.quotas": model.QuotaConfig}
HEAD = """\
# Antiphon's configuration, read by the service and the bot. Every value here is the default; an empty file is valid.
# Every key can be overridden by the environment: service.port by ANTIPHON__SERVICE__PORT.
# Secrets never belong here: keys that end in _env name environment variables (or NAME_FILE for a file).
# Times are seconds, sizes bytes.
"""


def shown(value: Any) -> str | None:
    """As TOML; None for what TOML cannot say (unset)."""
    match value:
        case bool():
            return str(value).lower()
        case int() | float():
            return repr(value)
        case str():
            return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
        case list() | tuple() | set() | frozenset():
            return f"[{', '.join(sorted(filter(None, map(shown, value))))}]"
        case dict():
            return "{}" if not value else None
    return None


def table(kind: type[BaseModel], path: str, *, comment: bool) -> list[str]:
    head = f"[[{path}]]" if path in REPEATED else f"[{path}]"
    lines = [f"{'# ' if comment else ''}{head}"]
    inner: list[tuple[str, type[BaseModel]]] = []
    for name, field in kind.model_fields.items():
        full = f"{path}.{name}"
        if full in NAMED or full in OPTIONAL or full in REPEATED:
            continue
        default = field.get_default(call_default_factory=True)
        if isinstance(default, BaseModel):
            inner.append((full, type(default)))
            continue
        words = " ".join((field.description or "").split())
        if words:
            lines.append(f"# {words}")
        text = None if default is PydanticUndefined else shown(default)
        if text is None:
            lines.append(f"# {name} = …" + ("" if default is PydanticUndefined else "  (unset)"))
        else:
            lines.append(f"{'# ' if comment else ''}{name} = {text}")
    lines.append("")
    for full, section in inner:
        lines += table(section, full, comment=comment)
    for full, section in OPTIONAL.items():
        if full.rpartition(".")[0] == path:
            lines += table(section, full, comment=True)
    for full, section in REPEATED.items():
        if full.rpartition(".")[0] == path:
            lines += table(section, full, comment=True)
    for full, (example, section) in NAMED.items():
        if full.rpartition(".")[0] == path:
            lines += table(section, f"{full}.{example}", comment=True)
    return lines


def page() -> str:
    lines = [HEAD]
    fields = model.Config.model_fields.items()
    for name, field in fields:
        if field.default is None:  # keys of the file itself come before every table
            lines += [f"# {' '.join((field.description or '').split())}", f"# {name} = …  (unset)", ""]
    for name, field in fields:
        if field.default is None:
            continue
        if name in NAMED:
            example, kind = NAMED[name]
            lines += [f"# --- {name}: any number of tables ---", *table(kind, f"{name}.{example}", comment=True)]
        else:
            lines += table(type(field.get_default(call_default_factory=True)), name, comment=False)
    return "\n".join(lines).rstrip() + "\n"


def main() -> int:
    stale = not TARGET.exists() or TARGET.read_text(encoding="utf-8") != page()
    if stale and "--check" in sys.argv[1:]:
        print("antiphon.example.toml is stale: run `make docs`")
        return 1
    if stale:
        TARGET.write_text(page(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
