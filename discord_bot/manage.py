"""`antiphon backup`, `restore` and `migrate`: the bot's database as a whole. The bot may keep running."""

import argparse
import asyncio
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from antiphon.config.secrets import find_secret
from discord_bot.store.problem import DatabaseProblem
from discord_bot.store.transfer import backup, move, restore

USAGE = 2


def manage(arguments: Sequence[str], url: str, environ: Mapping[str, str]) -> int:
    """The exit code: 0 done, 2 with one line about what is wrong."""
    options = _parser().parse_args(arguments)
    try:
        match options.command:
            case "backup":
                rows = asyncio.run(backup(url, options.file))
                said = f"{rows} rows saved to {options.file}"
            case "restore":
                rows = asyncio.run(restore(options.file, url, replace=options.replace))
                said = f"{rows} rows restored from {options.file}"
            case _:
                rows = asyncio.run(move(url, target_of(options.target, environ), replace=options.replace))
                said = f"{rows} rows moved; set bot.database (or its variable) to the new database and start the bot"
    except DatabaseProblem as problem:
        print(problem, file=sys.stderr)  # noqa: T201 - the person at the terminal reads it
        return USAGE
    print(said)  # noqa: T201 - the person at the terminal reads it
    return 0


def target_of(text: str, environ: Mapping[str, str]) -> str:
    """A URL, or the name of a variable that holds one: a password does not belong in a process list."""
    if ":" in text:
        return text
    secret = find_secret(text, environ)
    if secret is None:
        raise DatabaseProblem(f"{text} is neither a database URL nor a variable that is set")
    return secret.value


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="antiphon")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("backup").add_argument("file", type=Path)
    restoring = commands.add_parser("restore")
    restoring.add_argument("file", type=Path)
    restoring.add_argument("--replace", action="store_true")
    moving = commands.add_parser("migrate")
    moving.add_argument("target")
    moving.add_argument("--replace", action="store_true")
    return parser
