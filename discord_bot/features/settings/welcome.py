"""The welcome message on a new server: once, short, in its language, without a ping."""

import discord
import structlog

from discord_bot.features.settings.permissions import report
from discord_bot.i18n import t
from discord_bot.services import Services
from discord_bot.store.settings import SettingScope

log = structlog.get_logger(__name__)


async def welcome(services: Services, guild: discord.Guild) -> None:
    if (await services.store.settings.guild(guild.id)).welcomed:
        return
    await services.store.settings.set(SettingScope.GUILD, guild.id, "welcomed", True)
    channels = [*([guild.system_channel] if guild.system_channel else []), *guild.text_channels]
    for channel in channels:
        mine = channel.permissions_for(guild.me)
        if mine.view_channel and mine.send_messages:
            try:
                locale = guild.preferred_locale.value
                names = ("chat", "image", "settings", "privacy")
                commands = {name: services.commands.of(locale, name) for name in names}
                words = f"{t(locale, 'welcome', **commands)}\n{report(guild, locale)}"
                await channel.send(words, silent=True)
            except discord.HTTPException:
                log.info("no welcome was possible")
            return
