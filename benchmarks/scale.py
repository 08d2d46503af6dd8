"""How throughput grows with processes, and what Redis costs: `python -m benchmarks.scale` renews a part of docs/capacity.md.

On a machine with few cores load and upstream take their share, so requests a second cannot show growth. What can be
measured anywhere is the processor time of the service by request: while it stays the same with every process more, each
core more serves as much again.
"""

import asyncio
import os
import shutil
import socket
import statistics
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import uvloop
from msgspec import Struct

from benchmarks import systems
from benchmarks.__main__ import load
from benchmarks.systems import Process, System

PAGE = Path(__file__).parent.parent / "docs" / "capacity.md"
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"
ROUNDS, SECONDS, LOADS, AT_ONCE, WARM = 3, 4.0, 4, 8, 8


class Case(Struct):
    """`processes` on one port, or `replicas` with a port each."""

    name: str
    redis: bool
    processes: int = 1
    replicas: int = 1


CASES = [
    Case("1 process, state in memory", redis=False),
    Case("1 process, Redis", redis=True),
    Case("2 workers on one port, Redis", redis=True, processes=2),
    Case("2 replicas, a port each, Redis", redis=True, replicas=2),
    Case("4 workers on one port, Redis", redis=True, processes=4),
]


class Measured(Struct):
    """Of one round; times in microseconds of processor time by request."""

    requests_per_second: float
    service: float
    redis: float
    commands: float
    first_token: float  # ms, p50
    cores: float  # that the service had on average


async def start_redis() -> tuple[Process, int]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    command = ("redis-server", "--port", str(port), "--save", "", "--appendonly", "no", "--daemonize", "no")
    process = Process(cores(), *command)
    process.child = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    assert process.child.stdout is not None
    async for line in process.child.stdout:
        if b"Ready to accept" in line:
            break
    process.drain = asyncio.create_task(process.child.stdout.read())
    return process, port


def cores() -> str:
    return f"0-{(os.cpu_count() or 1) - 1}"


async def commands(port: int) -> int:
    """How many commands of callers Redis has run, scripts' own not counted."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"INFO commandstats\r\nQUIT\r\n")
    text = (await reader.read()).decode()
    writer.close()
    names = ("evalsha", "eval", "ping", "hgetall")  # what scripts run inside is counted there, too: left out
    lines = [line for line in text.splitlines() if line.startswith("cmdstat_")]
    return sum(
        int(line.split("calls=")[1].split(",")[0])
        for line in lines
        if line.split(":")[0].removeprefix("cmdstat_") in names
    )


async def one_round(running: list[System], redis: Process | None, port: int) -> Measured:
    def service_time() -> float:
        return sum(one.process.cpu_seconds() for one in running if one.process)

    before, redis_before = service_time(), redis.cpu_seconds() if redis else 0.0
    asked = await commands(port) if redis else 0
    began = asyncio.get_running_loop().time()
    # Connections of their own, so that they are spread over the workers; over replicas in turn, as round robin does.
    results = await asyncio.gather(
        *(load(running[number % len(running)], "short", AT_ONCE, SECONDS) for number in range(LOADS))
    )
    took = asyncio.get_running_loop().time() - began
    count = sum(number(result, "requests") + WARM for result in results)
    used = service_time() - before
    return Measured(
        requests_per_second=sum(number(result, "requests_per_second") for result in results),
        service=used / count * 1e6,
        redis=(redis.cpu_seconds() - redis_before) / count * 1e6 if redis else 0.0,
        commands=(await commands(port) - asked) / count if redis else 0.0,
        first_token=statistics.median(dict(result["first_token_ms"])["p50"] for result in results),  # type: ignore[call-overload]
        cores=used / took,
    )


def number(result: dict[str, object], key: str) -> float:
    value = result[key]
    assert isinstance(value, int | float)
    return float(value)


async def measure(case: Case, upstream: int, folder: Path) -> list[Measured]:
    redis, port = await start_redis() if case.redis else (None, 0)
    environment = {"ANTIPHON__SERVICE__WORKERS": str(case.processes)}
    if redis:
        environment["ANTIPHON_REDIS_URL"] = f"redis://127.0.0.1:{port}/0"
    running = [
        await systems.antiphon(upstream, folder, environment=environment, core=cores()) for _ in range(case.replicas)
    ]
    try:
        await asyncio.gather(*(load(running[0], "short", AT_ONCE, 1.0) for _ in range(LOADS)))  # all workers are there
        return [await one_round(running, redis, port) for _ in range(ROUNDS)]
    finally:
        for process in [one.process for one in running] + [redis]:
            if process:
                await process.stop()


def render(found: dict[str, list[Measured]]) -> str:
    def middle(name: str, key: str) -> float:
        return statistics.median(getattr(one, key) for one in found[name])

    def spread(name: str, key: str, digits: int = 0) -> str:
        values = [getattr(one, key) for one in found[name]]
        return f"{middle(name, key):,.{digits}f} ({min(values):,.{digits}f}–{max(values):,.{digits}f})"

    base = CASES[0].name
    lines = [
        BEGIN,
        "",
        f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores, which the service shares with upstream, load and Redis.",
        f"Short streams of 20 deltas, {LOADS * AT_ONCE} at once over {LOADS} connections; medians of {ROUNDS} rounds, lowest and highest in brackets.",
        "",
        "| | processor time by request, µs | one core serves, requests/s | of one process in memory | Redis: µs by request | Redis: commands by request | first token p50, ms | measured here, requests/s | cores used |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for case in CASES:
        name = case.name
        share = middle(base, "service") / middle(name, "service")
        redis = f"{middle(name, 'redis'):,.0f} | {middle(name, 'commands'):.1f}" if case.redis else "– | –"
        lines.append(
            f"| {name} | {spread(name, 'service')} | {1e6 / middle(name, 'service'):,.0f} | {share:.0%} | {redis} |"
            f" {spread(name, 'first_token', 1)} | {spread(name, 'requests_per_second')} | {middle(name, 'cores'):.2f} |"
        )
    one, two, four = (middle(CASES[i].name, "service") for i in (1, 2, 4))
    limit = 1e6 / max(middle(CASES[1].name, "redis"), 1e-9)
    lines += [
        "",
        f"- Redis makes a request {one / middle(base, 'service') - 1:.0%} dearer for the service, and one core of Redis carries about {limit:,.0f} such requests a second.",
        f"- Two workers need {two / one - 1:+.0%}, four {four / one - 1:+.0%} processor time by request compared with one (more processes than cores wait for each other).",
        "",
        END,
    ]
    return "\n".join(lines)


async def main() -> None:
    if shutil.which("redis-server") is None:
        sys.exit("redis-server is needed")
    with tempfile.TemporaryDirectory() as name:
        upstream, port = await systems.start_upstream()
        try:
            found = {}
            for case in CASES:
                found[case.name] = await measure(case, port, Path(name))
                sys.stderr.write(f"{case.name}: done\n")
        finally:
            await upstream.stop()
    text = render(found)
    sys.stdout.write(text + "\n")
    if "quick" not in sys.argv[1:]:
        page = PAGE.read_text(encoding="utf-8")
        PAGE.write_text(page[: page.index(BEGIN)] + text + page[page.index(END) + len(END) :], encoding="utf-8")


if __name__ == "__main__":
    uvloop.run(main())
