"""Reads the body of a refusal, whatever its shape: an object, a list of objects, nested JSON strings, text, HTML, nothing.

Sentences, codes, stated waits and named fields are collected from every level. The result is evidence for `errors.py`
and is never shown to anyone: an upstream may echo a secret or a prompt.
"""

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from msgspec import Struct

from inference_service.providers.kit import limits
from inference_service.quotas import DAY, HOUR, MINUTE

TEXTS = frozenset(
    {"message", "error", "detail", "msg", "title", "description", "raw", "error_message", "error_description",
     "errors", "reasons", "reason"}
)  # fmt: skip
CODES = frozenset(
    {"code", "type", "status", "rc", "reason", "error_type", "error_code", "provider_code", "quotaId", "kind"}
)  # fmt: skip
FIELDS = frozenset({"param", "field", "parameter", "property"})
WAITS = {
    "retrydelay": 1.0, "retry_after": 1.0, "retryafter": 1.0, "retry_after_seconds": 1.0, "retry_after_ms": 0.001,
    "retryafterms": 0.001, "estimated_time": 1.0,
}  # fmt: skip
ECHOES = frozenset({"input", "failed_generation", "prompt", "ctx", "body", "stack", "trace", "user_id", "help", "url"})
DEEPEST, MOST_TEXT = 8, 1_500
_HTML = re.compile(r"\s*(<!doctype html|<html|<head|<body|<\?xml|<center)", re.IGNORECASE)
_TAGS = re.compile(r"<[^>]{0,300}>")
_NUMBER_AND_UNIT = re.compile(
    r"(\d+(?:\.\d+)?)\s?(ms|milliseconds?|s|secs?|seconds?|m|mins?|minutes?|h|hrs?|hours?|d|days?)(?![a-z])"
)
_SPAN = r"((?:\d+(?:\.\d+)?\s?(?:ms|milli[a-z]*|s|sec[a-z]*|m|min[a-z]*|h|hrs?|hour[a-z]*|d|days?)(?![a-z])[\s,]*(?:and )?)+|\d+(?:\.\d+)?)"
_TOLD = re.compile(
    rf"(?:try again|retry|again|retrying|reset(?:s|ting)?|available|wait)\s(?:again )?(?:in|after|for)?\s?(?:about )?{_SPAN}",
    re.IGNORECASE,
)
_AT_TIME = re.compile(r"resets? at (\d{1,2}):(\d{2}) ?(?:UTC|GMT)", re.IGNORECASE)
_AT_DATE = re.compile(
    r"(?:resets?|available|again) (?:at|on|after):? (\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d)?(?:Z|[+-]\d\d:\d\d)?)"
)
_EVERY = {"ms": 0.001, "mi": MINUTE, "m": MINUTE, "s": 1.0, "h": HOUR, "d": DAY}


class Evidence(Struct):
    """`text` holds the sentences, then `| code:…` for every code; one line, limited in length.

    wait: seconds, stated in the body. fields: names that the body points at, innermost step of a path.
    page: the body is HTML or another page for people.
    """

    text: str = ""
    codes: tuple[str, ...] = ()
    fields: tuple[str, ...] = ()
    wait: float | None = None
    page: bool = False


class _Collector:
    def __init__(self, headers: Mapping[str, str], now: float) -> None:
        self.texts: list[str] = []
        self.codes: list[str] = []
        self.fields: list[str] = []
        self.waits: list[float] = []
        self.headers, self.now = headers, now

    def walk(self, value: Any, depth: int = 0) -> None:
        if depth > DEEPEST:
            return
        match value:
            case dict():
                for key, inner in value.items():
                    self._entry(str(key), inner, depth)
            case list():
                for inner in value[:20]:
                    self.walk(inner, depth + 1)
            case str():
                self.sentence(value, depth)

    def _entry(self, key: str, inner: Any, depth: int) -> None:
        if key in ECHOES:
            return
        if (scale := WAITS.get(key.lower())) is not None:
            self._wait(inner, scale)
        elif key == "headers" and isinstance(inner, dict):
            members = {str(name).lower(): str(value) for name, value in inner.items()}
            wait = limits.wake_after({**members, "date": self.headers.get("date", "")}, self.now)
            self.waits += [] if wait is None else [wait]
        elif key == "loc" and isinstance(inner, list):
            self.fields += (
                []
                if "messages" in inner
                else [str(step) for step in inner if isinstance(step, str) and step != "body"][-1:]
            )
            self.codes.append("loc:" + ".".join(str(step) for step in inner)[:80])
        elif key == "quotaValue":
            self.codes.append(f"quota:{inner}"[:30])
        elif key in FIELDS and isinstance(inner, str):
            self.fields.append(inner)
            self.codes.append(f"param:{inner}"[:60])
        elif isinstance(inner, dict | list):
            self.walk(inner, depth + 1)
        elif isinstance(inner, str) and key in TEXTS and (key != "reason" or " " in inner):
            self.sentence(inner, depth)
        elif key in CODES and isinstance(inner, str | int) and not isinstance(inner, bool):
            self.codes.append(f"code:{inner}"[:80])

    def sentence(self, text: str, depth: int) -> None:
        """A string may hold JSON from a host behind the host."""
        if text[:1] in "{[" and (inner := parsed(text.encode())) is not None and not isinstance(inner, str):
            self.walk(inner, depth + 1)
        elif text.strip() and text not in self.texts:
            self.texts.append(text[:MOST_TEXT])

    def _wait(self, value: Any, scale: float) -> None:
        if isinstance(value, int | float) and not isinstance(value, bool):
            value = str(value)
        if isinstance(value, str) and (wait := limits.seconds_until(value, self.headers, self.now)) is not None:
            self.waits.append(wait * scale)


def read(body: bytes, headers: Mapping[str, str], now: float) -> Evidence:
    """The evidence in a whole body. `headers`: the response's, for its clock."""
    value = parsed(body)
    if value is None:
        text = body[:4_000].decode(errors="replace")
        page = bool(_HTML.match(text.lstrip("\ufeff")))
        return evidence_of(text, headers, now, page=page)
    return evidence_of(value, headers, now)


def evidence_of(value: Any, headers: Mapping[str, str], now: float, *, page: bool = False) -> Evidence:
    """The evidence in decoded JSON, or in a text."""
    collector = _Collector(headers, now)
    collector.walk(value)
    sentences = " ".join(_TAGS.sub(" ", " ; ".join(collector.texts)).split())[:MOST_TEXT]
    if collector.waits:
        wait: float | None = max(collector.waits)
    else:
        wait = told_wait(sentences, limits.upstream_clock(headers, now))
    codes = tuple(dict.fromkeys(collector.codes))[:20]
    text = " ".join(f"{sentences} | {' '.join(codes)}".split())
    return Evidence(text, codes, tuple(dict.fromkeys(collector.fields)), wait, page)


def parsed(body: bytes) -> Any:
    """JSON, also after a byte-order mark or as the data of an event; None for anything else."""
    text = body.removeprefix(b"\xef\xbb\xbf").strip()
    if text.startswith((b"data:", b"event:")):
        lines = [line[5:].strip() for line in text.splitlines() if line.startswith(b"data:")]
        text = lines[0] if lines else b""
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass
    try:  # some write NaN or lone surrogates
        return json.loads(text) if text[:1] in (b"{", b"[") else None
    except (ValueError, RecursionError):
        return None


def told_wait(text: str, theirs: float) -> float | None:
    """The wait in a sentence: `try again in 7m12s`, `retry after 30`, `wait 55 seconds`, `resets at 09:00 UTC`."""
    if (match := _AT_DATE.search(text)) is not None:
        return limits.seconds_until(match[1].replace(" ", "T"), {}, theirs)
    if (match := _AT_TIME.search(text)) is not None and int(match[1]) < 24 and int(match[2]) < 60:
        today = datetime.fromtimestamp(theirs, UTC)
        at = today.replace(hour=int(match[1]), minute=int(match[2]), second=0, microsecond=0)
        return ((at if at > today else at + timedelta(days=1)) - today).total_seconds()
    if (match := _TOLD.search(text)) is None:
        return None
    parts = _NUMBER_AND_UNIT.findall(match[1].lower())
    if not parts:
        return min(float(match[1].rstrip(" ,.")), limits.LONGEST)
    return min(sum(float(number) * _scale(unit) for number, unit in parts), limits.LONGEST)


def _scale(unit: str) -> float:
    if unit == "ms" or unit.startswith("milli"):
        return 0.001
    return _EVERY[unit[0]]
