"""`antiphon models`, `usage`, `reload` and `health`."""

from typing import Literal

from rich.table import Table

from antiphon.cli.output import DONE, UNAVAILABLE, UsageProblem, client, console, line

TASKS: dict[str, Literal["chat", "image"]] = {"chat": "chat", "image": "image"}


async def models(task: str, target: str | None, *, everything: bool, as_json: bool) -> None:
    """Raises AntiphonError or UsageProblem."""
    if task and task not in TASKS:
        raise UsageProblem(f"{task!r} is not a task: chat or image")
    async with client(target) as service:
        found = await service.models(TASKS.get(task), include_deployments=everything)
    table = Table("model", "does", "deployments", "")
    for model in found:
        if as_json:
            line(model)
            continue
        does = [*model.tasks, *(["sees pictures"] if model.capabilities.vision else [])]
        names = ", ".join((model.name, *model.aliases))
        table.add_row(
            names, ", ".join(does), "\n".join(model.deployments), "" if model.available else "[red]not now[/]"
        )
    if not as_json:
        console.print(table)


async def usage(target: str | None, *, as_json: bool) -> None:
    """Raises AntiphonError."""
    async with client(target) as service:
        rows = await service.usage()
    table = Table("deployment", "requests", "tokens read", "tokens written", "pictures")
    for row in rows:
        if as_json:
            line(row)
        else:
            table.add_row(
                row.deployment,
                *(f"{n:,}" for n in (row.requests, row.prompt_tokens, row.completion_tokens, row.images)),
            )
    if not as_json:
        console.print(table if rows else "Nothing was used yet.")


async def reload(target: str | None) -> None:
    """Raises AntiphonError."""
    async with client(target) as service:
        changes = await service.reload()
    for change in changes or ["Nothing has changed."]:
        console.print(change, markup=False)


async def health(target: str | None) -> int:
    """3 when nothing can answer now."""
    async with client(target) as service:
        ready = await service.ready()
    console.print("ready" if ready else "not ready")
    return DONE if ready else UNAVAILABLE
