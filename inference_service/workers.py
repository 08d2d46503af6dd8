"""Several processes on one port, supervised: one that dies is replaced, a signal reaches all, none outlives its supervisor."""

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

MARK = "ANTIPHON_WORKER"  # the number of a pipe's end that closes when the supervisor is gone, however it went
SHORTEST_LIFE = 2.0  # seconds between two starts of the same worker
CANNOT_START = 2


def is_worker(environ: Mapping[str, str]) -> bool:
    return MARK in environ


def when_alone(environ: Mapping[str, str], tell: Callable[[], None]) -> None:
    """Calls `tell` when the supervisor has ended: without one, workers would hold the port for ever."""
    if not is_worker(environ):
        return
    loop, pipe = asyncio.get_running_loop(), int(environ[MARK])

    def gone() -> None:
        loop.remove_reader(pipe)
        tell()

    loop.add_reader(pipe, gone)


def supervise(config: Config, environ: Mapping[str, str]) -> int:
    """Starts `service.workers` processes; returns the exit code when all have ended."""
    changed, held = dict(environ), None
    if not config.service.port:
        # All must share one port: it is taken here, by a socket that never listens.
        held = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        held.bind((config.service.host, 0))
        changed["ANTIPHON__SERVICE__PORT"] = str(held.getsockname()[1])
    with held or contextlib.nullcontext():
        return _Supervisor(changed, config.service.status_port).run(config.service.workers)


class _Supervisor:
    def __init__(self, environ: Mapping[str, str], status_port: int) -> None:
        self._status_port = status_port
        self._pipe, self._alive = os.pipe()  # the second end stays open as long as this process lives
        self._environ = {**environ, MARK: str(self._pipe)}
        self._running: dict[int, tuple[int, float]] = {}  # pid → the worker's number, when it started
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
            elif code != -signal.SIGTERM:  # ended by the signal before it handled signals itself
                worst = max(worst, abs(code))
        return worst

    def _start(self, number: int) -> None:
        # Each has its own metrics: on the port behind that of the one before. The ready line comes from the first.
        mine = dict(self._environ)
        if number and self._status_port:
            mine["ANTIPHON__SERVICE__STATUS_PORT"] = str(self._status_port + number)
        process = subprocess.Popen(
            [sys.executable, "-m", "inference_service"],
            env=mine,
            stdout=None if number == 0 else subprocess.DEVNULL,
            pass_fds=[self._pipe],
        )
        process.returncode = 0  # `run` waits for it, by its number
        self._running[process.pid] = (number, time.monotonic())
        if self._ending:  # a signal came while it was being started and has not reached it
            self._on_signal(signal.SIGTERM)

    def _on_signal(self, number: int) -> None:
        self._ending = self._ending or number != signal.SIGHUP
        for pid in list(self._running):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
