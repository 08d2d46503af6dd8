"""Structured logs on standard error: readable on a terminal (local time), otherwise one JSON object per line.

Every line carries the context variables (`request_id`). Secrets and text that people wrote are never logged.
"""

import logging
import sys
from typing import Any

import structlog

from antiphon.config.model import Telemetry


def set_up_logs(telemetry: Telemetry, service: str) -> None:
    level = logging.getLevelNamesMapping()[telemetry.log_level.upper()]
    human = telemetry.log_format == "console" or (telemetry.log_format is None and sys.stderr.isatty())
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="%H:%M:%S" if human else "iso", utc=not human),
        frames_only,
    ]
    last = structlog.dev.ConsoleRenderer() if human else structlog.processors.JSONRenderer()
    structlog.configure(
        processors=[*shared, last],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    structlog.contextvars.bind_contextvars(service=service)
    handler = logging.StreamHandler(sys.stderr)
    renderers: list[Any] = [structlog.stdlib.ProcessorFormatter.remove_processors_meta, last]
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=renderers))
    logging.basicConfig(level=max(level, logging.WARNING), handlers=[handler], force=True)


def frames_only(_: Any, __: str, event: dict[str, Any]) -> dict[str, Any]:
    """Logs an exception as its type and stack frames only: its text may contain what a person wrote."""
    exc_info = event.pop("exc_info", None)
    error = exc_info[1] if isinstance(exc_info, tuple) else sys.exc_info()[1] if exc_info is True else exc_info
    if isinstance(error, BaseException):
        event["error"] = type(error).__name__
        frames, trace = [], error.__traceback__
        while trace is not None:
            code = trace.tb_frame.f_code
            frames.append(f"{code.co_filename.rpartition('/')[2]}:{trace.tb_lineno} {code.co_name}")
            trace = trace.tb_next
        event["at"] = frames[-8:]
    return event
