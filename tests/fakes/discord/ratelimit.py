"""Rate limits as the platform counts them (documentation: topics/rate-limits).

A bucket is a fixed window that opens with its first request. Buckets belong to a class of routes (POST of a message,
PATCH of a message, …) and a major parameter (channel, guild, webhook), so all edits in one channel share one bucket.
These windows run on real monotonic time, because a client really sleeps them away; make them short with
`Limits().scaled(0.1)`. The hidden limit of two renames per ten minutes runs on the fake's own clock instead.
"""

import hashlib
import math
from dataclasses import dataclass, fields, replace
from typing import NamedTuple


class Rule(NamedTuple):
    """`limit` requests per `window` seconds."""

    limit: int
    window: float


@dataclass(frozen=True)
class Limits:
    """The rules in force. Those of send, edit and reactions are what people observe, the others are ample."""

    send: Rule = Rule(5, 5.0)
    edit: Rule = Rule(5, 5.0)
    delete: Rule = Rule(5, 1.0)
    reaction: Rule = Rule(1, 0.25)
    typing: Rule = Rule(5, 5.0)
    webhook: Rule = Rule(5, 2.0)
    other: Rule = Rule(30, 1.0)
    everything: Rule = Rule(50, 1.0)

    def scaled(self, factor: float) -> "Limits":
        """The same rules with windows `factor` times as long. The global rule stays."""
        rules = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "everything"}
        return replace(self, **{name: Rule(rule.limit, rule.window * factor) for name, rule in rules.items()})


class Verdict(NamedTuple):
    allowed: bool
    limit: int
    remaining: int
    reset_after: float
    bucket: str

    def headers(self, now: float) -> dict[str, str]:
        """The five headers; `now` is Unix time. Times are rounded up: a client that obeys is never early."""
        return {
            "X-RateLimit-Limit": str(self.limit),
            "X-RateLimit-Remaining": str(self.remaining),
            "X-RateLimit-Reset-After": f"{math.ceil(self.reset_after * 1000) / 1000:.3f}",
            "X-RateLimit-Reset": f"{math.ceil((now + self.reset_after) * 1000) / 1000:.3f}",
            "X-RateLimit-Bucket": self.bucket,
        }


class Window:
    """One bucket's fixed window; `now` is monotonic seconds."""

    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        self.opened = -math.inf
        self.used = 0

    def take(self, now: float) -> tuple[bool, int, float]:
        """→ allowed, remaining, seconds until the window opens again."""
        if now >= self.opened + self.rule.window:
            self.opened, self.used = now, 0
        allowed = self.used < self.rule.limit
        self.used += allowed
        return allowed, self.rule.limit - self.used, self.opened + self.rule.window - now


MAJOR = ("channel_id", "guild_id", "webhook_id", "token")
# (method, route) → the rule's name; webhook and interaction tokens have buckets of their own.
CLASSES = {
    ("POST", "/channels/{channel_id}/messages"): "send",
    ("PATCH", "/channels/{channel_id}/messages/{message_id}"): "edit",
    ("DELETE", "/channels/{channel_id}/messages/{message_id}"): "delete",
    ("POST", "/channels/{channel_id}/typing"): "typing",
}


def class_of(method: str, route: str) -> tuple[str, str]:
    """→ the rule's name and the name of the shared bucket."""
    if known := CLASSES.get((method, route)):
        return known, known
    if "/reactions/" in route and method in ("PUT", "DELETE"):
        return "reaction", "reaction"
    if route.startswith("/webhooks/"):
        return "webhook", "webhook"
    return "other", f"{method} {route}"


class Buckets:
    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._windows: dict[tuple[str, ...], Window] = {}
        self._global = Window(limits.everything)

    def take_global(self, now: float) -> float | None:
        """Seconds to wait when the bot as a whole was too fast, else None."""
        allowed, _, reset_after = self._global.take(now)
        return None if allowed else reset_after

    def take(self, method: str, route: str, params: dict[str, str], now: float) -> Verdict:
        rule_name, shared = class_of(method, route)
        rule: Rule = getattr(self.limits, rule_name)
        major = tuple(params[name] for name in MAJOR if name in params)
        window = self._windows.setdefault((shared, *major), Window(rule))
        allowed, remaining, reset_after = window.take(now)
        digest = hashlib.sha256(shared.encode()).hexdigest()[:32]
        return Verdict(allowed, rule.limit, remaining, reset_after, digest)
