"""`antiphon status`: how things stand, once or live."""

import sys
import time
from datetime import datetime

from google.protobuf import json_format
from google.protobuf.timestamp_pb2 import Timestamp
from rich.console import Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from antiphon import errors, names
from antiphon.cli.output import client, console, plain
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
    """Until Ctrl-C, also over restarts of the service; only one that was never there is an error."""
    seen = False
    with Live(console=console, auto_refresh=False, screen=console.is_terminal) as live:
        while True:
            try:
                async for now in service.watch_status():
                    seen = True
                    live.update(render(now), refresh=True)
            except errors.ConnectionLost as lost:
                if not seen:
                    raise
                live.update(Text(f"● {lost.message}\n  waiting for it …", style="red"), refresh=True)


def _print(now: pb.Status, *, as_json: bool) -> None:
    if as_json:
        sys.stdout.write(json_format.MessageToJson(now, preserving_proto_field_name=True, indent=None) + "\n")
        sys.stdout.flush()
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
        "provider",
        "credential",
        "state",
        "wakes in",
        "running",
        "calls",
        "left",
        title="Credentials",
        title_justify="left",
    )
    for provider in now.providers:
        for one in provider.credentials:
            state = pb.CredentialState.Name(one.state).removeprefix("CREDENTIAL_STATE_").lower()
            wakes = countdown(one.wakes_at) if one.HasField("wakes_at") else ""
            limits = "".join(f"\n{limit.upstream_model}: {countdown(limit.wakes_at)}" for limit in one.model_limits)
            left = str(one.remaining_requests) if one.HasField("remaining_requests") else ""
            reason = f" ({names.failure(one.reason).replace('_', ' ')})" if one.reason else ""
            table.add_row(
                provider.name,
                one.name,
                Text(state + reason, style=COLOURS.get(state, "")),
                wakes + limits,
                str(one.in_flight),
                str(one.calls),
                left,
            )
    return table


def quotas(now: pb.Status) -> Table:
    table = Table("provider", "model", "", "what is left", title="Quotas", title_justify="left")
    here = datetime.now().astimezone()
    for provider in now.providers:
        for one in provider.quotas:
            style = "red" if not one.left else "yellow" if one.HasField("runs_out_at") else ""
            table.add_row(
                provider.name,
                one.upstream_model or "all",
                bar(one.left, one.limit),
                Text(sentence(one, here), style=style),
            )
    return table


def bar(left: int, limit: int) -> Text:
    full = round(BAR_WIDTH * left / limit) if limit else 0
    return Text("█" * full + "░" * (BAR_WIDTH - full), style="cyan")


def deployments(now: pb.Status) -> Table:
    table = Table(
        "deployment",
        "breaker",
        "probe in",
        "attempts",
        "failed",
        "first token",
        title="Deployments",
        title_justify="left",
    )
    for provider in now.providers:
        for one in provider.deployments:
            state = pb.BreakerState.Name(one.breaker).removeprefix("BREAKER_STATE_").lower()
            reason = f" ({names.failure(one.reason).replace('_', ' ')})" if one.reason else ""
            median = (
                f"{one.median_first_token.ToNanoseconds() / 1e9:.2f} s" if one.HasField("median_first_token") else ""
            )
            probe = countdown(one.probe_at) if one.HasField("probe_at") else ""
            shown = Text(state.replace("_", " ") + reason, style=COLOURS.get(state, ""))
            table.add_row(names.deployment(one.deployment), shown, probe, str(one.attempts), str(one.failures), median)
    return table


def routes(now: pb.Status) -> Table:
    table = Table("model", "answered by, in this order", "", title="Routes", title_justify="left")
    for one in now.routes:
        state = Text("available", style="green") if one.available else Text("not now", style="red")
        table.add_row(one.model, " → ".join(map(names.deployment, one.deployments)), state)
    return table


def handovers(now: pb.Status) -> Table:
    table = Table("when", "from", "to", "because", "kept", title="Recent handovers", title_justify="left")
    for one in list(now.recent_handovers)[:10]:
        when = ago(time.time() - one.time.ToNanoseconds() / 1e9) + " ago"
        table.add_row(
            when,
            names.deployment(one.from_deployment),
            names.deployment(one.to_deployment),
            names.failure(one.reason).replace("_", " "),
            f"{one.keep_chars:,} characters",
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
