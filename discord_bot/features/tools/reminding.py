"""Reminders set from a conversation."""

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from antiphon.events import Tool as Declaration
from discord_bot.features.reminders.feature import LONGEST_WAIT, Reminders
from discord_bot.features.tools.remembering import discord_safe
from discord_bot.features.tools.tool import SOMEBODY_IS_NOT_STORED, BadArguments, Occasion, Result, text_of
from discord_bot.i18n import t
from discord_bot.store.reminders import LONGEST_REMINDER, TooManyReminders


class SetReminder:
    declaration = Declaration(
        "set_reminder",
        "Remind the person who asks later. Give either minutes_from_now or at. If the person names a time of the day and"
        " you do not know the time zone, ask for it first instead of calling this.",
        {
            "type": "object",
            "properties": {
                "text": {"type": "string", "description": "What to remind of, in the person's words."},
                "minutes_from_now": {"type": "number"},
                "at": {
                    "type": "string",
                    "description": "ISO 8601 with an offset from UTC, such as 2026-12-24T18:00+01:00.",
                },
            },
            "required": ["text"],
        },
    )

    def __init__(self, occasion: Occasion, reminders: Reminders) -> None:
        self._occasion, self._reminders = occasion, reminders

    def line(self, arguments: Mapping[str, Any], locale: str) -> str:
        return t(locale, "tool-remind", text=text_of(arguments, "text", 60))

    def question(self, arguments: Mapping[str, Any], locale: str) -> str:
        when = f"<t:{int(due_at(arguments, time.time()))}:F>"
        return t(locale, "allow-remind", when=when, text=discord_safe(text_of(arguments, "text", 300)))

    async def run(self, arguments: Mapping[str, Any]) -> Result:
        due, occasion = due_at(arguments, time.time()), self._occasion
        if not await occasion.may_store():
            return Result(SOMEBODY_IS_NOT_STORED.format("The person can set it with /remind."), failed=True)
        try:
            reminder = await self._reminders.set(
                occasion.person_id, occasion.guild_id, occasion.channel.id,
                text_of(arguments, "text", LONGEST_REMINDER), occasion.locale, due,
            )  # fmt: skip
        except TooManyReminders:
            return Result("The person has too many reminders; /reminders shows and deletes them.", failed=True)
        if reminder is None:
            return Result("Nothing of this person is stored, so no reminder can be kept.", failed=True)
        return Result(f"Set for {datetime.fromtimestamp(due, UTC).isoformat(timespec='minutes')}.")


def due_at(arguments: Mapping[str, Any], now: float) -> float:
    """Epoch seconds. Raises BadArguments."""
    minutes, at = arguments.get("minutes_from_now"), arguments.get("at")
    if isinstance(minutes, int | float) and not isinstance(minutes, bool) and minutes > 0:
        due = now + 60 * minutes
    elif isinstance(at, str):
        due = _moment(at)
    else:
        raise BadArguments("give minutes_from_now as a number above 0, or at")
    if not now < due <= now + LONGEST_WAIT:
        raise BadArguments("the time must be in the future, within a year")
    return due


def _moment(text: str) -> float:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise BadArguments("at must be ISO 8601 with an offset from UTC") from None
    if moment.tzinfo is None:
        raise BadArguments("at has no offset from UTC; ask the person for the time zone")
    return moment.timestamp()
