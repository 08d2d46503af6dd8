"""`antiphon models`, `usage`, `reload` and `health`."""

import time
from typing import Literal

from rich.table import Table
from rich.text import Text

from antiphon.cli.output import DONE, UNAVAILABLE, UsageProblem, client, console, line, plain
from antiphon.config.load import load_config

HEALTH_TIME = 4.0  # seconds; containers give up after five
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
        now = Text() if model.available else Text("not now", style="red")
        table.add_row(names, ", ".join(does), "\n".join(model.deployments), now)
    if not as_json:
        console.print(table if found else "Nothing is configured for that.")


async def usage(target: str | None, *, hours: float | None, tenant: str, user: str, as_json: bool) -> None:
    """Raises AntiphonError."""
    since = time.time() - hours * 3600 if hours is not None else None
    async with client(target) as service:
        rows = await service.usage(tenant_id=tenant, user_id=user, since=since)
    table = Table("deployment", "requests", "tokens read", "tokens written", "pictures")
    for row in rows:
        if as_json:
            line(row)
        else:
            numbers = (row.requests, row.prompt_tokens, row.completion_tokens, row.images)
            table.add_row(row.deployment, *(f"{number:,}" for number in numbers))
    if not as_json:
        console.print(table if rows else "Nothing was used yet.")


async def reload(target: str | None) -> None:
    """Raises AntiphonError."""
    async with client(target) as service:
        changes = await service.reload()
    for change in changes or ["Nothing has changed."]:
        console.print(plain(change), soft_wrap=True)


async def bot_health() -> int:
    """3 when the bot is not connected to Discord. Raises UsageProblem where its port is not configured."""
    from aiohttp import ClientError, ClientSession, ClientTimeout
    from yarl import URL

    bot = load_config().bot
    if not bot.metrics_port:
        raise UsageProblem("set bot.metrics_port: the bot says there whether it is connected")
    host = "127.0.0.1" if bot.metrics_host in ("0.0.0.0", "::", "") else bot.metrics_host  # noqa: S104 - to reach it
    address = URL.build(scheme="http", host=host, port=bot.metrics_port, path="/readyz")
    try:
        async with ClientSession(timeout=ClientTimeout(total=HEALTH_TIME)) as session, session.get(address) as answer:
            connected = answer.status == 200
            said = (await answer.text()).strip()
    except (ClientError, OSError):
        connected, said = False, "the bot does not answer"
    console.print(plain(said), soft_wrap=True)
    return DONE if connected else UNAVAILABLE


async def health(target: str | None) -> int:
    """3 when nothing can answer now."""
    async with client(target) as service:
        ready = await service.ready()
    console.print("ready" if ready else "not ready")
    return DONE if ready else UNAVAILABLE
