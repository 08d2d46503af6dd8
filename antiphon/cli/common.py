"""What the modules of commands share: common options, and how a command becomes a process or an exit code.

Nothing heavy is imported here: `antiphon --help` must be quick.
"""

import os
import sys
from collections.abc import Coroutine
from typing import Annotated, Any

import typer

Target = Annotated[
    str | None, typer.Option("--target", "-t", help="Address of the service, host:port. Default: the configuration.")
]
Json = Annotated[bool, typer.Option("--json", help="One JSON object per line, with the names of the contract.")]
Watch = Annotated[bool, typer.Option("--watch", "-w", help="Keep showing it until Ctrl-C.")]


def replace_by(module: str, *arguments: str) -> None:
    """Replaces this process by a service, which then owns the terminal and receives the signals."""
    from antiphon.cli.extras import missing

    if problem := missing(module):
        typer.echo(problem, err=True)
        raise typer.Exit(2)
    command = [sys.executable, "-m", module, *arguments]
    if sys.platform == "win32":
        import subprocess

        raise typer.Exit(subprocess.call(command))
    os.execv(sys.executable, command)


def run(work: Coroutine[Any, Any, int | None], *, as_json: bool = False) -> None:
    """Runs a command and exits with its code."""
    from antiphon.cli.output import run_to_exit_code

    raise typer.Exit(run_to_exit_code(work, as_json=as_json))
