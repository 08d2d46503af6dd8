"""Since when the bot has been away: when it is back, it looks for what people asked meanwhile.

A heartbeat is stored while the gateway is connected, so that a crash is noticed as well as a lost connection.
"""

import asyncio

import structlog

from discord_bot.clock import DiscordClock
from discord_bot.ledger import TROUBLE
from discord_bot.store.database import Store

log = structlog.get_logger(__name__)
KEY = "alive"
PERIOD = 15.0  # seconds between two heartbeats; a message of this time may be read twice, and is answered once


class Presence:
    def __init__(self, store: Store, clock: DiscordClock) -> None:
        self._store = store
        self._clock = clock
        self._connected = False

    async def keep(self) -> None:
        """Runs forever: records heartbeats."""
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
        """A session begins. Returns the time (epoch seconds) of the last heartbeat, None on the very first start."""
        last = await self._store.get_meta(KEY)
        self._connected = True
        await self.mark()
        return float(last) if last else None

    def resumed(self) -> None:
        """Discord repeats the events of the gap."""
        self._connected = True

    async def lost(self) -> None:
        """The connection is lost; from here on, events are missed."""
        if self._connected:
            await self.mark()
        self._connected = False
