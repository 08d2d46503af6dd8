"""What is asked: the text, files and pictures of messages, as they go into a prompt."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import discord

from discord_bot.conversation.attachments import read
from discord_bot.features.chat.addressing import says_something, without_mention


@dataclass(frozen=True)
class Question:
    """`notices` are for the person: what was too large, too many or unreadable. False when nothing is left to answer."""

    text: str
    images: list[tuple[str, bytes]] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    ids: list[int] = field(default_factory=list)

    def __bool__(self) -> bool:
        return says_something(self.text) or bool(self.images)


async def compose(messages: Sequence[discord.Message], me: int, locale: str) -> Question:
    """One question of messages that belong together, in the order of writing. `me`: the bot's own account."""
    if not messages:
        return Question("")
    given = await read([one for message in messages for one in message.attachments], locale)
    written = [without_mention(message.content, me) for message in messages]
    parts = [*_quoted(messages[0], me), *(text for text in written if says_something(text)), *given.texts]
    return Question("\n\n".join(parts), given.images, given.notices, [message.id for message in messages])


async def typed(prompt: str, attachments: Sequence[discord.Attachment], locale: str) -> Question:
    """The question of a command: a line of text and its files."""
    given = await read(attachments, locale)
    parts = [prompt] if says_something(prompt) else []
    return Question("\n\n".join((*parts, *given.texts)), given.images, given.notices)


def _quoted(message: discord.Message, me: int) -> list[str]:
    """A mention in reply to somebody else's message is about that message."""
    resolved = message.reference.resolved if message.reference else None
    if isinstance(resolved, discord.Message) and resolved.author.id != me and resolved.content:
        return ["> " + resolved.content.replace("\n", "\n> ")]
    return []
