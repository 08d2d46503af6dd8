"""`antiphon check`: sends one real request per task with every credential of every provider, and explains each problem."""

import asyncio
import json
import sys
import time
from collections.abc import Mapping

import msgspec
from msgspec import Struct
from rich.console import Console
from rich.table import Table

from antiphon.config.model import Config
from inference_service.domain import Capabilities, Task
from inference_service.failures import FailureKind, UpstreamFailure
from inference_service.providers import seam
from inference_service.providers.seam import Provider
from inference_service.questions import COSTLY, QUESTIONS
from inference_service.quotas import DAY, HOUR, MINUTE, LimitFact
from inference_service.routing.build import Parts, build_parts
from inference_service.routing.compose import Ranks, choices
from inference_service.server import caller_tokens, check_exposure, redis_url_of

LONGEST = 30.0
WIDE = 200
ADVICE = {
    FailureKind.UNAUTHENTICATED: "the token is not accepted: create a new one and replace it",
    FailureKind.FORBIDDEN: "the token lacks a permission or its account is blocked: check the provider's console",
    FailureKind.MODEL_FORBIDDEN: "this token may not use the model: check the plan, or set another model",
    FailureKind.RATE_LIMITED: "the limit is reached: wait, or add a token",
    FailureKind.QUOTA_EXHAUSTED: "the quota is used up: wait for the reset, top up, or add a token of another account",
    FailureKind.MODEL_NOT_FOUND: "the address or model does not exist: check base_url and models",
    FailureKind.RETIRED: "the provider has retired this service: set base_url to a copy of it, or remove it",
    FailureKind.UNREACHABLE: "no connection: check base_url, proxy and your network",
    FailureKind.BLOCKED: "the provider does not serve this region or network: use a proxy, or remove it",
    FailureKind.TIMEOUT: "no answer in time: check the network, or try later",
    FailureKind.BAD_RESPONSE: "this is not the expected API: check base_url and kind",
}
NOT_REACHED = frozenset({FailureKind.UNREACHABLE.value, FailureKind.TIMEOUT.value})
PERIODS = {MINUTE: "a minute", HOUR: "an hour", DAY: "a day", 30 * DAY: "a month"}


class CheckResult(Struct, frozen=True):
    provider: str
    credential: str  # masked
    state: str  # ok, or the class of the failure
    models: int
    seconds: float
    advice: str
    task: str = ""  # the model that was asked; empty: only the list was requested
    left: str = ""  # the limits that the provider reported, else those of its catalogue row


async def check(config: Config, environ: Mapping[str, str], *, as_json: bool, only_list: bool = False) -> int:
    """Prints one row per credential and task. Returns 0 if every route can be answered, else 1.

    Raises the same errors as the start of the service.
    """
    check_exposure(config)
    caller_tokens(config, environ)
    redis_url_of(config, environ)
    parts = build_parts(config, environ)
    checked = await rows(parts, only_list=only_list)
    silent = unanswered(parts, checked)
    if as_json:
        for row in checked:
            fields = {name: getattr(row, name) for name in CheckResult.__struct_fields__}
            sys.stdout.write(json.dumps(fields, ensure_ascii=False) + "\n")
    else:
        _print(checked, parts.warnings, silent)
    return 1 if silent or not checked else 0


async def rows(parts: Parts, *, only_list: bool) -> list[CheckResult]:
    """One row per credential and task. Closes the providers of `parts`."""
    try:
        results = await asyncio.gather(*(_provider(parts, name, only_list=only_list) for name in parts.plan.providers))
    finally:
        for provider in parts.plan.providers.values():
            await provider.close()
    return [row for result in results for row in result]


def unanswered(parts: Parts, rows: list[CheckResult]) -> list[str]:
    """Routes that no credential can answer, judged by the route's own task, else by whatever was tested."""
    tested = {(row.provider, row.task) for row in rows}
    good = {(row.provider, row.task) for row in rows if row.state == "ok"}
    alive = {provider for provider, _ in good}

    def answers(deployment: str, task: str) -> bool:
        provider = deployment.partition("/")[0]
        return (provider, task) in good if (provider, task) in tested else provider in alive

    return [
        route.model
        for route in parts.plan.routes
        if not any(answers(name, _task(parts, route.model, name)) for name in route.deployments)
    ]


def _task(parts: Parts, route: str, deployment: str) -> str:
    """The question that shows whether this deployment answers on this route."""
    if route in QUESTIONS:
        return route
    can = parts.plan.deployments[deployment].capabilities
    return next((task.value for task in Task if can.can(task)), "chat")


async def _provider(parts: Parts, name: str, *, only_list: bool) -> list[CheckResult]:
    """Tests one credential after the other, so that the check itself does not reach a limit."""
    provider = parts.plan.providers[name]
    costs_nothing = Ranks(parts.rows, ()).is_free(provider.declaration.kind)
    rows = []
    for key, secret in parts.secrets[name].items():
        label = parts.labels[name, key]
        rows.append(await _list(provider, name, label, secret))
        if only_list or rows[-1].state in NOT_REACHED:
            continue
        questions = [
            await _question(provider, model, CheckResult(name, label, "ok", rows[-1].models, 0.0, "", task), secret)
            for task in QUESTIONS
            if (costs_nothing or task not in COSTLY) and (model := _model(parts, provider, name, task))
        ]
        if questions:  # a real answer proves more than a list, whether the list is public or missing
            rows[-1:] = questions
    row = parts.rows.get(provider.declaration.kind)
    usual = f"usually {row.about.limits}" if row is not None and row.about.limits not in ("", "none") else ""
    return [
        msgspec.structs.replace(result, left=usual) if result.state == "ok" and not result.left else result
        for result in rows
    ]


def _model(parts: Parts, provider: Provider, name: str, task: str) -> str:
    """The model of this provider that a route of the task would use; empty if there is none."""
    named = [deployment for route in parts.plan.routes if route.model == task for deployment in route.deployments]
    mine = [deployment.partition("/")[2] for deployment in named if deployment.partition("/")[0] == name]
    models = mine or choices(provider, task)[0]
    return next((model for model in models if _able(provider.capabilities(model), task)), "")


def _able(can: Capabilities, task: str) -> bool:
    return can.chat and can.vision if task == "vision" else can.can(Task(task))


async def _list(provider: Provider, name: str, label: str, secret: str | None) -> CheckResult:
    began = time.monotonic()
    try:
        async with asyncio.timeout(LONGEST):
            models = await seam.models(provider, secret)
    except UpstreamFailure as failure:
        return _failed(CheckResult(name, label, "", 0, time.monotonic() - began, ""), failure)
    except TimeoutError:
        return _failed(
            CheckResult(name, label, "", 0, time.monotonic() - began, ""), UpstreamFailure(FailureKind.TIMEOUT)
        )
    return CheckResult(name, label, "ok", len(models), time.monotonic() - began, "")


async def _question(provider: Provider, model: str, row: CheckResult, secret: str | None) -> CheckResult:
    began = time.monotonic()
    try:
        async with asyncio.timeout(LONGEST):
            reported = await QUESTIONS[row.task](provider, model, secret)
    except TimeoutError:
        return _failed(msgspec.structs.replace(row, seconds=LONGEST), UpstreamFailure(FailureKind.TIMEOUT))
    except UpstreamFailure as failure:
        return _failed(msgspec.structs.replace(row, seconds=time.monotonic() - began), failure)
    facts = reported.limits if reported is not None else ()
    left = "; ".join(_limit_text(fact) for fact in facts[:2] if fact.remaining is not None)
    return msgspec.structs.replace(row, seconds=time.monotonic() - began, left=left)


def _failed(row: CheckResult, failure: UpstreamFailure) -> CheckResult:
    advice = ADVICE.get(failure.kind, failure.message)
    left = f"back in {span(failure.wake_after)}" if failure.wake_after else ""
    return CheckResult(
        row.provider, row.credential, failure.kind.value, row.models, row.seconds, advice, row.task, left
    )


def _limit_text(fact: LimitFact) -> str:
    """`999 of 1,000 requests a day left, full again in 1 min`."""
    of = f" of {fact.limit:,}" if fact.limit is not None else ""
    period = f" {PERIODS[fact.window]}" if fact.window in PERIODS else ""
    again = f", full again in {span(fact.resets_after)}" if fact.resets_after else ""
    return f"{fact.remaining:,}{of} {fact.unit.value}{period} left{again}"


def span(seconds: float) -> str:
    """`40 s`, `12 min`, `3 h 5 min`, `2 days`."""
    if seconds < 100:
        return f"{max(1, round(seconds))} s"
    if seconds < 2 * HOUR:
        return f"{round(seconds / MINUTE)} min"
    if seconds < 2 * DAY:
        return f"{int(seconds // HOUR)} h {int(seconds % HOUR // MINUTE)} min"
    return f"{round(seconds / DAY)} days"


def _print(rows: list[CheckResult], warnings: list[str], silent: list[str]) -> None:
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=WIDE)
    table = Table("provider", "credential", "asked", "state", "models", "time", "limits", "what to do")
    for row in rows:
        colour = "green" if row.state == "ok" else "red"
        state = f"[{colour}]{row.state.replace('_', ' ')}[/]"
        models, seconds = str(row.models or ""), f"{row.seconds:.2f} s"
        table.add_row(row.provider, row.credential, row.task or "list", state, models, seconds, row.left, row.advice)
    console.print(table)
    for warning in warnings:
        console.print(warning, style="yellow", markup=False)
    if silent:
        text = f"Nothing can answer {', '.join(silent)}: no provider of theirs works."
        console.print(text, style="red", markup=False)
