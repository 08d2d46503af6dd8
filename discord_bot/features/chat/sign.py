"""The first sign that a question was heard: "Thinking…" where the answer will appear, unless the answer is faster."""

import asyncio
from typing import Any

import aiohttp
import discord
import structlog

from discord_bot.i18n import t
from discord_bot.rendering.writer import SIGN

log = structlog.get_logger(__name__)
TROUBLE = (discord.HTTPException, discord.RateLimited, aiohttp.ClientError, OSError)


class Sign:
    """Files are read and the database is queried meanwhile, which may take long. `take` or `drop` ends it."""

    def __init__(
        self,
        channel: Any,
        locale: str,
        *,
        since: float | None = None,
        reply_to: discord.MessageReference | None = None,
    ) -> None:
        """`since`: when the question arrived, by the event loop's clock."""
        loop = asyncio.get_running_loop()
        self.at = (loop.time() if since is None else since) + SIGN
        self._message: Any = None
        self._sending = False
        self._task = loop.create_task(self._show(channel, locale, reply_to), name="sign")

    async def _show(self, channel: Any, locale: str, reply_to: discord.MessageReference | None) -> None:
        await asyncio.sleep(self.at - asyncio.get_running_loop().time())
        self._sending = True
        more: dict[str, Any] = {} if reply_to is None else {"reference": reply_to}
        try:
            self._message = await channel.send(f"-# {t(locale, 'state-thinking')}", mention_author=False, **more)
        except TROUBLE as error:
            log.info("no first sign was possible", error=type(error).__name__)

    async def _end(self) -> None:
        """A message that is being sent will arrive; one that is not will never be sent."""
        if not self._sending:
            self._task.cancel()
        await asyncio.wait({self._task})

    async def take(self) -> list[int] | None:
        """The answer begins: returns the message that it overwrites, if there is one."""
        await self._end()
        message, self._message = self._message, None
        return [message.id] if message is not None else None

    async def drop(self) -> None:
        """There will be no answer."""
        await self._end()
        message, self._message = self._message, None
        if message is None:
            return
        try:
            await message.delete()
        except TROUBLE as error:
            log.info("a first sign stays", error=type(error).__name__)
