"""Real processes for end-to-end tests: started, waited for by what they print, always ended."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

from tests.support import forking

START = 60.0
"""Seconds until a process must have said that it is ready; generous, because machines are shared."""


class Process:
    """A child process whose output lines are kept and can be waited for."""

    def __init__(self, process: asyncio.subprocess.Process | forking.Child) -> None:
        self._process = process
        self.lines: list[str] = []
        self.errors: list[str] = []
        self._changed = asyncio.Condition()
        self._open = 2
        assert process.stdout is not None
        assert process.stderr is not None
        self._readers = [
            asyncio.create_task(self._read(process.stdout, self.lines)),
            asyncio.create_task(self._read(process.stderr, self.errors)),
        ]

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process.returncode is None

    async def line(self, beginning: str, timeout: float = START) -> str:
        """The first line of standard output that begins so; an early end of the process fails at once."""
        async with asyncio.timeout(timeout), self._changed:
            await self._changed.wait_for(lambda: self._find(beginning) is not None or not self._open)
        line = self._find(beginning)
        if line is None:
            raise AssertionError(f"process ended before it said {beginning!r}:\n" + "\n".join(self.errors[-30:]))
        return line

    async def complaint(self, text: str, timeout: float = START, after: int = 0) -> None:
        """Standard error has these words, behind its first `after` lines."""
        async with asyncio.timeout(timeout), self._changed:
            await self._changed.wait_for(lambda: any(text in line for line in self.errors[after:]))

    async def wait(self, timeout: float = START) -> int:
        async with asyncio.timeout(timeout):
            code = await self._process.wait()
            await asyncio.gather(*self._readers)
        return code

    def signal(self, number: int) -> None:
        self._process.send_signal(number)

    async def kill(self) -> None:
        """As a crash would: no chance to say goodbye."""
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        await self.wait()

    async def end(self) -> int:
        """SIGTERM, then SIGKILL when it does not listen."""
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGTERM)
        try:
            return await self.wait()
        except TimeoutError:
            await self.kill()
            raise

    def _find(self, beginning: str) -> str | None:
        return next((line for line in self.lines if line.startswith(beginning)), None)

    async def _read(self, stream: asyncio.StreamReader, lines: list[str]) -> None:
        while line := await stream.readline():
            async with self._changed:
                lines.append(line.decode(errors="replace").rstrip("\n"))
                self._changed.notify_all()
        async with self._changed:
            self._open -= 1
            self._changed.notify_all()


@contextlib.asynccontextmanager
async def running(module: str, *arguments: str, directory: Path, environ: Mapping[str, str]) -> AsyncIterator[Process]:
    """`python -m module` in a directory of its own, with exactly these variables besides the bare necessities."""
    bare = {
        name: os.environ[name]
        for name in ("PATH", "HOME", "LANG", "TMPDIR", "PYTHONPATH", "ANTIPHON__SERVICE__TRANSPORT")
        if name in os.environ
    }
    # What one test has learned about limits is nothing for the next one.
    whole = {**bare, **forking.UNBUFFERED, "XDG_STATE_HOME": str(directory / "state"), **environ}
    process = Process(await _start(module, arguments, directory, whole, forked=forking.can_fork(module, environ)))
    try:
        yield process
    finally:
        if process.running:
            await process.end()


async def _start(
    module: str, arguments: tuple[str, ...], directory: Path, environ: Mapping[str, str], *, forked: bool
) -> asyncio.subprocess.Process | forking.Child:
    if forked:
        return await forking.start(module, arguments, directory, environ)
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        module,
        *arguments,
        cwd=directory,
        env=environ,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
