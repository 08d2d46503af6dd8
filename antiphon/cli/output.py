"""What all commands share: the client, colours, JSON lines, and how an error becomes a sentence and an exit code."""

import asyncio
import dataclasses
import json
import os
import signal
import sys
from collections.abc import Coroutine
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
console = Console(highlight=False)
complaints = Console(stderr=True, highlight=False)


class UsageProblem(Exception):  # noqa: N818 - what is wrong, for a person
    """The command was called wrongly; the text says what to do."""


def client(target: str | None) -> InferenceClient:
    """Raises ConfigError, SecretProblem or OSError."""
    config = load_config()
    if target:
        config = config.model_copy(update={"client": config.client.model_copy(update={"target": target})})
    return InferenceClient.from_config(config, os.environ)


def run_to_exit_code(work: Coroutine[Any, Any, int | None]) -> int:
    try:
        return asyncio.run(_until_interrupted(work)) or DONE
    except errors.AntiphonError as error:
        complain(error)
        return next((code for kinds, code in CODES if isinstance(error, kinds)), FAILED)
    except (ConfigError, SecretProblem, UsageProblem) as error:
        complaints.print(str(error), style="red", markup=False)
        return USAGE
    except BrokenPipeError:
        # Whoever read us has seen enough.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    except OSError as error:
        complaints.print(f"{error.filename or 'file'}: {error.strerror}", style="red", markup=False)
        return FAILED
    except (KeyboardInterrupt, asyncio.CancelledError):
        return INTERRUPTED


async def _until_interrupted(work: Coroutine[Any, Any, int | None]) -> int | None:
    task = asyncio.current_task()
    loop = asyncio.get_running_loop()
    if task is not None and sys.platform != "win32":
        loop.add_signal_handler(signal.SIGTERM, task.cancel)
    return await work


def complain(error: errors.AntiphonError) -> None:
    """What is wrong, where, and what to do."""
    complaints.print(error.message, style="red", markup=False)
    if isinstance(error, errors.InvalidRequest):
        for field, text in error.violations:
            complaints.print(f"  {field}: {text}", markup=False)
    for attempt in error.attempts:
        status = f" (HTTP {attempt.http_status})" if attempt.http_status else ""
        complaints.print(
            f"  {attempt.deployment}: {attempt.failure.replace('_', ' ')}{status}", style="dim", markup=False
        )
    if error.retry_after is not None:
        complaints.print(f"  Try again in {max(1, round(error.retry_after))} s.", style="dim")
    elif isinstance(error, errors.ConnectionLost):
        complaints.print("  Start it with `antiphon up`, or say where it is with --target.", style="dim", markup=False)
    if error.request_id and not isinstance(error, errors.InvalidRequest):
        complaints.print(f"  Request {error.request_id}", style="dim", markup=False)


def line(event: Any) -> None:
    """An event as one line of JSON; files of pictures are left out."""
    fields = {
        field.name: value
        for field in dataclasses.fields(event)
        if not isinstance(value := getattr(event, field.name), bytes)
    }
    kind = type(event).__name__
    sys.stdout.write(
        json.dumps({"event": kind[0].lower() + kind[1:], **fields}, default=dataclasses.asdict, ensure_ascii=False)
        + "\n"
    )
    sys.stdout.flush()
