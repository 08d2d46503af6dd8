"""Several worker processes on one port. A worker that dies is replaced, signals reach all of them, and none outlives the supervisor."""

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping

from antiphon.config.model import Config

MARK = "ANTIPHON_WORKER"  # file descriptor of a pipe that closes when the supervisor ends, for whatever reason
SHORTEST_LIFE = 2.0  # seconds between two starts of the same worker
CANNOT_START = 2


def is_worker(environ: Mapping[str, str]) -> bool:
    return MARK in environ


def when_alone(environ: Mapping[str, str], notify: Callable[[], None]) -> None:
    """Calls `notify` when the supervisor has ended. Orphaned workers would hold the port forever."""
    if not is_worker(environ):
        return
    loop, pipe = asyncio.get_running_loop(), int(environ[MARK])

    def gone() -> None:
        loop.remove_reader(pipe)
        notify()

    loop.add_reader(pipe, gone)


def supervise(config: Config, environ: Mapping[str, str]) -> int:
    """Starts `service.workers` processes. Returns the exit code when all have ended."""
    service, changed = config.service, dict(environ)
    with contextlib.ExitStack() as reserved:
        if not service.port:
            changed["ANTIPHON__SERVICE__PORT"] = str(_reserve(reserved, service.host))
        if service.http is not False and not service.http_port:
            changed["ANTIPHON__SERVICE__HTTP_PORT"] = str(_reserve(reserved, service.http_host))
        return _Supervisor(changed, service.status_port).run(service.workers)


def _reserve(reserved: contextlib.ExitStack, host: str) -> int:
    """A free port for all workers to share, reserved by a socket that never listens."""
    held = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    reserved.enter_context(held)
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    held.bind((host, 0))
    return int(held.getsockname()[1])


class _Supervisor:
    def __init__(self, environ: Mapping[str, str], status_port: int) -> None:
        self._status_port = status_port
        self._pipe, self._alive = os.pipe()  # the write end stays open as long as this process lives
        self._environ = {**environ, MARK: str(self._pipe)}
        self._running: dict[int, tuple[int, float]] = {}  # pid → (worker number, start time)
        self._ending = False

    def run(self, count: int) -> int:
        for name in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(name, lambda number, _: self._on_signal(number))
        for number in range(count):
            if not self._ending:
                self._start(number)
        worst = 0
        while self._running:
            pid, status = os.wait()
            if pid not in self._running:
                continue
            number, started = self._running.pop(pid)
            code = os.waitstatus_to_exitcode(status)
            if code == CANNOT_START and not self._ending:
                self._on_signal(signal.SIGTERM)
                worst = code
            if not self._ending:
                time.sleep(max(0.0, SHORTEST_LIFE - (time.monotonic() - started)))
            if not self._ending:
                self._start(number)
            elif code != -signal.SIGTERM:  # the signal arrived before the worker had installed its handlers
                worst = max(worst, abs(code))
        return worst

    def _start(self, number: int) -> None:
        # Each worker serves its own metrics, on consecutive ports. Only the first prints the ready line.
        environ = dict(self._environ)
        if number and self._status_port:
            environ["ANTIPHON__SERVICE__STATUS_PORT"] = str(self._status_port + number)
        process = subprocess.Popen(
            [sys.executable, "-m", "inference_service"],
            env=environ,
            stdout=None if number == 0 else subprocess.DEVNULL,
            pass_fds=[self._pipe],
        )
        process.returncode = 0  # `run` waits for it by pid
        self._running[process.pid] = (number, time.monotonic())
        if self._ending:  # a signal arrived during the start and did not reach the new process
            self._on_signal(signal.SIGTERM)

    def _on_signal(self, number: int) -> None:
        self._ending = self._ending or number != signal.SIGHUP
        for pid in list(self._running):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
