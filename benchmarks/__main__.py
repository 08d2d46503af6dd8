"""Runs every benchmark and writes docs/performance.md.

make bench                  everything
python -m benchmarks quick  three short rounds, prints only
"""

import asyncio
import json
import shutil
import sys
import tempfile
from pathlib import Path

import uvloop

from benchmarks import instructions, report, systems
from benchmarks.systems import LOAD_CORE, Process, System

ROUNDS, SECONDS = 9, 2.5


async def load(system: System, model: str, concurrency: int, seconds: float) -> dict[str, object]:
    """With `cpu_ms`: processor time of the system for a request."""
    before = system.process.cpu_seconds() if system.process else 0.0
    child = Process(
        LOAD_CORE, sys.executable, "-m", "benchmarks.load",
        system.kind, system.target, system.model_prefix + model, str(concurrency), str(seconds), system.token,
    )  # fmt: skip
    line = await child.start("{")
    await child.stop()
    result: dict[str, object] = json.loads("{" + line)
    if system.process:
        warm = min(concurrency, 8)
        requests = float(str(result["requests"])) + warm
        result["cpu_ms"] = (system.process.cpu_seconds() - before) / requests * 1000
    return result


async def compare(all_systems: list[System], rounds: int, seconds: float) -> report.Series:
    """Rounds in turn over the systems, so that a noisy minute hits all of them."""
    series: report.Series = {}
    for number in range(rounds):
        for case, (model, concurrency) in report.CASES.items():
            for system in all_systems:
                length = seconds if system.name != "LiteLLM proxy" else max(seconds, 4.0)
                results = series.setdefault(case, {}).setdefault(system.name, [])
                try:
                    results.append(await load(system, model, concurrency, length))
                except RuntimeError:
                    # Somebody else's system may break down under a load; then that is its result.
                    if system.name != report.PROXY:
                        raise
        sys.stderr.write(f"round {number + 1} of {rounds} done\n")
    return series


async def slow_streams(system: System, count: int) -> dict[str, float]:
    """Many slow streams at once: lateness, and memory by stream while they are open."""
    assert system.process
    await load(system, "short", 8, 1.0)
    before, cpu = system.process.memory(), system.process.cpu_seconds()
    running = asyncio.create_task(load(system, "slow", count, 1.0))
    peak = before
    while not running.done():
        await asyncio.sleep(0.5)
        peak = max(peak, system.process.memory())
    result = await running
    if result["late_count"] != result["expected_late_count"]:
        raise RuntimeError(f"{system.name}: {result['late_count']} deltas of {result['expected_late_count']} arrived")
    late = result["late_ms"]
    assert isinstance(late, dict)
    return {
        "streams": count,
        "late_p50_ms": late["p50"],
        "late_p99_ms": late["p99"],
        "memory_per_stream_kib": (peak - before) / 1024 / count,
        "cpu_seconds": system.process.cpu_seconds() - cpu,
    }


async def main(quick: bool) -> None:
    rounds, seconds = (3, 2.0) if quick else (ROUNDS, SECONDS)
    upstream, port = await systems.start_upstream()
    try:
        with tempfile.TemporaryDirectory() as name:
            series, slow, idle = await measure(port, Path(name), rounds, seconds, 200 if quick else 1000)
        counted = None if quick or shutil.which("valgrind") is None else await instructions.measure(port)
    finally:
        await upstream.stop()
    text = report.render(series, slow, idle, counted)
    sys.stdout.write(text)
    if not quick:
        (Path(__file__).parent.parent / "docs" / "performance.md").write_text(text, encoding="utf-8")


async def measure(
    port: int, folder: Path, rounds: int, seconds: float, streams: int
) -> tuple[report.Series, dict[str, dict[str, float]], dict[str, float]]:
    """Streams in turn, slow streams, and what it costs to start and to do nothing."""
    running = [systems.direct(port), await systems.relay(port), await systems.antiphon(port, folder)]
    running.append(await systems.antiphon(port, folder, transport="h2"))
    if proxy := await systems.litellm(port, folder):
        running.append(proxy)
    try:
        process = running[2].process
        assert process
        idle = {"cold_start_s": process.ready_after, "idle_mib": process.memory() / 2**20}
        series = await compare(running, rounds, seconds)
        slow = {system.name: await slow_streams(system, streams) for system in running[1:4]}
    finally:
        for system in running:
            if system.process:
                await system.process.stop()
    return series, slow, idle


if __name__ == "__main__":
    uvloop.run(main(quick="quick" in sys.argv[1:]))
