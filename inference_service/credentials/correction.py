"""What a provider says about a limit, against what was counted of it here. Pure: `now` is an argument."""

from collections.abc import Callable

from msgspec import structs

from inference_service.credentials.entry import GONE, Entry
from inference_service.credentials.quota import NEVER, Window
from inference_service.quotas import LimitFact


def correct(
    window: Window,
    fact: LimitFact,
    flying: float,
    now: float,
    bound: Callable[[float], float],
    *,
    refused: bool = False,
    at: float = NEVER,
) -> None:
    """Takes the provider's own count of the moment `at`, at the latest now.

    flying: what calls under way have taken that it may not have counted yet. When it accepts a call, the reset of a
    rolling window is the time until it is empty, not a wait.
    """
    at = min(at, now)
    if fact.limit is not None and fact.limit >= 0 and (not window.firm or fact.limit < window.limit):
        window.quota = structs.replace(window.quota, limit=fact.limit)
    if fact.remaining is None:
        return
    window.roll(now)
    left_since = sum(amount for leaves, amount in window.just_left if leaves > at)
    told = max(0.0, float(window.limit - fact.remaining) - left_since)
    if window.logs or at >= window.since:  # else it is about the window before
        if told > window.used:
            _add(window, told - window.used, at, fact.resets_after)
        elif not window.firm and told + flying < window.used:
            _drop(window, window.used - told - flying)
    if fact.remaining == 0 and fact.resets_after is not None and (refused or not window.rolling):
        window.held_until = max(window.held_until, at + bound(fact.resets_after))


def _add(window: Window, amount: float, at: float, resets_after: float | None) -> None:
    """Calls that we do not know of; when they leave the window only the provider can say."""
    window.used += amount
    if window.logs:
        length = window.quota.window
        leaves = at + min(length if resets_after is None else resets_after, length)
        window.insert(Entry(amount, leaves - length, leaves))
        window.follow_log()
    elif not window.ends:
        window.ends = window.end_after(at)


def _drop(window: Window, amount: float) -> None:
    """The provider has counted fewer: the oldest are over, or the latest were never counted in a window that goes on."""
    window.used = max(0.0, window.used - amount)
    while amount > 0 and window.log:
        entry = window.log[0 if window.rolling else -1]
        part = min(amount, entry.amount)
        entry.amount -= part
        amount -= part
        if entry.amount <= 0:
            entry.leaves = GONE
            window.log.remove(entry)
    window.follow_log()
