"""Erases what is too old, once an hour, while Discord's clock agrees with ours about how old that is."""

import asyncio
from email.utils import parsedate_to_datetime

import structlog

from discord_bot.ledger import TROUBLE
from discord_bot.services import Services

log = structlog.get_logger(__name__)
PERIOD = 3_600.0
MOST_SKEW = 3_600.0  # seconds


class DiscordClock:
    """How far this machine's clock is from Discord's, by the `Date` of its answers.

    A machine that starts with a wrong clock, or whose clock jumps, would otherwise erase what people want to keep.
    """

    def __init__(self) -> None:
        self._ahead: float | None = None

    def observe(self, date: str, now: float) -> None:
        """`date`: what the header says; one that cannot be read changes nothing."""
        try:
            self._ahead = now - parsedate_to_datetime(date).timestamp()
        except (ValueError, TypeError):
            return

    @property
    def agrees(self) -> bool:
        return self._ahead is None or abs(self._ahead) <= MOST_SKEW


async def keep_retention(services: Services, clock: DiscordClock) -> None:
    days = services.config.bot.retention_days
    while days:
        await erase_old(services, clock, days)
        await asyncio.sleep(PERIOD)


async def erase_old(services: Services, clock: DiscordClock, days: int) -> None:
    if not clock.agrees:
        log.warning("this machine's clock is not Discord's, so nothing is erased as too old; set the clock")
        return
    try:
        await services.store.privacy.erase_older(days)
    except TROUBLE:
        log.warning("old conversations could not be erased; it is tried again in an hour")
