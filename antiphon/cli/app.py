"""The command `antiphon`: what each subcommand takes. The work is in the files beside; heavy imports wait until then.

Exit codes: 0 done, 1 failed, 2 wrong usage or configuration, 3 nobody could answer, 4 refused, 130 interrupted.
"""

import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

app = typer.Typer(
    name="antiphon",
    help="Chat and pictures from many providers that never go silent. Begin with `antiphon up`.",
    epilog="Exit codes: 0 done, 1 failed, 2 wrong usage or configuration, 3 nobody could answer, 4 refused, 130 interrupted.",
    no_args_is_help=True,
    add_completion=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Target = Annotated[
    str | None, typer.Option("--target", "-t", help="Where the service is: host:port. Else the configuration says.")
]
Json = Annotated[bool, typer.Option("--json", help="One JSON object a line, for programs.")]
Watch = Annotated[bool, typer.Option("--watch", "-w", help="Show it again and again until Ctrl-C.")]


def show_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(version("antiphon"))
        raise typer.Exit


@app.callback()
def common(
    config: Annotated[
        Path | None, typer.Option("--config", "-c", help="The configuration file. Else ./antiphon.toml, if it exists.")
    ] = None,
    _: Annotated[
        bool, typer.Option("--version", callback=show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    if config is not None:
        # By the environment, so that the processes it starts read the same.
        os.environ["ANTIPHON_CONFIG"] = str(config.absolute())


@app.command()
def up() -> None:
    """Start the service, then the bot if DISCORD_TOKEN is set, else a chat in this terminal."""
    from antiphon.cli.up import up as work

    raise typer.Exit(work(dict(os.environ)))


@app.command()
def serve() -> None:
    """Start the inference service only. It prints `ready: host:port` when it can answer."""
    replace_by("inference_service")


@app.command()
def bot() -> None:
    """Start the Discord bot only. It needs DISCORD_TOKEN and a running service."""
    replace_by("discord_bot")


Replace = Annotated[bool, typer.Option("--replace", help="Overwrite what the database holds.")]


@app.command()
def backup(
    file: Annotated[Path, typer.Argument(help="The new file; a SQLite database, whatever the bot uses.")],
) -> None:
    """Save the bot's database to a file. The bot may go on running."""
    replace_by("discord_bot", "backup", str(file))


@app.command()
def restore(
    file: Annotated[Path, typer.Argument(help="A file that `antiphon backup` made, by this or an older version.")],
    replace: Replace = False,
) -> None:
    """Fill the bot's database from a backup."""
    replace_by("discord_bot", "restore", str(file), *(["--replace"] if replace else []))


@app.command()
def migrate(
    target: Annotated[
        str, typer.Argument(help="The new database's URL, or the name of an environment variable that holds it.")
    ],
    replace: Replace = False,
) -> None:
    """Move the bot's data to another database, such as from SQLite to PostgreSQL. Stop the bot first."""
    replace_by("discord_bot", "migrate", target, *(["--replace"] if replace else []))


@app.command()
def check(
    only_list: Annotated[
        bool, typer.Option("--list", help="Only ask for the lists of models, which costs nothing.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Check the configuration and ask every provider one real question of one token; says what to do about each problem."""
    flags = [flag for flag, wanted in (("--list", only_list), ("--json", as_json)) if wanted]
    replace_by("inference_service", "check", *flags)


keys = typer.Typer(help="Keep keys of providers in your configuration directory.", no_args_is_help=True)
app.add_typer(keys, name="keys")


@keys.command("add")
def keys_add(
    provider: Annotated[str, typer.Option("--for", help="Whose key it is, where its shape does not show it.")] = "",
) -> None:
    """Store a key: paste it at the prompt (it is not shown), or send it by standard input."""
    replace_by("inference_service", "keys", "add", *(["--for", provider] if provider else []))


@keys.command("list")
def keys_list() -> None:
    """Show which keys are found, masked, and where each comes from."""
    replace_by("inference_service", "keys", "list")


@keys.command("test")
def keys_test(
    provider: Annotated[str, typer.Argument(help="Only this provider; all without it.")] = "",
) -> None:
    """Ask one real question with every key."""
    replace_by("inference_service", "keys", "test", *([provider] if provider else []))


@keys.command("remove")
def keys_remove(name: Annotated[str, typer.Argument(help="The name under which it is stored.")]) -> None:
    """Forget a stored key."""
    replace_by("inference_service", "keys", "remove", name)


@app.command()
def rehearse(
    people: Annotated[int, typer.Option("--people", "-p", min=1, help="How many people ask.")] = 50,
    questions: Annotated[float, typer.Option("--questions", "-q", min=0.01, help="Questions of each on a day.")] = 8,
    when: Annotated[
        str, typer.Option("--when", help='"evenings" (mostly 17:00 to 23:00 UTC) or "day" (evenly).', metavar="WHEN")
    ] = "evenings",
    days: Annotated[int, typer.Option("--days", "-d", min=1, max=31)] = 1,
    tokens: Annotated[int, typer.Option("--tokens", min=0, help="Tokens of a question with its answer.")] = 1_500,
    patience: Annotated[float, typer.Option("--patience", min=0, help="Seconds that people wait.")] = 60,
    model: Annotated[str, typer.Option("--model", "-m", help="The model they ask.")] = "chat",
    picture: Annotated[Path | None, typer.Option("--picture", help="Also draw it into this SVG file.")] = None,
    as_json: Json = False,
) -> None:
    """Rehearse a load with the configured tokens, without calling anybody: who is answered, who waits, who is refused."""
    import json

    if when not in ("evenings", "day"):
        raise typer.BadParameter('allowed are "evenings" and "day"', param_hint="--when")
    load = {"people": people, "questions": questions, "when": when, "days": days, "tokens": tokens}
    load |= {"patience": patience, "model": model, "json": as_json, "picture": str(picture) if picture else ""}
    replace_by("inference_service", "rehearse", json.dumps(load))


@app.command()
def chat(
    prompt: Annotated[
        list[str] | None, typer.Argument(help="The question. Without one on a terminal: a conversation.")
    ] = None,
    model: Annotated[str, typer.Option("--model", "-m", help="A model that `antiphon models` lists.")] = "",
    system: Annotated[str, typer.Option("--system", "-s", help="Instructions for the whole conversation.")] = "",
    image: Annotated[
        list[Path] | None, typer.Option("--image", "-i", help="A picture to look at; may be repeated.")
    ] = None,
    temperature: Annotated[
        float | None, typer.Option(min=0, max=2, help="0: always the likeliest word, up to 2.")
    ] = None,
    max_tokens: Annotated[int | None, typer.Option(min=1, help="Longest answer in tokens.")] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Same seed, same answer, as far as the model can.")] = None,
    reasoning: Annotated[bool, typer.Option("--reasoning", help="Show the model's reasoning too, in grey.")] = False,
    timeout: Annotated[float | None, typer.Option(min=0.1, help="Seconds for the whole answer.")] = None,
    target: Target = None,
    as_json: Json = False,
) -> None:
    """Ask and see the answer as it is written. Reads standard input, too: git diff | antiphon chat "Review this"."""
    from antiphon.cli import chat as work
    from antiphon.events import Sampling

    asked = work.Asked(
        prompt=" ".join(prompt or []),
        model=model,
        system=system,
        images=tuple(image or ()),
        sampling=Sampling(temperature=temperature, max_tokens=max_tokens, seed=seed),
        reasoning=reasoning,
        timeout=timeout,
        as_json=as_json,
    )
    raise typer.Exit(work.chat(asked, target))


@app.command()
def image(
    prompt: Annotated[list[str], typer.Argument(help="What to draw.")],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", help="The file; its ending chooses the format. Several become fox-1.png, fox-2.png …"
        ),
    ] = None,
    model: Annotated[str, typer.Option("--model", "-m", help="A model that `antiphon models` lists.")] = "image",
    size: Annotated[str, typer.Option(help="Exact size, such as 1024x768.")] = "",
    aspect: Annotated[str, typer.Option(help="Proportion, such as 16:9.")] = "",
    seed: Annotated[int | None, typer.Option(min=0, help="Same seed, same picture.")] = None,
    steps: Annotated[int | None, typer.Option(min=1, max=150, help="Denoising steps.")] = None,
    guidance: Annotated[float | None, typer.Option(min=0, max=50, help="How closely to follow the prompt.")] = None,
    negative: Annotated[str, typer.Option(help="What not to draw.")] = "",
    count: Annotated[int, typer.Option("--count", "-n", min=1, max=4, help="How many pictures.")] = 1,
    file_format: Annotated[str, typer.Option("--format", help="png, jpeg or webp, where no ending says it.")] = "",
    input_image: Annotated[Path | None, typer.Option("--input", help="A picture to start from.")] = None,
    timeout: Annotated[float | None, typer.Option(min=0.1, help="Seconds for all of it.")] = None,
    target: Target = None,
    as_json: Json = False,
) -> None:
    """Draw a picture into a file, with a progress bar."""
    from antiphon.cli import image as work

    asked = work.Asked(
        prompt=" ".join(prompt),
        output=output,
        model=model,
        size=work.pair(size, "x", "--size"),
        aspect=work.pair(aspect, ":", "--aspect"),
        seed=seed,
        steps=steps,
        guidance=guidance,
        negative=negative,
        count=count,
        format=file_format,
        input_image=input_image,
        timeout=timeout,
        as_json=as_json,
    )
    run(work.image(asked, target), as_json=as_json)


@app.command()
def models(
    task: Annotated[str, typer.Argument(help="chat or image; all without it.")] = "",
    everything: Annotated[bool, typer.Option("--all", "-a", help="Also every deployment of every provider.")] = False,
    explain: Annotated[
        str,
        typer.Option("--explain", help="Say why each deployment of this model stands where it does, by today's lists."),
    ] = "",
    target: Target = None,
    as_json: Json = False,
) -> None:
    """List what can be asked for."""
    if explain:
        replace_by("inference_service", "explain", explain)
    from antiphon.cli import listing

    run(listing.models(task, target, everything=everything, as_json=as_json), as_json=as_json)


@app.command()
def usage(
    hours: Annotated[float | None, typer.Option(min=0, max=744, help="Only the last so many hours.")] = None,
    tenant: Annotated[str, typer.Option(help="Only of this tenant, such as a Discord server's id.")] = "",
    user: Annotated[str, typer.Option(help="Only of this user of the tenant.")] = "",
    target: Target = None,
    as_json: Json = False,
) -> None:
    """Show what was used, by deployment."""
    from antiphon.cli import listing

    run(listing.usage(target, hours=hours, tenant=tenant, user=user, as_json=as_json), as_json=as_json)


@app.command()
def status(watch: Watch = False, target: Target = None, as_json: Json = False) -> None:
    """Show tokens and when they wake, deployments, breakers and handovers."""
    from antiphon.cli import status as work

    run(work.status(target, watch=watch, as_json=as_json), as_json=as_json)


@app.command()
def reload(target: Target = None) -> None:
    """Make the service read its configuration and secrets again, without dropping a stream."""
    from antiphon.cli import listing

    run(listing.reload(target))


@app.command()
def health(
    target: Target = None,
    bot: Annotated[
        bool, typer.Option("--bot", help="Ask the bot on bot.metrics_port whether it is connected to Discord.")
    ] = False,
) -> None:
    """Exit with 0 when the service can answer now, else with 3. For containers."""
    from antiphon.cli import listing

    run(listing.bot_health() if bot else listing.health(target))


def replace_by(module: str, *arguments: str) -> None:
    """This process becomes that one: signals and the terminal are then its own."""
    from antiphon.cli.parts import missing

    if problem := missing(module):
        typer.echo(problem, err=True)
        raise typer.Exit(2)
    command = [sys.executable, "-m", module, *arguments]
    if sys.platform == "win32":
        import subprocess

        raise typer.Exit(subprocess.call(command))
    os.execv(sys.executable, command)


def run(work: Any, *, as_json: bool = False) -> None:
    from antiphon.cli.output import run_to_exit_code

    raise typer.Exit(run_to_exit_code(work, as_json=as_json))


def main() -> int:
    """The exit code. Whatever goes wrong, no stack trace reaches the terminal."""
    # The transport's own log lines are not for people; what matters of them is in our sentences.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    try:
        app(standalone_mode=True)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 0
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        if os.environ.get("ANTIPHON_DEBUG"):
            raise
        sys.stderr.write(f"antiphon: an error of its own ({type(error).__name__}); ANTIPHON_DEBUG=1 shows where\n")
        return 1
    return 0
