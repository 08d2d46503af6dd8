"""The options of the commands that show the state of the service."""

from typing import Annotated

import typer

from antiphon.cli.common import Json, Target, Watch, replace_by, run


def models(
    task: Annotated[str, typer.Argument(help="chat or image. Default: all models.")] = "",
    everything: Annotated[
        bool, typer.Option("--all", "-a", help="Also list every deployment of every provider.")
    ] = False,
    explain: Annotated[
        str, typer.Option("--explain", help="Say why the deployments of this model are in their order.")
    ] = "",
    target: Target = None,
    as_json: Json = False,
) -> None:
    """List the available models."""
    if explain:
        replace_by("inference_service", "explain", explain)
    from antiphon.cli import listing

    run(listing.models(task, target, everything=everything, as_json=as_json), as_json=as_json)


def usage(
    hours: Annotated[float | None, typer.Option(min=0, max=744, help="Only the last hours.")] = None,
    tenant: Annotated[str, typer.Option(help="Only this tenant, such as the id of a Discord server.")] = "",
    user: Annotated[str, typer.Option(help="Only this user of the tenant.")] = "",
    target: Target = None,
    as_json: Json = False,
) -> None:
    """Show usage by deployment."""
    from antiphon.cli import listing

    run(listing.usage(target, hours=hours, tenant=tenant, user=user, as_json=as_json), as_json=as_json)


def status(watch: Watch = False, target: Target = None, as_json: Json = False) -> None:
    """Show keys and quotas, deployments, circuit breakers and handovers."""
    from antiphon.cli import status as work

    run(work.status(target, watch=watch, as_json=as_json), as_json=as_json)


def reload(target: Target = None, as_json: Json = False) -> None:
    """Make the service read its configuration and secrets again. Running streams continue."""
    from antiphon.cli import listing

    run(listing.reload(target, as_json=as_json), as_json=as_json)


def health(
    bot: Annotated[
        bool, typer.Option("--bot", help="Ask the bot, on bot.metrics_port, whether it is connected.")
    ] = False,
    target: Target = None,
    as_json: Json = False,
) -> None:
    """Exit with 0 if the service (or with --bot the bot) is ready, otherwise with 3. For containers and scripts."""
    from antiphon.cli import listing

    work = listing.bot_health(as_json=as_json) if bot else listing.health(target, as_json=as_json)
    run(work, as_json=as_json)
