"""Work on untrusted bytes in a child process: with bounds on time and memory, without secrets, without files."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass

INHERITED = ("PATH", "PYTHONPATH", "LANG", "LC_ALL", "SYSTEMROOT")
"""What the child knows of our environment: no secret among it."""
CPU_SECONDS, MEMORY = 15, 1024 * 1024 * 1024


@dataclass(frozen=True)
class Ran:
    """`late`: the time was up, by our clock or the child's; what it had written by then is there."""

    output: bytes
    late: bool
    failed: bool


def environment() -> dict[str, str]:
    """Of the child."""
    environ = {name: os.environ[name] for name in INHERITED if name in os.environ}
    # Each arena of a thread claims address space, which is what the child's memory is measured by.
    return environ | {"MALLOC_ARENA_MAX": "1"}


def run_isolated(module: str, arguments: Sequence[str], data: bytes, longest: float) -> Ran:
    """`python -m module` with the bytes as its input. Waits for `longest` seconds; call it in a thread."""
    try:
        ran = subprocess.run(  # noqa: S603 - our own module; the bytes are its input
            [sys.executable, "-m", module, *arguments],
            input=data,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=longest,
            env=environment(),
            check=False,
        )
    except subprocess.TimeoutExpired as late:
        return Ran(late.stdout or b"", late=True, failed=True)
    # A signal ends a child that has used up its processor time; too little memory is an error of its own.
    return Ran(ran.stdout, late=ran.returncode < 0, failed=ran.returncode != 0)


def bound(cpu_seconds: int = CPU_SECONDS, memory: int = MEMORY) -> None:
    """In the child, before it touches a byte."""
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource  # noqa: PLC0415 - does not exist on Windows

        resource.setrlimit(resource.RLIMIT_CPU, (cpu_seconds, cpu_seconds))
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
