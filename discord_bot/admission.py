"""Decides whether a person may be answered here and now, or which sentence refuses."""

from antiphon.config.bot import Bot
from discord_bot.access import Asker, ServerRules, operator_refusal, refusal
from discord_bot.i18n import t
from discord_bot.metrics import BotMetrics
from discord_bot.problems import countdown_at
from discord_bot.quotas import Denied, Gate, Ticket
from discord_bot.store.database import Store
from discord_bot.store.settings import GuildSettings


class Refused(Exception):
    """No work begins; the text is for the person."""


class Admission:
    """Access rules first, then quotas; every refusal is counted."""

    def __init__(self, config: Bot, store: Store, metrics: BotMetrics) -> None:
        self.gate = Gate(config.quotas, store)
        self._config, self._store, self._metrics = config, store, metrics

    async def refusal(
        self, who: Asker, locale: str, *, place: int, queued: bool = False, count: int = 1, pictures: bool = False
    ) -> str | None:
        """Returns None to admit, and then briefly reserves one of the concurrent answers; nothing is charged yet.

        `place`: where the answer begins; several messages in one place become one answer. `queued`: an answer of the
        same conversation is running, so this one waits for it and takes no slot.
        """
        try:
            settings = await self._access(who, locale, pictures=pictures)
        except Refused as refused:
            return str(refused)
        denied = await self.gate.check(
            who.user, who.guild, settings.limits_for(who.roles), place=place, queued=queued, count=count
        )
        return self._sentence(denied, locale) if denied is not None else None

    async def admit(self, who: Asker, locale: str, *, place: int, count: int = 1, pictures: int = 0) -> Ticket:
        """The work starts: charges it to the asker. Raises Refused."""
        settings = await self._access(who, locale, pictures=bool(pictures))
        refusal = await self.gate.charge(
            who.user, who.guild, settings.limits_for(who.roles), place=place, count=count, pictures=pictures
        )
        if isinstance(refusal, Denied):
            raise Refused(self._sentence(refusal, locale))
        return refusal

    async def barred(self, who: Asker, locale: str) -> str | None:
        """Only the access rules, for actions that are free."""
        try:
            await self._access(who, locale, pictures=False)
        except Refused as refused:
            return str(refused)
        return None

    async def _access(self, who: Asker, locale: str, *, pictures: bool) -> GuildSettings:
        settings = await self._store.settings.guild(who.guild)
        rules = ServerRules(settings.channels, settings.roles, settings.blocked_channels, settings.blocked_roles)
        key = operator_refusal(who, self._config.access, self._config.operators) or refusal(who, rules)
        if key is None and pictures and not settings.pictures:
            key = "access-pictures-off"
        if key is not None:
            self._metrics.refused(key)
            raise Refused(t(locale, key))
        return settings

    def _sentence(self, denied: Denied, locale: str) -> str:
        self._metrics.refused(denied.key)
        return sentence(denied, locale)


def sentence(denied: Denied, locale: str) -> str:
    values = dict(denied.values)
    if denied.at is not None:
        values["when"] = countdown_at(denied.at)
    return t(locale, denied.key, **values)
