"""What all commands share: the client, consoles, JSON lines, and how an error becomes a message and an exit code."""

import asyncio
import dataclasses
import json
import os
import re
import signal
import sys
from collections.abc import Callable, Coroutine
from typing import Any

from rich.console import Console

from antiphon import errors
from antiphon.client import InferenceClient
from antiphon.config.load import ConfigError, load_config
from antiphon.config.secrets import SecretProblem

DONE, FAILED, USAGE, UNAVAILABLE, REFUSED, INTERRUPTED, TERMINATED = 0, 1, 2, 3, 4, 130, 143
CODES: list[tuple[tuple[type[errors.AntiphonError], ...], int]] = [
    ((errors.InvalidRequest, errors.UnknownModel, errors.Unsupported), USAGE),
    ((errors.ContentRefused, errors.Unauthenticated, errors.PermissionDenied), REFUSED),
    (
        (errors.ConnectionLost, errors.Unavailable, errors.QuotaExceeded, errors.Interrupted, errors.DeadlineExceeded),
        UNAVAILABLE,
    ),
]
CONNECT_TIMEOUT = 2.0
WIDE = 200  # columns of output that is not a terminal, so that names stay whole for grep
# The client's name of a field → the contract's, and the client's name of an event → the contract's.
CONTRACT_FIELDS = {"first_token": "time_to_first_token", "mime": "mime_type", "max_side": "max_side_pixels"}
CONTRACT_EVENTS = {"image_finished": "finished", "picture": "image"}
WORD_START = re.compile(r"(?<=[a-z])(?=[A-Z])")
console = Console(
    highlight=False, markup=False, emoji=False, width=None if sys.stdout and sys.stdout.isatty() else WIDE
)
complaints = Console(stderr=True, highlight=False, markup=False, emoji=False, soft_wrap=True)
# Text of a model must not control the terminal: no control characters except line feed and tab.
CONTROLS = {code: None for code in (*range(32), *range(127, 160)) if chr(code) not in "\n\t"}


class UsageProblem(Exception):
    """The command was used incorrectly. The text says what to do."""


def client(target: str | None) -> InferenceClient:
    """Raises ConfigError or SecretProblem."""
    config = load_config()
    if target:
        config = config.model_copy(update={"client": config.client.model_copy(update={"target": target})})
    return InferenceClient.from_config(config, os.environ, CONNECT_TIMEOUT)


def plain(text: str) -> str:
    """Safe to show on a terminal."""
    return text.translate(CONTROLS)


def run_to_exit_code(work: Coroutine[Any, Any, int | None], *, as_json: bool = False) -> int:
    return exit_code(lambda: asyncio.run(_until_ended(work)), as_json=as_json)


def exit_code(work: Callable[[], int | None], *, as_json: bool = False) -> int:
    """Turns every error into a message on standard error and an exit code; with `as_json` also into a JSON line."""
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
        # The reader has closed the pipe, such as `head`.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    except OSError as error:
        complaints.print(f"{error.filename or 'file'}: {error.strerror}", style="red")
        return FAILED
    except Terminated:
        return TERMINATED
    except (KeyboardInterrupt, asyncio.CancelledError):
        return INTERRUPTED


class Terminated(BaseException):
    """SIGTERM has arrived."""


async def _until_ended(work: Coroutine[Any, Any, int | None]) -> int | None:
    """SIGTERM stops the work as Ctrl-C does, with an exit code of its own."""
    task, terminated = asyncio.current_task(), False

    def terminate() -> None:
        nonlocal terminated
        terminated = True
        if task is not None:
            task.cancel()

    if sys.platform != "win32":
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, terminate)
    try:
        return await work
    except asyncio.CancelledError:
        if terminated:
            raise Terminated from None
        raise


def complain(error: errors.AntiphonError) -> None:
    """Prints what is wrong, where, and what to do."""
    violations = error.violations if isinstance(error, errors.InvalidRequest) else ()
    for field, text in violations:  # the message repeats the first one
        complaints.print(f"{plain(field)}: {plain(text)}", style="red")
    if not violations:
        complaints.print(plain(error.message), style="red")
    for attempt in error.attempts:
        status = f" (HTTP {attempt.http_status})" if attempt.http_status else ""
        complaints.print(f"  {plain(attempt.deployment)}: {attempt.failure.replace('_', ' ')}{status}", style="dim")
    if isinstance(error, errors.ConnectionLost):
        complaints.print("  Start it with `antiphon up`, or set its address with --target.", style="dim")
    elif error.retry_after is not None:
        complaints.print(f"  Try again in {max(1, round(error.retry_after))} s.", style="dim")
    if isinstance(error, errors.Unauthenticated):
        complaints.print("  Set ANTIPHON_TOKEN to the token from your operator.", style="dim")
    if error.request_id and not isinstance(error, errors.InvalidRequest | errors.ConnectionLost):
        complaints.print(f"  Request {plain(error.request_id)}", style="dim")


def line(event: Any, **more: Any) -> None:
    """Prints an event or a row as one line of JSON, without the bytes of pictures. `more`: further fields."""
    name = WORD_START.sub("_", type(event).__name__).lower()
    write_json({"event": CONTRACT_EVENTS.get(name, name), **fields_of(event), **more})


def fields_of(value: Any) -> dict[str, Any]:
    """The fields of an event by the names of the contract. Times are seconds."""
    values = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    return {
        CONTRACT_FIELDS.get(name, name): _plain(content)
        for name, content in values.items()
        if not isinstance(content, bytes)
    }


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value):
        return fields_of(value)
    return [_plain(item) for item in value] if isinstance(value, tuple | list) else value


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
    write_json(fields)


def write_json(fields: dict[str, Any]) -> None:
    """A pipe that is not UTF-8 gets escapes, so that no character is lost."""
    ascii_only = not (sys.stdout.encoding or "").lower().startswith("utf")
    sys.stdout.write(json.dumps(fields, default=dataclasses.asdict, ensure_ascii=ascii_only) + "\n")
    sys.stdout.flush()
