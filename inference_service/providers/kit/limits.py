"""Limits in response headers and the times in them: one grammar for every dialect.

Sources: RFC 9110 (Retry-After), the OpenAI SDK (retry-after-ms), draft-ietf-httpapi-ratelimit-headers, the documents of
OpenAI, Anthropic, Cohere, Groq, Mistral and GitHub, and recorded answers of Cerebras, SambaNova and OpenRouter.
Results are seconds from now; unreadable values are absent.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from inference_service.providers.kit.dialect import PLAIN, Dialect
from inference_service.providers.seam import LimitReport
from inference_service.quotas import DAY, HOUR, MINUTE, MONTH, Clock, LimitFact, Unit, window_end

LONGEST = 32 * DAY
WEEK = 7 * DAY
WINDOWS = {
    "second": 1.0, "sec": 1.0, "minute": MINUTE, "min": MINUTE, "hour": HOUR, "day": DAY, "week": WEEK, "month": MONTH,
}  # fmt: skip
_PART = re.compile(r"(\d+(?:\.\d+)?) ?(ms|s|m|h|d)")
_EVERY = {"ms": 0.001, "s": 1.0, "m": MINUTE, "h": HOUR, "d": DAY}
_EPOCH = 1e9  # larger numbers are moments, not durations
_EPOCH_MS = 1e11
_JUST_NOW = 60.0  # a moment further in the past is meaningless
_WHAT = r"requests?|req|images?|(?:input-|output-)?tokens(?:-prompt|-generated)?"
_WHEN = r"second|minute|hour|day|month"
_GRAMMAR = re.compile(
    rf"(?:x-|anthropic-|modelscope-)?ratelimit-(?:(?P<model>model-)?(?P<first>{_WHAT})-)?(?P<part>limit|remaining|reset)"
    rf"(?:-(?P<what>{_WHAT}))?(?:-(?P<when>{_WHEN}))?"
)
_COHERE = re.compile(r"x-(endpoint-monthly|trial-endpoint)-call-(limit|remaining)")
_TOKENLIMIT = re.compile(r"x-tokenlimit-(limit|remaining)")
_IETF_LEFT = re.compile(r"\br=(\d+)(?:\s*;\s*t=(\d+))?")
_IETF_POLICY = re.compile(r"\bq=(\d+)(?:\s*;[^,]*?\bw=(\d+))?")


def wake_after(headers: Mapping[str, str], now: float, dialect: Dialect = PLAIN) -> float | None:
    """Seconds to wait according to the refusal's own headers. `now`: epoch time of this machine."""
    stated = retry_after(headers, now)
    if stated is not None:
        return stated
    # A reset concerns this refusal only if its budget is used up.
    resets = [
        fact.resets_after
        for fact in facts(headers, now, dialect)
        if fact.remaining == 0 and fact.resets_after is not None
    ]
    if resets:
        return max(resets)
    if "x-ratelimit-remaining" not in headers:
        return seconds_until(headers.get("x-ratelimit-reset"), headers, now)
    return None


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """The wait that the refusal states outright. Only for refusals: some send it with every answer."""
    values = (
        _scaled(headers.get("retry-after-ms"), 0.001),
        seconds_until(headers.get("retry-after"), headers, now),
        seconds_until(headers.get("x-ratelimit-timeremaining"), headers, now),
        _scaled(headers.get("x-ms-retry-after-ms"), 0.001),
    )
    return next((value for value in values if value is not None), None)


def report(headers: Mapping[str, str], now: float, dialect: Dialect = PLAIN) -> LimitReport | None:
    """What an accepted call reports about the limits ahead, the tightest first; None if it reports nothing."""
    reported = [fact for fact in facts(headers, now, dialect) if fact.remaining is not None or fact.limit is not None]
    return LimitReport(tuple(reported)) if reported else None


def facts(headers: Mapping[str, str], now: float, dialect: Dialect = PLAIN) -> list[LimitFact]:
    """Every limit in the headers, one per unit and window; requests first, then by what is left."""
    parts: dict[tuple[str, float | None], dict[str, str]] = {}
    for name, value in headers.items():
        name = name.lower()  # noqa: PLW2901 - header names have no case
        place = _place(name, dialect) if "limit" in name or "-call-" in name else None
        if place is not None:
            what, window, part = place
            parts.setdefault((what, window), {})[part] = value
    renewal = _count(headers.get("x-ratelimit-renewalperiod-requests"))
    facts: dict[tuple[Unit, float | None], LimitFact] = {}
    for (what, window), values in parts.items():
        if window is None and renewal:
            window = float(renewal)  # noqa: PLW2901 - the header beside it says what the name leaves open
        fact = _fact(_unit(what), window, values, headers, now, dialect)
        before = facts.get((fact.unit, window))
        if before is None or _left(fact) < _left(before):
            facts[fact.unit, window] = fact
    for fact in _ietf(headers):
        facts.setdefault((fact.unit, fact.window), fact)
    return sorted(facts.values(), key=lambda fact: (fact.unit is not Unit.REQUESTS, _left(fact)))


def _left(fact: LimitFact) -> float:
    return float("inf") if fact.remaining is None else fact.remaining


def _place(name: str, dialect: Dialect) -> tuple[str, float | None, str] | None:
    """(what is counted, over which window, limit or remaining or reset) from a header's name."""
    if match := _GRAMMAR.fullmatch(name):
        what = match["what"] or match["first"] or "requests"
        window = WINDOWS[match["when"]] if match["when"] else dialect.windows.get(_family(what))
        if name.startswith("modelscope-"):
            window = DAY
        return f"{what}-of-a-model" if match["model"] else what, window, match["part"]
    if match := _COHERE.fullmatch(name):
        return "requests", MONTH if match[1] == "endpoint-monthly" else MINUTE, match[2]
    if match := _TOKENLIMIT.fullmatch(name):
        return "tokens", dialect.windows.get("tokens"), match[1]
    return None


def _family(what: str) -> str:
    return "tokens" if "tokens" in what else "images" if what.startswith("image") else "requests"


def _unit(what: str) -> Unit:
    return {"tokens": Unit.TOKENS, "images": Unit.PICTURES, "requests": Unit.REQUESTS}[_family(what)]


def _fact(
    unit: Unit,
    window: float | None,
    values: Mapping[str, str],
    headers: Mapping[str, str],
    now: float,
    dialect: Dialect,
) -> LimitFact:
    resets = seconds_until(values.get("reset"), headers, now)
    clock = dialect.clock(window) if window is not None else None
    if resets is None and clock in (Clock.WALL, Clock.PACIFIC) and window is not None and "remaining" in values:
        resets = until_window_end(clock, window, upstream_clock(headers, now))
    return LimitFact(unit, window, clock, _count(values.get("limit")), _count(values.get("remaining")), resets)


def _ietf(headers: Mapping[str, str]) -> list[LimitFact]:
    policy = _IETF_POLICY.search(headers.get("ratelimit-policy", ""))
    limit, window = (int(policy[1]), float(policy[2]) if policy[2] else None) if policy else (None, None)
    return [
        LimitFact(Unit.REQUESTS, window, None, limit, int(match[1]), float(match[2]) if match[2] else None)
        for match in _IETF_LEFT.finditer(headers.get("ratelimit", "")[:300])
    ]


def until_window_end(clock: Clock, window: float, now: float) -> float:
    """Seconds from `now` to the end of the window."""
    return window_end(clock, window, now) - now


def upstream_clock(headers: Mapping[str, str], now: float) -> float:
    """Epoch time by the upstream's `Date` if it sent one: clocks disagree."""
    return _date(headers.get("date", "")) or now


def seconds_until(value: str | None, headers: Mapping[str, str], now: float) -> float | None:
    """Seconds until a reset given as seconds, a duration such as 1m30s, an epoch in s or ms, or a date."""
    text = (value or "").strip().strip('"')
    if not text:
        return None
    theirs = upstream_clock(headers, now)
    try:
        number = float(text)
    except ValueError:
        wait = duration(text)
        if wait is None and (when := _date(text)) is not None:
            wait = _from_moment(when, theirs)
        return None if wait is None else min(wait, LONGEST)
    if not 0 <= number < float("inf"):  # NaN, too
        return None
    if number >= _EPOCH:
        return _from_moment(number / 1000 if number >= _EPOCH_MS else number, theirs)
    return min(number, LONGEST)


def _from_moment(when: float, theirs: float) -> float | None:
    wait = when - theirs
    return None if wait < -_JUST_NOW else max(0.0, min(wait, LONGEST))


def duration(text: str) -> float | None:
    """Seconds of `370ms`, `2m59.56s`, `1h2m`, `34.4s`."""
    compact = text.lower().replace(" ", "")
    parts = _PART.findall(compact)
    if not parts or "".join(number + unit for number, unit in parts) != compact:
        return None
    return min(sum(float(number) * _EVERY[unit] for number, unit in parts), LONGEST)


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
        return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None


def _scaled(text: str | None, factor: float) -> float | None:
    try:
        number = float(text or "") * factor
    except ValueError:
        return None
    return min(number, LONGEST) if 0 <= number < float("inf") else None


def _count(text: str | None) -> int | None:
    """An integer; the first of `100, 100;w=60`."""
    try:
        number = int(float((text or "").partition(",")[0]))
    except (ValueError, OverflowError):
        return None
    return number if 0 <= number < 2**63 else None
