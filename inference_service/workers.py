"""Several processes on one port, supervised: one that dies is replaced, a signal reaches all."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping

from antiphon.config.model import Config

MARK = "ANTIPHON_WORKER"
SHORTEST_LIFE = 2.0


def is_worker(environ: Mapping[str, str]) -> bool:
    return MARK in environ


def supervise(config: Config, environ: Mapping[str, str]) -> int:
    """Starts `service.workers` processes; returns the exit code when all have ended."""
    held = None
    changed = {**environ, MARK: "1"}
    if not config.service.port:
        # All must share one port: it is taken here, by a socket that never listens.
        held = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        held.bind((config.service.host, 0))
        changed["ANTIPHON__SERVICE__PORT"] = str(held.getsockname()[1])
    ending = False
    processes: list[tuple[subprocess.Popen[bytes], float]] = []

    def start(number: int) -> None:
        # The status page has one port, so one worker serves it; the ready line comes from the first one, too.
        mine = {**changed, **({} if number == 0 else {"ANTIPHON__SERVICE__STATUS_PAGE": "false"})}
        out = None if number == 0 else subprocess.DEVNULL
        processes.append(
            (subprocess.Popen([sys.executable, "-m", "inference_service"], env=mine, stdout=out), time.monotonic())
        )

    def on_signal(number: int, _: object) -> None:
        nonlocal ending
        ending = ending or number in (signal.SIGTERM, signal.SIGINT)
        for process, _started in processes:
            process.send_signal(number)

    for name in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(name, on_signal)
    for number in range(config.service.workers):
        start(number)
    worst = 0
    while processes:
        pid, status = os.wait()
        place = next((i for i, (process, _) in enumerate(processes) if process.pid == pid), None)
        if place is None:
            continue
        _process, started = processes.pop(place)
        code = os.waitstatus_to_exitcode(status)
        if ending or code == 2:
            worst = max(worst, abs(code))
            if code == 2 and not ending:
                on_signal(signal.SIGTERM, None)
            continue
        time.sleep(max(0.0, SHORTEST_LIFE - (time.monotonic() - started)))
        start(place)
    if held is not None:
        held.close()
    return worst
