"""What `antiphon up` says once the service is ready: what works, and what to do next."""

import asyncio
import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from antiphon import errors
from antiphon.cli.output import client, console
from antiphon.config.load import ConfigError
from antiphon.config.secrets import SecretProblem
from antiphon.events import Model

ABILITIES = {"chat": "answers questions", "vision": "looks at pictures", "image": "draws"}
DEMO = "embedded/"
MOST_NAMED = 3


def welcome(target: str) -> None:
    """Prints the summary. A service that does not answer it, such as one that needs another token, is no problem here."""
    try:
        models = asyncio.run(_models(target))
    except (errors.AntiphonError, ConfigError, SecretProblem):
        return
    for sentence in sentences(models, command()):
        console.print(sentence, soft_wrap=True)


async def _models(target: str) -> list[Model]:
    async with client(target) as service:
        return await service.models()


def command() -> str:
    """How to start the command from this folder: `make run` installs it where no shell looks for it."""
    here = Path(sys.executable).parent / ("antiphon.exe" if os.name == "nt" else "antiphon")
    installed = shutil.which("antiphon")
    if not here.exists() or (installed is not None and os.path.realpath(installed) == os.path.realpath(here)):
        return "antiphon"
    return os.path.relpath(here) if here.is_relative_to(Path.cwd()) else str(here)


def sentences(models: Sequence[Model], command: str = "antiphon") -> list[str]:
    """One line per ability, then the next step, with the command as a person can type it. Pure."""
    by_name = {model.name: model for model in models}
    lines = [_ability(by_name[name], text) for name, text in ABILITIES.items() if name in by_name]
    lines += [f"  -  {text}: no provider for it yet" for name, text in ABILITIES.items() if name not in by_name]
    deployments = [str(name) for model in models for name in model.deployments]
    if deployments and all(name.startswith(DEMO) for name in deployments):
        lines.append("No provider key was found, so an offline demo voice answers. docs/free-keys.md lists free keys;")
        lines.append(f"`{command} keys add` stores one, and then start again.")
    else:
        lines.append(f"`{command} check` tests every key; `{command} status` shows what is left of each quota.")
    return lines


def _ability(model: Model, text: str) -> str:
    if not model.available:
        return f"  !  {text}: not available now"
    names = [str(name) for name in model.deployments]
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return f"  ✓  {text}: {', '.join(names[:MOST_NAMED])}{more}"
