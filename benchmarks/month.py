"""A month of eight free providers, three keys each, under 110 % of what they hold; writes its part of docs/capacity.md.

python -m benchmarks.month [days]
"""

import math
import sys
import time
from collections import Counter
from pathlib import Path

from inference_service.credentials.types import Denied
from inference_service.quotas import DAY, Clock, window_end
from inference_service.rehearsal.drawing import bars
from inference_service.rehearsal.month import FREE_TIERS, KEYS, a_day, load, sites
from inference_service.rehearsal.simulation import Outcome, Request, Simulation

ROOT = Path(__file__).resolve().parent.parent
PAGE, PICTURE = ROOT / "docs" / "capacity.md", ROOT / "docs" / "pictures" / "month.svg"
BEGIN, END = "<!-- month: begin -->", "<!-- month: end -->"
BEGAN = 1_790_812_800.0  # 2026-10-01 00:00 UTC: a whole month of the calendar
SHARE, PATIENCE = 1.10, 60.0


class Measured(Simulation):
    """Counts whom it refuses although a credential is free: nobody, if the pools keep their word."""

    needless = 0

    def _join(self, request: Request) -> None:
        super()._join(request)
        if request.refused_at:
            self.needless += any(not isinstance(self.broker.candidates(ask, self.now), Denied) for ask in request.asks)


def held(days: float) -> dict[str, float]:
    """The most that the keys of each provider can answer in so many days: its windows, each spent to the last request."""
    keys = {}
    for name, rows in FREE_TIERS.items():
        keys[name] = KEYS * min(limit * _windows(window, clock, days * DAY) for limit, window, clock in rows)
    return keys


def _windows(window: float, clock: Clock, seconds: float) -> int:
    """Windows that are open at some moment of the time that is played."""
    if clock in (Clock.ROLLING, Clock.FIRST_USE):
        return math.ceil(seconds / window)
    count, at = 0, BEGAN
    while at < BEGAN + seconds:
        count, at = count + 1, window_end(clock, window, at)
    return count


def page(outcome: Outcome, days: float, needless: int, seconds: float) -> str:
    capacity = held(days)
    answered, total = outcome.answered, sum(capacity.values())
    lines = [
        BEGIN,
        "",
        f"{days:g} days, {len(FREE_TIERS)} providers × {KEYS} keys with declared quotas, {len(outcome.requests):,} questions",
        f"({SHARE:.0%} of what the keys hold, twice as many in the evening as at night), each patient for {PATIENCE:.0f} s;",
        f"simulated in {seconds:.0f} s with the pool's own code against providers that count for themselves.",
        "",
        "| | |",
        "| --- | ---: |",
        f"| of the free capacity used | {answered / total:.1%} |",
        f"| calls refused by a limit | {outcome.refusals} of {outcome.calls:,} ({outcome.refusals / outcome.calls:.2%}) |",
        f"| questions refused although a key was free | {needless} |",
        f"| questions that waited until their deadline in vain | {sum(request.in_vain for request in outcome.requests)} |",
        "",
        "| provider | held | answered | used |",
        "| --- | ---: | ---: | ---: |",
        *(
            f"| {name} | {hold:,.0f} | {outcome.by_pool.get(name, 0):,} | {outcome.by_pool.get(name, 0) / hold:.1%} |"
            for name, hold in capacity.items()
        ),
        "",
        "![Answered and refused on each day](pictures/month.svg)",
        "",
        END,
    ]
    return "\n".join(lines)


def main() -> None:
    days = float(sys.argv[1]) if len(sys.argv) > 1 else 31.0
    began = time.perf_counter()
    simulation = Measured(sites())
    simulation.now = BEGAN
    outcome = simulation.run(load(BEGAN, days, SHARE, PATIENCE))
    text = page(outcome, days, simulation.needless, time.perf_counter() - began)
    by_day: Counter[tuple[int, str]] = Counter()
    for request in outcome.requests:
        by_day[int((request.at - BEGAN) // DAY), "answered" if request.done else "refused"] += 1
    rows = [(str(day + 1), [by_day[day, "answered"], by_day[day, "refused"]]) for day in range(max(1, int(days)))]
    PICTURE.write_text(
        bars("Questions on each day of the month", ["answered", "refused politely"], rows), encoding="utf-8"
    )
    whole = PAGE.read_text(encoding="utf-8")
    if BEGIN in whole:
        head, _, rest = whole.partition(BEGIN)
        whole = head + text + rest.partition(END)[2]
    else:
        whole += f"\n## A month of free tokens\n\n{text}\n"
    PAGE.write_text(whole, encoding="utf-8")
    print(text)
    print(f"a day holds {a_day():,.0f}")


if __name__ == "__main__":
    main()
