"""`antiphon status`: the state of the service, once or live."""

import time
from datetime import datetime

from google.protobuf import json_format
from google.protobuf.timestamp_pb2 import Timestamp
from rich.console import Group
from rich.live import Live
from rich.table import Column, Table
from rich.text import Text

from antiphon import errors, names
from antiphon.cli.output import client, console, plain, write_json
from antiphon.cli.quotas import sentence
from antiphon.client import InferenceClient
from antiphon.v1 import operations_pb2 as pb

COLOURS = {
    "ready": "green",
    "closed": "green",
    "cooldown": "yellow",
    "half_open": "yellow",
    "open": "red",
    "quarantine": "red",
    "benched": "red",
}
BAR_WIDTH = 12
BARS = " ▁▂▃▄▅▆▇█"


async def status(target: str | None, *, watch: bool, as_json: bool) -> None:
    """Raises AntiphonError."""
    async with client(target) as service:
        if not watch:
            _print(await service.status(), as_json=as_json)
        elif as_json:
            async for now in service.watch_status():
                _print(now, as_json=True)
        else:
            await _watch(service)


async def _watch(service: InferenceClient) -> None:
    """Runs until Ctrl-C and survives restarts of the service. A service that never answered is an error."""
    connected = False
    with Live(console=console, auto_refresh=False, screen=console.is_terminal) as live:
        while True:
            try:
                async for now in service.watch_status():
                    connected = True
                    live.update(render(now), refresh=True)
            except errors.ConnectionLost as lost:
                if not connected:
                    raise
                live.update(Text(f"● {lost.message}\n  waiting for the service …", style="red"), refresh=True)


def _print(now: pb.Status, *, as_json: bool) -> None:
    if as_json:
        write_json({"event": "status", **json_format.MessageToDict(now, preserving_proto_field_name=True)})
    else:
        console.print(render(now))


def render(now: pb.Status) -> Group:
    backend = pb.StateBackend.Name(now.state_backend).removeprefix("STATE_BACKEND_").lower().replace("_", " ")
    state = "draining" if now.draining else "ready" if now.ready else "not ready"
    hour = now.last_hour
    head = Text.assemble(
        ("● ", "green" if state == "ready" else "red"),
        (state, "bold"),
        f"  version {now.version}  up {ago(now.uptime.ToNanoseconds() / 1e9)}  state in {backend}  {now.live_requests} running\n",
        f"last hour: {hour.requests} requests, {hour.failures} failed, {hour.completion_tokens:,} tokens written",
        f", first token {hour.median_first_token.ToNanoseconds() / 1e9:.2f} s"
        if hour.HasField("median_first_token")
        else "",
        "\n",
        f"OpenAI's API at {plain(now.openai_url)}\n" if now.openai_url else "",
        (spark(list(hour.requests_by_minute)), "cyan"),
    )
    parts: list[Table | Text] = [head, credentials(now), deployments(now), routes(now)]
    if any(provider.quotas for provider in now.providers):
        parts.insert(1, quotas(now))
    if now.recent_handovers:
        parts.append(handovers(now))
    parts += [Text(f"! {plain(warning)}", style="yellow") for warning in now.warnings]
    return Group(*parts)


def credentials(now: pb.Status) -> Table:
    table = Table(
        Column("provider", overflow="fold"),
        Column("credential", overflow="fold", ratio=2),
        Column("state", overflow="fold"),
        "ready in",
        "running",
        "calls",
        "left",
        title="Credentials",
        title_justify="left",
    )
    for provider in now.providers:
        for credential in provider.credentials:
            state = pb.CredentialState.Name(credential.state).removeprefix("CREDENTIAL_STATE_").lower()
            wakes = countdown(credential.wakes_at) if credential.HasField("wakes_at") else ""
            limits = "".join(
                f"\n{limit.upstream_model}: {countdown(limit.wakes_at)}" for limit in credential.model_limits
            )
            left = str(credential.remaining_requests) if credential.HasField("remaining_requests") else ""
            reason = f" ({names.failure(credential.reason).replace('_', ' ')})" if credential.reason else ""
            table.add_row(
                provider.name,
                credential.name,
                Text(state + reason, style=COLOURS.get(state, "")),
                wakes + limits,
                str(credential.in_flight),
                str(credential.calls),
                left,
            )
    return table


def quotas(now: pb.Status) -> Table:
    table = Table(
        "provider",
        Column("model", overflow="fold"),
        "",
        Column("left", overflow="fold"),
        title="Quotas",
        title_justify="left",
    )
    here = datetime.now().astimezone()
    for provider in now.providers:
        for quota in provider.quotas:
            style = "red" if not quota.left else "yellow" if quota.HasField("runs_out_at") else ""
            table.add_row(
                provider.name,
                quota.upstream_model or "all",
                bar(quota.left, quota.limit),
                Text(sentence(quota, here), style=style),
            )
    return table


def bar(left: int, limit: int) -> Text:
    full = round(BAR_WIDTH * left / limit) if limit else 0
    return Text("█" * full + "░" * (BAR_WIDTH - full), style="cyan")


def deployments(now: pb.Status) -> Table:
    table = Table(
        Column("deployment", overflow="fold"),
        Column("breaker", overflow="fold"),
        "probe in",
        "attempts",
        "failed",
        "first token",
        title="Deployments",
        title_justify="left",
    )
    for provider in now.providers:
        for deployment in provider.deployments:
            state = pb.BreakerState.Name(deployment.breaker).removeprefix("BREAKER_STATE_").lower()
            reason = f" ({names.failure(deployment.reason).replace('_', ' ')})" if deployment.reason else ""
            median = (
                f"{deployment.median_first_token.ToNanoseconds() / 1e9:.2f} s"
                if deployment.HasField("median_first_token")
                else ""
            )
            probe = countdown(deployment.probe_at) if deployment.HasField("probe_at") else ""
            shown = Text(state.replace("_", " ") + reason, style=COLOURS.get(state, ""))
            table.add_row(
                names.deployment(deployment.deployment),
                shown,
                probe,
                str(deployment.attempts),
                str(deployment.failures),
                median,
            )
    return table


def routes(now: pb.Status) -> Table:
    table = Table(
        "model", Column("answered by, in this order", overflow="fold"), "", title="Routes", title_justify="left"
    )
    for route in now.routes:
        state = Text("available", style="green") if route.available else Text("not now", style="red")
        table.add_row(route.model, " → ".join(map(names.deployment, route.deployments)), state)
    return table


def handovers(now: pb.Status) -> Table:
    table = Table(
        "when",
        Column("from", overflow="fold"),
        Column("to", overflow="fold"),
        "reason",
        "kept",
        title="Recent handovers",
        title_justify="left",
    )
    for handover in list(now.recent_handovers)[:10]:
        when = ago(time.time() - handover.time.ToNanoseconds() / 1e9) + " ago"
        table.add_row(
            when,
            names.deployment(handover.from_deployment),
            names.deployment(handover.to_deployment),
            names.failure(handover.reason).replace("_", " "),
            f"{handover.keep_chars:,} characters",
        )
    return table


def countdown(moment: Timestamp) -> str:
    return ago(max(0.0, moment.ToNanoseconds() / 1e9 - time.time()))


def ago(seconds: float) -> str:
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def spark(numbers: list[int]) -> str:
    most = max(numbers, default=0)
    return "".join(BARS[-(-number * (len(BARS) - 1) // most)] for number in numbers) if most else ""
