"""A question: the text, files and pictures of messages, each with its author, as they go into a prompt."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import discord

from discord_bot.conversation.attachments import MOST_FILES, read
from discord_bot.conversation.title import file_name
from discord_bot.features.chat.addressing import says_something
from discord_bot.features.voice.listening import Heard, Listen, is_recording
from discord_bot.quotas import Ticket
from discord_bot.store.turns import Attached, Part, PartKind


@dataclass
class Question:
    """`notices` are for the person: what was too large, too many or unreadable. False if nothing is left to answer."""

    parts: list[Part] = field(default_factory=list)
    images: list[Attached] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    ids: list[int] = field(default_factory=list)
    files: int = 0
    listen: Listen | None = None
    """Writes recordings down; None: they are files that cannot be read."""
    heard: list[str] = field(default_factory=list)
    """What was spoken, for all to read above the answer."""
    ticket: Ticket | None = None
    """What was charged for listening; it pays for the answer, too."""

    def __bool__(self) -> bool:
        return any(says_something(part.text) for part in self.parts) or bool(self.images)

    @property
    def text(self) -> str:
        return "\n\n".join(part.text for part in self.parts)

    @property
    def people(self) -> set[int]:
        return {part.author_id for part in self.parts} | {image.author_id for image in self.images}

    async def attach(
        self,
        author: discord.abc.User,
        attachments: Sequence[discord.Attachment],
        locale: str,
        *,
        owner: int | None = None,
        quoted: str | None = None,
    ) -> None:
        """Reads files. Each belongs to the person who sent it, or to `owner`.

        `quoted`: they stand in a message that the question points at, and this is its author's name, which may be
        unknown. What is spoken there is no question of anybody's.
        """
        if self.listen is not None:
            for recording in filter(is_recording, attachments):
                self._hear(author, await self.listen(recording, locale), recording, quoted)
            attachments = [one for one in attachments if not is_recording(one)]
        if not attachments:
            return
        content = await read(attachments, locale, max(0, MOST_FILES - self.files))
        self.files += len(attachments)
        self.parts += [Part(author.id, author.display_name, text, PartKind.FILE) for text in content.texts]
        self.images += [Attached(owner or author.id, mime, data) for mime, data in content.images]
        self.notices += content.notices

    def _hear(self, author: discord.abc.User, heard: Heard, recording: discord.Attachment, quoted: str | None) -> None:
        self.files += 1
        self.ticket = self.ticket or heard.ticket
        if not heard.text:
            self.notices += [heard.notice] if heard.notice not in self.notices else []
        elif heard.is_voice and quoted is not None:
            self.parts.append(Part(author.id, quoted, heard.text, PartKind.QUOTED))
        elif heard.is_voice:
            self.parts.append(Part(author.id, author.display_name, heard.text))
            self.heard.append(heard.text)
        else:
            name = file_name(recording.filename)
            text = f"[{name}]\n{heard.text}\n[/{name}]"
            self.parts.append(Part(author.id, author.display_name, text, PartKind.FILE))
