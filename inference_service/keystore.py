"""`antiphon keys add|list|test|remove`: provider keys in the user's configuration directory, readable only by their owner.

A key is stored under the name of its provider's environment variable and is never sent anywhere but to that provider.
"""

import getpass
import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path

from antiphon.config import secrets
from antiphon.config.secrets import Secret
from inference_service.providers.catalogue import load, shapes
from inference_service.providers.catalogue.row import Row

HEAD = "# Provider keys, stored by `antiphon keys`. Nobody else should be able to read this file.\n"
_NUMBERED = re.compile(r"(.*?)(\d*)")


class KeyProblem(Exception):
    """Nothing was changed. The message says what to do."""


def main(arguments: list[str], environ: Mapping[str, str], rows: Mapping[str, Row] | None = None) -> int:
    """`add [--for PROVIDER]`, `list`, `remove NAME`. Raises KeyProblem, SecretProblem or CatalogueProblem."""
    rows = load.load(*load.directories(environ, None)) if rows is None else rows
    match arguments:
        case ["add", *rest]:
            return add(read_key(), rest[1] if rest[:1] == ["--for"] else "", environ, rows)
        case ["list"]:
            return show(environ, rows)
        case ["remove", name]:
            return remove(name, environ)
    raise KeyProblem("use: antiphon keys add [--for PROVIDER] | list | test [PROVIDER] | remove NAME")


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")


def read_key() -> str:
    """Reads from a terminal without echo, otherwise from standard input."""
    if sys.stdin.isatty():
        return getpass.getpass("Key (it is not shown): ").strip()
    return sys.stdin.read().strip()


def add(key: str, kind: str, environ: Mapping[str, str], rows: Mapping[str, Row]) -> int:
    """Stores a key under its provider's name. Raises KeyProblem."""
    if not key:
        raise KeyProblem("no key was entered: paste it at the prompt, or pipe it to standard input")
    secrets.check_shape("the key", key)
    row = rows[provider_for(key, kind, rows)]
    stored = read(environ)
    name = free_name(row.env[0], key, stored)
    stored[name] = key
    write(environ, stored)
    say(f"Stored as {name}, for {row.title}.")
    if (
        row.account_env
        and ":" not in key
        and not any(environ.get(variable) or stored.get(variable) for variable in row.account_env)
    ):
        say(f"{row.title} also needs an account: set {row.account_env[0]}, or store account:token instead.")
    say("Test it with `antiphon keys test`; a running service uses it after `antiphon reload`.")
    return 0


def provider_for(key: str, kind: str, rows: Mapping[str, Row]) -> str:
    """The provider that the person named, or that the key's format identifies. An ambiguous format is never guessed."""
    own = shapes.provider_of_key(key, rows)
    if kind:
        if kind not in rows or not rows[kind].env:
            kinds = ", ".join(name for name, row in rows.items() if row.env)
            raise KeyProblem(f"there is no provider {kind!r} that uses a key; known providers: {kinds}")
        if own is not None and own != kind:
            raise KeyProblem(f"this looks like a key of {rows[own].title}, not of {rows[kind].title}: use --for {own}")
        return kind
    if own is not None:
        if rows[own].tier == "retired":
            raise KeyProblem(
                f"this looks like a {rows[own].title} key, and that service was shut down; --for {own} stores it anyway"
            )
        return own
    possible = shapes.candidates(key, rows)
    names = " or ".join(f"--for {name}" for name in possible) or "--for PROVIDER (docs/free-keys.md lists them)"
    raise KeyProblem(f"the format of the key does not identify its provider: add {names}")


def free_name(base: str, key: str, stored: Mapping[str, str]) -> str:
    """The first free name of the pool: NAME, NAME1, NAME2, … Raises KeyProblem if the key is stored already."""
    for name, value in stored.items():
        if value == key:
            raise KeyProblem(f"this key is already stored as {name}")
    return next(name for number in range(10_000) if (name := f"{base}{number or ''}") not in stored)


def show(environ: Mapping[str, str], rows: Mapping[str, Row]) -> int:
    """Prints every key, masked, and where it comes from."""
    files = {"antiphon keys": read(environ), ".env": read_dotenv(environ)}
    titles = {name: row.title for row in rows.values() for name in row.env}
    count = 0
    for name, value in sorted(secrets.surroundings(environ).items()):
        base = _NUMBERED.fullmatch(name.removesuffix("_FILE"))
        title = titles.get(base[1] if base else name)
        if title is None or not value.strip():
            continue
        count += 1
        source = next((where for where, keys in files.items() if keys.get(name) == value), "environment")
        label = name if name.endswith("_FILE") else Secret(name, value.strip()).label
        say(f"{label:<40} {title:<34} {source}")
    if not count:
        say("No keys found. docs/free-keys.md lists free ones; `antiphon keys add` stores a key.")
    return 0


def remove(name: str, environ: Mapping[str, str]) -> int:
    """Raises KeyProblem."""
    stored = read(environ)
    if name not in stored:
        names = ", ".join(stored) or "none"
        raise KeyProblem(
            f"there is no stored key {name!r}; stored keys: {names}. This command does not manage other keys"
        )
    del stored[name]
    write(environ, stored)
    say(f"Removed {name}.")
    return 0


# --- the file ------------------------------------------------------------------------------------


def place(environ: Mapping[str, str]) -> Path:
    """Raises KeyProblem if the environment names no home directory."""
    path = secrets.stored_keys(environ)
    if path is None:
        raise KeyProblem("there is no home directory to keep keys in: set HOME or XDG_CONFIG_HOME")
    return path


def read(environ: Mapping[str, str]) -> dict[str, str]:
    path = place(environ)
    return secrets.read_dotenv(path) if path.is_file() else {}


def read_dotenv(environ: Mapping[str, str]) -> dict[str, str]:
    path = secrets.dotenv_path(environ)
    return secrets.read_dotenv(path) if path is not None and path.is_file() else {}


def write(environ: Mapping[str, str], keys: Mapping[str, str]) -> None:
    """Replaces the file atomically; only its owner can read it. Raises KeyProblem."""
    path = place(environ)
    fresh = path.with_suffix(".new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        fresh.unlink(missing_ok=True)
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(HEAD + "".join(f"{name}={value}\n" for name, value in sorted(keys.items())))
        fresh.replace(path)
    except OSError as error:
        raise KeyProblem(f"{path} cannot be written: {error.strerror}") from error
