"""Starts Antiphon's processes by forking one that has imported them already: each start saves a second or two."""

import asyncio
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

# What each program imports before it is ready, also what it imports late. The modules of the command look at the terminal
# when they are imported, so each of its processes imports them.
PRELOADED = {
    "inference_service": ("inference_service.__main__", "uvloop"),
    "discord_bot": (
        "discord_bot.__main__",
        "discord_bot.store.upgrade",
        "sqlalchemy.dialects.sqlite.aiosqlite",
        "uvloop",
    ),
    "antiphon": ("antiphon.client", "typer", "rich.live", "rich.markdown", "rich.table", "prompt_toolkit"),
}
# `antiphon` sets it before gRPC is imported, which is too late in a fork.
EARLY = {"antiphon": {"GRPC_VERBOSITY": "NONE"}}
# Variables that the interpreter or a library reads at its start, when the fork has it behind it.
READ_AT_START = ("PYTHON", "LANG", "LC_", "LD_", "GRPC_", "OTEL_", "MPL", "SSL_", "MALLOC_")
UNBUFFERED = {"PYTHONUNBUFFERED": "1"}
SHARED = "GRPC_VERBOSITY"  # many tests want it; processes with it are forks of one that has it
FORKSERVER = Path(__file__).with_name("forkserver.py")


class Child:
    """The part of `asyncio.subprocess.Process` that tests use. `stdout` and `stderr` are None unless they are piped."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self.stdout: asyncio.StreamReader | None = None
        self.stderr: asyncio.StreamReader | None = None
        self._ended = asyncio.Event()

    async def wait(self) -> int:
        await self._ended.wait()
        assert self.returncode is not None
        return self.returncode

    def send_signal(self, number: int) -> None:
        if self.returncode is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def end(self, code: int) -> None:
        self.returncode = code
        self._ended.set()


class Forkserver:
    """One program's process that forks. It ends, with its children, when the test process ends."""

    def __init__(self, program: str, verbosity: str) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        bare = {
            name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR", "PYTHONPATH") if name in os.environ
        }
        # -P: the program's own folder is not searched for modules, which have the names of libraries there.
        command = [sys.executable, "-P", str(FORKSERVER), str(theirs.fileno()), *PRELOADED[program]]
        with theirs:
            early = {**bare, **UNBUFFERED, **EARLY.get(program, {}), **({SHARED: verbosity} if verbosity else {})}
            self.process = subprocess.Popen(command, env=early, pass_fds=[theirs.fileno()])
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


_servers: dict[tuple[str, str], Forkserver] = {}
_starting = threading.Lock()
_watching: set[asyncio.Task[None]] = set()


def can_fork(program: str, environ: Mapping[str, str]) -> bool:
    """False for what is not preloaded, elsewhere than on Linux, and where a variable must be there from the start."""
    early = any(name.startswith(READ_AT_START) for name in environ if name not in (*UNBUFFERED, SHARED))
    return sys.platform == "linux" and program in PRELOADED and not early


async def start(
    program: str, arguments: Sequence[str], directory: Path, environ: Mapping[str, str], stdin: int | None = None
) -> Child:
    """As `python -m program arguments`, with exactly this environment and with its output piped."""
    loop = asyncio.get_running_loop()
    (out, out_end), (err, err_end) = os.pipe(), os.pipe()
    nothing = os.open(os.devnull, os.O_RDONLY)
    try:
        streams = (nothing if stdin is None else stdin, out_end, err_end)
        child = await fork(program, arguments, directory, environ, streams)
    finally:
        for file in (nothing, out_end, err_end):
            os.close(file)
    child.stdout, child.stderr = await _reader(loop, out), await _reader(loop, err)
    return child


async def run(
    program: str, arguments: Sequence[str], directory: Path, environ: Mapping[str, str], stdin: bytes | None
) -> tuple[int, bytes, bytes]:
    """Exit code, standard output and standard error at the end. `stdin` None: nothing there."""
    if stdin is None:
        return await _ended(await start(program, arguments, directory, environ))
    source, sink = os.pipe()
    try:
        child = await start(program, arguments, directory, environ, source)
    finally:
        os.close(source)
    feeding = asyncio.to_thread(_feed, sink, stdin)
    return (await asyncio.gather(_ended(child), feeding))[0]


def _feed(sink: int, words: bytes) -> None:
    with contextlib.suppress(BrokenPipeError), os.fdopen(sink, "wb") as stream:
        stream.write(words)


async def _ended(child: Child) -> tuple[int, bytes, bytes]:
    assert child.stdout is not None
    assert child.stderr is not None
    try:
        out, err, code = await asyncio.gather(child.stdout.read(), child.stderr.read(), child.wait())
    finally:
        child.kill()  # does nothing to one that has ended
    return code, out, err


async def fork(
    program: str,
    arguments: Sequence[str],
    directory: Path,
    environ: Mapping[str, str],
    streams: tuple[int, int, int],
    *,
    terminal: bool = False,
) -> Child:
    """`terminal`: standard input is one, and becomes the terminal that controls the process."""
    request = {
        "program": program,
        "arguments": list(arguments),
        "folder": str(directory),
        "environ": dict(environ),
        "terminal": terminal,
    }
    loop = asyncio.get_running_loop()
    code, code_end = os.pipe()
    try:
        verbosity = environ.get(SHARED, "")
        child = Child(await asyncio.to_thread(_fork, program, verbosity, request, [*streams, code_end]))
    finally:
        os.close(code_end)
    _watching.add(task := loop.create_task(_report_end(child, await _reader(loop, code))))
    task.add_done_callback(_watching.discard)
    return child


async def _report_end(child: Child, code: asyncio.StreamReader) -> None:
    written = await code.read()
    child.end(int(written) if written else -signal.SIGKILL)


def _fork(program: str, verbosity: str, request: Mapping[str, object], files: Sequence[int]) -> int:
    with _starting:
        server = _servers.get((program, verbosity)) or Forkserver(program, verbosity)
        _servers[program, verbosity] = server
    return server.fork(request, files)


async def _reader(loop: asyncio.AbstractEventLoop, descriptor: int) -> asyncio.StreamReader:
    reader = asyncio.StreamReader(limit=1 << 20)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(descriptor, "rb", 0))
    return reader
