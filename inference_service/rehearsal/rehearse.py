"""`antiphon rehearse`: would the configured tokens carry this load? Hour by hour, on a virtual clock, with the real pools."""

import json
import random
import sys
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct
from rich.console import Console
from rich.table import Table

from antiphon.config.model import Config
from inference_service.credentials.types import Ask
from inference_service.quotas import DAY, HOUR, LENGTHS
from inference_service.rehearsal.drawing import bars
from inference_service.rehearsal.provider import Upstream
from inference_service.rehearsal.simulation import Request, Simulation, Site
from inference_service.routing.build import Parts, build_parts

SHARES = {"evenings": [1] * 8 + [2] * 9 + [8] * 6 + [2], "day": [1] * 24}  # of the questions in each hour
MOST = 400_000  # questions of one rehearsal
WINDOWS = {seconds: name for name, seconds in LENGTHS.items()}


class Plan(Struct, frozen=True):
    """The load: `people` ask `questions` each day, of `tokens` with their answers, and wait `patience` seconds."""

    people: int = 50
    questions: float = 8.0
    when: str = "evenings"
    days: int = 1
    tokens: int = 1_500
    patience: float = 60.0
    model: str = "chat"


class Hour(Struct):
    answered: int = 0
    queued: int = 0  # of the answered questions, those that waited in a queue
    refused: int = 0


class Rehearsal(Simulation):
    """Notes which quotas were full when a question had to wait."""

    full: Counter[str]

    def preferred(self, request: Request) -> list[Ask]:
        return list(request.asks)  # in the order of the route

    def _join(self, request: Request) -> None:
        for ask in request.asks:
            for lot in self.broker.pools[ask.pool].lane(ask.model, self.now).lots.values():
                for window in lot.counted():
                    if not window.fits(window.amount(ask.tokens, 0), self.now):
                        self.full[f"{ask.pool}: {window.quota.unit} {_per(window.quota.window)}".strip()] += 1
        super()._join(request)


def _per(window: float) -> str:
    return f"per {WINDOWS.get(window, f'{window:g} s')}" if window else "calls at once"


def rehearse(config: Config, environ: Mapping[str, str], plan: Plan, *, as_json: bool, picture: Path | None) -> int:
    """Prints hour by hour what would be answered, queued and refused. Returns 0 if everything is answered, else 1."""
    parts = build_parts(config, environ)
    route = next(
        (candidate for candidate in parts.plan.routes if plan.model in (candidate.model, *candidate.aliases)), None
    )
    console = Console(stderr=True)
    if route is None:
        models = ", ".join(candidate.model for candidate in parts.plan.routes)
        console.print(f"there is no model {plan.model!r}; known are {models}", markup=False)
        return 2
    questions = round(plan.people * plan.questions * plan.days)
    if not 0 < questions <= MOST:
        console.print(f"that is {questions:,} questions; 1 to {MOST:,} can be rehearsed", markup=False)
        return 2
    asks = tuple(_asks(parts, route.deployments, plan))
    simulation = Rehearsal(
        Site(parts.pools[name], Upstream(parts.pools[name].quotas)) for name in {a.pool for a in asks}
    )
    simulation.full = Counter()
    began = time.time() // DAY * DAY
    simulation.now = began
    outcome = simulation.run(_load(asks, plan, began))
    hours = _hours(outcome.requests, began, plan.days)
    unknown = sorted({ask.pool for ask in asks if not parts.pools[ask.pool].quotas})
    if picture is not None:
        rows = [(f"{n % 24}", [h.answered - h.queued, h.queued, h.refused]) for n, h in enumerate(hours)]
        names = ["answered at once", "answered after waiting", "refused"]
        picture.write_text(bars("Questions by hour (UTC)", names, rows), encoding="utf-8")
    tell = _tell_json if as_json else _tell
    tell(hours, simulation.full, unknown, outcome.by_pool)
    return 0 if not sum(hour.refused for hour in hours) else 1


def _asks(parts: Parts, deployments: tuple[str, ...], plan: Plan) -> list[Ask]:
    asks = []
    for name in deployments:
        deployment = parts.plan.deployments[name]
        asks.append(Ask(deployment.provider.settings.name, name, deployment.model, tokens=plan.tokens))
    return asks


def _load(asks: tuple[Ask, ...], plan: Plan, began: float) -> list[Request]:
    chance = random.Random(1)
    hours = chance.choices(range(24), weights=SHARES[plan.when], k=round(plan.people * plan.questions * plan.days))
    times = sorted(
        began + (number % plan.days) * DAY + hour * HOUR + chance.uniform(0, HOUR) for number, hour in enumerate(hours)
    )
    return [Request(at, asks, plan.patience) for at in times]


def _hours(requests: list[Request], began: float, days: int) -> list[Hour]:
    hours = [Hour() for _ in range(24 * days)]
    for request in requests:
        hour = hours[int((request.at - began) // HOUR)]
        if request.done:
            hour.answered += 1
            hour.queued += request.waits
        else:
            hour.refused += 1
    return hours


def _tell_json(hours: list[Hour], full: Counter[str], unknown: list[str], by_pool: dict[str, int]) -> None:
    summary = {
        "hours": [{"answered": h.answered, "queued": h.queued, "refused": h.refused} for h in hours],
        "bottlenecks": dict(full.most_common(5)),
        "answered_by": by_pool,
        "without_quotas": unknown,
    }
    sys.stdout.write(json.dumps(summary) + "\n")


def _tell(hours: list[Hour], full: Counter[str], unknown: list[str], by_pool: dict[str, int]) -> None:
    console = Console()
    table = Table("hour (UTC)", "answered", "after waiting", "refused", title="Rehearsal", title_justify="left")
    for number, hour in enumerate(hours):
        day = f"day {number // 24 + 1} " if len(hours) > 24 else ""
        style = "red" if hour.refused else "yellow" if hour.queued else ""
        table.add_row(
            f"{day}{number % 24:02}:00", f"{hour.answered:,}", f"{hour.queued:,}", f"{hour.refused:,}", style=style
        )
    console.print(table)
    answered, refused = sum(hour.answered for hour in hours), sum(hour.refused for hour in hours)
    console.print(f"{answered:,} of {answered + refused:,} questions answered, {refused:,} refused.")
    if by_pool:
        console.print(
            "Answered by " + ", ".join(f"{name} ({count:,})" for name, count in sorted(by_pool.items())) + "."
        )
    if full:
        console.print(f"Bottleneck: {full.most_common(1)[0][0]}.", markup=False)
    for name in unknown:
        console.print(
            f"No quota is known for {name}: it counts as unlimited. Add [[providers.{name}.quotas]].", markup=False
        )
