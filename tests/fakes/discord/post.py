"""Putting a message into a channel, changing it, taking it away: the same for the bot, its webhooks and people."""

import json
import mimetypes
import re
from typing import TYPE_CHECKING, Any

from aiohttp import BodyPartReader, web

from tests.fakes.discord import payloads, validate
from tests.fakes.discord.components import numbered
from tests.fakes.discord.door import BODY
from tests.fakes.discord.errors import invalid
from tests.fakes.discord.gateway import (
    DIRECT_MESSAGES,
    DIRECT_REACTIONS,
    GUILD_MESSAGES,
    GUILD_REACTIONS,
    MESSAGE_CONTENT,
    Session,
)
from tests.fakes.discord.model import COMPONENTS_V2, Attachment, Channel, File, Json, Message, Role, User

if TYPE_CHECKING:
    from tests.fakes.discord.server import FakeDiscord

USER_MENTION, ROLE_MENTION = re.compile(r"<@!?(\d+)>"), re.compile(r"<@&(\d+)>")


async def read(request: web.Request) -> tuple[Json, list[File]]:
    """The JSON of a request, and the files that came with it."""
    files: list[File] = []
    if request.content_type.startswith("multipart/"):
        body: Json = {}
        async for part in await request.multipart():
            if not isinstance(part, BodyPartReader):
                raise invalid("_", "MULTIPART_INVALID", "A part may not hold parts of its own")
            data = bytes(await part.read())
            if part.name == "payload_json":
                body = json.loads(data)
            else:
                # Whatever the sender says, Discord goes by the name.
                kind = mimetypes.guess_type(part.filename or "")[0] or "application/octet-stream"
                files.append(File(part.filename or "file", data, kind))
    else:
        text = await request.text()
        body = json.loads(text) if text else {}
    request[BODY] = body
    return body, files


def mentions(world: "FakeDiscord", channel: Channel, text: str) -> list[User]:
    people = [
        world.users.get(int(number)) or (world.bot if int(number) == world.bot.id else None)
        for number in USER_MENTION.findall(text)
    ]
    return [person for person in dict.fromkeys(people) if person is not None]


def mentioned_roles(channel: Channel, text: str) -> list[Role]:
    known = {role.id: role for role in channel.guild.roles} if channel.guild else {}
    return [known[number] for number in map(int, ROLE_MENTION.findall(text)) if number in known]


def police_pings(world: "FakeDiscord", channel: Channel, body: Json) -> None:
    """A text that mentions somebody must say whom it may ping; the bot pings nobody."""
    text = body.get("content") or ""
    allowed = body.get("allowed_mentions")
    if not (USER_MENTION.search(text) or ROLE_MENTION.search(text) or "@everyone" in text or "@here" in text):
        return
    if allowed is None:
        world.violation(f"a message in {channel.name!r} mentions somebody without allowed_mentions")
    elif allowed.get("parse") or allowed.get("users") or allowed.get("roles"):
        world.violation(f"a ping left the bot: {allowed}")


def create(world: "FakeDiscord", channel: Channel, author: User, body: Json, files: list[File], **more: Any) -> Message:
    """Raises ApiError by the rules of messages."""
    validate.body(body)
    limit = channel.guild.file_limit if channel.guild else 10 * 1024 * 1024
    validate.uploads(files, 0, limit)
    content = (body.get("content") or "").strip()
    validate.not_empty(
        content,
        body.get("embeds"),
        files,
        body.get("components"),
        body.get("sticker_ids"),
        body.get("poll") or more.get("forwarded"),
    )
    flags = int(body.get("flags") or 0) | more.pop("flags", 0)
    seconds = more.pop("seconds", None)
    if flags & COMPONENTS_V2:
        validate.v2_is_alone(body, content, len(body.get("embeds") or []))
    message = Message(
        world.ids.next(),
        channel,
        author,
        content,
        flags=flags,
        embeds=body.get("embeds") or [],
        components=numbered(body.get("components") or []),
        attachments=_attach(world, body, files),
        nonce=None if body.get("nonce") is None else str(body["nonce"]),
        mentions=mentions(world, channel, content),
        mention_roles=mentioned_roles(channel, content),
        **more,
    )
    for attachment in message.attachments:
        attachment.seconds = seconds
    if author.bot:
        police_pings(world, channel, body)
    place(world, message)
    return message


def _attach(world: "FakeDiscord", body: Json, files: list[File]) -> list[Attachment]:
    alt = validate.descriptions(body.get("attachments"))
    made = []
    for number, file in enumerate(files):
        attachment = world.attach(file)
        attachment.description = alt.get(str(number), file.description)
        made.append(attachment)
    return made


def place(world: "FakeDiscord", message: Message) -> None:
    """The message is in its channel, and everybody who may know hears of it."""
    message.record(world.clock.now())
    message.channel.messages[message.id] = message
    if message.ephemeral_to is None:
        dispatch(world, "MESSAGE_CREATE", message)
    world.changed()


def sees(world: "FakeDiscord", message: Message, intents: int) -> bool:
    """Whether the bot reads the content: by its intent, or where it needs none (topics/gateway, privileged intents)."""
    if intents & MESSAGE_CONTENT or message.channel.guild is None:
        return True
    return message.author is world.bot or world.bot in message.mentions


def dispatch(world: "FakeDiscord", event: str, message: Message) -> None:
    channel = message.channel
    intent = GUILD_MESSAGES if channel.guild else DIRECT_MESSAGES

    def body(session: Session) -> Json:
        made = payloads.message(message, world.bot, see_content=sees(world, message, session.intents))
        if channel.guild is not None:
            made["guild_id"] = str(channel.guild.id)
            if member := channel.guild.members.get(message.author.id):
                made["member"] = payloads.member(member, with_user=False)
        return made

    world.emit(event, intent, channel, body)


def change(world: "FakeDiscord", message: Message, body: Json, files: list[File]) -> Message:
    """An edit. Fields that are absent stay. Raises ApiError."""
    validate.body(body)
    if message.flags & COMPONENTS_V2 and body.get("flags") is not None and not int(body["flags"]) & COMPONENTS_V2:
        raise invalid("flags", "MESSAGE_CANNOT_REMOVE_COMPONENTS_V2_FLAG", "The flag cannot be removed")
    content = (body["content"] or "").strip() if "content" in body else message.content
    embeds = (body["embeds"] or []) if "embeds" in body else message.embeds
    components = numbered(body["components"] or []) if "components" in body else message.components
    attachments = message.attachments
    if "attachments" in body or files:
        kept_ids = {str(entry["id"]) for entry in body.get("attachments") or []}
        kept = [attachment for attachment in message.attachments if str(attachment.id) in kept_ids]
        validate.uploads(
            files, len(kept), message.channel.guild.file_limit if message.channel.guild else 10 * 1024 * 1024
        )
        attachments = [*kept, *_attach(world, body, files)]
    validate.not_empty(content, embeds, attachments, components)
    if message.author.bot:
        police_pings(world, message.channel, body)
    message.content, message.embeds, message.components, message.attachments = content, embeds, components, attachments
    if "flags" in body and body["flags"] is not None:
        message.flags = int(body["flags"]) | message.flags & (64 | COMPONENTS_V2)
    message.flags &= ~128
    message.edited_at = world.clock.now()
    message.mentions = mentions(world, message.channel, content)
    message.record(world.clock.now())
    if message.ephemeral_to is None:
        dispatch(world, "MESSAGE_UPDATE", message)
    world.changed()
    return message


def remove(world: "FakeDiscord", message: Message) -> None:
    message.deleted_at = world.clock.now()
    message.channel.messages.pop(message.id, None)
    message.channel.removed.append(message)
    body = {"id": str(message.id), "channel_id": str(message.channel.id)}
    if message.channel.guild:
        body["guild_id"] = str(message.channel.guild.id)
    world.emit("MESSAGE_DELETE", GUILD_MESSAGES if message.channel.guild else DIRECT_MESSAGES, message.channel, body)
    world.changed()


def react(world: "FakeDiscord", message: Message, who: User, emoji: str) -> None:
    people = message.reactions.setdefault(emoji, [])
    if who not in people:
        people.append(who)
        _tell_reaction(world, "MESSAGE_REACTION_ADD", message, who, emoji)


def unreact(world: "FakeDiscord", message: Message, who: User, emoji: str) -> None:
    people = message.reactions.get(emoji, [])
    if who in people:
        people.remove(who)
        if not people:
            del message.reactions[emoji]
        _tell_reaction(world, "MESSAGE_REACTION_REMOVE", message, who, emoji)


def _tell_reaction(world: "FakeDiscord", event: str, message: Message, who: User, emoji: str) -> None:
    guild = message.channel.guild
    body: Json = {
        "user_id": str(who.id),
        "channel_id": str(message.channel.id),
        "message_id": str(message.id),
        "message_author_id": str(message.author.id),
        "emoji": payloads.emoji(emoji),
        "burst": False,
        "type": 0,
    }
    if guild is not None:
        body["guild_id"] = str(guild.id)
        if event == "MESSAGE_REACTION_ADD" and who.id in guild.members:
            body["member"] = payloads.member(guild.members[who.id])
    world.emit(event, GUILD_REACTIONS if guild else DIRECT_REACTIONS, message.channel, body)
    world.changed()
