"""`antiphon models`, `usage`, `reload` and `health`."""

import time
from typing import Literal

from rich.table import Column, Table
from rich.text import Text

from antiphon.cli.output import DONE, UNAVAILABLE, UsageProblem, client, console, line, plain, write_json
from antiphon.config.load import load_config

HEALTH_TIME = 4.0  # seconds; containers give up after five
TASKS: dict[str, Literal["chat", "image"]] = {"chat": "chat", "image": "image"}


async def models(task: str, target: str | None, *, everything: bool, as_json: bool) -> None:
    """Raises AntiphonError or UsageProblem."""
    if task and task not in TASKS:
        raise UsageProblem(f"{task!r} is not a task: use chat or image")
    async with client(target) as service:
        listed = await service.models(TASKS.get(task), include_deployments=everything)
    table = Table(Column("model", overflow="fold"), "task", Column("deployments", overflow="fold"), "")
    for model in listed:
        if as_json:
            line(model)
            continue
        tasks = [*model.tasks, *(["reads pictures"] if model.capabilities.vision else [])]
        names = ", ".join((model.name, *model.aliases))
        now = Text() if model.available else Text("not now", style="red")
        table.add_row(names, ", ".join(tasks), "\n".join(model.deployments), now)
    if not as_json:
        console.print(table if listed else "No model is configured for this task.")


async def usage(target: str | None, *, hours: float | None, tenant: str, user: str, as_json: bool) -> None:
    """Raises AntiphonError."""
    since = time.time() - hours * 3600 if hours is not None else None
    async with client(target) as service:
        rows = await service.usage(tenant_id=tenant, user_id=user, since=since)
    table = Table(Column("deployment", overflow="fold"), "requests", "tokens read", "tokens written", "pictures")
    for row in rows:
        if as_json:
            line(row)
        else:
            numbers = (row.requests, row.prompt_tokens, row.completion_tokens, row.images)
            table.add_row(row.deployment, *(f"{number:,}" for number in numbers))
    if not as_json:
        console.print(table if rows else "No usage yet.")


async def reload(target: str | None, *, as_json: bool) -> None:
    """Raises AntiphonError."""
    async with client(target) as service:
        changes = await service.reload()
    if as_json:
        write_json({"event": "reloaded", "changes": changes})
        return
    for change in changes or ["Nothing has changed."]:
        console.print(plain(change), soft_wrap=True)


async def bot_health(*, as_json: bool) -> int:
    """3 if the bot is not connected to Discord. Raises UsageProblem if its port is not configured."""
    from aiohttp import ClientError, ClientSession, ClientTimeout
    from yarl import URL

    bot = load_config().bot
    if not bot.metrics_port:
        raise UsageProblem("set bot.metrics_port: the bot reports there whether it is connected")
    host = "127.0.0.1" if bot.metrics_host in ("0.0.0.0", "::", "") else bot.metrics_host  # noqa: S104 - to reach it
    address = URL.build(scheme="http", host=host, port=bot.metrics_port, path="/readyz")
    try:
        async with ClientSession(timeout=ClientTimeout(total=HEALTH_TIME)) as session, session.get(address) as answer:
            connected = answer.status == 200
            text = (await answer.text()).strip()
    except (ClientError, OSError):
        connected, text = False, "the bot does not answer"
    if as_json:
        write_json({"event": "health", "ready": connected})
    else:
        console.print(plain(text), soft_wrap=True)
    return DONE if connected else UNAVAILABLE


async def health(target: str | None, *, as_json: bool) -> int:
    """3 if nothing can answer now."""
    async with client(target) as service:
        ready = await service.ready()
    if as_json:
        write_json({"event": "health", "ready": ready})
    else:
        console.print("ready" if ready else "not ready")
    return DONE if ready else UNAVAILABLE
