"""The command as a person or a program runs it: with pipes, or on a terminal of its own."""

import asyncio
import contextlib
import os
import pty
import re
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from tests.support import forking

# Environment of a service for one test: any free port, no pages, and a demo voice that answers at once.
QUICK = {
    "ANTIPHON__SERVICE__PORT": "0",
    "ANTIPHON__SERVICE__STATUS_PAGE": "false",
    "ANTIPHON__SERVICE__HTTP": "false",
    "ANTIPHON__EMBEDDED__CHARACTERS_PER_SECOND": "0",
    "ANTIPHON__EMBEDDED__IMAGE_SECONDS": "0",
}

LONGEST = 60.0
"""Seconds for anything to appear; generous, because machines are shared."""
# The process becomes the command after it took the terminal, so that Ctrl-C reaches it as from a keyboard.
TAKE_TERMINAL = (
    "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0);"
    "os.execv(sys.executable, [sys.executable, *sys.argv[1:]])"
)
STATE = tempfile.mkdtemp(prefix="antiphon-state-")
"""So that no test reads or writes what the person at this machine has stored."""
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]|\x1b[=>]")


def surroundings(environ: Mapping[str, str]) -> dict[str, str]:
    bare = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR", "PYTHONPATH") if name in os.environ}
    own = {
        "PYTHONUNBUFFERED": "1",
        "TERM": "xterm",
        "COLUMNS": "160",
        "XDG_STATE_HOME": STATE,
        "XDG_CONFIG_HOME": STATE,
    }
    return {**bare, **own, **environ}


@dataclass(frozen=True)
class Ran:
    code: int
    out: str
    err: str


async def antiphon(
    *arguments: str,
    directory: Path,
    environ: Mapping[str, str] | None = None,
    stdin: bytes | None = None,
    fresh: bool = False,
) -> Ran:
    """Runs to its end. `stdin` None: nothing there. `fresh`: what happens before and in its imports matters."""
    return await program("antiphon", *arguments, directory=directory, environ=environ, stdin=stdin, fresh=fresh)


async def program(
    name: str,
    *arguments: str,
    directory: Path,
    environ: Mapping[str, str] | None = None,
    stdin: bytes | None = None,
    fresh: bool = False,
) -> Ran:
    """As `antiphon`, for any of the programs: quick for a command that another program carries out."""
    start = forking.run if forking.can_fork(name, environ or {}) and not fresh else _run
    async with asyncio.timeout(LONGEST):
        code, out, err = await start(name, arguments, directory, surroundings(environ or {}), stdin)
    return Ran(code, out.decode(), err.decode())


async def _run(
    program: str, arguments: Sequence[str], directory: Path, environ: Mapping[str, str], stdin: bytes | None
) -> tuple[int, bytes, bytes]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        program,
        *arguments,
        cwd=directory,
        env=environ,
        stdin=asyncio.subprocess.PIPE if stdin is not None else asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        out, err = await process.communicate(stdin)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode is not None
    return process.returncode, out, err


class Terminal:
    """A pseudo-terminal with the command in it."""

    def __init__(self, process: asyncio.subprocess.Process | forking.Child, master: int) -> None:
        self.process, self._master = process, master
        self.screen = ""
        self._changed = asyncio.Event()
        self._closed = False
        asyncio.get_running_loop().add_reader(master, self._read)

    def _read(self) -> None:
        try:
            data = os.read(self._master, 65_536)
        except OSError:  # the other end is gone
            data = b""
        if not data:
            asyncio.get_running_loop().remove_reader(self._master)
            self._closed = True
        self.screen += ESCAPES.sub("", data.decode(errors="replace")).replace("\r\n", "\n")
        self._changed.set()

    def type(self, text: str) -> None:
        os.write(self._master, text.encode())

    def interrupt_prompt(self) -> None:
        """Ctrl-C at a prompt. The key behind it wakes a reader that was just about to wait when the signal came."""
        self.type("\x03\r")

    async def shows(self, text: str, after: int = 0) -> int:
        """Waits until the screen has the text behind position `after`; the position behind it."""
        try:
            async with asyncio.timeout(LONGEST):
                while (position := self.screen.find(text, after)) < 0:
                    assert not self._closed, f"it ended without {text!r}:\n{self.screen}"
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            raise AssertionError(f"no {text!r} on the screen:\n{self.screen}") from None
        return position + len(text)

    async def ended(self) -> int:
        try:
            async with asyncio.timeout(LONGEST):
                return await self.process.wait()
        except TimeoutError:
            raise AssertionError(f"it does not end:\n{self.screen}") from None

    @classmethod
    @contextlib.asynccontextmanager
    async def running(
        cls, *arguments: str, directory: Path, environ: Mapping[str, str] | None = None
    ) -> AsyncIterator[Self]:
        master, slave = pty.openpty()
        process = await _on_terminal(arguments, directory, environ or {}, slave)
        os.close(slave)
        terminal = cls(process, master)
        try:
            yield terminal
        finally:
            if process.returncode is None:
                process.terminate()
                try:
                    await terminal.ended()
                except AssertionError:
                    process.kill()
                    await process.wait()
            asyncio.get_running_loop().remove_reader(master)
            os.close(master)


async def _on_terminal(
    arguments: Sequence[str], directory: Path, environ: Mapping[str, str], slave: int
) -> asyncio.subprocess.Process | forking.Child:
    whole, streams = surroundings(environ), (slave, slave, slave)
    if forking.can_fork("antiphon", environ):
        return await forking.fork("antiphon", arguments, directory, whole, streams, terminal=True)
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        TAKE_TERMINAL,
        "-m",
        "antiphon",
        *arguments,
        cwd=directory,
        env=whole,
        stdin=slave,
        stdout=slave,
        stderr=slave,
        start_new_session=True,
    )
