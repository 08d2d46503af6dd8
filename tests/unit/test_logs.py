"""Logs: one line an event, with the request's id, and never the text of an exception. In processes of their own."""

import json
import subprocess
import sys
from typing import Any

import pytest

SCRIPT = """
import logging, structlog
from antiphon.config.model import Telemetry
from antiphon.telemetry.logs import set_up_logs

set_up_logs(Telemetry(log_format={form!r}, log_level={level!r}), "bot")
structlog.contextvars.bind_contextvars(request_id="r-77")
log = structlog.get_logger("mine")
log.debug("quiet")
log.info("asked", model="chat")
logging.getLogger("library").warning("of a library")
logging.getLogger("library").info("chatter")
try:
    raise ValueError("canary-secret-0001")
except ValueError:
    log.exception("failed")
    logging.getLogger("library").exception("failed there")
"""


def lines(form: str | None, level: str) -> list[str]:
    script = SCRIPT.format(form=form, level=level)
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    assert ran.stdout == ""
    return ran.stderr.splitlines()


def test_without_a_terminal_every_line_is_json_with_the_ids() -> None:
    found: list[dict[str, Any]] = [json.loads(line) for line in lines(None, "info")]
    assert [one["event"] for one in found] == ["asked", "of a library", "failed", "failed there"]
    assert {(one["request_id"], one["service"]) for one in found} == {("r-77", "bot")}
    assert [one["level"] for one in found] == ["info", "warning", "error", "error"]
    assert all(one["timestamp"].endswith("Z") for one in found)


@pytest.mark.parametrize("form", ["json", "console"])
def test_an_exception_is_logged_by_type_and_place_never_by_its_text(form: str) -> None:
    text = "\n".join(lines(form, "info"))
    assert "canary-secret-0001" not in text
    assert text.count("ValueError") == 2
    assert "<module>" in text


def test_the_level_is_chosen_and_libraries_stay_quiet() -> None:
    text = "\n".join(lines("json", "debug"))
    assert "quiet" in text
    assert "chatter" not in text
    assert "asked" not in "\n".join(lines("json", "error"))
