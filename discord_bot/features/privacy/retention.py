"""Erases what is too old, once an hour."""

import asyncio

import structlog

from discord_bot.ledger import TROUBLE
from discord_bot.services import Services

log = structlog.get_logger(__name__)
PERIOD = 3_600.0


async def keep_retention(services: Services) -> None:
    while True:
        try:
            await erase_old(services)
        except TROUBLE:
            log.warning("old conversations could not be erased; it is tried again in an hour")
        await asyncio.sleep(PERIOD)


async def erase_old(services: Services) -> None:
    """By the operator's days everywhere, by a server's where it keeps less."""
    most = services.config.bot.retention_days
    if most:
        await services.store.privacy.erase_older(most)
    for guild_id, days in (await services.store.settings.kept_otherwise()).items():
        if days and (not most or days < most):
            await services.store.privacy.erase_older_in(guild_id, days)
