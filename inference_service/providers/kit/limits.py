"""When may we ask again? The dialects in which providers tell their limits.

Sources: RFC 9110 (Retry-After), the OpenAI SDK (retry-after-ms), OpenAI, Mistral and GitHub
(x-ratelimit-*), draft-ietf-httpapi-ratelimit-headers as Hugging Face sends it (RateLimit).
All results are seconds from now; what cannot be read is None.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from inference_service.providers.seam import LimitReport
from inference_service.quotas import LimitFact, Unit

LONGEST = 32 * 86_400.0
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3_600.0, "d": 86_400.0}
_EPOCH = 1_000_000_000.0  # larger numbers are moments, not durations
_IETF = re.compile(r"\br=(\d+)(?:\s*;\s*t=(\d+))?")


def wake_after(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds to wait by the response's own word. `now` is the epoch time of this machine."""
    candidates = (
        _scaled(headers.get("retry-after-ms"), 0.001),
        moment(headers.get("retry-after"), headers, now),
        moment(headers.get("x-ratelimit-timeremaining"), headers, now),
    )
    for value in candidates:
        if value is not None:
            return value
    # A reset speaks about this refusal only where its budget is used up.
    resets = [
        value
        for what in ("requests", "tokens", "req-minute", "tokens-minute")
        if headers.get(f"x-ratelimit-remaining-{what}") == "0"
        and (value := moment(headers.get(f"x-ratelimit-reset-{what}"), headers, now)) is not None
    ]
    if resets:
        return max(resets)
    ietf = _IETF.search(headers.get("ratelimit", ""))
    if ietf and ietf[1] == "0" and ietf[2]:
        return min(float(ietf[2]), LONGEST)
    if headers.get("x-ratelimit-remaining", "0") == "0":
        return moment(headers.get("x-ratelimit-reset"), headers, now)
    return None


def report(headers: Mapping[str, str], now: float) -> LimitReport | None:
    """What an accepted call tells about the limit that bites first; None when it tells nothing."""
    found: list[tuple[int, float | None]] = []
    for remaining, reset in (
        ("x-ratelimit-remaining-requests", "x-ratelimit-reset-requests"),
        ("x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens"),
        ("x-ratelimit-remaining-req-minute", ""),
        ("x-ratelimit-remaining-tokens-minute", ""),
        ("x-ratelimit-remaining", "x-ratelimit-reset"),
    ):
        left = _count(headers.get(remaining))
        if left is None:
            continue
        after = moment(headers.get(reset), headers, now) if reset else to_next_minute(now)
        if after is None and "renewalperiod" in "".join(headers).lower():
            after = _count(headers.get("x-ratelimit-renewalperiod-requests"))
        # Tokens left are not requests left; only an empty purse of tokens counts.
        if "tokens" in remaining and left > 0:
            continue
        found.append((left, after))
    ietf = _IETF.search(headers.get("ratelimit", ""))
    if ietf:
        found.append((int(ietf[1]), float(ietf[2]) if ietf[2] else None))
    if not found:
        return None
    left, after = min(found, key=lambda one: one[0])
    return LimitReport((LimitFact(Unit.REQUESTS, remaining=left, resets_after=after),))


def moment(value: str | None, headers: Mapping[str, str], now: float) -> float | None:
    """Seconds until a reset given as seconds, a duration such as 1m30s, an epoch, or a date.

    Dates and epochs are read on the upstream's own clock where it sent a Date: clocks disagree.
    """
    text = (value or "").strip().strip('"')
    if not text:
        return None
    theirs = _date(headers.get("date", "")) or now
    try:
        number = float(text)
    except ValueError:
        parts = _PART.findall(text.lower())
        if parts and "".join(a + b for a, b in parts) == text.lower().replace(" ", ""):
            return min(sum(float(a) * _UNITS[b] for a, b in parts), LONGEST)
        when = _date(text)
        return None if when is None else max(0.0, min(when - theirs, LONGEST))
    if number != number or number < 0:  # noqa: PLR0124 - not a number
        return None
    if number > _EPOCH * 1000:
        number /= 1000
    wait = number - theirs if number > _EPOCH else number
    return max(0.0, min(wait, LONGEST))


def to_next_minute(now: float) -> float:
    """Seconds to the next full minute of the wall clock: the window of Mistral's limits."""
    return 60.0 - now % 60.0


def _date(text: str) -> float | None:
    for read in (_http_date, _iso_date):
        when = read(text)
        if when is not None:
            return when
    return None


def _http_date(text: str) -> float | None:
    try:
        return parsedate_to_datetime(text).timestamp()
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def _iso_date(text: str) -> float | None:
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        return None
    return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()


def _scaled(text: str | None, factor: float) -> float | None:
    try:
        number = float(text or "") * factor
    except ValueError:
        return None
    return min(number, LONGEST) if number >= 0 else None


def _count(text: str | None) -> int | None:
    if not text:
        return None
    try:
        number = int(float(text))
    except (ValueError, OverflowError):
        return None
    return number if number >= 0 else None
