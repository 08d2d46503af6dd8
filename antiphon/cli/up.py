"""`antiphon up`: the service, then the bot or a chat in the terminal. Each runs in its own process."""

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping

from antiphon.cli import environments
from antiphon.cli.extras import missing
from antiphon.cli.output import USAGE, complaints
from antiphon.cli.welcome import welcome
from antiphon.config.load import ConfigError, load_config
from antiphon.config.secrets import SecretProblem, find_secret

STEPS = """\
No Discord token yet. To have the bot in your server:
  1. https://discord.com/developers/applications → New Application → Bot → Reset Token; turn on Message Content Intent.
  2. Installation → Guild Install with the scopes bot and applications.commands; open the link and choose your server.
  3. export {variable}=… and start again.
"""
FIRST_PAUSE, LONGEST_PAUSE, STABLE = 1.0, 60.0, 300.0
KILL_AFTER = 10.0  # seconds after the grace period, when a process that still runs is killed
READY = "ready: "


class Children:
    """The child processes, which are stopped together."""

    def __init__(self, longest: float) -> None:
        self.ending = threading.Event()
        self._longest = longest
        self._lock = threading.Lock()
        self._running: list[subprocess.Popen[str]] = []

    def start(self, environ: Mapping[str, str], module: str, *, piped: bool = False) -> "subprocess.Popen[str] | None":
        """Starts a process; None if the shutdown has already begun."""
        with self._lock:
            if self.ending.is_set():
                return None
            # In a session of its own, so that Ctrl-C in the terminal reaches only this process, which passes it on once.
            process = subprocess.Popen(
                [sys.executable, "-m", module],
                env=environ,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE if piped else None,
                text=True,
                start_new_session=True,
            )
            self._running = [*(child for child in self._running if child.poll() is None), process]
            return process

    def end(self) -> None:
        """Stops the bot first, because its answers still need the service."""
        with self._lock:
            self.ending.set()
            running = list(reversed(self._running))
        for process in running:
            if process.poll() is not None:
                continue
            process.terminate()
            try:
                process.wait(self._longest)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def up(environ: dict[str, str]) -> int:
    """Returns the exit code: 0 after Ctrl-C or SIGTERM, otherwise that of the service."""
    try:
        config = load_config(environ=environ)
        token = find_secret(config.bot.token_env, environ)
    except (ConfigError, SecretProblem) as error:
        complaints.print(str(error), style="red")
        return USAGE
    for part in ("inference_service", *(["discord_bot"] if token is not None else [])):
        if problem := missing(part):
            complaints.print(problem, style="red", markup=False)
            return USAGE
    children = Children(config.service.grace + KILL_AFTER)
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        service = children.start(environments.for_service(config, environ), "inference_service", piped=True)
        assert service is not None  # noqa: S101 - nothing has ended yet
        target = _wait_ready(service)
        if target is None:
            return service.wait()
        target = config.client.target or target
        welcome(target)
        if token is not None:
            own = environments.for_bot(config, environ, target)
            threading.Thread(target=_keep_bot, args=(children, own), daemon=True).start()
            return _ended(service)
        sys.stdout.write(STEPS.format(variable=config.bot.token_env))
        sys.stdout.flush()
        if sys.stdin is not None and sys.stdin.isatty():
            from antiphon.cli.chat import ChatOptions, chat

            return chat(ChatOptions(), target)
        return _ended(service)
    except KeyboardInterrupt:
        return 0
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
        children.end()


def _interrupt(_: int, __: object) -> None:
    raise KeyboardInterrupt


def _ended(service: "subprocess.Popen[str]") -> int:
    """Waits for the service and reports its exit code (negative: the signal that killed it)."""
    code = service.wait()
    complaints.print(f"The service stopped with exit code {code}.", style="red")
    return code if code >= 0 else 1


def _wait_ready(service: "subprocess.Popen[str]") -> str | None:
    """Passes the output of the service on and returns the address of its ready line; None if it stopped instead."""
    assert service.stdout is not None  # noqa: S101 - it was piped
    for text in service.stdout:
        sys.stdout.write(text)
        sys.stdout.flush()
        if text.startswith(READY):
            threading.Thread(target=_pass_on, args=(service,), daemon=True).start()
            return text.removeprefix(READY).split()[0]
    return None


def _pass_on(service: "subprocess.Popen[str]") -> None:
    assert service.stdout is not None  # noqa: S101 - it was piped
    for text in service.stdout:
        sys.stdout.write(text)
        sys.stdout.flush()


def _keep_bot(children: Children, environ: Mapping[str, str]) -> None:
    """Restarts a bot that crashes, with growing pauses. A bot that reports why it cannot start is not restarted."""
    pause = FIRST_PAUSE
    while (bot := children.start(environ, "discord_bot")) is not None:
        began = time.monotonic()
        code = bot.wait()
        if children.ending.is_set():
            return
        if code in (0, USAGE):
            complaints.print("The bot has stopped; the service keeps running.", style="yellow")
            return
        if time.monotonic() - began > STABLE:
            pause = FIRST_PAUSE
        complaints.print(f"The bot stopped with exit code {code}; restarting in {pause:.0f} s.", style="yellow")
        children.ending.wait(pause)
        pause = min(LONGEST_PAUSE, pause * 2)
