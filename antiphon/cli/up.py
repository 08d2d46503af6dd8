"""`antiphon up`: the service, then the bot or a chat in the terminal. Both are processes of their own."""

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping

from antiphon.cli.output import INTERRUPTED, USAGE, complaints, run_to_exit_code
from antiphon.config.load import ConfigError, load_config
from antiphon.config.secrets import SecretProblem, find_secret

STEPS = """\
No Discord token yet. To have the bot in your server:
  1. https://discord.com/developers/applications → New Application → Bot → Reset Token; turn on Message Content Intent.
  2. Installation → Guild Install with the scopes bot and applications.commands; open the link and choose your server.
  3. export DISCORD_TOKEN=… and start again.
"""
FIRST_PAUSE, LONGEST_PAUSE, STABLE = 1.0, 60.0, 300.0
READY = "ready: "


class Children:
    """The processes that were started, ended together."""

    def __init__(self) -> None:
        self.ending = threading.Event()
        self._running: list[subprocess.Popen[str]] = []

    def start(self, environ: Mapping[str, str], module: str, *, piped: bool = False) -> "subprocess.Popen[str]":
        # An own group: Ctrl-C in the terminal is ours to pass on, once.
        process = subprocess.Popen(
            [sys.executable, "-m", module],
            env=environ,
            stdout=subprocess.PIPE if piped else None,
            text=True,
            start_new_session=True,
        )
        self._running.append(process)
        return process

    def end(self) -> None:
        self.ending.set()
        for process in reversed(self._running):  # the bot first: its answers still need the service
            if process.poll() is None:
                process.terminate()
                process.wait()


def up(environ: dict[str, str]) -> int:
    try:
        config = load_config(environ=environ)
        token = find_secret(config.bot.token_env, environ)
    except (ConfigError, SecretProblem) as error:
        complaints.print(str(error), style="red", markup=False)
        return USAGE
    children = Children()
    signal.signal(signal.SIGTERM, _interrupt)
    service = children.start(environ, "inference_service", piped=True)
    try:
        target = _wait_ready(service)
        if target is None:
            return service.wait()
        environ = {**environ, "ANTIPHON__CLIENT__TARGET": config.client.target or target}
        if token is not None:
            bot = threading.Thread(target=_keep_bot, args=(children, environ), daemon=True)
            bot.start()
            return service.wait()
        sys.stdout.write(STEPS)
        sys.stdout.flush()
        if sys.stdin.isatty():
            from antiphon.cli.chat import Asked, chat

            return run_to_exit_code(chat(Asked(""), environ["ANTIPHON__CLIENT__TARGET"]))
        return service.wait()
    except KeyboardInterrupt:
        return 0 if children.ending.is_set() or service.poll() is None else INTERRUPTED
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        children.end()


def _interrupt(_: int, __: object) -> None:
    raise KeyboardInterrupt


def _wait_ready(service: "subprocess.Popen[str]") -> str | None:
    """The address of its ready line, which is passed on; None when it ended instead."""
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
    """A bot that crashes comes back, with growing pauses; one that says why it cannot start stays away."""
    pause = FIRST_PAUSE
    while not children.ending.is_set():
        began = time.monotonic()
        code = children.start(environ, "discord_bot").wait()
        if children.ending.is_set():
            return
        if code in (0, USAGE):
            complaints.print("The bot has ended; the service goes on.", style="yellow")
            return
        pause = FIRST_PAUSE if time.monotonic() - began > STABLE else min(LONGEST_PAUSE, pause * 2)
        complaints.print(f"The bot has ended with {code}; it starts again in {pause:.0f} s.", style="yellow")
        children.ending.wait(pause)
