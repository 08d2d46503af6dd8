"""What all commands share: the client, colours, JSON lines, and how an error becomes a sentence and an exit code."""

import asyncio
import dataclasses
import json
import os
import signal
import sys
from collections.abc import Callable, Coroutine
from typing import Any

from rich.console import Console

from antiphon import errors
from antiphon.client import InferenceClient
from antiphon.config.load import ConfigError, load_config
from antiphon.config.secrets import SecretProblem

DONE, FAILED, USAGE, UNAVAILABLE, REFUSED, INTERRUPTED = 0, 1, 2, 3, 4, 130
CODES: list[tuple[tuple[type[errors.AntiphonError], ...], int]] = [
    ((errors.InvalidRequest, errors.UnknownModel, errors.Unsupported), USAGE),
    ((errors.ContentRefused, errors.Unauthenticated, errors.PermissionDenied), REFUSED),
    (
        (errors.ConnectionLost, errors.Unavailable, errors.QuotaExceeded, errors.Interrupted, errors.DeadlineExceeded),
        UNAVAILABLE,
    ),
]
CONNECT_TIMEOUT = 2.0
WIDE = 200  # columns where nobody's terminal says how many: names stay whole for grep
console = Console(
    highlight=False, markup=False, emoji=False, width=None if sys.stdout and sys.stdout.isatty() else WIDE
)
complaints = Console(stderr=True, highlight=False, markup=False, emoji=False, soft_wrap=True)
# What a model writes must not steer the terminal: no control characters but the line's end and the tabulator.
CONTROLS = {code: None for code in (*range(32), *range(127, 160)) if chr(code) not in "\n\t"}


class UsageProblem(Exception):
    """The command was called wrongly; the text says what to do."""


def client(target: str | None) -> InferenceClient:
    """Raises ConfigError or SecretProblem."""
    config = load_config()
    if target:
        config = config.model_copy(update={"client": config.client.model_copy(update={"target": target})})
    return InferenceClient.from_config(config, os.environ, CONNECT_TIMEOUT)


def plain(text: str) -> str:
    """Fit for a terminal."""
    return text.translate(CONTROLS)


def run_to_exit_code(work: Coroutine[Any, Any, int | None], *, as_json: bool = False) -> int:
    return exit_code(lambda: asyncio.run(_until_ended(work)), as_json=as_json)


def exit_code(work: Callable[[], int | None], *, as_json: bool = False) -> int:
    """Whatever goes wrong becomes one sentence on standard error and a code; with `as_json` a line of its own, too."""
    try:
        return work() or DONE
    except errors.AntiphonError as error:
        if as_json:
            error_line(error)
        complain(error)
        return next((code for kinds, code in CODES if isinstance(error, kinds)), FAILED)
    except (ConfigError, SecretProblem, UsageProblem) as error:
        complaints.print(str(error), style="red")
        return USAGE
    except BrokenPipeError:
        # Whoever read us has seen enough.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    except OSError as error:
        complaints.print(f"{error.filename or 'file'}: {error.strerror}", style="red")
        return FAILED
    except (KeyboardInterrupt, asyncio.CancelledError):
        return INTERRUPTED


async def _until_ended(work: Coroutine[Any, Any, int | None]) -> int | None:
    """SIGTERM ends the work as Ctrl-C does."""
    task = asyncio.current_task()
    if task is not None and sys.platform != "win32":
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    return await work


def complain(error: errors.AntiphonError) -> None:
    """What is wrong, where, and what to do."""
    violations = error.violations if isinstance(error, errors.InvalidRequest) else ()
    for field, text in violations:  # the message repeats the first of them
        complaints.print(f"{plain(field)}: {plain(text)}", style="red")
    if not violations:
        complaints.print(plain(error.message), style="red")
    for attempt in error.attempts:
        status = f" (HTTP {attempt.http_status})" if attempt.http_status else ""
        complaints.print(f"  {plain(attempt.deployment)}: {attempt.failure.replace('_', ' ')}{status}", style="dim")
    if isinstance(error, errors.ConnectionLost):
        complaints.print("  Start it with `antiphon up`, or say where it is with --target.", style="dim")
    elif error.retry_after is not None:
        complaints.print(f"  Try again in {max(1, round(error.retry_after))} s.", style="dim")
    if isinstance(error, errors.Unauthenticated):
        complaints.print("  Set ANTIPHON_TOKEN to the token that the operator gave you.", style="dim")
    if error.request_id and not isinstance(error, errors.InvalidRequest | errors.ConnectionLost):
        complaints.print(f"  Request {plain(error.request_id)}", style="dim")


def line(event: Any) -> None:
    """An event as one line of JSON; files of pictures are left out."""
    fields = {
        field.name: value
        for field in dataclasses.fields(event)
        if not isinstance(value := getattr(event, field.name), bytes)
    }
    kind = type(event).__name__
    _write_json({"event": kind[0].lower() + kind[1:], **fields})


def error_line(error: errors.AntiphonError) -> None:
    fields: dict[str, Any] = {
        "event": "error",
        "kind": type(error).__name__,
        "message": error.message,
        "request_id": error.request_id,
        "retry_after": error.retry_after,
        "attempts": error.attempts,
    }
    if isinstance(error, errors.InvalidRequest):
        fields["violations"] = [{"field": field, "description": text} for field, text in error.violations]
    _write_json(fields)


def _write_json(fields: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(fields, default=dataclasses.asdict, ensure_ascii=False) + "\n")
    sys.stdout.flush()
