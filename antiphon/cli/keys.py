"""`antiphon keys`: the options of its subcommands. The work is in inference_service.keystore."""

from typing import Annotated

import typer

from antiphon.cli.common import replace_by

keys = typer.Typer(help="Store provider keys in your configuration directory.", no_args_is_help=True)


@keys.command("add")
def keys_add(
    provider: Annotated[
        str, typer.Option("--for", help="The provider, if the format of the key does not identify it.")
    ] = "",
) -> None:
    """Store a key. Paste it at the prompt (it is not shown) or pipe it to standard input."""
    replace_by("inference_service", "keys", "add", *(["--for", provider] if provider else []))


@keys.command("list")
def keys_list() -> None:
    """List all keys, masked, and where each comes from."""
    replace_by("inference_service", "keys", "list")


@keys.command("test")
def keys_test(
    provider: Annotated[str, typer.Argument(help="Test the keys of this provider only.")] = "",
) -> None:
    """Send one real question with every key."""
    replace_by("inference_service", "keys", "test", *([provider] if provider else []))


@keys.command("remove")
def keys_remove(name: Annotated[str, typer.Argument(help="The name under which the key is stored.")]) -> None:
    """Remove a stored key."""
    replace_by("inference_service", "keys", "remove", name)
