"""Erases old data once an hour, while Discord's clock agrees with ours about its age."""

import asyncio

import structlog

from discord_bot.clock import DiscordClock
from discord_bot.ledger import TROUBLE
from discord_bot.services import Services

log = structlog.get_logger(__name__)
PERIOD = 3_600.0


async def keep_retention(services: Services, clock: DiscordClock) -> None:
    while True:
        await erase_old(services, clock, services.config.bot.retention_days)
        await asyncio.sleep(PERIOD)


async def erase_old(services: Services, clock: DiscordClock, days: int) -> None:
    """After the operator's number of days everywhere (0: never), or a server's if it keeps less."""
    if not clock.agrees:
        log.warning("this machine's clock is not Discord's, so nothing is erased as too old; set the clock")
        return
    try:
        if days:
            await services.store.privacy.erase_older(days)
        for guild_id, wanted in (await services.store.settings.kept_otherwise()).items():
            if wanted and (not days or wanted < days):
                await services.store.privacy.erase_older_in(guild_id, wanted)
    except TROUBLE:
        log.warning("old conversations could not be erased; it is tried again in an hour")
