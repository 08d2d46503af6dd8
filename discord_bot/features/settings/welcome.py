"""The first words on a new server: once, short, in its language, without a ping."""

from typing import TYPE_CHECKING

import discord
import structlog

from discord_bot.features.settings.permissions import report
from discord_bot.i18n import t

if TYPE_CHECKING:
    from discord_bot.bot import AntiphonBot

log = structlog.get_logger(__name__)


async def welcome(bot: "AntiphonBot", guild: discord.Guild) -> None:
    known = await bot.store.settings.all("guild", guild.id)
    if known.get("welcomed"):
        return
    await bot.store.settings.set("guild", guild.id, "welcomed", True)
    channels = [*([guild.system_channel] if guild.system_channel else []), *guild.text_channels]
    for channel in channels:
        mine = channel.permissions_for(guild.me)
        if mine.view_channel and mine.send_messages:
            try:
                locale = guild.preferred_locale.value
                words = f"{t(locale, 'welcome')}\n{report(guild, locale)}"
                await channel.send(words, silent=True)
            except discord.HTTPException:
                log.info("no welcome was possible")
            return
