"""Starts Antiphon's processes by forking one that has imported them already: each start saves a second or two."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

# What each program imports before it is ready, also what it imports late.
PRELOADED = {
    "inference_service": ("inference_service.__main__", "uvloop"),
    "discord_bot": ("discord_bot.__main__", "uvloop", "sqlalchemy.dialects.sqlite.aiosqlite", "logging.config"),
}
# Variables that the interpreter or a library reads at its start, when the fork has it behind it.
READ_AT_START = ("PYTHON", "LD_", "GRPC_", "OTEL_", "MPL", "SSL_", "MALLOC_")
UNBUFFERED = {"PYTHONUNBUFFERED": "1"}
FORKSERVER = Path(__file__).with_name("forkserver.py")


class Child:
    """The part of `asyncio.subprocess.Process` that tests use."""

    def __init__(self, pid: int, stdout: asyncio.StreamReader, stderr: asyncio.StreamReader) -> None:
        self.pid, self.stdout, self.stderr = pid, stdout, stderr
        self.returncode: int | None = None
        self._ended = asyncio.Event()

    async def wait(self) -> int:
        await self._ended.wait()
        assert self.returncode is not None
        return self.returncode

    def send_signal(self, number: int) -> None:
        if self.returncode is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def end(self, code: int) -> None:
        self.returncode = code
        self._ended.set()


class Forkserver:
    """One program's process that forks. It ends, with its children, when the test process ends."""

    def __init__(self, program: str) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        bare = {
            name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR", "PYTHONPATH") if name in os.environ
        }
        # -P: the program's own folder is not searched for modules, which have the names of libraries there.
        command = [sys.executable, "-P", str(FORKSERVER), str(theirs.fileno()), *PRELOADED[program]]
        with theirs:
            self.process = subprocess.Popen(command, env={**bare, **UNBUFFERED}, pass_fds=[theirs.fileno()])
        self._socket = ours
        self._lock = threading.Lock()

    def fork(self, request: Mapping[str, object], files: Sequence[int]) -> int:
        """Blocks until the child runs, and gives its process id."""
        with self._lock:
            socket.send_fds(self._socket, [json.dumps(request).encode()], list(files))
            answer = self._socket.recv(32)
        if not answer:
            raise RuntimeError("the forkserver has ended; its error is on standard error")
        return int(answer)


_servers: dict[str, Forkserver] = {}
_starting = threading.Lock()
_watching: set[asyncio.Task[None]] = set()


def can_fork(program: str, environ: Mapping[str, str]) -> bool:
    """False for what is not preloaded, elsewhere than on Linux, and where a variable must be there from the start."""
    early = any(name.startswith(READ_AT_START) for name in environ if name not in UNBUFFERED)
    return sys.platform == "linux" and program in PRELOADED and not early


async def start(program: str, arguments: Sequence[str], directory: Path, environ: Mapping[str, str]) -> Child:
    """As `python -m program arguments`, with exactly this environment."""
    loop = asyncio.get_running_loop()
    pipes = [os.pipe() for _ in range(3)]
    nothing = os.open(os.devnull, os.O_RDONLY)
    files = [nothing, *(write for _, write in pipes)]
    request = {"program": program, "arguments": list(arguments), "folder": str(directory), "environ": dict(environ)}
    try:
        pid = await asyncio.to_thread(_fork, program, request, files)
    finally:
        for file in files:
            os.close(file)
    stdout, stderr, code = [await _reader(loop, read) for read, _ in pipes]
    child = Child(pid, stdout, stderr)
    _watching.add(task := loop.create_task(_report_end(child, code)))
    task.add_done_callback(_watching.discard)
    return child


async def _report_end(child: Child, code: asyncio.StreamReader) -> None:
    written = await code.read()
    child.end(int(written) if written else -signal.SIGKILL)


def _fork(program: str, request: Mapping[str, object], files: Sequence[int]) -> int:
    with _starting:
        if program not in _servers:
            _servers[program] = Forkserver(program)
    return _servers[program].fork(request, files)


async def _reader(loop: asyncio.AbstractEventLoop, descriptor: int) -> asyncio.StreamReader:
    reader = asyncio.StreamReader(limit=1 << 20)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(descriptor, "rb", 0))
    return reader
