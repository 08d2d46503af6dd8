"""What the bot may do in which channel: a short list for the person who invited it."""

import discord

from discord_bot.i18n import t

NEEDED = {
    "permission-read": ("view_channel", "read_message_history"),
    "permission-write": ("send_messages",),
    "permission-threads": ("create_public_threads", "send_messages_in_threads"),
    "permission-files": ("attach_files",),
    "permission-react": ("add_reactions",),
}
MOST_NAMED = 5  # channels per line


def missing(guild: discord.Guild) -> dict[str, list[discord.TextChannel]]:
    """By feature, the channels that lack a permission for it."""
    channels = [(channel, channel.permissions_for(guild.me)) for channel in guild.text_channels]
    return {
        key: [channel for channel, mine in channels if not all(getattr(mine, name) for name in names)]
        for key, names in NEEDED.items()
    }


def report(guild: discord.Guild, locale: str) -> str:
    """A line per feature: yes, or where not."""
    lines = []
    for key, channels in missing(guild).items():
        named = " ".join(channel.mention for channel in channels[:MOST_NAMED])
        if len(channels) > MOST_NAMED:
            named += f" +{len(channels) - MOST_NAMED}"
        text = t(locale, "permission-missing", channels=named) if channels else t(locale, "permission-yes")
        lines.append(f"-# {t(locale, key)}: {text}")
    return "\n".join(lines)
