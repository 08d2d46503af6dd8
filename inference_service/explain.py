"""`antiphon models --explain chat`: explains the order of a route's deployments, by today's model lists."""

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
    """Prints one line per deployment. Returns 0, or 1 if nothing can answer. Raises ConfigProblem."""
    parts = build_parts(config, environ)
    try:
        silent = await _lists(parts)
        recompose(parts, config)
        return _show(parts, config, route, silent)
    finally:
        for provider in parts.plan.providers.values():
            await provider.close()


async def _lists(parts: Parts) -> list[str]:
    """Requests the models of every provider. Returns the providers that did not answer."""
    silent = []

    async def ask(name: str) -> None:
        provider = parts.plan.providers[name]
        secret = next(iter(parts.secrets[name].values()))
        try:
            async with asyncio.timeout(LONGEST):
                await seam.models(provider, secret)
        except (UpstreamFailure, TimeoutError):
            silent.append(name)

    await asyncio.gather(
        *(ask(name) for name, provider in parts.plan.providers.items() if provider.declaration.discovers)
    )
    return silent


def _show(parts: Parts, config: Config, name: str, silent: list[str]) -> int:
    console = Console(highlight=False, width=None if Console().is_terminal else WIDE)
    route = next((candidate for candidate in parts.plan.routes if name in (candidate.model, *candidate.aliases)), None)
    if route is None:
        names = ", ".join(candidate.model for candidate in parts.plan.routes)
        console.print(f"There is no model {name!r}. Available: {names}.", markup=False)
        return 1
    reasons = _reasons(parts, config, route.model)
    table = Table("", "deployment", "why here", "pictures", "continues", "reads")
    for place, full in enumerate(route.deployments, 1):
        can = parts.plan.deployments[full].capabilities
        about = {"vision": can.vision, "prefill": can.prefill}
        cells = [
            "not known" if capability in can.unknown else "yes" if value else "no"
            for capability, value in about.items()
        ]
        table.add_row(
            str(place), full, reasons.get(full, ""), *cells, f"{can.context_tokens:,}" if can.context_tokens else ""
        )
    console.print(table)
    if silent:
        text = f"No list of models came from {', '.join(silent)}: what is preferred there could not be checked."
        console.print(text, markup=False)
    return 0


def _reasons(parts: Parts, config: Config, name: str) -> dict[str, str]:
    route = config.routes.get(name)
    if route is not None and route.deployments:
        return dict.fromkeys(route.deployments, f"named in routes.{name}")
    if name not in ROUTES:
        return {}
    members = compose(name, parts.plan.providers, Ranks(parts.rows, config.routing.order))
    return {member.deployment: member.why for member in members}
