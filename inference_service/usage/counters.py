"""How much of its rate and budget a caller has used in this process. Pure: `now` is an argument, in seconds."""

from collections import deque
from dataclasses import dataclass, field

MINUTE, DAY = 60.0, 86_400.0


@dataclass(frozen=True)
class Allowance:
    """What a caller may use. 0: no limit."""

    requests_per_minute: int
    tokens_per_day: int

    @property
    def unbounded(self) -> bool:
        return not self.requests_per_minute and not self.tokens_per_day


@dataclass(frozen=True)
class Spent:
    """Which limit is reached ("requests" or "tokens") and the seconds until there is room again."""

    what: str
    retry_after: float


@dataclass(frozen=True)
class Room:
    """What is left of a limit. what: "requests" or "tokens"; resets_after: seconds until all of it is there again."""

    what: str
    limit: int
    used: int
    resets_after: float

    @property
    def remaining(self) -> int:
        return max(0, self.limit - self.used)


def rooms(allowed: Allowance, requests: tuple[int, float], tokens: tuple[int, float]) -> tuple[Room, ...]:
    """What is left of every limit that there is. requests, tokens: (used, seconds until they are forgotten)."""
    limits = (("requests", allowed.requests_per_minute, requests), ("tokens", allowed.tokens_per_day, tokens))
    return tuple(Room(what, limit, used, max(0.0, resets)) for what, limit, (used, resets) in limits if limit)


@dataclass
class _Used:
    at: deque[float] = field(default_factory=deque)  # when requests came, within the last minute
    tokens: int = 0
    since: float = 0.0  # when the day of these tokens began


class Counters:
    """Counts requests within any sixty seconds, and tokens within a day that starts with the first of them."""

    def __init__(self) -> None:
        self._used: dict[str, _Used] = {}

    def take(self, name: str, allowed: Allowance, now: float) -> Spent | None:
        """Counts a request if the limits allow it."""
        used = self._used.setdefault(name, _Used())
        while used.at and now - used.at[0] >= MINUTE:
            used.at.popleft()
        if 0 < allowed.requests_per_minute <= len(used.at):
            return Spent("requests", MINUTE - (now - used.at[-allowed.requests_per_minute]))
        if now - used.since >= DAY:
            used.tokens = 0
        if 0 < allowed.tokens_per_day <= used.tokens:
            return Spent("tokens", DAY - (now - used.since))
        if allowed.requests_per_minute:
            used.at.append(now)
        return None

    def left(self, name: str, allowed: Allowance, now: float) -> tuple[Room, ...]:
        """What the caller has left."""
        used = self._used.get(name, _Used())
        at = [one for one in used.at if now - one < MINUTE]
        today = now - used.since < DAY and used.tokens
        return rooms(
            allowed,
            (len(at), MINUTE - (now - at[-1]) if at else 0.0),
            (used.tokens, DAY - (now - used.since)) if today else (0, 0.0),
        )

    def spend(self, name: str, tokens: int, now: float) -> None:
        used = self._used.setdefault(name, _Used())
        if now - used.since >= DAY or not used.tokens:
            used.tokens, used.since = 0, now
        used.tokens += tokens
