"""Discord's buckets, in place of the library's own. One bucket is a fixed window of requests of one kind in one channel.

The library delays a request after it has been answered: the one that takes the last slot of a window returns only
when the window is over. With several requests waiting, each may sleep through a whole window. Here:

1. A request waits only before it is sent, first come, first served, and returns as soon as it is answered.
2. Discord's headers are trusted. Running requests are counted here and not yet there: the first
answer of a window is reduced by the running requests, and among further answers the lowest number applies.
3. One timer per window wakes as many waiters as the next window has room for.
"""

import asyncio
from types import TracebackType

import aiohttp
import discord.http
from discord import RateLimited

SAME_WINDOW = 0.25  # seconds by which two answers about the same window may differ


class Bucket(discord.http.Ratelimit):
    """What the library calls a rate limit; it only uses these methods."""

    __slots__ = ("_timer",)

    def __init__(self, max_ratelimit_timeout: float | None) -> None:
        super().__init__(max_ratelimit_timeout)
        self._timer: asyncio.TimerHandle | None = None

    def update(self, response: aiohttp.ClientResponse, *, use_clock: bool = False) -> None:
        """An answer of Discord arrived; its request still counts as running."""
        del use_clock  # two machines' clocks differ, but the remaining time does not
        headers, now = response.headers, self._loop.time()
        remaining = int(headers.get("X-RateLimit-Remaining", 0))
        self.limit = max(1, int(headers.get("X-RateLimit-Limit", 1)))
        self.reset_after = float(headers.get("X-RateLimit-Reset-After", 0))
        others = self.outgoing - 1
        ends = now + self.reset_after
        if self.expires is None:
            self.remaining, self.expires = remaining - others, ends
        elif ends >= self.expires - SAME_WINDOW:
            # Answers overtake each other: one that promises more than is known may be the older one.
            self.remaining = min(self.remaining, remaining)
            self.expires = max(self.expires, ends)

    async def acquire(self) -> None:
        """Returns when the request may be sent. Raises RateLimited if that would take too long."""
        self._last_request = self._loop.time()
        if self.is_expired():
            self._begin_window()
        if self.remaining > 0 and not self._pending_requests:
            self._take()
            return
        wait = (self.expires or 0.0) - self._loop.time()
        if self._max_ratelimit_timeout is not None and wait > self._max_ratelimit_timeout:
            raise RateLimited(wait)
        turn: asyncio.Future[None] = self._loop.create_future()
        self._pending_requests.append(turn)
        self._set_timer()
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._give_back()
            raise

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.outgoing -= 1
        if self.expires is None:
            self.remaining = self.limit - self.outgoing  # answered without limits in its headers, or not at all
        self._serve()
        self._set_timer()

    def _take(self) -> None:
        self.remaining -= 1
        self.outgoing += 1

    def _give_back(self) -> None:
        """The waiter for this slot is gone."""
        self.outgoing -= 1
        self.remaining += 1
        self._serve()

    def _serve(self) -> None:
        """Assigns the free slots to the waiters in order, so that a later request cannot overtake them."""
        while self.remaining > 0 and self._pending_requests:
            turn = self._pending_requests.popleft()
            if not turn.done():
                self._take()
                turn.set_result(None)

    def _begin_window(self) -> None:
        self.remaining, self.expires, self.reset_after = self.limit - self.outgoing, None, 0.0
        self._serve()

    def _set_timer(self) -> None:
        if self._pending_requests and self.expires is not None and self._timer is None:
            self._timer = self._loop.call_at(self.expires, self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        if self.expires is not None and self._loop.time() >= self.expires:
            self._begin_window()
        self._set_timer()


def use_own_buckets() -> None:
    """The library makes its buckets by this name and has no other door; like `Route.BASE` it holds for the process."""
    discord.http.Ratelimit = Bucket  # type: ignore[misc] # a subclass in its place
