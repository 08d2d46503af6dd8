"""Turns measured series into docs/performance.md: medians with spread, and ratios of one run."""

import platform
import statistics
from datetime import UTC, datetime

Result = dict[str, object]
Series = dict[str, dict[str, list[Result]]]  # case → system → rounds

CASES = {
    "short streams, 20 deltas, 32 at once": ("short", 32),
    "long streams, 500 deltas at once, 16 at once": ("long", 16),
    "one stream at a time": ("short", 1),
}
DIRECT = "upstream called directly"
RELAY, ANTIPHON, PROXY = "bare grpc.aio relay", "Antiphon, everything on", "LiteLLM proxy"
ON_H2 = f"{ANTIPHON}, on h2"


def number(result: Result, key: str, part: str | None = None) -> float:
    value = result[key]
    if part is not None:
        assert isinstance(value, dict)
        value = value[part]
    assert isinstance(value, int | float)
    return float(value)


def spread(values: list[float], digits: int) -> str:
    return f"{statistics.median(values):,.{digits}f} ({min(values):,.{digits}f}–{max(values):,.{digits}f})"


def ratio(these: list[Result], those: list[Result], key: str, part: str | None = None) -> float:
    """Median over the rounds: what was measured one after the other is compared, so that a slow minute hits both."""
    pairs = zip(these, those, strict=False)  # a system that broke down in a round has fewer
    return statistics.median(number(result, key, part) / number(other, key, part) for result, other in pairs)


def table(case: str, rounds: dict[str, list[Result]]) -> list[str]:
    lines = [f"### {case[0].upper()}{case[1:]}", ""]
    lines += [
        "| system | requests/s | deltas/s | first token p50, ms | processor time of a request, ms | of the bare relay |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for system, results in rounds.items():
        if not results:
            lines.append(f"| {system} | broke down under this load | – | – | – | – |")
            continue
        requests = [number(result, "requests_per_second") for result in results]
        deltas = [number(result, "deltas_per_second") for result in results]
        first = [number(result, "first_token_ms", "p50") for result in results]
        cpu = spread([number(result, "cpu_ms") for result in results], 2) if "cpu_ms" in results[0] else "–"
        share = ratio(results, rounds[RELAY], "requests_per_second")
        lines.append(
            f"| {system} | {spread(requests, 0)} | {spread(deltas, 0)} | {spread(first, 2)} | {cpu} | {share:.0%} |"
        )
    return [*lines, ""]


def median(series: Series, case: str, system: str, key: str, part: str | None = None) -> float:
    return statistics.median(number(result, key, part) for result in series[case][system])


def goals(series: Series, slow: dict[str, dict[str, float]], idle: dict[str, float]) -> list[str]:
    short, long, single = CASES
    rows = [
        ("short streams, requests/s of the bare relay", "≥ 65 %",
         f"{ratio(series[short][ANTIPHON], series[short][RELAY], 'requests_per_second'):.0%}"),
        ("short streams on h2, times grpcio: requests/s; processor time", "≥ 2.6; ≤ 0.38",
         (f"{ratio(series[short][ON_H2], series[short][ANTIPHON], 'requests_per_second'):.2f}; "
         f"{ratio(series[short][ON_H2], series[short][ANTIPHON], 'cpu_ms'):.2f}")),
        ("long streams on h2, times grpcio: deltas/s; processor time", "≥ 1.9; ≤ 0.53",
         (f"{ratio(series[long][ON_H2], series[long][ANTIPHON], 'deltas_per_second'):.2f}; "
         f"{ratio(series[long][ON_H2], series[long][ANTIPHON], 'cpu_ms'):.2f}")),
        ("long streams, deltas/s", "≥ 200,000", f"{median(series, long, ANTIPHON, 'deltas_per_second'):,.0f}"),
        ("long streams, of the bare relay", "≥ 60 %",
         f"{ratio(series[long][ANTIPHON], series[long][RELAY], 'deltas_per_second'):.0%}"),
        ("first token alone, p50, times the bare relay's", "≤ 1.5",
         f"{ratio(series[single][ANTIPHON], series[single][RELAY], 'first_token_ms', 'p50'):.2f}"),
        ("slow streams at once: lateness p99", "< 50 ms", f"{slow[ANTIPHON]['late_p99_ms']:.1f} ms"),
        ("memory by open stream", "≤ 60 KiB", f"{slow[ANTIPHON]['memory_per_stream_kib']:.0f} KiB"),
        ("cold start to ready", "< 1.5 s", f"{idle['cold_start_s']:.2f} s"),
        ("idle memory", "< 100 MB", f"{idle['idle_mib'] * 1.048576:.0f} MB"),
    ]  # fmt: skip
    if PROXY in series[short]:
        times = ratio(series[short][ANTIPHON], series[short][PROXY], "requests_per_second")
        rows.insert(1, ("short streams, times LiteLLM's proxy", "≥ 25", f"{times:.1f}"))
    lines = ["| what | goal | measured |", "| --- | ---: | ---: |"]
    lines += [f"| {what} | {goal} | {got} |" for what, goal, got in rows]
    direct = median(series, long, DIRECT, "deltas_per_second")
    lines += [
        "",
        "Shares and multiples hold on any machine; deltas/s and lateness are those of this one, at this hour: the upstream",
    ]
    lines += [
        f"called directly gave {direct:,.0f} deltas/s in long streams, and the bare relay was {slow[RELAY]['late_p99_ms']:.0f} ms late (p99).",
        "",
    ]
    return lines


def counted(counts: dict[str, dict[str, float]]) -> list[str]:
    """Model → system → instructions of a request."""
    lines = ["### Instructions of one request", ""]
    lines += ["Counted by valgrind, in user space: the same on a busy machine as on a quiet one.", ""]
    lines += ["| streams | bare relay | Antiphon, everything on | of the bare relay |", "| --- | ---: | ---: | ---: |"]
    for model, row in counts.items():
        relay, antiphon = row["relay"], row["antiphon"]
        lines.append(f"| {model} | {relay / 1e6:.2f} million | {antiphon / 1e6:.2f} million | {relay / antiphon:.0%} |")
    return [*lines, ""]


def render(
    series: Series,
    slow: dict[str, dict[str, float]],
    idle: dict[str, float],
    instructions: dict[str, dict[str, float]] | None = None,
) -> str:
    lines = [
        "# Performance",
        "",
        "Made by `make bench`; every number of this page comes from one run on one machine, and only ratios within it",
        "mean something elsewhere. The system under test has one core for itself; upstream and load share another.",
        "Medians over the rounds, with the lowest and highest in brackets; shares are medians of each round's. Antiphon runs with everything on: a caller",
        "token, budgets, a pool of six credentials, metrics.",
        "",
        f"{datetime.now(UTC):%Y-%m-%d}, {platform.machine()}, Python {platform.python_version()}, {platform.system()}.",
        "",
        "## Goals",
        "",
        *goals(series, slow, idle),
        "## Streams",
        "",
    ]
    for case, rounds in series.items():
        lines += table(case, rounds)
    lines += ["### Slow streams, a delta each 50 ms", ""]
    lines += [
        "| system | streams | late p50, ms | late p99, ms | KiB by stream | CPU seconds |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for system, row in slow.items():
        lines.append(
            f"| {system} | {row['streams']:.0f} | {row['late_p50_ms']:.1f} | {row['late_p99_ms']:.1f} "
            f"| {row['memory_per_stream_kib']:.0f} | {row['cpu_seconds']:.1f} |"
        )
    lines += ["", *counted(instructions)] if instructions else []
    return "\n".join([*lines, ""])
