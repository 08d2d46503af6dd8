"""The command `antiphon`. Each subcommand imports its work when it runs, so that `--help` is quick.

Exit codes: 0 done, 1 failed, 2 wrong usage or configuration, 3 nothing could answer, 4 refused, 130 interrupted (Ctrl-C),
143 terminated.
"""

import io
import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from antiphon.cli import asking, looking
from antiphon.cli.common import Json, replace_by
from antiphon.cli.keys import keys

app = typer.Typer(
    name="antiphon",
    help="Chat and pictures from many providers that never go silent. Start with `antiphon up`.",
    epilog="Exit codes: 0 done, 1 failed, 2 wrong usage or configuration, 3 nothing could answer, 4 refused, "
    "130 interrupted, 143 terminated.",
    no_args_is_help=True,
    add_completion=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def show_version(requested: bool) -> None:
    if requested:
        from antiphon.cli.extras import version_text

        typer.echo(version_text())
        raise typer.Exit


@app.callback()
def common(
    config: Annotated[
        Path | None,
        typer.Option(
            "--config",
            "-c",
            help="The configuration file. Default: ./antiphon.toml, then ~/.config/antiphon/antiphon.toml.",
        ),
    ] = None,
    _: Annotated[
        bool,
        typer.Option(
            "--version",
            callback=show_version,
            is_eager=True,
            help="Show the version and the platform, for bug reports.",
        ),
    ] = False,
) -> None:
    if config is not None:
        # Passed in the environment, so that child processes read the same file.
        os.environ["ANTIPHON_CONFIG"] = str(config.absolute())


@app.command()
def up() -> None:
    """Start the service, then the bot if DISCORD_TOKEN is set, otherwise a chat in this terminal."""
    from antiphon.cli.up import up as work

    raise typer.Exit(work(dict(os.environ)))


@app.command()
def serve() -> None:
    """Start only the inference service. It prints `ready: host:port` as soon as it can answer."""
    replace_by("inference_service")


@app.command()
def bot() -> None:
    """Start only the Discord bot. It needs DISCORD_TOKEN and a running service."""
    replace_by("discord_bot")


Replace = Annotated[bool, typer.Option("--replace", help="Overwrite the data in the database.")]


@app.command()
def backup(
    file: Annotated[
        Path, typer.Argument(help="The new file. It is a SQLite database, whichever database the bot uses.")
    ],
) -> None:
    """Save the bot's database to a file. The bot can keep running."""
    replace_by("discord_bot", "backup", str(file))


@app.command()
def restore(
    file: Annotated[Path, typer.Argument(help="A backup made by this or an older version.")],
    replace: Replace = False,
) -> None:
    """Load a backup into the bot's database."""
    replace_by("discord_bot", "restore", str(file), *(["--replace"] if replace else []))


@app.command()
def migrate(
    target: Annotated[
        str, typer.Argument(help="The new database's URL, or the name of an environment variable that holds it.")
    ],
    replace: Replace = False,
) -> None:
    """Copy the bot's data to another database, such as from SQLite to PostgreSQL. Stop the bot first."""
    replace_by("discord_bot", "migrate", target, *(["--replace"] if replace else []))


@app.command()
def check(
    only_list: Annotated[
        bool, typer.Option("--list", help="Only request the model lists, which costs nothing.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Check the configuration, send every provider a one-token question, and say how to fix each problem."""
    flags = [flag for flag, requested in (("--list", only_list), ("--json", as_json)) if requested]
    replace_by("inference_service", "check", *flags)


app.add_typer(keys, name="keys")


@app.command()
def rehearse(
    people: Annotated[int, typer.Option("--people", "-p", min=1, help="Number of people.")] = 50,
    questions: Annotated[float, typer.Option("--questions", "-q", min=0.01, help="Questions per person and day.")] = 8,
    when: Annotated[
        str,
        typer.Option("--when", help='"evenings" (mostly 17:00 to 23:00 UTC) or "day" (evenly spread).', metavar="WHEN"),
    ] = "evenings",
    days: Annotated[int, typer.Option("--days", "-d", min=1, max=31)] = 1,
    tokens: Annotated[int, typer.Option("--tokens", min=0, help="Tokens per question and answer.")] = 1_500,
    patience: Annotated[float, typer.Option("--patience", min=0, help="Seconds that people are willing to wait.")] = 60,
    model: Annotated[str, typer.Option("--model", "-m", help="The model that they use.")] = "chat",
    picture: Annotated[Path | None, typer.Option("--picture", help="Also draw the result into this SVG file.")] = None,
    as_json: Json = False,
) -> None:
    """Simulate a load with the configured keys, without any real call: how many are answered, wait, or are refused."""
    import json

    if when not in ("evenings", "day"):
        raise typer.BadParameter('must be "evenings" or "day"', param_hint="--when")
    load = {"people": people, "questions": questions, "when": when, "days": days, "tokens": tokens}
    load |= {"patience": patience, "model": model, "json": as_json, "picture": str(picture) if picture else ""}
    replace_by("inference_service", "rehearse", json.dumps(load))


for command in (
    asking.chat,
    asking.image,
    looking.models,
    looking.usage,
    looking.status,
    looking.reload,
    looking.health,
):
    app.command()(command)


def tolerate_encodings() -> None:
    """A terminal or pipe that is not UTF-8 shows "?" for a character that it does not have, instead of failing."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def main() -> int:
    """Runs the command and returns its exit code. No stack trace reaches the terminal."""
    # gRPC's own log lines are not meant for people; our error messages say what matters.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    tolerate_encodings()
    try:
        app(standalone_mode=True)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 0
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        if os.environ.get("ANTIPHON_DEBUG"):
            raise
        sys.stderr.write(
            f"antiphon: internal error ({type(error).__name__}). Set ANTIPHON_DEBUG=1 to see where, and please report it.\n"
        )
        return 1
    return 0
