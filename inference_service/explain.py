"""`antiphon models --explain chat`: why each deployment of a route stands where it does, by today's lists."""

import asyncio
from collections.abc import Mapping

from rich.console import Console
from rich.table import Table

from antiphon.config.model import Config
from inference_service.failures import UpstreamFailure
from inference_service.providers import seam
from inference_service.routing.build import Parts, build_parts, recompose
from inference_service.routing.compose import ROUTES, Ranks, compose

LONGEST = 20.0  # seconds for one list
WIDE = 160


async def explain(config: Config, environ: Mapping[str, str], route: str) -> int:
    """Prints one line a deployment. 0, or 1 where nothing can answer. Raises ConfigProblem."""
    parts = build_parts(config, environ)
    try:
        silent = await _lists(parts)
        recompose(parts, config)
        return _show(parts, config, route, silent)
    finally:
        for provider in parts.plan.providers.values():
            await provider.close()


async def _lists(parts: Parts) -> list[str]:
    """Asks every provider for its models; the names of those that tell none."""
    silent = []

    async def ask(name: str) -> None:
        provider = parts.plan.providers[name]
        secret = next(iter(parts.secrets[name].values()))
        try:
            async with asyncio.timeout(LONGEST):
                await seam.models(provider, secret)
        except (UpstreamFailure, TimeoutError):
            silent.append(name)

    await asyncio.gather(*(ask(name) for name, one in parts.plan.providers.items() if one.declaration.discovers))
    return silent


def _show(parts: Parts, config: Config, name: str, silent: list[str]) -> int:
    console = Console(highlight=False, width=None if Console().is_terminal else WIDE)
    route = next((one for one in parts.plan.routes if name in (one.model, *one.aliases)), None)
    if route is None:
        known = ", ".join(one.model for one in parts.plan.routes)
        console.print(f"Nothing answers for {name!r}. There are: {known}.", markup=False)
        return 1
    reasons = _reasons(parts, config, route.model)
    table = Table("", "deployment", "why here", "pictures", "continues", "reads")
    for place, full in enumerate(route.deployments, 1):
        can = parts.plan.deployments[full].capabilities
        about = {"vision": can.vision, "prefill": can.prefill}
        cells = ["not known" if one in can.unknown else "yes" if value else "no" for one, value in about.items()]
        table.add_row(
            str(place), full, reasons.get(full, ""), *cells, f"{can.context_tokens:,}" if can.context_tokens else ""
        )
    console.print(table)
    for provider in silent:
        console.print(f"{provider} does not tell its models now; its preferences stand unchecked.", markup=False)
    return 0


def _reasons(parts: Parts, config: Config, name: str) -> dict[str, str]:
    given = config.routes.get(name)
    if given is not None and given.deployments:
        return dict.fromkeys(given.deployments, f"named in routes.{name}")
    if name not in ROUTES:
        return {}
    members = compose(name, parts.plan.providers, Ranks(parts.rows, config.routing.order))
    return {member.deployment: member.why for member in members}
