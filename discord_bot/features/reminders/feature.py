"""Reminders: set by command or in a conversation, kept over restarts, delivered once, as a direct message."""

from typing import Any

import aiohttp
import discord
import structlog

from discord_bot.features.alarm import Alarm
from discord_bot.i18n import t
from discord_bot.services import Services
from discord_bot.store.reminders import Reminder

log = structlog.get_logger(__name__)
LONGEST_WAIT = 366 * 86_400.0  # seconds
AGAIN = 60.0  # seconds until a failed delivery is tried again
AWAY = (discord.DiscordServerError, aiohttp.ClientError, OSError)
LATE = 600.0  # seconds after which a reminder says when it was due
REFUSED = (discord.Forbidden, discord.NotFound)


class Reminders:
    def __init__(self, services: Services) -> None:
        self._services = services
        self.alarm = Alarm("reminders", services.store.reminders.next_due, self._deliver_due)

    async def set(
        self, person_id: int, guild_id: int | None, channel_id: int, text: str, locale: str, due_at: float
    ) -> Reminder | None:
        """None: the person's words are not stored. Raises TooManyReminders."""
        store = self._services.store
        keeping = await store.wishes.keeping([person_id])
        reminder = await store.reminders.add(person_id, guild_id, channel_id, text, locale, due_at, keeping)
        self.alarm.changed()
        return reminder

    async def _deliver_due(self, now: float) -> None:
        for reminder in await self._services.store.reminders.due(now):
            # Removed before it is sent: a crash in between loses one, but nobody is ever reminded twice.
            if await self._services.store.reminders.take(reminder.id):
                await self._deliver(reminder, now)

    async def _deliver(self, reminder: Reminder, now: float) -> None:
        locale, place = reminder.locale, f"<#{reminder.channel_id}>" if reminder.guild_id else ""
        lines = [t(locale, "reminder", text=reminder.text)]
        if now - reminder.due_at > LATE:
            lines.append(f"-# {t(locale, 'reminder-late', when=f'<t:{int(reminder.due_at)}:F>')}")
        if place:
            lines.append(f"-# {t(locale, 'reminder-from', place=place)}")
        rooms = self._services.rooms
        try:
            person: Any = discord.Object(reminder.person_id)
            await (await rooms.create_dm(person)).send("\n".join(lines), suppress_embeds=True)
        except REFUSED:
            await self._in_channel(reminder, lines)
        except AWAY as failed:
            log.warning("a reminder could not be delivered yet", error=type(failed).__name__)
            await self._services.ledger.note("reminder", lambda: self._put_back(reminder, now + AGAIN))
        except discord.HTTPException as failed:
            log.warning("a reminder could not be delivered", code=failed.code)

    async def _put_back(self, reminder: Reminder, due_at: float) -> None:
        store = self._services.store
        keeping = await store.wishes.keeping([reminder.person_id])
        await store.reminders.put_back(reminder, due_at, keeping)
        self.alarm.changed()

    async def _in_channel(self, reminder: Reminder, lines: list[str]) -> None:
        """People who accept no direct messages are reminded where the reminder was set."""
        channel = self._services.rooms.get_partial_messageable(reminder.channel_id)
        try:
            await channel.send(f"<@{reminder.person_id}> {lines[0]}", suppress_embeds=True)
        except discord.HTTPException as failed:
            log.warning("a reminder could not be delivered anywhere", code=failed.code)
