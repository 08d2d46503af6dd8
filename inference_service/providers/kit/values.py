"""Reads untyped JSON leniently: a malformed value costs only itself."""

import json
import math
from collections.abc import Iterator
from typing import Any

import msgspec

from inference_service.domain import Usage

# More than any model reads or writes; a larger number is a mistake, such as an unsigned minus one.
MOST_TOKENS = 100_000_000
LONGEST_NUMBER = 40
_tolerant = json.JSONDecoder(strict=False)


def documents(data: bytes) -> list[Any]:
    """The JSON values in `data`, one after the other; NaN, Infinity and raw control characters are accepted.

    Raises ValueError for anything else.
    """
    try:
        return [msgspec.json.decode(data)]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return list(_documents(data.decode()))


def _documents(text: str) -> Iterator[Any]:
    at = _next(text, 0)
    while at < len(text):
        try:
            value, at = _tolerant.raw_decode(text, at)
        except RecursionError as error:
            raise ValueError("nested too deeply") from error
        yield value
        at = _next(text, at)


def _next(text: str, at: int) -> int:
    while at < len(text) and text[at] in " \t\r\n,":
        at += 1
    return at


def mapping(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def items(value: object) -> list[Any]:
    """A list; a single object counts as a list of one."""
    if isinstance(value, list):
        return value
    return [value] if isinstance(value, dict) else []


def texts(value: object) -> list[str]:
    """The strings of a list; everything else is dropped."""
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def number(value: object) -> float | None:
    """A finite number, also as text; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    if isinstance(value, str) and len(value) > LONGEST_NUMBER:
        return None
    try:
        parsed = float(value)
    except (ValueError, OverflowError):
        return None
    return parsed if math.isfinite(parsed) else None


def count(value: object, most: int = MOST_TOKENS) -> int | None:
    """A count, also as float or string; None, not reported, for anything that cannot be a count."""
    parsed = number(value)
    return int(parsed) if parsed is not None and 0 <= parsed <= most else None


def context_tokens(value: object) -> int:
    """The context length in a model list; 0, unknown, if it is not a number."""
    return count(value) or 0


def usage(
    prompt: object, completion: object, reasoning: object = None, *, cached: object = None, audio: object = None
) -> Usage | None:
    """What a provider reports about one call. None, not reported, for an implausible number."""
    numbers = [None if value is None else count(value) for value in (prompt, completion)]
    if numbers == [None, None] or any(
        value is not None and parsed is None for value, parsed in zip((prompt, completion), numbers, strict=True)
    ):
        return None
    prompt_tokens, written, thought = numbers[0] or 0, numbers[1] or 0, count(reasoning) or 0
    # Some models behind DeepInfra leave the reasoning out of the completion.
    written = written if written >= thought else written + thought
    read, heard = count(cached) or 0, count(audio) or 0
    return Usage(
        prompt_tokens, written, thought, cached_tokens=min(read, prompt_tokens), audio_tokens=min(heard, prompt_tokens)
    )


def says_something(value: object) -> bool:
    """Whether anything in it is neither empty, zero nor false: some servers send an empty error object with every event."""
    if isinstance(value, dict | list):
        return any(map(says_something, value.values() if isinstance(value, dict) else value))
    return bool(value) and value not in ("null", "none", "None", "0")


def text_of(value: object) -> str:
    """Text as providers write it: plain, in `text`, `content`, `value` or `summary` of an object, or a list of these."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return "".join(map(text_of, value))
    if isinstance(value, dict):
        keys = ("text", "content", "value", "summary", "thinking", "reasoning", "parts")
        return next((found for key in keys if (found := text_of(value.get(key)))), "")
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else ""
