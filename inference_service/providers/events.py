"""The types and ranges of what adapters yield, one check per type. Nonsense is dropped, or the call fails.

`seam.checked` applies them.
"""

import math
from collections.abc import Callable
from typing import Any

import msgspec
import structlog

from inference_service.domain import (
    Composing,
    Finish,
    FinishReason,
    Logprobs,
    Notice,
    NoticeKind,
    Picture,
    Preview,
    Progress,
    Retract,
    Usage,
)
from inference_service.failures import FailureKind, UpstreamFailure
from inference_service.tools import ToolCall
from inference_service.unary import Embedded, Transcribed

log = structlog.get_logger(__name__)
MOST_TOKENS = 100_000_000  # more than any model reads or writes; anything beyond is a mistake
LARGEST_SEED = 2**64 - 1
LARGEST_INDEX = 1_000
LONGEST_STAGE, LONGEST_NOTICE = 80, 500
LONGEST_ETA = 31 * 86_400.0
LONGEST_AUDIO = 31 * 86_400.0
COUNTS = tuple(name for name in Usage.__struct_fields__ if name != "audio_seconds")


def odd(event: object) -> UpstreamFailure:
    log.warning("adapter yields an odd event", event_type=type(event).__name__)
    return UpstreamFailure(FailureKind.BAD_RESPONSE, "the provider's answer could not be understood", status=200)


def number(value: Any) -> float | None:
    """A finite number, or None."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value) if math.isfinite(value) else None
    except OverflowError:
        return None


def count(value: Any, most: int) -> int | None:
    """A whole number from 0 to `most`, or None."""
    found = number(value)
    return int(value) if found is not None and 0 <= found <= most else None


def _usage(event: Any) -> Usage | None:
    """Treats an implausible number as not reported: an estimate is better."""
    reported = [getattr(event, name) for name in COUNTS]
    numbers = [tokens for value in reported if (tokens := count(value, MOST_TOKENS)) is not None]
    seconds = number(event.audio_seconds)
    if len(numbers) != len(reported) or seconds is None or not 0 <= seconds <= LONGEST_AUDIO:
        return None
    return Usage(**dict(zip(COUNTS, numbers, strict=True)), audio_seconds=seconds)


def _composing(event: Any) -> Composing | None:
    characters = count(event.characters, MOST_TOKENS)
    return Composing(characters) if characters else None


def _tool_call(event: Any) -> ToolCall:
    """A caller runs what it says, so an invalid call is no call at all."""
    texts = (event.id, event.name, event.arguments)
    if not all(isinstance(text, str) and text for text in texts) or not isinstance(event.signature, bytes):
        raise odd(event)
    try:
        arguments = msgspec.json.decode(event.arguments)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        raise odd(event) from None
    if not isinstance(arguments, dict):
        raise odd(event)
    return ToolCall(*texts, event.signature)


def _logprobs(event: Any) -> Logprobs | None:
    good = tuple(
        token
        for token in event.tokens
        if isinstance(token.token, str)
        and number(token.logprob) is not None
        and all(isinstance(word, str) and number(likely) is not None for word, likely in token.top)
    )
    return Logprobs(good) if good else None


def _transcribed(event: Any) -> Transcribed:
    if not isinstance(event.text, str) or not isinstance(event.language, str):
        raise odd(event)
    seconds = number(event.seconds)
    segments = tuple(
        segment for segment in event.segments if isinstance(segment.text, str) and 0 <= segment.start <= segment.end
    )
    return Transcribed(event.text, event.language, seconds if seconds is not None and seconds >= 0 else None, segments)


def _embedded(event: Any) -> Embedded:
    if not event.vectors or len({len(vector) for vector in event.vectors}) != 1:
        raise odd(event)
    return Embedded(event.vectors)


def _progress(event: Any) -> Progress:
    fraction, eta = number(event.fraction), number(event.eta)
    return Progress(
        event.stage[:LONGEST_STAGE] if isinstance(event.stage, str) else "working",
        None if fraction is None else min(1.0, max(0.0, fraction)),
        count(event.queue_position, 2**31 - 1) or None,
        eta if eta is not None and 0 <= eta <= LONGEST_ETA else None,
    )


def _notice(event: Any) -> Notice | None:
    if not isinstance(event.kind, NoticeKind) or not isinstance(event.field, str) or not isinstance(event.message, str):
        log.warning("adapter yields an odd notice")
        return None
    return Notice(event.kind, event.field, event.message[:LONGEST_NOTICE])


def _finish(event: Any) -> Finish:
    if not isinstance(event.reason, FinishReason):
        raise odd(event)
    return Finish(event.reason)


def _preview(event: Any) -> Preview | None:
    index = count(event.index, LARGEST_INDEX)
    if index is None or not isinstance(event.mime, str) or not isinstance(event.data, bytes) or not event.data:
        return None  # a preview only decorates
    return Preview(index, event.mime, event.data)


def _picture(event: Any) -> Picture:
    index, seed = count(event.index, LARGEST_INDEX), event.seed
    if index is None or not isinstance(event.data, bytes) or not event.data:
        raise odd(event)
    sound = seed if type(seed) is int and 0 <= seed <= LARGEST_SEED else None
    return Picture(index, event.data, sound)


CHECKS: dict[type[Any], Callable[[Any], Any]] = {
    Retract: lambda event: event,
    Usage: _usage,
    Composing: _composing,
    ToolCall: _tool_call,
    Logprobs: _logprobs,
    Transcribed: _transcribed,
    Embedded: _embedded,
    Progress: _progress,
    Notice: _notice,
    Finish: _finish,
    Preview: _preview,
    Picture: _picture,
}
