"""What is asked: the text, files and pictures of messages, each with its author, as they go into a prompt."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import discord

from discord_bot.conversation.attachments import MOST_FILES, read
from discord_bot.features.chat.addressing import says_something, without_mention
from discord_bot.store.turns import Attached, Part, PartKind


@dataclass
class Question:
    """`notices` are for the person: what was too large, too many or unreadable. False when nothing is left to answer."""

    parts: list[Part] = field(default_factory=list)
    images: list[Attached] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    ids: list[int] = field(default_factory=list)
    files: int = 0

    def __bool__(self) -> bool:
        return any(says_something(part.text) for part in self.parts) or bool(self.images)

    @property
    def text(self) -> str:
        return "\n\n".join(part.text for part in self.parts)

    @property
    def people(self) -> set[int]:
        return {part.author_id for part in self.parts} | {one.author_id for one in self.images}

    async def attach(self, author: discord.abc.User, attachments: Sequence[discord.Attachment], locale: str) -> None:
        """Reads files; they belong to whoever brought them."""
        if not attachments:
            return
        given = await read(attachments, locale, max(0, MOST_FILES - self.files))
        self.files += len(attachments)
        self.parts += [Part(author.id, author.display_name, text, PartKind.FILE) for text in given.texts]
        self.images += [Attached(author.id, mime, data) for mime, data in given.images]
        self.notices += given.notices


async def compose(messages: Sequence[discord.Message], me: int, locale: str) -> Question:
    """One question of messages that belong together, in the order of writing. `me`: the bot's own account."""
    question = Question(ids=[message.id for message in messages])
    if messages:
        question.parts += _quoted(messages[0], me)
    for message in messages:
        text = without_mention(message.content, me)
        if says_something(text):
            question.parts.append(Part(message.author.id, message.author.display_name, text))
        await question.attach(message.author, message.attachments, locale)
    return question


async def typed(
    author: discord.abc.User, prompt: str, attachments: Sequence[discord.Attachment], locale: str
) -> Question:
    """The question of a command: a line of text and its files."""
    question = Question()
    if says_something(prompt):
        question.parts.append(Part(author.id, author.display_name, prompt))
    await question.attach(author, attachments, locale)
    return question


def _quoted(message: discord.Message, me: int) -> list[Part]:
    """A mention in reply to somebody else's message is about that message."""
    resolved = message.reference.resolved if message.reference else None
    if isinstance(resolved, discord.Message) and resolved.author.id != me and resolved.content:
        return [Part(resolved.author.id, resolved.author.display_name, resolved.content, PartKind.QUOTED)]
    return []
