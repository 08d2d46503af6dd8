"""Whether somebody may be answered here and now; the sentence that refuses where not."""

from typing import TYPE_CHECKING

from discord_bot.access import Asker, refusal
from discord_bot.i18n import t
from discord_bot.problems import countdown_at
from discord_bot.quotas import Denied
from discord_bot.scope import scope_of

if TYPE_CHECKING:
    from discord_bot.bot import AntiphonBot


class Admission:
    """Access rules first, then quotas; every refusal is counted."""

    def __init__(self, bot: "AntiphonBot") -> None:
        self._bot = bot

    async def refusal(self, who: Asker, locale: str, *, place: int, queued: bool = False) -> str | None:
        """None lets in and keeps a place among the answers at once for a moment.

        `place`: where the answer begins; several messages in one place become one answer. `queued`: an answer of the
        same conversation runs, so this one waits behind it and counts for nothing.
        """
        scope = await scope_of(self._bot.store, who.guild, who.parent or who.channel, who.user)
        key = refusal(who, scope.guild.get("channels", ()), scope.guild.get("roles", ()))
        if key:
            self._bot.metrics.refused(key)
            return t(locale, key)
        found = await self._bot.gate.check(who.user, who.guild, scope.guild, place=place, queued=queued)
        if found is None:
            return None
        self._bot.metrics.refused(found.key)
        return sentence(found, locale)


def sentence(denied: Denied, locale: str) -> str:
    values = dict(denied.values)
    if denied.at is not None:
        values["when"] = countdown_at(denied.at)
    return t(locale, denied.key, **values)
