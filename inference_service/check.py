"""`antiphon check`: asks every provider with every credential a smallest question, and says what to do about each problem."""

import asyncio
import json
import sys
import time
from collections.abc import Mapping

from msgspec import Struct
from rich.console import Console
from rich.table import Table

from antiphon.config.model import Config
from inference_service.failures import FailureKind, UpstreamFailure
from inference_service.providers.seam import Provider
from inference_service.routing.build import build_parts
from inference_service.server import caller_tokens, check_exposure, redis_url_of

LONGEST = 30.0
ADVICE = {
    FailureKind.UNAUTHENTICATED: "the token is not accepted: make a new one and replace it",
    FailureKind.FORBIDDEN: "the token lacks a permission: look at its scopes at the provider",
    FailureKind.RATE_LIMITED: "the limit is reached: wait, or add a token",
    FailureKind.QUOTA_EXHAUSTED: "the quota is used up: wait for the reset, top up, or add a token of another account",
    FailureKind.MODEL_NOT_FOUND: "the address or model is gone: look at base_url and models",
    FailureKind.RETIRED: "the provider has retired this service: set base_url to a copy of it, or remove it",
    FailureKind.UNREACHABLE: "no connection: look at base_url, proxy and your network",
    FailureKind.TIMEOUT: "no answer in time: look at the network, or try later",
    FailureKind.BAD_RESPONSE: "that is not the expected API: look at base_url and kind",
}


class Row(Struct, frozen=True):
    provider: str
    credential: str  # masked
    state: str  # ok, or the class of the failure
    models: int
    seconds: float
    advice: str


async def check(config: Config, environ: Mapping[str, str], *, as_json: bool) -> int:
    """Prints one row a credential. 0 when every provider has one that works, else 1. Raises as the service's start does."""
    check_exposure(config)
    caller_tokens(config, environ)
    redis_url_of(config, environ)
    parts = build_parts(config, environ)
    try:
        rows = await asyncio.gather(
            *(
                _ask(provider, name, parts.labels[name, key], secret)
                for name, provider in parts.plan.providers.items()
                for key, secret in parts.secrets[name].items()
            )
        )
    finally:
        for provider in parts.plan.providers.values():
            await provider.close()
    if as_json:
        for row in rows:
            fields = {name: getattr(row, name) for name in Row.__struct_fields__}
            sys.stdout.write(json.dumps(fields, ensure_ascii=False) + "\n")
    else:
        _print(rows, parts.warnings)
    working = {row.provider for row in rows if row.state == "ok"}
    return 0 if working >= {row.provider for row in rows} else 1


async def _ask(provider: Provider, name: str, label: str, secret: str | None) -> Row:
    began = time.monotonic()
    try:
        async with asyncio.timeout(LONGEST):
            models = await provider.models(secret)
    except UpstreamFailure as failure:
        advice = ADVICE.get(failure.kind, failure.message)
        return Row(name, label, failure.kind.value, 0, time.monotonic() - began, advice)
    except TimeoutError:
        return Row(name, label, FailureKind.TIMEOUT.value, 0, time.monotonic() - began, ADVICE[FailureKind.TIMEOUT])
    return Row(name, label, "ok", len(models), time.monotonic() - began, "")


def _print(rows: list[Row], warnings: list[str]) -> None:
    console = Console()
    table = Table("provider", "credential", "state", "models", "time", "what to do")
    for row in rows:
        colour = "green" if row.state == "ok" else "red"
        state = f"[{colour}]{row.state.replace('_', ' ')}[/]"
        table.add_row(row.provider, row.credential, state, str(row.models or ""), f"{row.seconds:.2f} s", row.advice)
    console.print(table)
    for warning in warnings:
        console.print(f"[yellow]{warning}[/]")
