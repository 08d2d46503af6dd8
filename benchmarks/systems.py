"""The systems that are compared, each as processes of its own, pinned to the first core.

Upstream and load share the other core, so that a system under test has one core for itself.
"""

import asyncio
import os
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

from msgspec import Struct

TEST_CORE, LOAD_CORE = 0, 1
TOKEN = "benchmark-caller-token"


class Process:
    """A child that is pinned to a core and tells where it listens by its first line."""

    def __init__(self, core: int | str, *command: str, env: dict[str, str] | None = None) -> None:
        self.core, self.command = core, command
        self.env = {**os.environ, **(env or {})}
        self.ready_after = 0.0

    async def start(self, prefix: str = "") -> str:
        began = time.monotonic()
        pin = ["taskset", "-c", str(self.core)] if shutil.which("taskset") and (os.cpu_count() or 1) > 1 else []
        self.child = await asyncio.create_subprocess_exec(
            *pin, *self.command, env=self.env, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
        )
        assert self.child.stdout
        while line := (await self.child.stdout.readline()).decode():
            if line.startswith(prefix):
                self.ready_after = time.monotonic() - began
                self.drain = asyncio.create_task(self.child.stdout.read())
                return line.removeprefix(prefix).strip()
        raise RuntimeError(f"{' '.join(self.command)} ended before it was ready")

    def memory(self) -> int:
        """Resident bytes (Linux)."""
        status = Path(f"/proc/{self.child.pid}/status").read_text(encoding="ascii")
        return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmRSS"))

    def cpu_seconds(self) -> float:
        """Of itself and the processes that it has started."""
        return sum(cpu_seconds(pid) for pid in self.family())

    def family(self) -> list[int]:
        """Its own id and those of the processes that it has started."""
        own = self.child.pid
        children = Path(f"/proc/{own}/task/{own}/children").read_text(encoding="ascii")
        return [own, *(int(pid) for pid in children.split())]

    async def stop(self, patience: float = 10) -> None:
        if self.child.returncode is None:
            self.child.send_signal(signal.SIGTERM)
            try:
                await asyncio.wait_for(self.child.wait(), patience)
            except TimeoutError:
                self.child.kill()
                await self.child.wait()
        self.drain.cancel()


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class System(Struct):
    """How to reach one of the systems: protocol, target, prefix of the model names, token."""

    name: str
    kind: str
    target: str
    model_prefix: str = ""
    token: str = ""
    process: Process | None = None


async def start_upstream() -> tuple[Process, int]:
    process = Process(LOAD_CORE, sys.executable, "-m", "benchmarks.upstream")
    return process, int(await process.start())


def direct(upstream: int) -> System:
    return System("upstream called directly", "http", f"http://127.0.0.1:{upstream}/v1/chat/completions")


async def relay(upstream: int, under: tuple[str, ...] = ()) -> System:
    """`under`: a command that runs it, such as a profiler."""
    core = "0-1" if under else TEST_CORE
    process = Process(core, *under, sys.executable, "-m", "benchmarks.relay", str(upstream))
    port = await process.start()
    return System("bare grpc.aio relay", "grpc", f"127.0.0.1:{port}", process=process)


CONFIG = """
[service]
port = 0
status_port = 0
status_page = true
http = false
[service.callers.bench]
token_env = "BENCH_CALLER_TOKEN"
max_streams = 20000
requests_per_minute = 100000000
tokens_per_day = 100000000000
[providers.bench]
kind = "openai"
base_url = "http://127.0.0.1:{upstream}/v1"
credentials_env = ["BENCH_KEY"]
models = ["short", "long", "slow"]
[telemetry]
log_level = "warning"
{extra}
"""


async def antiphon(
    upstream: int,
    folder: Path,
    extra: str = "",
    environment: dict[str, str] | None = None,
    core: int | str = TEST_CORE,
    under: tuple[str, ...] = (),
    transport: str = "grpcio",
) -> System:
    """The real service with everything on: caller token, budgets, a pool of six credentials, metrics."""
    core = "0-1" if under else core
    handle, name = tempfile.mkstemp(suffix=".toml", dir=folder)
    os.close(handle)
    config = Path(name)
    config.write_text(CONFIG.format(upstream=upstream, extra=extra), encoding="utf-8")
    keys = {f"BENCH_KEY{number}": f"bench-key-{number}" for number in range(1, 7)}
    env = {"ANTIPHON_CONFIG": str(config), "BENCH_CALLER_TOKEN": TOKEN, **keys, **(environment or {})}
    env["ANTIPHON__SERVICE__TRANSPORT"] = transport
    process = Process(core, *under, sys.executable, "-m", "inference_service", env=env)
    target = await process.start("ready: ")
    title = "Antiphon, everything on" + (f", on {transport}" if transport != "grpcio" else "")
    return System(title, "grpc", target, "bench/", TOKEN, process)


async def litellm(upstream: int, folder: Path) -> System | None:
    """LiteLLM's proxy, if `litellm` is on the PATH or named by ANTIPHON_BENCH_LITELLM."""
    command = os.environ.get("ANTIPHON_BENCH_LITELLM") or shutil.which("litellm")
    if not command:
        return None
    config = folder / "litellm.yaml"
    entries = "".join(
        f"  - model_name: {model}\n    litellm_params: {{model: openai/{model}, api_base: 'http://127.0.0.1:{upstream}/v1',"
        " api_key: none}\n"
        for model in ("short", "long", "slow")
    )
    config.write_text(f"model_list:\n{entries}", encoding="utf-8")
    port = 20_000 + os.getpid() % 20_000
    process = Process(TEST_CORE, command, "--config", str(config), "--host", "127.0.0.1", "--port", str(port))
    process.child = await asyncio.create_subprocess_exec(
        "taskset", "-c", str(TEST_CORE), *process.command,
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
        # Its price list would be fetched from the network first, with retries.
        env={**os.environ, "LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_TELEMETRY": "False", "LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY": "true"},
    )  # fmt: skip
    process.drain = asyncio.create_task(asyncio.sleep(0))
    for _ in range(120):
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.5)
        else:
            writer.close()
            return System(
                "LiteLLM proxy", "http", f"http://127.0.0.1:{port}/v1/chat/completions", token="none", process=process
            )
    await process.stop()
    raise RuntimeError("LiteLLM's proxy did not listen within 60 s")
