"""What a question refers to: the message it replies to, forwarded and linked messages, the bot's pictures, earlier messages.

Only what the asker may read is used, and one small line says what it was.
"""

import re
from dataclasses import dataclass
from typing import Any

import discord
import structlog

from discord_bot.features.chat.context import fetch
from discord_bot.features.chat.question import Question
from discord_bot.features.chat.words import names_in, said_by
from discord_bot.i18n import t
from discord_bot.services import Services
from discord_bot.store.turns import Part, PartKind

log = structlog.get_logger(__name__)
LINK = re.compile(r"https?://(?:\w+\.)?discord(?:app)?\.com/channels/(\d+)/(\d+)/(\d+)")
MOST_LINKS = 3
IN_THREADS = 12  # messages before the one that calls the bot into a thread
LONGEST_CONTEXT = 6_000  # characters of these, newest first
READABLE = ("view_channel", "read_message_history")


@dataclass(frozen=True)
class Spot:
    """The asker and the channel. Only messages that the asker may read are used."""

    person: Any
    channel: Any
    guild_id: int | None


class Card:
    """Fills a question with what its messages refer to; `line` says what was read."""

    def __init__(self, services: Services, question: Question, locale: str) -> None:
        self._services, self._question, self._locale = services, question, locale
        self._read: list[str] = []

    @property
    def line(self) -> str:
        return t(self._locale, "read", what=", ".join(self._read)) if self._read else ""

    async def add(self, message: discord.Message) -> None:
        replied = await self._replied(message)
        if replied is not None:
            await self._point_at(replied, message)
        for snapshot in message.message_snapshots:
            await self._forwarded(snapshot, message)
        await self.add_links(message.content, _spot(message))

    async def add_links(self, text: str, spot: Spot) -> None:
        """Messages that a text links to."""
        for guild_id, channel_id, message_id in LINK.findall(text)[:MOST_LINKS]:
            await self._link(spot, int(guild_id), int(channel_id), int(message_id))

    async def add_before(self, spot: Spot, before: int, most: int) -> None:
        """Earlier messages of the channel; for a thread, also the message it started with."""
        channel = spot.channel
        if not most or not may_read(channel, spot.person):
            return
        try:
            earlier = [message async for message in channel.history(limit=most, before=discord.Object(before))]
            if isinstance(channel, discord.Thread) and before != channel.id:
                earlier += await self._first_post(channel, {message.id for message in earlier})
        except discord.HTTPException:
            log.info("what was said before could not be read")
            return
        room, parts = LONGEST_CONTEXT, []
        for message in earlier:
            text = said_by(message, names_in(message), embeds=True)
            room -= len(text)
            if room < 0:
                break
            if text and message.author.id != self._services.me:
                parts.append(Part(message.author.id, message.author.display_name, text, PartKind.CONTEXT))
        self._question.parts[:0] = parts[::-1]
        if (title := title_of(channel)) is not None:
            self._question.parts.insert(0, title)
        if parts:
            self._read.append(t(self._locale, "read-before", count=len(parts)))

    async def _first_post(self, channel: discord.Thread, used: set[int]) -> list[discord.Message]:
        """The message that a thread is about: in a forum, the first post of the thread; elsewhere, a message of the parent channel."""
        try:
            first = [] if channel.id in used else await fetch(self._services, channel.id, [channel.id])
        except discord.HTTPException:
            return []  # it was deleted, or the thread started without a message
        for message in first:
            await self._question.attach(
                message.author, message.attachments, self._locale, quoted=message.author.display_name
            )
        return first

    async def _replied(self, message: discord.Message) -> discord.Message | None:
        reference = message.reference
        if reference is None and not message.message_snapshots:
            return await self._picture_above(message)
        if reference is None or message.message_snapshots:
            return None
        if isinstance(reference.resolved, discord.Message):
            return reference.resolved
        if isinstance(reference.resolved, discord.DeletedReferencedMessage) or reference.message_id is None:
            return None
        try:
            return await message.channel.fetch_message(reference.message_id)
        except discord.HTTPException:
            return None

    async def _picture_above(self, message: discord.Message) -> discord.Message | None:
        """The first question in the thread under one of the bot's pictures is about that picture."""
        thread, store = message.channel, self._services.store
        if not isinstance(thread, discord.Thread) or not isinstance(thread.parent, discord.TextChannel):
            return None
        if await store.pictures.by_message(thread.parent_id, thread.id) is None:
            return None
        talk = await store.conversations.find(thread.id)
        if talk is not None and await store.conversations.newest(talk.id) is not None:
            return None
        try:
            return await thread.parent.fetch_message(thread.id)
        except discord.HTTPException:
            return None

    async def _point_at(self, target: discord.Message, message: discord.Message) -> None:
        if target.author.id == self._services.me:
            await self._own(target, message)
            return
        before = len(self._question.images)
        await self._quote(target)
        self._read.append(t(self._locale, "read-message", name=_plain(target.author.display_name)))
        if pictures := len(self._question.images) - before:
            self._read.append(t(self._locale, "read-pictures", count=pictures))

    async def _quote(self, target: discord.Message) -> None:
        text = said_by(target, names_in(target), embeds=True)
        if text:
            self._question.parts.append(Part(target.author.id, target.author.display_name, text, PartKind.QUOTED))
        await self._question.attach(target.author, target.attachments, self._locale, quoted=target.author.display_name)
        for snapshot in target.message_snapshots:
            await self._forwarded(snapshot, target)

    async def _own(self, target: discord.Message, message: discord.Message) -> None:
        """A reply to an answer continues it; a reply to a picture is about the picture and its description."""
        if not target.attachments:
            return
        order = await self._services.store.pictures.by_message(target.channel.id, target.id)
        owner = order.owner_id if order is not None else message.author.id
        described = (order.wish.get("prompt") if order is not None else "") or target.attachments[0].description or ""
        if described:
            self._question.parts.append(Part(owner, "", described, PartKind.QUOTED))
        await self._question.attach(message.author, target.attachments, self._locale, owner=owner)
        self._read.append(t(self._locale, "read-own-picture"))

    async def _forwarded(self, snapshot: discord.MessageSnapshot, message: discord.Message) -> None:
        """Discord does not reveal the original author; it belongs to the person who forwarded it."""
        text = said_by(snapshot, names_in(message), embeds=True)
        if text:
            self._question.parts.append(Part(message.author.id, "", text, PartKind.QUOTED))
        await self._question.attach(message.author, snapshot.attachments, self._locale, quoted="")
        self._read.append(t(self._locale, "read-forwarded"))

    async def _link(self, spot: Spot, guild_id: int, channel_id: int, message_id: int) -> None:
        channel = self._services.rooms.get_channel(channel_id)
        mine = spot.guild_id == guild_id and channel is not None
        if not mine or not may_read(channel, spot.person, here=spot.channel.id):
            self._question.notices.append(t(self._locale, "notice-link"))
            return
        try:
            target = await channel.fetch_message(message_id)
        except discord.HTTPException:
            self._question.notices.append(t(self._locale, "notice-link"))
            return
        await self._quote(target)
        self._read.append(t(self._locale, "read-message", name=_plain(target.author.display_name)))


def title_of(channel: Any) -> Part | None:
    """A forum post says what it is about in its title and tags."""
    if not isinstance(channel, discord.Thread) or not isinstance(channel.parent, discord.ForumChannel):
        return None
    tags = ", ".join(tag.name for tag in channel.applied_tags)
    text = f"[post: {channel.name}]" + (f" [tags: {tags}]" if tags else "")
    return Part(channel.owner_id, "", text, PartKind.FILE)


def _spot(message: discord.Message) -> Spot:
    return Spot(message.author, message.channel, message.guild.id if message.guild else None)


def may_read(channel: Any, person: Any, *, here: int | None = None) -> bool:
    """Whether the person could read it without the bot. `here`: the channel in which the person writes."""
    if isinstance(channel, discord.Thread) and channel.is_private() and channel.id != here and here is not None:
        return False  # its members are unknown
    if not isinstance(person, discord.Member) or not hasattr(channel, "permissions_for"):
        return here is None or getattr(channel, "id", None) == here
    granted = channel.permissions_for(person)
    return all(getattr(granted, name) for name in READABLE)


def _plain(name: str) -> str:
    return discord.utils.escape_markdown(" ".join(name.split()))[:40]
