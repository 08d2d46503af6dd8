"""Erases what is too old, once an hour."""

import asyncio
from typing import TYPE_CHECKING

import structlog
from sqlalchemy.exc import SQLAlchemyError

if TYPE_CHECKING:
    from discord_bot.bot import AntiphonBot

log = structlog.get_logger(__name__)
PERIOD = 3_600.0


async def keep_retention(bot: "AntiphonBot") -> None:
    days = bot.config.bot.retention_days
    while days:
        try:
            await bot.store.privacy.erase_older(days)
        except SQLAlchemyError:
            log.warning("old conversations could not be erased; it is tried again in an hour")
        await asyncio.sleep(PERIOD)
