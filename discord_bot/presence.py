"""Since when the bot has been away: what people asked meanwhile is looked for when it is back.

A moment of life is kept in the store while the gateway is connected, so that a crash is noticed as well as a cut line.
"""

import asyncio

import structlog

from discord_bot.clock import DiscordClock
from discord_bot.ledger import TROUBLE
from discord_bot.store.database import Store

log = structlog.get_logger(__name__)
KEY = "alive"
PERIOD = 15.0  # seconds between two marks; a message of this time may be looked at twice, and is answered once


class Presence:
    def __init__(self, store: Store, clock: DiscordClock) -> None:
        self._store = store
        self._clock = clock
        self._connected = False

    async def keep(self) -> None:
        """For ever: marks that the bot is there."""
        while True:
            await asyncio.sleep(PERIOD)
            if self._connected:
                await self.mark()

    async def mark(self) -> None:
        try:
            await self._store.set_meta(KEY, str(self._clock.now()))
        except TROUBLE:
            log.info("the moment could not be kept")

    async def back(self) -> float | None:
        """A session begins. Gives the moment (epoch seconds) of the last sign of life, None on the very first start."""
        last = await self._store.get_meta(KEY)
        self._connected = True
        await self.mark()
        return float(last) if last else None

    def resumed(self) -> None:
        """Discord repeats what happened meanwhile."""
        self._connected = True

    async def lost(self) -> None:
        """The connection is gone; from here on nothing is heard."""
        if self._connected:
            await self.mark()
        self._connected = False
