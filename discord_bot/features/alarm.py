"""Work that is due at a time kept in the store: it happens once, even if the bot was away at that time."""

import asyncio
import time
from collections.abc import Awaitable, Callable

import structlog

from discord_bot.ledger import TROUBLE

log = structlog.get_logger(__name__)
LONGEST_SLEEP = 60.0  # seconds; a clock that is set forward is noticed within this time


class Alarm:
    """`next_due` returns epoch seconds or None; `ring` does all that is due by the time it gets."""

    def __init__(
        self, name: str, next_due: Callable[[], Awaitable[float | None]], ring: Callable[[float], Awaitable[None]]
    ) -> None:
        self._name, self._next_due, self._ring = name, next_due, ring
        self._changed = asyncio.Event()

    def changed(self) -> None:
        """Something new is due, perhaps sooner than everything else."""
        self._changed.set()

    async def run(self) -> None:
        while True:
            self._changed.clear()
            pause = LONGEST_SLEEP
            try:
                await self._ring(time.time())
                due = await self._next_due()
                if due is not None:
                    pause = min(LONGEST_SLEEP, max(0.0, due - time.time()))
            except TROUBLE:
                log.warning("the store cannot be read; tried again later", alarm=self._name, again_in=pause)
            try:
                async with asyncio.timeout(pause):
                    await self._changed.wait()
            except TimeoutError:
                continue
