"""A process that has imported a program already and forks for each start; `forking.py` starts it and asks it.

It gets requests over a socket and reports how each child ended. A child runs `python -m <module>` with its own
environment, folder and streams, takes signals, and ends through the interpreter's own shutdown.
"""

import contextlib
import fcntl
import gc
import importlib
import io
import json
import os
import runpy
import select
import signal
import socket
import sys
import termios
import time
from collections.abc import Sequence

LARGEST_REQUEST = 1 << 20
FILES = 4  # standard input, output and error, and the pipe for the exit code


def serve(control: socket.socket, modules: Sequence[str]) -> dict[str, object] | None:
    """Forks for each request. Returns the request in the child, and None in the server at its end."""
    for module in modules:
        importlib.import_module(module)
        if module.endswith(".__main__"):
            del sys.modules[module]  # a child runs it as its main program, and imports it no second time
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the end of the tests is its end
    gc.collect()
    gc.freeze()  # the collector of a child leaves these objects, and so the memory that it shares, alone
    if len(os.listdir("/proc/self/task")) > 1:  # noqa: PTH208 - names are enough
        raise RuntimeError("an import has started a thread, which a fork would not have")
    poll = select.poll()
    poll.register(control, select.POLLIN)
    children: dict[int, tuple[int, int]] = {}  # pidfd: process id, pipe for the exit code
    while True:
        for ready, _ in poll.poll():
            if ready != control.fileno():
                poll.unregister(ready)
                _reap(ready, *children.pop(ready))
                continue
            message, files, _, _ = socket.recv_fds(control, LARGEST_REQUEST, FILES)
            if not message:
                for pid, _ in children.values():
                    os.kill(pid, signal.SIGKILL)
                return None
            if (pid := os.fork()) == 0:
                for descriptor, (_, pipe) in children.items():
                    os.close(descriptor)
                    os.close(pipe)
                control.close()
                return _become(json.loads(message), files)
            for file in files[:3]:
                os.close(file)
            watched = os.pidfd_open(pid)
            children[watched] = pid, files[3]
            poll.register(watched, select.POLLIN)
            control.send(str(pid).encode())


def _reap(watched: int, pid: int, pipe: int) -> None:
    _, status = os.waitpid(pid, 0)
    with contextlib.suppress(BrokenPipeError):
        os.write(pipe, str(os.waitstatus_to_exitcode(status)).encode())
    os.close(pipe)
    os.close(watched)


def _become(request: dict[str, object], files: Sequence[int]) -> dict[str, object]:
    for number, file in enumerate(files[:3]):
        os.dup2(file, number)
    for file in files:
        os.close(file)
    environ, arguments = request["environ"], request["arguments"]
    assert isinstance(environ, dict)
    assert isinstance(arguments, list)
    _open_streams()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ.clear()
    os.environ.update(environ)
    time.tzset()
    if request["terminal"]:
        os.setsid()
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    os.chdir(str(request["folder"]))
    sys.path.insert(0, os.getcwd())  # noqa: PTH109 - as the interpreter does for -m
    sys.argv = [str(request["program"]), *map(str, arguments)]
    return request


def _open_streams() -> None:
    """As the interpreter does at its start, for the files that are behind the numbers now."""
    sys.stdin = open(0, closefd=False, encoding=sys.stdin.encoding)  # noqa: SIM115 - it stays open
    for name, number in (("stdout", 1), ("stderr", 2)):
        former = getattr(sys, name)
        raw = io.FileIO(number, "w", closefd=False)
        setattr(sys, name, io.TextIOWrapper(raw, former.encoding, former.errors, newline="\n", write_through=True))


if __name__ == "__main__":
    request = serve(socket.socket(fileno=int(sys.argv[1])), sys.argv[2:])
    if request is not None:
        runpy.run_module(str(request["program"]), run_name="__main__", alter_sys=True)
