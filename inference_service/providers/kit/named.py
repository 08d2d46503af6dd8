"""What a refusal names: a limit with its window, money, a field of the request. Pure."""

import re
from collections.abc import Iterable, Mapping

from inference_service.providers.kit.bodies import Evidence
from inference_service.providers.kit.dialect import Dialect, Sent
from inference_service.providers.kit.limits import LONGEST, WINDOWS, until_window_end
from inference_service.quotas import DAY, HOUR, MINUTE, Clock, LimitFact, Unit

_WINDOW = re.compile(
    r"(?:per|by|/) ?[_-]?(?:(?P<seconds>\d+) ?s(?:ec(?:ond)?s?)?\b|(?:1 )?(?P<word>second|sec|minute|min|hour|day|week|month))"
    r"|\b(?P<adverb>hourly|daily|today's|weekly|monthly)\b",
    re.IGNORECASE,
)
_ADVERBS = {"hourly": HOUR, "daily": DAY, "today's": DAY, "weekly": WINDOWS["week"], "monthly": WINDOWS["month"]}
_ACRONYM = re.compile(r"\b(?:[IO]?(?P<what>[RT])P(?P<when>[SMHD])|AS(?P<audio>[HD]))\b")
_LETTERS = {"S": 1.0, "M": MINUTE, "H": HOUR, "D": DAY}
_UNITS = (
    (Unit.TOKENS, ("token",)),
    (Unit.MONEY, ("neuron", "credit", "spend")),
    (Unit.PICTURES, ("image", "picture")),
    (Unit.REQUESTS, ("request", "call", "message", "query")),
)
_AT_ONCE = re.compile(r"concurren|parallel requests|simultaneous|per 0 ?s\b", re.IGNORECASE)
_LIMIT = re.compile(
    r"rate.?limit(ed)?[^|]{0,20}(reached|exceeded)|rate_limit_exceeded|quota[^|]{0,20}(exceeded|exhausted|used up)"
    r"|exceeded your [^|]{0,20}quota|usage limit|free allocation|resource_exhausted|insufficient_quota"
    r"|too many requests",
    re.IGNORECASE,
)
_MONEY = re.compile(
    r"insufficient_quota|exceeded your current quota|included credits|depleted|billing_hard_limit|credit balance"
    r"|(insufficient|not enough|no) (account )?(credits?|balance|funds)|balance (is )?(insufficient|exhausted|not enough)"
    r"|payment (method )?required|spend limit|arrears|exhausted[^|]{0,30}credits|billing[^|]{0,30}(required|limit)|not_enough_balance|arrearage|exceeded_current_quota|spend(ing)? limit|have any credits"
    r"|blocked_api_access|credit limit exceeded|out of credits|budget has been exceeded|(exceeded|over)[_ ](your |the )?budget"
    r"|budget_exceeded",
    re.IGNORECASE,
)
_LIMIT_NUMBER = re.compile(r"(?:limit(?:ed)?(?: of| to)?:? ?|quota:)(\d{1,12})\b", re.IGNORECASE)

# Key of a request's body → the contract's field. Keys that only we send (stream_options) map to themselves.
BODY_FIELDS: Mapping[str, str] = {
    "temperature": "sampling.temperature", "top_p": "sampling.top_p", "top_k": "sampling.top_k", "min_p": "sampling.min_p",
    "max_tokens": "sampling.max_tokens", "max_completion_tokens": "sampling.max_tokens",
    "max_output_tokens": "sampling.max_tokens", "max_new_tokens": "sampling.max_tokens",
    "stop": "sampling.stop", "stop_sequences": "sampling.stop", "seed": "sampling.seed", "random_seed": "sampling.seed",
    "frequency_penalty": "sampling.frequency_penalty", "presence_penalty": "sampling.presence_penalty",
    "presencePenalty": "sampling.presence_penalty", "frequencyPenalty": "sampling.frequency_penalty",
    "reasoningEffort": "sampling.reasoning_effort", "reasoning_effort": "sampling.reasoning_effort",
    "top_logprobs": "sampling.top_logprobs", "logprobs": "sampling.top_logprobs", "response_format": "response_format", "json_schema": "response_format",
    "negative_prompt": "negative_prompt", "num_inference_steps": "steps", "num_steps": "steps", "steps": "steps",
    "guidance_scale": "guidance_scale", "guidance": "guidance_scale", "cfg_scale": "guidance_scale",
    "size": "size", "width": "size", "height": "size", "aspect_ratio": "aspect_ratio", "n": "count", "num_images": "count",
    "stream_options": "stream_options", "parallel_tool_calls": "parallel_tool_calls",
}  # fmt: skip
# Names that are ordinary words: in a sentence they count only in quotation marks.
_WORDS = frozenset({"stop", "size", "n", "steps", "width", "height", "guidance"})
_REFUSING = re.compile(
    r"unsupported|not supported|unknown (name|field|param|arg|key)|unrecogni[sz]ed|unexpected|extra (inputs?|fields?)|not permitted"
    r"|not allowed|not enabled|does(n't| not) (support|take|accept)|invalid|must be|should be|cannot be|out of range|deprecated"
    r"|less than|greater than|extra_forbidden|parameter error|cannot both|mutually exclusive|must contain|must have|can handle the requested parameters|not a valid|incompatible",
    re.IGNORECASE,
)
# Names that the refusal suggests instead of the refused one.
_OFFERED = re.compile(
    r"did you mean[^|;?]*|\buse ['\"`]?\w+['\"`]? instead|expected one of[^|;]*|must be one of[^|;]*"
    r"|\b(supported|allowed|valid|accepted|permitted) (\w+ )?(are|is|include)\b[^|;]*",
    re.IGNORECASE,
)
_ONLY_ONE = re.compile(r"cannot both|only one (of|is)|use only one|mutually exclusive", re.IGNORECASE)
_NAME = re.compile(r"(?P<quote>['\"`]?)(?<![\w.])(?:[\w\[\]]+\.)*?(?P<name>" + "|".join(sorted(BODY_FIELDS, key=len, reverse=True))
                   + r")(?![\w])(?P<end>['\"`]?)")  # fmt: skip


def speaks_of_limit(evidence: Evidence) -> bool:
    """The words of a limit, for statuses that do not imply one."""
    return bool(_LIMIT.search(evidence.text)) or speaks_of_money(evidence)


def speaks_of_money(evidence: Evidence) -> bool:
    return bool(_MONEY.search(evidence.text))


def limit_in(evidence: Evidence, dialect: Dialect) -> LimitFact | None:
    """The named limit; if there are several, the one with the longest window."""
    text = evidence.text
    if _AT_ONCE.search(text):
        return LimitFact(Unit.CONCURRENT)
    limits = [(window, _unit_before(text, at)) for at, window in _windows(text)]
    for match in _ACRONYM.finditer(text):
        window = _LETTERS[match["when"] or match["audio"]]
        limits.append((window, Unit.TOKENS if match["what"] == "T" else Unit.REQUESTS))
    if not limits:
        return None
    window, unit = max(limits, key=lambda limit: limit[0])
    number = _LIMIT_NUMBER.search(text)
    return LimitFact(unit, window, dialect.clock(window), int(number[1]) if number and len(limits) == 1 else None)


def _windows(text: str) -> list[tuple[int, float]]:
    windows = []
    for match in _WINDOW.finditer(text):
        if match["seconds"]:
            window = float(match["seconds"])
        elif match["word"]:
            window = WINDOWS[match["word"].lower()]
        else:
            window = _ADVERBS[match["adverb"].lower()]
        if 0 < window <= LONGEST:
            windows.append((match.start(), window))
    return windows


def _unit_before(text: str, at: int) -> Unit:
    """What is counted, by the nearest word before the window, else after it."""
    before, after = text[max(0, at - 40) : at].lower(), text[at : at + 40].lower()
    places = [(before.rfind(word), unit) for unit, words in _UNITS for word in words]
    best, unit = max(places, key=lambda candidate: candidate[0])
    if best >= 0:
        return unit
    behind = [(place, unit) for unit, words in _UNITS for word in words if (place := after.find(word)) >= 0]
    return min(behind, key=lambda candidate: candidate[0])[1] if behind else Unit.REQUESTS


def money(dialect: Dialect) -> LimitFact:
    """Credit, with the window of the declared money quota if there is one."""
    declared = next((quota for quota in dialect.quotas if quota.unit is Unit.MONEY), None)
    return LimitFact(Unit.MONEY, declared.window, declared.clock) if declared else LimitFact(Unit.MONEY)


def rest(fact: LimitFact | None, stated: float | None, theirs: float) -> float | None:
    """Seconds until the limit is worth another try. A declared hour or day of the clock beats every stated wait."""
    if fact is None or fact.window is None:
        return stated
    if fact.clock in (Clock.WALL, Clock.PACIFIC) and (fact.window >= HOUR or stated is None):
        return until_window_end(fact.clock, fact.window, theirs)
    if stated is not None:
        return stated
    if fact.clock is Clock.FIRST_USE:
        return min(fact.window, DAY)
    if fact.clock is None and fact.window >= DAY:
        return until_window_end(Clock.WALL, fact.window, theirs)  # what most providers mean by a day or a month
    return min(fact.window, HOUR)  # a rolling window frees its first calls long before it is over


def outgrown(evidence: Evidence, sent: Sent | None) -> bool:
    """The request alone is larger than the named limit of input tokens."""
    if sent is None or not re.search(r"input_?-?tokens", evidence.text, re.IGNORECASE):
        return False
    numbers = [int(code.removeprefix("quota:")) for code in evidence.codes if re.fullmatch(r"quota:\d{1,12}", code)]
    return bool(numbers) and 0 < max(numbers) < sent.tokens


def fields_in(evidence: Evidence, sent: Sent | None) -> tuple[str, ...]:
    """The optional fields that the refusal names and the request set: dotted, or keys that only we send.

    A name in a dedicated key (`param`, `loc`) says more than the sentences, which may suggest others.
    """
    if fields := _known(evidence.fields, sent):
        return fields
    if not _REFUSING.search(evidence.text):
        return ()
    fields = _known(_names(_OFFERED.sub(" ", evidence.text)), sent)
    return fields[-1:] if _ONLY_ONE.search(evidence.text) else fields


def _known(names: Iterable[str], sent: Sent | None) -> tuple[str, ...]:
    fields = (BODY_FIELDS.get(name.rpartition(".")[2]) for name in names)
    return tuple(dict.fromkeys(field for field in fields if field and (sent is None or field in sent.fields)))


def _names(text: str) -> list[str]:
    names = []
    for match in _NAME.finditer(text):
        quoted = bool(match["quote"]) and bool(match["end"])
        if quoted or match["name"] not in _WORDS:
            names.append(match["name"])
    return names
