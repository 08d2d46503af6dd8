"""Interactions that are being answered. At the end of the process each of them gets an honest end."""

import asyncio
from typing import Any

import aiohttp
import discord
import structlog

from discord_bot.i18n import t

log = structlog.get_logger(__name__)
PATIENCE = 2.0  # seconds for those that are about to end by themselves
LAST_WORDS = 3.0  # seconds to tell people that theirs has ended
TROUBLE = (discord.HTTPException, discord.RateLimited, aiohttp.ClientError, OSError)


class Underway:
    """The library runs each interaction in a task of its own, and lets go of it."""

    def __init__(self) -> None:
        self.closing = False
        self._tasks: dict[asyncio.Task[Any], discord.Interaction[Any]] = {}

    def add(self, interaction: discord.Interaction[Any]) -> None:
        """The task that runs now answers it."""
        task = asyncio.current_task()
        if task is not None and task not in self._tasks:
            self._tasks[task] = interaction
            task.add_done_callback(lambda done: self._tasks.pop(done, None))

    async def end(self) -> None:
        """Cancels interactions that do not end within `PATIENCE`, and asks their people to try again."""
        if self._tasks:
            await asyncio.wait(set(self._tasks), timeout=PATIENCE)
        left = dict(self._tasks)
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        if left:
            telling = [asyncio.create_task(turn_away(one), name="last words") for one in left.values()]
            _, late = await asyncio.wait(telling, timeout=LAST_WORDS)
            for task in late:
                task.cancel()


async def turn_away(interaction: discord.Interaction[Any]) -> None:
    """The process is about to end."""
    text = t(interaction.locale.value, "closing")
    try:
        if interaction.response.is_done():
            await interaction.followup.send(text, ephemeral=True)
        else:
            await interaction.response.send_message(text, ephemeral=True)
    except TROUBLE as error:
        log.info("the end of an interaction could not be told", error=type(error).__name__)
