"""The daily digest of a channel: claimed before it is written, so that it is never sent twice."""

import time
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import discord
import structlog

from antiphon import errors
from discord_bot.features.alarm import Alarm
from discord_bot.features.catchup.feature import settle
from discord_bot.features.catchup.reading import Reading, read
from discord_bot.features.catchup.summary import Summary
from discord_bot.features.moments import next_time, zone_of
from discord_bot.i18n import t
from discord_bot.quotas import Denied
from discord_bot.rendering.readable import readable
from discord_bot.rendering.splitter import split
from discord_bot.services import Services
from discord_bot.store.digests import Digest
from discord_bot.tracing import began

log = structlog.get_logger(__name__)
GONE = 10003  # unknown channel (documentation: topics/opcodes-and-status-codes)
TRY_AGAIN = 900.0  # seconds
MOST_PARTS = 3
LONGEST_WINDOW = 7 * 86_400.0  # seconds; after a longer absence, the bot does not summarise all of it


class Digests:
    """The loop that sends due digests."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self.alarm = Alarm("digests", services.store.digests.next_due, self._send_due)

    async def _send_due(self, now: float) -> None:
        for digest in await self._services.store.digests.due(now):
            with began(self._services.inference, "digest"):
                await self._send(digest, now)

    async def _send(self, digest: Digest, now: float) -> None:
        store = self._services.store.digests
        zone = zone_of(digest.zone)
        if zone is None:
            await store.remove(digest.channel_id)  # a time zone that this machine no longer knows
            return
        due_at = next_time(digest.minute, zone, now)
        if not await store.claim(digest, now, due_at):
            return  # another process sends it
        try:
            sent = await self._write(digest)
        except discord.HTTPException as refused:
            log.warning("a digest could not be posted", channel=digest.channel_id, code=refused.code)
            if refused.code == GONE:
                await store.remove(digest.channel_id)
            return
        if not sent:
            retry = min(time.time() + TRY_AGAIN, due_at)
            await store.claim(replace(digest, due_at=due_at), digest.since, retry)

    async def _write(self, digest: Digest) -> bool:
        """False: no model could answer, so it is tried again. A day without messages has no digest."""
        rooms = self._services.rooms
        channel = rooms.get_channel(digest.channel_id) or await rooms.fetch_channel(digest.channel_id)
        since = max(digest.since, time.time() - LONGEST_WINDOW)
        me = self._services.me
        reading = await read(channel, lambda _: False, after=datetime.fromtimestamp(since, UTC))
        reading.lines = [line for line in reading.lines if line.author_id != me]
        return not reading.lines or await self._summarise(digest, reading, channel, since)

    async def _summarise(self, digest: Digest, reading: Reading, channel: Any, since: float) -> bool:
        services, guild_id = self._services, digest.guild_id
        settings = await services.store.settings.guild(guild_id)
        # The server pays: nobody asked for it today.
        ticket = await services.admission.gate.charge(guild_id, guild_id, settings.limits)
        if isinstance(ticket, Denied):
            log.info("a digest waits: the server has used up its answers", channel=digest.channel_id)
            return False
        summary = Summary(services, reading, digest.locale)
        scope = await services.store.settings.scope(guild_id, digest.channel_id, 0)
        stream = await summary.ask(scope, guild_id, ticket)
        try:
            async for _ in stream:
                pass
        except errors.AntiphonError as error:
            log.info("a digest failed", error=type(error).__name__, request_id=stream.request_id)
            await settle(services, ticket, stream, free=not stream.text)
            return False
        await settle(services, ticket, stream, free=False)
        heading = t(digest.locale, "digest-heading", when=f"<t:{int(since)}:f>", link=reading.lines[0].url)
        small = "\n".join(f"-# {note}" for note in summary.notes())
        parts = [part.text for part in split(f"{heading}\n{readable(summary.text(stream.text))}\n{small}")]
        for part in parts[:MOST_PARTS]:
            await channel.send(part, suppress_embeds=True, silent=True)
        return True
