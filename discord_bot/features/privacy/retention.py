"""Erases what is too old, once an hour."""

import asyncio

import structlog

from discord_bot.ledger import TROUBLE
from discord_bot.services import Services

log = structlog.get_logger(__name__)
PERIOD = 3_600.0


async def keep_retention(services: Services) -> None:
    days = services.config.bot.retention_days
    while days:
        try:
            await services.store.privacy.erase_older(days)
        except TROUBLE:
            log.warning("old conversations could not be erased; it is tried again in an hour")
        await asyncio.sleep(PERIOD)
